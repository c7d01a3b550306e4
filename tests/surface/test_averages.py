"""log m_i of every likelihood and distribution of effects, against sums over dense panels (`panels.py`)."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

from bayesmeta.exact.likelihoods import terms_of
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Counts, Estimates
from bayesmeta.surface.beta_kernel import BetaKernel
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.kernels import CommonKernel, StudentKernel
from bayesmeta.surface.normal import NormalTerms
from bayesmeta.surface.poisson import PoissonTerms
from bayesmeta.surface.quadrature import level
from bayesmeta.surface.random_effects import with_kernel
from bayesmeta.surface.two_arm import baseline_terms, hypergeometric_terms

_spec = importlib.util.spec_from_file_location("panels", Path(__file__).parent / "panels.py")
panels = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(panels)

TAU = [1e-6, 1e-3, 0.02, 0.1, 0.37, 1.0, 3.0, 10.0, 1e3, 1e6]
COUNTS = [(0, 1), (1, 1), (1, 2), (0, 10), (10, 10), (5, 10), (1, 40), (47, 177413), (0, 1_000_000), (10**6, 10**6)]
RATES = [(0, 1.0), (0, 1e6), (1, 0.01), (3, 12012.0), (14, 10.0), (250_000, 1e5), (0, 1e-6)]
OFFSETS = [(0, 11, -0.4), (11, 11, 0.6), (7, 18, -0.39), (3, 17, 5.0), (0, 1, -9.0), (40_000, 90_000, 0.2)]
TRIALS = [
    (4, 123, 11, 139), (0, 10, 0, 10), (10, 10, 10, 10), (0, 10, 3, 10), (10, 10, 3, 10), (0, 1, 1, 1), (1, 1, 0, 1),
    (0, 1000, 8, 10), (300, 100_000, 200, 100_000), (50_000, 100_000, 50_500, 100_000),
]  # fmt: skip


def one(*values):
    return [np.array([float(value)]) for value in values]


def two_arms(*counts):
    prior = stats.norm(0.0, 1.5)
    end = prior.ppf(np.exp(-110.0))
    return baseline_terms(*one(*counts), log_baseline=prior.logpdf, baseline_range=(end, -end))


CASES = {
    **{f"{link} {r}/{n}": (lambda r=r, n=n, link=link: BinomialTerms(*one(r, n), link), panels.binomial(r, n, link))
       for link in ("probit", "cloglog") for r, n in COUNTS},
    **{f"poisson {r} in {t}": (lambda r=r, t=t: PoissonTerms(*one(r, t)), panels.poisson(r, t)) for r, t in RATES},
    **{f"offset {r}/{n} {o}": (lambda r=r, n=n, o=o: BinomialTerms(*one(r, n), "logit", np.array([o])),
                               panels.binomial(r, n, "logit", o)) for r, n, o in OFFSETS},
    **{f"conditional {t}": (lambda t=t: hypergeometric_terms(*one(*t)), panels.hypergeometric(*t))
       for t in TRIALS[:-1]},
}  # fmt: skip


def compared(make, log_l, kernel, reference, *, every=1):
    """Largest difference of log m at points near and far from the study's own effect, where m is not negligible."""
    terms = make()
    centre, sd = float(terms.rough()[0][0]), float(np.sqrt(terms.rough()[1][0]))
    points = [(eta, tau) for eta in (centre, centre - 2.5 * sd, centre + 6.0 * sd, 0.0, -9.0, 4.0) for tau in TAU]
    points = points[::every]
    expected = np.array([panels.log_average(log_l, reference, *at, centre=centre, sd=min(sd, 3.0)) for at in points])
    got = with_kernel(terms, kernel).marginal(level(1))(*np.array(points).T)[0]
    peak = log_l(np.r_[centre + sd * np.linspace(-3.0, 3.0, 41), -1e3, 1e3]).max()
    matters = expected > peak - 25.0  # a likelihood is cut where it has fallen by exp(-45) at this level
    assert matters.sum() >= (25 if every == 1 else 2)
    return np.abs(got - expected)[matters].max()


@pytest.mark.parametrize("name", CASES)
def test_log_m_over_normal_effects_equals_dense_panels(name):
    assert compared(*CASES[name], BinomialTerms(*one(1, 2)).kernel, panels.normal_kernel) < 1e-8


@pytest.mark.parametrize("counts", TRIALS[1:6:2])
def test_log_m_of_two_arms_with_a_baseline_equals_dense_panels(counts):
    log_l = panels.two_arms(*counts, 0.0, 1.5)
    normal = BinomialTerms(*one(1, 2)).kernel
    assert compared(lambda: two_arms(*counts), log_l, normal, panels.normal_kernel, every=11) < 1e-8


