"""Are the priors the distributions that scipy and PyMC know under their names?"""

import math
import pickle

import numpy as np
import pytest
from scipy import integrate, stats

from bayesmeta.errors import SpecError
from bayesmeta.spec.families import PRIORS
from bayesmeta.spec.priors import Prior, as_prior


class HalfT:
    """Student's t folded at 0, which scipy does not have."""

    def __init__(self, nu, sigma):
        self.t = stats.t(nu, 0, sigma)

    def logpdf(self, x):
        return math.log(2) + self.t.logpdf(x)

    def cdf(self, x):
        return 1 - 2 * self.t.sf(x)

    def ppf(self, q):
        return self.t.isf((1 - np.asarray(q)) / 2)


class ExpT:
    """The exponential of a Student t variable, which scipy does not have."""

    def __init__(self, nu, mu, sigma):
        self.t = stats.t(nu, mu, sigma)

    def logpdf(self, x):
        return self.t.logpdf(np.log(x)) - np.log(x)

    def cdf(self, x):
        return self.t.cdf(np.log(x))

    def ppf(self, q):
        return np.exp(self.t.ppf(q))


# Every proper prior, in every form, beside scipy's distribution.
CASES = [
    (Prior("Normal", -0.5, 1.5), stats.norm(-0.5, 1.5)),
    (Prior("StudentT", 3, 0.5, 2), stats.t(3, 0.5, 2)),
    (Prior("StudentT", 0.7, 0, 1), stats.t(0.7)),
    (Prior("Cauchy", 1, 0.5), stats.cauchy(1, 0.5)),
    (Prior("Logistic", -1, 0.8), stats.logistic(-1, 0.8)),
    (Prior("Uniform", -2, 5), stats.uniform(-2, 7)),
    (Prior("HalfNormal", 0.5), stats.halfnorm(0, 0.5)),
    (Prior("HalfCauchy", 0.3), stats.halfcauchy(0, 0.3)),
    (Prior("HalfStudentT", 3, 2), HalfT(3, 2)),
    (Prior("Exponential", 2.5), stats.expon(0, 0.4)),
    (Prior("Exponential", scale=0.4), stats.expon(0, 0.4)),
    (Prior("Gamma", 2, 3), stats.gamma(2, 0, 1 / 3)),
    (Prior("Gamma", 0.5, 3), stats.gamma(0.5, 0, 1 / 3)),
    (Prior("Gamma", mu=2, sigma=0.5), stats.gamma(16, 0, 1 / 8)),
    (Prior("InverseGamma", 2.5, 0.7), stats.invgamma(2.5, 0, 0.7)),
    (Prior("LogNormal", -1, 0.8), stats.lognorm(0.8, 0, math.exp(-1))),
    (Prior("Weibull", 1.7, 0.6), stats.weibull_min(1.7, 0, 0.6)),
    (Prior("Weibull", 0.6, 2), stats.weibull_min(0.6, 0, 2)),
    (Prior("HalfLogistic", 0.4), stats.halflogistic(0, 0.4)),
    (Prior("Lomax", 1, 0.5), stats.lomax(1, 0, 0.5)),
    (Prior("Lomax", 6, 2), stats.lomax(6, 0, 2)),
    (Prior("Turner2015", -3.95, 1.34), stats.lognorm(0.67, 0, math.exp(-1.975))),
    (Prior("Rhodes2015", -3.44, 2.59), ExpT(5, -1.72, 1.295)),
]
IMPROPER = [Prior("Flat"), Prior("HalfFlat")]
PROBABILITIES = np.array([1e-9, 1e-4, 0.025, 0.3, 0.5, 0.7, 0.975, 1 - 1e-4, 1 - 1e-9])

proper = pytest.mark.parametrize(("prior", "reference"), CASES, ids=[str(prior) for prior, _ in CASES])
every = pytest.mark.parametrize("prior", [prior for prior, _ in CASES] + IMPROPER, ids=str)


def test_the_cases_cover_every_family_and_form():
    covered = {(prior.name, tuple(prior.parameters)) for prior in [prior for prior, _ in CASES] + IMPROPER}
    alone = [family for family in PRIORS.values() if not family.needs]
    assert covered == {(family.name, form) for family in alone for form in family.forms}


