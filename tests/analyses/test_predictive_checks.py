"""Predictive checks: the statistics are what they say, the replicates come from the model, and misfit shows."""

import numpy as np
import pytest
from scipy import stats

import bayesmeta as bm
from bayesmeta.analyses.discrepancy import discrepancies
from bayesmeta.analyses.loo_pit import _from_draws, uniformity
from bayesmeta.spec.likelihoods import LIKELIHOODS

MCSE = 4.5
EVENTS, N = np.array([0.0, 5.0, 12.0, 8.0]), np.array([9.0, 14.0, 12.0, 20.0])
COUNTS = bm.Studies(("A", "B", "C", "D"), events=EVENTS, n=N)


def column(*values):
    return np.array(values)[:, None]


def test_statistics_of_counts():
    found = {
        name: float(value[0])
        for name, value in discrepancies("counts", {"events": EVENTS[:, None], "n": N[:, None]}).items()
    }
    p = EVENTS / N
    table = np.stack([EVENTS, N - EVENTS])
    expected = {
        "n_zero": 1.0, "n_all": 1.0, "lowest": 0.0, "highest": 1.0, "spread": p.std(ddof=1),
        "chi_square": stats.chi2_contingency(table, correction=False).statistic,
    }  # fmt: skip
    assert found == pytest.approx(expected)


def test_chi_square_of_estimates_is_cochrans_q():
    studies = bm.Studies(("A", "B", "C"), y=np.array([0.1, 0.9, -0.4]), se=np.array([0.2, 0.3, 0.25]))
    found = discrepancies("estimates", {"y": column(0.1, 0.9, -0.4), "se": column(0.2, 0.3, 0.25)})
    assert float(found["chi_square"][0]) == pytest.approx(bm.fit(studies, engine="frequentist").q)


@pytest.mark.parametrize(("kind", "measure", "size"), [("two-arm-counts", "OR", "n"), ("two-arm-rates", "IRR", "time")])
def test_of_two_arms_chi_square_is_q_of_log_ratios_with_half_an_event_more(kind, measure, size):
    roles = {
        "events_treatment": [3.0, 0.0, 9.0], f"{size}_treatment": [20.0, 15.0, 30.0], "events_control": [5.0, 2.0, 4.0],
        f"{size}_control": [22.0, 15.0, 28.0],
    }  # fmt: skip
    found = discrepancies(kind, {role: column(*values) for role, values in roles.items()})
    studies = bm.Studies(("A", "B", "C"), **{role: np.array(values) for role, values in roles.items()})
    assert float(found["chi_square"][0]) == pytest.approx(
        bm.fit(studies, engine="frequentist", measure=measure, add=0.5, to="all").q
    )
    assert float(found["n_zero"][0]) == 1.0


def test_chi_square_of_rates_is_that_of_poisson_counts():
    found = discrepancies("rates", {"events": column(3.0, 9.0, 1.0), "time": column(10.0, 12.0, 9.0)})
    expected = 13.0 * np.array([10.0, 12.0, 9.0]) / 31.0
    assert float(found["chi_square"][0]) == pytest.approx(stats.chisquare([3.0, 9.0, 1.0], expected).statistic)


@pytest.mark.parametrize("events", [[0.0, 0.0], [7.0, 9.0]])
def test_studies_that_are_all_0_or_all_100_per_cent_are_homogeneous(events):
    found = discrepancies("counts", {"events": column(*events), "n": column(7.0, 9.0)})
    assert float(found["chi_square"][0]) == 0.0


def test_one_study_replicates_about_its_predictive_mean():
    fit = bm.fit(bm.Studies(("A",), events=np.array([7.0]), n=np.array([10.0])))
    table = bm.predictive_checks(fit, seed=1)
    p_new = fit.marginal("p_new")
    within = np.sqrt(p_new.sd() ** 2 + p_new.mean() * (1.0 - p_new.mean()) / 10.0)
    assert abs(table.loc["lowest", "mean"] - p_new.mean()) < MCSE * within / np.sqrt(4000)
    assert table.index.tolist() == ["n_zero", "n_all", "lowest", "highest"]