def test_the_likelihood_of_huge_arms_is_tabulated_where_it_lives():
    # its SD of 0.009 is far below the step of tables that reach to where other likelihoods end
    counts = TRIALS[-1]
    for terms, log_l in (
        (two_arms(*counts), panels.two_arms(*counts, 0.0, 1.5)),
        (hypergeometric_terms(*one(*counts)), panels.hypergeometric(*counts)),
    ):
        theta = -0.02 + np.linspace(-0.06, 0.06, 41)
        assert terms.log_likelihood(theta)[0] == pytest.approx(log_l(theta), abs=1e-7)
        area = special.logsumexp(log_l(-0.02 + np.linspace(-0.1, 0.1, 401))) + np.log(0.2 / 400)
        wide = terms.marginal(level(1))(np.zeros(1), np.array([1e4]))[0, 0]
        assert wide == pytest.approx(area - np.log(1e4 * np.sqrt(2.0 * np.pi)), abs=1e-7)


@pytest.mark.parametrize("nu", [1.0, 3.0, 4.0, 30.0])
@pytest.mark.parametrize("name", [*list(CASES)[::4], "normal 0.3", "normal 3"])
def test_log_m_over_student_t_effects_equals_dense_panels(name, nu):
    normals = {
        "normal 0.3": (lambda: NormalTerms(*one(0.3, 0.2)), panels.normal(0.3, 0.2)),
        "normal 3": (lambda: NormalTerms(*one(3.0, 1e-3)), panels.normal(3.0, 1e-3)),
    }
    assert compared(*(CASES | normals)[name], StudentKernel(nu), panels.student_kernel(nu)) < 1e-7


@pytest.mark.parametrize("make", [lambda: BinomialTerms(*one(7, 12)), lambda: hypergeometric_terms(*one(4, 9, 2, 8))])
def test_student_t_effects_tend_to_normal_ones(make):
    eta, tau = np.array([0.1, -2.0, 3.0, 0.0]), np.array([1e-4, 0.3, 1.0, 20.0])
    normal = make().marginal(level(2))(eta, tau)
    for nu, within in ((1e4, 1e-2), (1e8, 1e-6), (1e12, 1e-9), (1e200, 1e-9)):
        assert with_kernel(make(), StudentKernel(nu)).marginal(level(2))(eta, tau) == pytest.approx(normal, abs=within)


def test_a_study_without_information_is_1_everywhere_beside_others():
    trials = np.array([(0, 9, 0, 8), (4, 30, 9, 28), (5, 5, 5, 5), (0, 4, 3, 7)], float)
    terms = hypergeometric_terms(*trials.T)
    eta, tau = np.array([-30.0, 0.0, 2.0, 80.0]), np.array([1e-3, 0.5, 40.0, 1e3])
    for kernel in (BinomialTerms(*one(1, 2)).kernel, StudentKernel(3.0), CommonKernel()):
        log_m = with_kernel(terms, kernel).marginal(level(1))(eta, tau)
        assert log_m[[0, 2]] == pytest.approx(np.zeros((2, 4)), abs=1e-12)
        alone = with_kernel(terms.take(np.array([1])), kernel).marginal(level(1))(eta, tau)
        assert log_m[1] == pytest.approx(alone[0], abs=1e-8)


# beta-distributed proportions

MU = np.array([-300.0, -60.0, -20.0, -8.0, -3.0, -1.0, 0.0, 0.5, 2.0, 6.0, 15.0, 40.0, 250.0])


@pytest.mark.parametrize("tau", [1e-7, 1e-4, 3e-3, 0.1, 1.0, 4.0, 100.0, 1e4, 1e8])
def test_the_shapes_have_the_mean_and_sd_of_the_logit(tau):
    a, b = BetaKernel().shapes(MU, np.full(MU.size, tau))
    mean, variance = special.psi(a) - special.psi(b), special.polygamma(1, a) + special.polygamma(1, b)
    assert np.abs(mean - MU).max() < 1e-12 * (np.abs(MU).max() + tau)
    assert np.sqrt(variance) == pytest.approx(tau, rel=1e-12)


