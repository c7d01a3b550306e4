"""Are the empirical priors of Turner et al. (2015) and Rhodes et al. (2015) those of their tables?"""

import numpy as np
import pytest
from scipy import stats

import bayesmeta as bm
from bayesmeta.spec.empirical import (
    RHODES,
    RHODES_COMPARISONS,
    TURNER,
    TURNER_COMPARISONS,
    rhodes_prior,
    turner_prior,
)  # fmt: skip


def filled(table):
    return [[(np.nan, np.nan) if cell is None else cell for cell in row] for row in table.values()]


def misfit(locations):
    """Return the residuals of an additive model of outcomes and comparisons, fitted to the cells that there are."""
    rows, columns = locations.shape
    i, j = np.nonzero(np.isfinite(locations))
    design = np.hstack([np.eye(rows)[i], np.eye(columns)[j]])
    return locations[i, j] - design @ np.linalg.lstsq(design, locations[i, j])[0]


@pytest.mark.parametrize("table", [TURNER, *RHODES.values()], ids=["Turner", *RHODES])
def test_locations_are_additive_to_rounding_as_the_models_behind_them(table):
    # two decimals are printed, of a sum that was rounded once: 0.005, and the fit's own share of it
    assert np.abs(misfit(np.array(filled(table))[:, :, 0])).max() < 0.0085


def test_one_wrong_digit_would_show():
    locations = np.array(filled(TURNER))[:, :, 0]
    locations[3, 2] += 0.03
    assert np.abs(misfit(locations)).max() > 0.0085


def test_the_areas_of_rhodes_differ_by_a_constant():
    other, respiratory, cancer = (
        np.array(filled(RHODES[area]))[:, :, 0] for area in ("other", "respiratory", "cancer")
    )
    for difference in (respiratory - other, cancer - other):
        assert np.nanmax(difference) - np.nanmin(difference) < 0.0201


def test_the_tables_are_whole():
    assert (len(TURNER), len(TURNER_COMPARISONS)) == (16, 5)  # "80 settings", abstract of Turner et al. (2015)
    assert all(len(row) == 5 and None not in row for row in TURNER.values())
    cells = [cell for area in RHODES.values() for row in area.values() for cell in row]
    assert (len(cells), cells.count(None)) == (72, 3)


# As both transcriptions have them: R bayesmeta's TurnerEtAlParameters and RhodesEtAlParameters, and rnmamod's
# table_tau2_prior.
@pytest.mark.parametrize(
    ("outcome", "comparison", "mu", "sigma"),
    [
        ("all-cause mortality", "pharmacological vs placebo", -3.95, 1.34),
        ("all-cause mortality", "non-pharmacological vs pharmacological", -2.92, 1.02),
        ("surgical success", "pharmacological vs placebo", -2.14, 1.74),
        ("signs and symptoms", "pharmacological vs pharmacological", -2.29, 1.58),
        ("subjective", "non-pharmacological vs non-pharmacological", -2.26, 1.45),
    ],
)
def test_turner_is_log_normal_on_tau_squared(outcome, comparison, mu, sigma):
    prior = turner_prior(outcome, comparison)
    assert prior == bm.Prior("Turner2015", mu, sigma)
    tau = np.array([0.02, 0.1, 0.7])
    of_square = stats.lognorm(sigma, 0, np.exp(mu))
    np.testing.assert_allclose(prior.cdf(tau), of_square.cdf(tau**2), rtol=1e-12)
    np.testing.assert_allclose(prior.logpdf(tau), of_square.logpdf(tau**2) + np.log(2 * tau), rtol=1e-12)


@pytest.mark.parametrize(
    ("outcome", "comparison", "area", "mu", "sigma"),
    [
        ("obstetric", "pharmacological vs placebo", "other", -4.13, 2.34),
        ("resource use", "non-pharmacological", "other", -2.41, 2.57),
        ("biological marker", "pharmacological vs pharmacological", "respiratory", -5.59, 2.78),
        ("structure-related", "non-pharmacological", "cancer", 0.27, 2.45),
    ],
)
def test_rhodes_is_log_t_on_tau_squared(outcome, comparison, area, mu, sigma):
    prior = rhodes_prior(outcome, comparison, area=area)
    assert prior == bm.Prior("Rhodes2015", mu, sigma)
    tau = np.array([0.02, 0.1, 0.7])
    np.testing.assert_allclose(prior.cdf(tau), stats.t(5, mu, sigma).cdf(np.log(tau**2)), rtol=1e-12)


def test_without_a_setting_it_is_the_one_for_any():
    assert str(turner_prior()) == "Turner2015(mu=-2.56, sigma=1.74)"
    assert str(rhodes_prior()) == "Rhodes2015(mu=-3.44, sigma=2.59)"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: turner_prior("mortality", TURNER_COMPARISONS[0]), "unknown outcome 'mortality'"),
        (lambda: turner_prior("pain", "placebo"), "unknown comparison 'placebo'"),
        (lambda: turner_prior("pain"), "comparison is missing; give one of"),
        (lambda: rhodes_prior(comparison=RHODES_COMPARISONS[0]), "outcome is missing; give one of"),
        (lambda: rhodes_prior("pain", "placebo", area="cancr"), "unknown area 'cancr'"),
        (lambda: rhodes_prior(area="cancer"), "needs an outcome and a comparison"),
        (lambda: rhodes_prior("mental health", "non-pharmacological"), "could not be verified"),
    ],
)
def test_what_is_not_in_the_tables_is_refused_in_one_line(ask, message):
    with pytest.raises(bm.SpecError, match=message) as raised:
        ask()
    assert "\n" not in str(raised.value)


def test_an_empirical_prior_fits_what_it_is_meant_for_and_survives_toml():
    model = bm.ModelSpec("normal", mu="Normal(0, 2)", tau=turner_prior())
    assert bm.ModelSpec.from_toml_text(model.to_toml()) == model
    estimates = bm.Studies(("A", "B"), y=np.array([-0.2, 0.3]), se=np.array([0.2, 0.3]))
    assert bm.fit(estimates, model).numerical_error < 1e-6
