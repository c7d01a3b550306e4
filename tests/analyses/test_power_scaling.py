import numpy as np
import pytest
from scipy import integrate, special

from bayesmeta.analyses.power_scaling import CONFLICT, NO_SIGN, STRONG_PRIOR, power_scale, power_sensitivity, verdict
from bayesmeta.api import fit as fit_model
from bayesmeta.errors import SpecError
from bayesmeta.exact.power import DRAWS, cumulative_distance, solve_powered
from bayesmeta.result.summary import COLUMNS


@pytest.mark.parametrize("power", [0.5, 0.99, 2.0])
def test_powers_of_normal_priors_are_normal_priors_of_other_scales(counts_fit, power):
    fit = counts_fit(mu="Normal(0.3, 1.5)", tau="HalfNormal(1)")
    table = power_scale(fit, alpha=[power]).query("component == 'prior'")
    scale = 1.0 / np.sqrt(power)
    own = fit_model(fit.studies, fit.model.with_priors(mu=f"Normal(0.3, {1.5 * scale})", tau=f"HalfNormal({scale})"))
    off = np.abs(table[list(COLUMNS)].to_numpy() - own.summary()[list(COLUMNS)].to_numpy()).max(axis=1)
    assert (off <= table["numerical_error"].to_numpy() + own.summary()["numerical_error"].to_numpy()).all()


def test_a_likelihood_twice_over_is_that_of_twice_as_many_patients(counts_fit):
    events, n = np.array([9, 14, 3, 22, 17]), np.array([20, 31, 11, 40, 21])
    table = power_scale(counts_fit(events, n), alpha=[2.0]).query("component == 'likelihood'")
    own = counts_fit(2 * events, 2 * n).summary()
    off = np.abs(table[list(COLUMNS)].to_numpy() - own[list(COLUMNS)].to_numpy()).max(axis=1)
    assert (off <= table["numerical_error"].to_numpy() + own["numerical_error"].to_numpy()).all()


def test_a_power_of_one_is_the_analysis_itself(counts_fit):
    fit = counts_fit()
    table = power_scale(fit, alpha=[1.0])
    for _, rows in table.groupby("component"):
        np.testing.assert_array_equal(rows[list(COLUMNS)], fit.summary()[list(COLUMNS)])


def test_the_distance_of_two_posteriors_equals_its_definition(counts_fit):
    fit = counts_fit()
    other = solve_powered(fit.solution.problem, "prior", 3.0, fit.parameters)
    for name in ("mu", "tau", "p_new"):
        one, two = fit.marginal(name), other.fine.marginal(name)
        low, high = one.ppf(np.array([0.5, DRAWS - 0.5]) / DRAWS)
        x = np.linspace(low, high, 4001)
        distances = []
        for p, q in ((one.cdf(x), two.cdf(x)), (1.0 - one.cdf(x), 1.0 - two.cdf(x))):
            parts = [
                special.xlogy(a, 2.0 * a / (a + b)) / np.log(2.0) + (b - a) / (2.0 * np.log(2.0))
                for a, b in ((p, q), (q, p))
            ]
            total = integrate.simpson(p + q, x=x)
            distances.append(np.sqrt(integrate.simpson(sum(parts), x=x) / total))
        computed = cumulative_distance(fit.solution.fine, other.fine, name, 200)
        assert computed == pytest.approx(max(distances), rel=1e-6)


def test_sensitivities_do_not_depend_on_the_step(counts_fit):
    fit = counts_fit()
    table = power_sensitivity(fit)
    for component in ("prior", "likelihood"):
        slopes = []
        for power in (0.995, 1.005):
            other = solve_powered(fit.solution.problem, component, power, fit.parameters)
            slopes.append(cumulative_distance(fit.solution.fine, other.fine, "tau", 200) / abs(np.log2(power)))
        assert table.loc["tau", component] == pytest.approx(np.mean(slopes), rel=1e-3)
    assert table["numerical_error"].max() < 1e-4


def test_verdicts_tell_a_conflict_from_agreement(counts_fit):
    many, n = [70, 140, 30, 120, 100], [200, 310, 110, 400, 210]
    calm = power_sensitivity(counts_fit(many, n, mu="Normal(0, 3)", tau="HalfNormal(3)"))
    assert calm.loc["mu", "verdict"] == NO_SIGN
    torn = power_sensitivity(counts_fit([7, 14], [20, 31], mu="Normal(3, 1)", tau="HalfNormal(0.2)"))
    assert torn.loc["mu", "verdict"] == CONFLICT
    assert (verdict(0.1, 0.01), verdict(0.1, 0.1), verdict(0.01, 0.2)) == (STRONG_PRIOR, CONFLICT, NO_SIGN)


@pytest.mark.parametrize("alpha", [0.0, -1, "1", True, float("nan")])
def test_powers_that_are_none_are_refused(counts_fit, alpha):
    with pytest.raises(SpecError, match="must be a number above 0"):
        power_scale(counts_fit(), alpha=[alpha])