@pytest.mark.parametrize(("r", "n"), [(0, 1), (0, 10), (10, 10), (5, 10), (1, 40), (39, 40)])
def test_log_m_over_beta_effects_is_the_beta_binomial_probability(r, n):
    mu, tau = (a.ravel() for a in np.meshgrid([-9.0, -1.0, 0.0, 2.0, 4.0], [1e-6, 1e-3, 0.02, 0.3, 1.0, 4.0, 1e3]))
    got = with_kernel(BinomialTerms(*one(r, n)), BetaKernel()).marginal(level(1))(mu, tau)[0]
    a, b = BetaKernel().shapes(mu, tau)
    # a product of ratios, because scipy's betabinom cancels where the shapes are large
    ratios = [(a + j) / (a + b + j) for j in range(r)] + [(b + j) / (a + b + r + j) for j in range(n - r)]
    expected = np.log(special.comb(n, r)) + np.log(ratios).sum(axis=0)
    assert got == pytest.approx(expected, abs=1e-11)
    small = np.maximum(a, b) < 1e4
    assert got[small] == pytest.approx(stats.betabinom.logpmf(r, n, a[small], b[small]), abs=1e-9)


def test_beta_effects_tend_to_normal_ones_as_tau_falls_however_many_patients():
    terms, eta, tau = BinomialTerms(*one(700_000, 1_000_000)), np.array([0.8473, 0.85]), np.array([1e-3, 3e-4])
    normal = terms.marginal(level(2))(eta, tau)
    assert with_kernel(terms, BetaKernel()).marginal(level(2))(eta, tau) == pytest.approx(normal, abs=2e-3)
    assert np.abs(normal - terms.log_likelihood(eta)).max() > 0.01  # tau matters


@pytest.mark.parametrize("tau", [1e-7, 1e-4, 0.03, 0.4, 1.0])
@pytest.mark.parametrize("eta", [-5.0, 0.0, 3.0])
def test_the_density_of_a_beta_logit_integrates_to_1_with_its_mean_and_sd(eta, tau):
    theta, weight = panels._rule(eta + tau * np.linspace(-40.0, 40.0, 161))
    density = weight * np.exp(BetaKernel().log_density(theta, np.array(eta), np.array(tau)))
    assert density.sum() == pytest.approx(1.0, abs=1e-9 + 1e-15 / tau)  # the rounding of theta
    assert density @ ((theta - eta) / tau) == pytest.approx(0.0, abs=1e-7)
    assert density @ ((theta - eta) / tau) ** 2 == pytest.approx(1.0, abs=1e-7)


# power weights

ETA, WIDTHS = np.array([-1.0, 0.2, 1.5]), np.array([1e-4, 0.4, 5.0])
ARMS = "events_treatment", "n_treatment", "events_control", "n_control"
POWERED = {
    "normal": (Estimates(*one(0.4, 0.3), "identity", "GEN"), panels.normal(0.4, 0.3)),
    "binomial": (Counts({"events": one(3)[0], "n": one(9)[0]}, "logit"), panels.binomial(3, 9)),
    "poisson": (Counts({"events": one(3)[0], "time": one(9)[0]}, "log"), panels.poisson(3, 9.0)),
    "binomial-conditional": (
        Counts(dict(zip(ARMS, one(3, 9, 1, 8), strict=True)), "log"),
        panels.hypergeometric(3, 9, 1, 8),
    ),
    "binomial-two-arm": (
        Counts(dict(zip(ARMS, one(3, 9, 1, 8), strict=True)), "log"),
        panels.two_arms(3, 9, 1, 8, 0.0, 1.5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("likelihood", POWERED)
@pytest.mark.parametrize("effects", ["normal", "student-t", "none"])
def test_a_power_weight_raises_the_likelihood_inside_the_integral(likelihood, effects):
    data, log_l = POWERED[likelihood]
    model = ModelSpec(
        likelihood, mu="Normal(0, 1)", tau=None if effects == "none" else "HalfNormal(1)", effects=effects
    )
    full = terms_of(model, data).marginal(level(1))(ETA, WIDTHS)
    assert (terms_of(model, data, np.ones(1)).marginal(level(1))(ETA, WIDTHS) == full).all()
    got = terms_of(model, data, np.array([0.3])).marginal(level(1))(ETA, WIDTHS)[0]
    if effects == "none":
        expected = 0.3 * log_l(ETA)
    else:
        kernel = panels.normal_kernel if effects == "normal" else panels.student_kernel(4.0)
        expected = [
            panels.log_average(lambda x: 0.3 * log_l(x), kernel, *at, centre=0.4, sd=0.5)
            for at in zip(ETA, WIDTHS, strict=True)
        ]
    assert got == pytest.approx(expected, abs=1e-8)
