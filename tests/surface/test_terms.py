"""log m_i, the likelihood of one study averaged over a normal distribution of effects, against adaptive quadrature."""

import math
from functools import cache

import numpy as np
import pytest
from scipy import integrate, optimize, special

from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.kernels import NORMAL
from bayesmeta.surface.normal import NormalTerms
from bayesmeta.surface.quadrature import level
from bayesmeta.surface.surface import proportion_powers

COUNTS = [
    (0, 1),
    (1, 1),
    (1, 2),
    (0, 10),
    (10, 10),
    (5, 10),
    (1, 40),
    (47, 177413),
    (700_000, 1_000_000),
    (0, 1_000_000),
]
TAU = [1e-6, 1e-3, 0.02, 0.1, 0.37, 1.0, 3.0, 10.0, 1e3, 1e6]


def log_likelihood(r, n, theta):
    return log_coefficient(r, n) + r * special.log_expit(theta) + (n - r) * special.log_expit(-theta)


@cache
def log_coefficient(r, n):
    """Log of the binomial coefficient, from the integer itself."""
    integer = math.comb(int(n), int(r))
    shift = max(0, integer.bit_length() - 1000)
    return math.log(integer >> shift) + shift * math.log(2.0)


@cache
def log_m(r, n, eta, tau):
    """Integrate adaptively over d = theta - eta, about the mode of the integrand, which is log-concave."""

    def slope(d):
        return r - n * special.expit(eta + d) - d / tau**2

    # the slope is not negative at the first and not positive at the second point
    mode = optimize.brentq(slope, -(n - r + 1.0) * tau**2, (r + 1.0) * tau**2, xtol=1e-12 * tau)
    p = special.expit(eta + mode)
    sd = 1.0 / np.sqrt(n * p * (1.0 - p) + 1.0 / tau**2)
    top = log_likelihood(r, n, eta + mode) - 0.5 * (mode / tau) ** 2

    def integrand(d):
        s = d - mode  # differences from the mode, which do not round like n theta
        near = np.log1p(p * np.expm1(np.clip(s, -1.0, 1.0)))
        far = np.logaddexp(special.log_expit(-eta - mode), special.log_expit(eta + mode) + s)
        bend = np.where(np.abs(s) < 1.0, near, far)
        return np.exp(r * s - n * bend - 0.5 * s * (d + mode) / tau**2)

    # panels that widen away from the mode, and from where the likelihood bends
    wide, bend = np.r_[0.0, np.geomspace(sd, max(40.0 * tau, 41.0 * sd), 24)], special.logit((r + 0.5) / (n + 1.0))
    near = bend - eta + np.r_[0.0, np.geomspace(0.1, 40.0, 12), -np.geomspace(0.1, 40.0, 12)]
    edges = np.unique(np.r_[mode - wide, mode + wide, near[np.abs(near - mode) < wide[-1]]])
    largest = np.maximum(integrand(edges[:-1]), integrand(edges[1:]))
    area = sum(
        integrate.quad(integrand, a, b, epsabs=1e-15 * sd, epsrel=1e-11, limit=200)[0]
        for a, b in zip(edges[:-1][largest > 1e-18], edges[1:][largest > 1e-18], strict=True)
    )
    return top + np.log(area) - np.log(tau) - 0.5 * np.log(2.0 * np.pi)


def ours(r, n, eta, tau, index=1):
    eta, tau = np.broadcast_arrays(np.asarray(eta, float), np.asarray(tau, float))
    terms = BinomialTerms(np.array([r], float), np.array([n], float))
    return terms.marginal(level(index))(eta.ravel(), tau.ravel())[0]


def points(r, n):
    """Pairs (eta, tau) near and far from the study's own logit."""
    centre = special.logit((r + 0.5) / (n + 1.0))
    sd = np.sqrt(1.0 / (r + 0.5) + 1.0 / (n - r + 0.5))
    etas = [centre, centre - 2.5 * sd, centre + 6.0 * sd, 0.0, -9.0, 4.0]
    return [(eta, tau) for eta in etas for tau in TAU]


# A likelihood is cut where it has fallen by exp(-45) at level 1, and by exp(-88) at level 4; so the comparison ends
# where m is well above that. Posteriors that live beyond are the matter of tests/exact/test_independent.py.
@pytest.mark.parametrize(
    ("index", "within", "lowest"), [(1, 1e-7, -25.0), (4, 1e-10, -60.0)], ids=["level 1", "level 4"]
)
@pytest.mark.parametrize(("r", "n"), COUNTS)
def test_log_m_equals_adaptive_quadrature(r, n, index, within, lowest):
    peak = log_likelihood(r, n, special.logit(np.clip(r / n, 1e-12, 1.0 - 1e-12)))
    values = {pair: log_m(r, n, *pair) for pair in points(r, n)}
    compared = {pair: value for pair, value in values.items() if value > peak + lowest}
    assert len(compared) >= 25
    # the rounding of log binomial coefficients of a million is part of any double-precision value
    tolerance = within + 2e-15 * n
    assert ours(r, n, *np.array(list(compared)).T, index) == pytest.approx(
        list(compared.values()), rel=0, abs=tolerance
    )