@proper
def test_density_and_distribution_function_equal_those_of_scipy(prior, reference):
    x = prior.ppf(PROBABILITIES)
    np.testing.assert_allclose(prior.logpdf(x), reference.logpdf(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(prior.cdf(x), reference.cdf(x), rtol=1e-11, atol=1e-15)
    # Without the last two, where scipy's Cauchy and half-Cauchy lose digits.
    np.testing.assert_allclose(x[:-2], reference.ppf(PROBABILITIES[:-2]), rtol=1e-11, atol=1e-13)


@proper
def test_quantiles_invert_the_distribution_function(prior, reference):
    x = prior.ppf(PROBABILITIES)
    np.testing.assert_allclose(prior.cdf(x), PROBABILITIES, rtol=1e-13, atol=1e-15)
    assert np.all(np.diff(x) > 0)


@proper
def test_the_density_integrates_to_one_and_to_the_distribution_function(prior, reference):
    points = prior.ppf([0.0, 1e-3, 0.1, 0.5, 0.9, 0.999])
    density, ends = (lambda x: math.exp(prior.logpdf(x))), [*points[1:], prior.support[1]]
    if prior.name == "Rhodes2015":  # in log x, because the tail is too long for quad in x
        density = lambda u: math.exp(prior.logpdf(math.exp(u)) + u)  # noqa: E731
        points, ends = np.r_[-251.0, np.log(points[1:])], [*np.log(points[1:]), 248.0]
    pieces = [
        integrate.quad(density, low, high, epsabs=1e-12, limit=200)[0] for low, high in zip(points, ends, strict=True)
    ]
    np.testing.assert_allclose(np.cumsum(pieces), [1e-3, 0.1, 0.5, 0.9, 0.999, 1.0], atol=2e-9)


@every
def test_log_density_equals_that_of_pymc(prior):
    import pymc as pm
    import pytensor

    # The Python linker without rewrites evaluates at once; nothing is compiled.
    mode = pytensor.compile.mode.Mode(linker="py", optimizer=None)
    x = prior.ppf(PROBABILITIES[1:-1]) if prior.is_proper else np.array([0.1, 1.0, 30.0])
    with pm.Model():
        variable = prior.to_pymc("x")
        theirs = pm.logp(variable, pytensor.tensor.as_tensor(x)).eval(mode=mode)
    assert variable.name == "x"
    # PyMC takes the log(2) of a folded density in single precision, and is 1.9e-9 off.
    # So it does with the degrees of freedom of a Student t that is transformed.
    tolerance = {"HalfCauchy": 2e-9, "HalfStudentT": 2e-9, "Rhodes2015": 3e-9}.get(prior.name, 1e-12)
    np.testing.assert_allclose(prior.logpdf(x), theirs, rtol=1e-12, atol=tolerance)


@pytest.mark.parametrize(
    ("prior", "order"),
    [
        (Prior("Flat"), 0.0),
        (Prior("HalfFlat"), 0.0),
        (Prior("Cauchy", 0, 2), 2.0),
        (Prior("HalfCauchy", 0.5), 2.0),
        (Prior("StudentT", 3, 0, 1), 4.0),
        (Prior("HalfStudentT", 0.5, 1), 1.5),
        (Prior("InverseGamma", 1.5, 2), 2.5),
        (Prior("Lomax", 1.5, 2), 2.5),
    ],
    ids=str,
)
def test_tail_order_is_the_slope_of_the_density_on_log_axes(prior, order):
    far, farther = 1e6, 1e8
    slope = (prior.logpdf(farther) - prior.logpdf(far)) / math.log(farther / far)
    assert prior.tail_order == order
    assert -slope == pytest.approx(order, abs=1e-5)


@proper
def test_an_infinite_tail_order_means_faster_than_every_power(prior, reference):
    if not math.isinf(prior.tail_order):
        return
    # Slopes on log axes grow without bound, or the support ends.
    x = 10.0 ** np.arange(3, 9)
    log_density = prior.logpdf(x)
    slopes = -np.diff(log_density[np.isfinite(log_density)])
    assert np.all(np.diff(slopes) > 0)
    assert log_density[-1] < -60


def test_a_log_t_density_falls_like_one_over_x_and_a_power_of_its_logarithm():
    prior = Prior("Rhodes2015", -3.44, 2.59)
    assert 1.0 < prior.tail_order < 1.0 + 1e-8
    logs = np.array([120.0, 240.0])
    of_log = np.diff(prior.logpdf(np.exp(logs)) + logs)[0] / math.log(logs[1] / logs[0])
    assert of_log == pytest.approx(-6.0, abs=0.2)


@every
def test_outside_the_support_the_density_is_zero_and_nan_stays_nan(prior):
    lower, upper = prior.support
    assert prior.logpdf(-math.inf) == -math.inf
    assert prior.logpdf(math.inf) == -math.inf
    assert math.isnan(prior.logpdf(math.nan))
    if math.isfinite(lower):
        assert prior.logpdf(lower - 1.0) == -math.inf
    if math.isfinite(upper):
        assert prior.logpdf(np.nextafter(upper, math.inf)) == -math.inf
        assert math.isfinite(prior.logpdf(upper))


@proper
def test_the_distribution_function_and_quantiles_end_at_the_support(prior, reference):
    assert tuple(prior.ppf([0.0, 1.0])) == prior.support
    assert tuple(prior.cdf([-math.inf, math.inf])) == (0.0, 1.0)
    assert np.isnan(prior.ppf([-0.1, 1.1, math.nan])).all()
    assert math.isnan(prior.cdf(math.nan))


@every
def test_the_shape_of_the_points_is_kept_and_the_points_are_not_changed(prior):
    x = np.array([[-1.0, 0.0, 0.4], [1.0, math.nan, math.inf]])
    before = x.copy()
    assert prior.logpdf(x).shape == (2, 3)
    np.testing.assert_array_equal(x, before)
    assert prior.logpdf([]).shape == (0,)
    assert isinstance(prior.logpdf(1), float)
    np.testing.assert_array_equal(prior.logpdf(x)[0, 1:], [prior.logpdf(0.0), prior.logpdf(0.4)])


@pytest.mark.parametrize(
    ("prior", "at_zero"),
    [
        (Prior("HalfNormal", 1), 0.5 * math.log(2 / math.pi)),
        (Prior("Exponential", 2), math.log(2)),
        (Prior("Gamma", 1, 2), math.log(2)),
        (Prior("Gamma", 2, 2), -math.inf),
        (Prior("Gamma", 0.5, 2), math.inf),
        (Prior("InverseGamma", 1, 1), -math.inf),
        (Prior("LogNormal", 0, 1), -math.inf),
        (Prior("Weibull", 2, 1), -math.inf),
        (Prior("HalfFlat"), 0.0),
        (Prior("HalfLogistic", 0.25), math.log(2.0)),
        (Prior("Lomax", 2, 0.5), math.log(4.0)),
        (Prior("Turner2015", -3.95, 1.34), -math.inf),
    ],
    ids=str,
)
def test_at_tau_zero_the_density_has_its_limit(prior, at_zero):
    assert prior.logpdf(0.0) == pytest.approx(at_zero)


@pytest.mark.parametrize("text", ["HalfNormal(1e-200)", "HalfNormal(1e200)", "HalfCauchy(1e-200)", "Gamma(3, 1e200)"])
def test_extreme_scales_give_no_nan_and_no_warning(text):
    values = as_prior(text).logpdf([0.0, 1e-300, 1.0, 1e300])
    assert not np.isnan(values).any()


def test_student_t_with_huge_degrees_of_freedom_is_normal():
    x = np.linspace(-4, 4, 9)
    # The densities differ by O(x^4 / nu).
    np.testing.assert_allclose(Prior("StudentT", 1e12, 0, 1).logpdf(x), Prior("Normal", 0, 1).logpdf(x), atol=1e-9)


def test_half_student_t_with_one_degree_of_freedom_is_half_cauchy():
    q = PROBABILITIES
    cauchy, student = Prior("HalfCauchy", 2), Prior("HalfStudentT", 1, 2)
    np.testing.assert_allclose(student.ppf(q), cauchy.ppf(q), rtol=1e-13)
    np.testing.assert_allclose(student.cdf(cauchy.ppf(q)), q, rtol=1e-13)


def test_logistic_prior_is_uniform_on_the_proportion_scale():
    p = np.array([0.001, 0.2, 0.5, 0.97])
    log_jacobian = np.log(p * (1 - p))
    np.testing.assert_allclose(Prior("Logistic", 0, 1).logpdf(np.log(p / (1 - p))), log_jacobian, atol=1e-12)


@proper
def test_draws_follow_the_distribution_and_the_seed(prior, reference):
    draws = prior.rvs(2000, seed=7)
    assert stats.kstest(draws, prior.cdf).pvalue > 1e-3
    np.testing.assert_array_equal(draws, prior.rvs(2000, seed=np.random.default_rng(7)))
    assert prior.rvs((2, 3), seed=1).shape == (2, 3)


@pytest.mark.parametrize("prior", IMPROPER, ids=str)
def test_an_improper_prior_has_density_one_and_no_quantiles(prior):
    assert not prior.is_proper
    assert prior.logpdf(3.0) == 0.0
    for call in (lambda: prior.cdf(0.0), lambda: prior.ppf(0.5), lambda: prior.rvs(3, seed=1)):
        with pytest.raises(SpecError, match=r"improper and has no"):
            call()


@every
def test_a_prior_is_a_value(prior):
    again = Prior(prior.name, **prior.parameters)
    assert again == prior
    assert hash(again) == hash(prior)
    assert as_prior(str(prior)) == prior
    assert as_prior(prior) is prior
    assert pickle.loads(pickle.dumps(prior)) == prior
    assert prior.breakpoints == ()
    assert eval(repr(prior), {"Prior": Prior}) == prior
    with pytest.raises(AttributeError):
        prior.name = "Normal"
    with pytest.raises(TypeError):
        prior.parameters["sigma"] = 2.0


def test_values_by_position_by_name_and_of_any_number_type_are_the_same_prior():
    assert Prior("HalfNormal", 1) == Prior("HalfNormal", sigma=1.0) == Prior("HalfNormal", np.float32(1))
    assert Prior("StudentT", 3, sigma=1, mu=np.int64(0)) == as_prior("StudentT(3, 0, 1)")
    assert Prior("Normal", -0.0, 1) == Prior("Normal", 0, 1)
    assert str(Prior("Normal", -0.0, 1)) == "Normal(mu=0, sigma=1)"
    assert Prior("HalfNormal", 1) != Prior("HalfNormal", 2)
    assert Prior("HalfNormal", 1) != Prior("Exponential", 1)


class HalfNormal:
    """Stands for PreliZ's class of this name (0.28): `params_dict` in the user's form, all attributes set."""

    def __init__(self, params_dict, sigma=None):
        self.params_dict = params_dict
        self.sigma = sigma


def test_a_preliz_distribution_is_read_by_its_class_name_and_parameters():
    assert as_prior(HalfNormal({"sigma": np.float64(0.5)})) == Prior("HalfNormal", 0.5)
    # By precision, tau = 1/sigma²: PreliZ sets sigma beside it.
    assert as_prior(HalfNormal({"tau": 4.0}, sigma=0.5)) == Prior("HalfNormal", 0.5)
    with pytest.raises(SpecError, match=r"has no values yet; give them, as HalfNormal\(sigma=\.\.\.\)"):
        as_prior(HalfNormal(None))
    with pytest.raises(SpecError, match="must be finite"):
        as_prior(type("HalfNormal", (), {"params_dict": {"tau": 4.0}})())
    with pytest.raises(SpecError, match="unknown prior 'Gumbel'"):
        as_prior(type("Gumbel", (), {"params_dict": {"mu": 1.0}})())


@pytest.mark.parametrize("value", [None, 3, 0.5, ["HalfNormal(1)"], {"dist": "HalfNormal"}, b"HalfNormal(1)", Prior])
def test_what_is_no_prior_is_refused_in_one_line(value):
    with pytest.raises(SpecError, match=r"is not a prior; give a Prior, a string") as caught:
        as_prior(value)
    assert "\n" not in str(caught.value)