def test_new_studies_replicate_their_number_of_zeros():
    """P(a new study has no events) = the mean of m(0 of n) over the posterior, by the exact densities."""
    fit = bm.fit(COUNTS)
    more = [bm.Studies((*COUNTS.study, "new"), events=np.r_[EVENTS, 0.0], n=np.r_[N, n]) for n in N]
    expected = sum(np.exp(bm.fit(studies).log_evidence - fit.log_evidence) for studies in more)
    table = bm.predictive_checks(fit, draws=5000, seed=2)
    assert table.loc["n_zero", "mean"] == pytest.approx(expected, abs=MCSE * np.sqrt(expected / 20_000))


def test_a_model_that_does_not_fit_is_found_out():
    studies = bm.Studies(tuple("ABCDEFGH"), events=np.array([2.0, 3, 38, 1, 36, 2, 4, 39]), n=np.full(8, 40.0))
    misfit = bm.fit(studies, bm.ModelSpec(tau="HalfNormal(0.05)"))
    for replicates in ("same", "new", "prior"):
        table = bm.predictive_checks(misfit, replicates=replicates, seed=3)
        assert table.loc["spread", "prob_below"] > 0.99
        assert table.loc["chi_square", "prob_below"] > 0.99
    assert bm.loo_pit(misfit).pvalue < 0.05
    assert bm.loo_pit(misfit).verdict.startswith("the studies do not lie where the others predict them")


def test_replicates_of_the_same_studies_lie_nearer_to_them_than_new_ones():
    fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("debruin2009"), events="events", n="n"))
    same, new = (bm.predictive_checks(fit, replicates=kind, draws=500, seed=4) for kind in ("same", "new"))
    for name in ("lowest", "spread"):
        assert same.loc[name, "upper"] - same.loc[name, "lower"] < new.loc[name, "upper"] - new.loc[name, "lower"]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_kind_of_data_has_checks_and_leave_one_out_transforms(likelihood, studies_for):
    model = bm.ModelSpec(likelihood, mu="Normal(0, 1)", tau="HalfNormal(0.5)")
    fit = bm.fit(studies_for(model), model)
    table = bm.predictive_checks(fit, draws=100, seed=5)
    assert np.isfinite(table.to_numpy(float)).all()
    assert table["prob_below"].between(0.0, 1.0).all()
    found = bm.loo_pit(fit, draws=100, seed=5)
    assert found.table["prob_below"].between(0.0, 1.0).all()
    assert found.is_exact == (likelihood in ("binomial", "normal"))


def test_transforms_from_draws_agree_with_those_by_quadrature():
    fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    exact, drawn = bm.loo_pit(fit).table, _from_draws(fit, draws=1000, chains=4, seed=6)
    good = drawn["pareto_k"] < 0.5
    assert good.sum() >= 12
    assert (np.abs(drawn["prob_below"] - exact["prob_below"]) < MCSE * drawn["mcse"])[good].all()


def test_transforms_of_a_regression_without_moderators_are_those_of_the_fit_without_formula():
    regression = bm.fit(COUNTS, bm.ModelSpec("binomial", formula="~ 1", beta="Normal(0, 1.5)"))
    drawn, exact = bm.loo_pit(regression, seed=7), bm.loo_pit(bm.fit(COUNTS))
    assert not drawn.is_exact
    difference = drawn.table["prob_below"] - exact.table["prob_below"]
    assert (np.abs(difference) < MCSE * drawn.table["mcse"]).all()


def test_uniformity_is_kolmogorovs_test():
    statistic, pvalue = uniformity(np.array([0.1, 0.2, 0.3]))
    assert statistic == pytest.approx(0.7)
    assert pvalue == pytest.approx(stats.kstwo.sf(0.7, 3))
    assert np.isnan(uniformity(np.empty(0))).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fit: bm.predictive_checks(fit, replicates="knew"), "unknown replicates 'knew'. Did you mean 'new'"),
        (lambda fit: bm.predictive_checks(fit, ci_prob=95), "ci_prob=95"),
        (
            lambda fit: bm.predictive_checks(bm.fit(fit.studies, engine="frequentist")),
            "predictive_checks takes a fit by",
        ),
        (lambda fit: bm.loo_pit(None), "loo_pit takes a fit by engine='exact' or 'nuts'; got a NoneType"),
        (
            lambda fit: bm.predictive_checks(
                bm.fit(fit.studies, bm.ModelSpec(mu="Flat()")), replicates="prior", draws=5
            ),
            "there is no prior predictive distribution",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(bm.SpecError) as caught:
        call(bm.fit(COUNTS))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