@pytest.mark.parametrize("tau", TAU)
def test_probabilities_of_one_patient_sum_to_one(tau):
    eta = np.linspace(-12.0, 12.0, 41)
    total = np.exp(ours(0, 1, eta, tau)) + np.exp(ours(1, 1, eta, tau))
    assert total == pytest.approx(np.ones(41), abs=1e-8)
    total = np.exp(ours(0, 1, eta, tau, 4)) + np.exp(ours(1, 1, eta, tau, 4))
    assert total == pytest.approx(np.ones(41), abs=1e-11)


@pytest.mark.parametrize("tau", [1e-4, 0.3, 2.0, 50.0])
def test_probabilities_of_all_counts_sum_to_one(tau):
    n, eta = 12, np.array([-3.0, 0.0, 1.2])
    terms = BinomialTerms(np.arange(n + 1.0), np.full(n + 1, float(n)))
    total = np.exp(terms.marginal(level(3))(eta, np.full(3, tau))).sum(axis=0)
    assert total == pytest.approx(np.ones(3), abs=1e-11)


@pytest.mark.parametrize(("r", "n"), COUNTS[:8])
def test_events_and_non_events_mirror_eta(r, n):
    eta, tau = np.array(points(r, n)).T
    assert ours(n - r, n, -eta, tau) == pytest.approx(ours(r, n, eta, tau), rel=1e-9, abs=1e-8)


@pytest.mark.parametrize(("r", "n"), COUNTS)
def test_a_common_effect_is_the_limit_of_small_tau(r, n):
    eta = special.logit((r + 0.5) / (n + 1.0)) + np.array([-1e-3, 0.0, 1e-3])
    assert ours(r, n, eta, 1e-9) == pytest.approx(log_likelihood(r, n, eta), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("tau", [1e4, 1e6])
def test_m_of_an_interior_study_falls_like_one_over_tau_and_that_of_a_full_one_tends_to_a_half(tau):
    # the integral of the likelihood over theta is a beta function
    area = special.gammaln(11.0) - special.gammaln(6.0) - special.gammaln(6.0) + special.betaln(5.0, 5.0)
    expected = area - np.log(tau * np.sqrt(2.0 * np.pi))
    assert ours(5, 10, 0.4, tau) == pytest.approx([expected], abs=1e-6)
    # the step of the likelihood lies at psi(10) + gamma: a half plus phi(0) times its distance
    harmonic = special.digamma(10.0) + np.euler_gamma
    half = 0.5 + (0.4 - harmonic) / (tau * np.sqrt(2.0 * np.pi))
    assert np.exp(ours(10, 10, 0.4, tau)) == pytest.approx([half], abs=1e-9)


def test_one_patient_and_a_million_share_one_rule():
    r, n = np.array([1.0, 3.0, 700_000.0, 0.0]), np.array([1.0, 7.0, 1_000_000.0, 1.0])
    rule = BinomialTerms(r, n).marginal(level(1))
    for eta, tau in [(0.8473, 1e-5), (0.85, 0.004), (0.3, 0.2), (-1.0, 1.0), (2.0, 8.0), (0.0, 300.0)]:
        expected = [log_m(a, b, eta, tau) for a, b in zip(r, n, strict=True)]
        assert rule(np.array([eta]), np.array([tau]))[:, 0] == pytest.approx(expected, abs=1e-7)


# the traps of shared numerics: what fails, and that it is not done here

DE_BRUIN = (
    np.array([11, 24, 179, 82, 60, 11, 99, 9, 88, 17, 26, 23, 40], float),
    np.array([29, 33, 326, 240, 110, 29, 244, 17, 215, 26, 138, 55, 54], float),
)


def gauss_hermite(r, n, eta, tau, nodes=61):
    """The rule that is wrong for wide tau: fixed nodes about eta."""
    z, weight = np.polynomial.hermite_e.hermegauss(nodes)
    log_f = log_likelihood(r, n, np.asarray(eta)[..., None] + np.asarray(tau)[..., None] * z)
    return special.logsumexp(log_f, axis=-1, b=weight / np.sqrt(2.0 * np.pi))


@pytest.mark.parametrize(("r", "n", "eta", "tau"), [(179, 326, -0.1, 5.0), (99, 244, -0.1, 8.0), (88, 215, 1.0, 12.0)])
def test_gauss_hermite_with_61_nodes_fails_where_the_surface_does_not(r, n, eta, tau):
    truth = log_m(r, n, eta, tau)
    assert abs(gauss_hermite(r, n, eta, tau) - truth) > 0.02
    assert ours(r, n, eta, tau) == pytest.approx([truth], abs=1e-7)


def maximum_likelihood(total):
    """Estimate of expit(mu), its standard error on the logit scale, and tau, given log likelihood(mu, tau)."""
    found = optimize.minimize(lambda x: -total(x[0], np.exp(x[1])), [0.0, -0.5], method="Nelder-Mead", tol=1e-10)
    (mu, log_tau), h = found.x, 1e-3

    def f(a, b):
        return -total(mu + a * h, np.exp(log_tau + b * h))

    information = np.empty((2, 2))
    information[0, 0] = (f(1, 0) - 2.0 * f(0, 0) + f(-1, 0)) / h**2
    information[1, 1] = (f(0, 1) - 2.0 * f(0, 0) + f(0, -1)) / h**2
    information[0, 1] = information[1, 0] = (f(1, 1) - f(1, -1) - f(-1, 1) + f(-1, -1)) / (4.0 * h**2)
    return special.expit(mu), np.sqrt(np.linalg.inv(information)[0, 0]), np.exp(log_tau)


def test_the_maximum_of_the_surface_on_de_bruin_is_the_right_one():
    rule = BinomialTerms(*DE_BRUIN).marginal(level(1))
    p, se, _ = maximum_likelihood(lambda mu, tau: rule(np.array([mu]), np.array([tau])).sum())
    assert p == pytest.approx(0.4721, abs=1e-4)
    assert se == pytest.approx(0.188, abs=1e-3)


@pytest.mark.parametrize("tau", [3.0, 8.0, 30.0])
def test_a_cut_at_14_would_lose_what_a_full_study_has_beyond(tau):
    eta = np.array([2.0, 4.0])
    x = np.linspace(-14.0, 14.0, 40_001)
    density = np.exp(log_likelihood(10, 10, x) - 0.5 * ((x - eta[:, None]) / tau) ** 2) / (tau * np.sqrt(2.0 * np.pi))
    cut, truth = integrate.trapezoid(density, x), np.exp([log_m(10, 10, e, tau) for e in eta])
    if tau == 8.0:
        assert 1.0 - cut / truth == pytest.approx([0.145, 0.189], abs=1e-3)
    assert np.exp(ours(10, 10, eta, tau)) == pytest.approx(truth, rel=1e-8)


# the normal likelihood, and the likelihoods themselves


def test_the_normal_marginal_is_the_normal_density_of_the_sum_of_variances():
    terms = NormalTerms(np.array([0.3, -2.0]), np.array([0.5, 1e-3]))
    eta, tau = np.array([0.0, 1.0, -2.0]), np.array([1e-8, 0.7, 40.0])
    got = terms.marginal(level(0))(eta, tau)
    variance = terms.se[:, None] ** 2 + tau**2
    expected = -0.5 * (terms.y[:, None] - eta) ** 2 / variance - 0.5 * np.log(2.0 * np.pi * variance)
    assert got == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("r", "n"), COUNTS)
def test_the_likelihood_is_the_binomial_probability(r, n):
    theta = np.array([-700.0, -30.0, -1.0, 0.0, 0.5, 30.0, 700.0, 5000.0])
    got = BinomialTerms(np.array([r], float), np.array([n], float)).log_likelihood(theta)[0]
    assert got == pytest.approx(log_likelihood(r, n, theta), rel=1e-9, abs=1e-8)


def test_the_powers_behind_p_mean_are_means_of_powers_of_a_proportion():
    mu, tau = np.array([-3.0, 0.0, 0.4, 2.0]), np.array([0.01, 0.3, 1.0, 6.0])
    z = np.linspace(-12.0, 12.0, 4001)
    weight = np.exp(-0.5 * z * z) / np.exp(-0.5 * z * z).sum()
    p = special.expit(mu[:, None] + tau[:, None] * z)
    powers = np.exp(proportion_powers("logit", NORMAL).marginal(level(1))(mu, tau))
    for got, power in zip(powers, (p, p * p, 1.0 - p), strict=True):
        assert got == pytest.approx(power @ weight, rel=1e-8)


@pytest.mark.parametrize("n", [200, 5000])
@pytest.mark.parametrize(("eta", "tau"), [(30.0, 10.0), (40.0, 15.0), (-30.0, 10.0), (3.0, 2.0)])
def test_none_and_all_of_many_patients_have_no_gap_between_them(n, eta, tau):
    """Their lattices lie far apart; what either lacks to 1 lies in between as well."""
    z = np.linspace(-10.0, 10.0, 400_001)
    weight = np.exp(-0.5 * z * z) / np.exp(-0.5 * z * z).sum()
    got = BinomialTerms(np.array([0.0, n]), np.array([n, n], float)).marginal(level(1))(
        np.array([eta]), np.array([tau])
    )
    expected = [weight @ np.exp(log_likelihood(r, n, eta + tau * z)) for r in (0, n)]
    assert np.exp(got[:, 0]) == pytest.approx(expected, rel=1e-9, abs=1e-15)
