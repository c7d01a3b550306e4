"""Exchangeable log odds ratios against dense sums that share nothing with the engine but the priors."""

import numpy as np
import pytest
from scipy import interpolate, special, stats

import bayesmeta as bm
from bayesmeta.exact.against import KINDS
from bayesmeta.exact.outcome_rates import Joint, Shrunken
from bayesmeta.exact.outcomes import solve_outcomes

# Two or three studies of each outcome (events, n), and the control's; in the last nobody had the event.
OUTCOMES = (
    (((4, 12), (9, 15)), (5, 20)),
    (((2, 18), (1, 9), (6, 14)), (9, 30)),
    (((0, 7), (0, 11)), (3, 25)),
)
TAU, M, OMEGA = stats.halfnorm(scale=0.8), stats.norm(0.0, 1.0), stats.halfnorm(scale=0.5)
STEP = 0.1
MU, GAMMA = np.arange(-330, 201) * STEP, np.arange(-120, 91) * STEP
DELTA = np.arange(-200, 161) * STEP
Z = np.linspace(-8.0, 8.0, 161)
PHI = stats.norm.pdf(Z) * (Z[1] - Z[0])


def rule(law, panels=6, order=10):
    """Gauss-Legendre nodes of a prior on the half line, and their probabilities."""
    gauss, weight = np.polynomial.legendre.leggauss(order)
    edges = np.r_[0.0, law.isf(1e-12) * 0.5 ** np.arange(panels - 1.0, -1.0, -1.0)]
    middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
    x = (middle[:, None] + half[:, None] * gauss).ravel()
    return x, (half[:, None] * weight).ravel() * law.pdf(x)


T, T_WEIGHT = rule(TAU)
W, W_WEIGHT = rule(OMEGA)


@pytest.fixture(scope="module")
def dense():
    """By outcome: prod of m times p(tau) (T, MU), q(gamma) times its step, and log L at DELTA."""
    theta = MU[None, :, None] + T[:, None, None] * Z
    log_p, log_q = special.log_expit(theta), special.log_expit(-theta)
    made = []
    for studies, (x0, n0) in OUTCOMES:
        of_mu = np.repeat(T_WEIGHT[:, None], MU.size, axis=1)
        for x, n in studies:
            of_mu *= special.comb(n, x) * (np.exp(x * log_p + (n - x) * log_q) @ PHI)
        p = special.expit(GAMMA)
        q = stats.beta.pdf(p, 1 + x0, 1 + n0 - x0) * p * (1.0 - p) * STEP
        first = np.rint((DELTA[:, None] + GAMMA - MU[0]) / STEP).astype(int)
        inside = (first >= 0) & (first < MU.size)
        likelihood = np.where(inside, of_mu.sum(axis=0)[np.clip(first, 0, MU.size - 1)], 0.0) @ q
        made.append((of_mu, q, np.log(likelihood)))
    return made


@pytest.fixture(scope="module")
def averaged(dense):
    """By outcome: the average of L over Normal(m, omega), at m of DELTA and the nodes of omega, (W, DELTA)."""
    points = np.clip(DELTA[None, :, None] + W[:, None, None] * Z, DELTA[0], DELTA[-1])
    return [np.exp(interpolate.CubicSpline(DELTA, log_l)(points)) @ PHI for _, _, log_l in dense]


@pytest.fixture(scope="module")
def others(averaged):
    """By outcome: what the others say of its log odds ratio, a density at DELTA."""
    made = []
    for j in range(len(OUTCOMES)):
        of_m = np.prod([part for i, part in enumerate(averaged) if i != j], axis=0) * M.pdf(DELTA)
        density = np.zeros(DELTA.size)
        for omega, weight, values in zip(W, W_WEIGHT, of_m, strict=True):
            spline = interpolate.CubicSpline(DELTA, values)
            density += weight * (spline(np.clip(DELTA[:, None] - omega * Z, DELTA[0], DELTA[-1])) @ PHI)
        made.append(density)
    return made


@pytest.fixture(scope="module")
def solved():
    parts = []
    for studies, control in OUTCOMES:
        events, n = zip(*studies, strict=True)
        data = bm.Studies(tuple("ABC"[: len(n)]), events=list(events), n=list(n))
        problem = bm.fit(data, bm.ModelSpec(likelihood="binomial", mu="Normal(0, 1.5)", tau="HalfNormal(0.8)")).solution
        parts.append((problem.problem.terms, problem.problem.prior_tau, bm.Control.from_counts(*control).rate))
    return solve_outcomes(parts, bm.Prior("Normal", 0, 1), bm.Prior("HalfNormal", 0.5))


@pytest.fixture(scope="module")
def joints(solved):
    return [[Joint.of(part.outcomes[j], part.effects[j]) for part in solved] for j in range(len(OUTCOMES))]


def test_likelihoods_of_log_odds_ratios_equal_dense_sums(solved, dense):
    for part, tolerance in zip(solved, (1e-7, 1e-6), strict=True):
        for outcome, (_, _, log_l) in zip(part.outcomes, dense, strict=True):
            inner = (log_l > log_l.max() - 8.0) & (DELTA > -15.0)
            gap = outcome.log_likelihood(DELTA[inner]) - log_l[inner]
            assert gap - np.median(gap) == pytest.approx(0.0, abs=tolerance)


def test_mean_and_sd_of_the_log_odds_ratios_equal_dense_sums(solved, averaged):
    joint = np.prod(averaged, axis=0) * M.pdf(DELTA) * W_WEIGHT[:, None]
    joint /= joint.sum()
    expected = (joint.sum(axis=0) @ DELTA, joint.sum(axis=1) @ W)
    squares = (joint.sum(axis=0) @ DELTA**2, joint.sum(axis=1) @ W**2)
    for name, mean, square in zip(("mu", "tau"), expected, squares, strict=True):
        found = solved[0].quantities.moments(name)
        assert found == pytest.approx((mean, np.sqrt(square - mean**2)), abs=1e-6)


def test_shrunken_log_odds_ratios_equal_dense_sums(solved, dense, others):
    for effect, (_, _, log_l), density in zip(solved[0].effects, dense, others, strict=True):
        posterior = np.exp(log_l - log_l.max()) * density
        posterior /= posterior.sum() * STEP
        mean = STEP * posterior @ DELTA
        assert effect.moments() == pytest.approx((mean, np.sqrt(STEP * posterior @ (DELTA - mean) ** 2)), abs=1e-6)
        above = interpolate.CubicSpline(DELTA, posterior).integrate(0.0, DELTA[-1])
        assert 1.0 - effect.cdf_pdf(np.zeros(1))[0][0] == pytest.approx(above, abs=2e-6)


def test_shrunken_differences_have_the_moments_of_dense_sums(joints, dense, others):
    theta = MU[None, :, None] + T[:, None, None] * Z
    p_mean, square = special.expit(theta) @ PHI, special.expit(theta) ** 2 @ PHI
    median = np.broadcast_to(special.expit(MU), p_mean.shape)
    index = np.rint((MU[None, :] - GAMMA[:, None] - DELTA[0]) / STEP).astype(int)
    inside = (index >= 0) & (index < DELTA.size)
    for (joint, _), (of_mu, q, _), density in zip(joints, dense, others, strict=True):
        beside = np.where(inside, density[np.clip(index, 0, DELTA.size - 1)], 0.0) * q[:, None]
        weight = of_mu[None] * beside[:, None, :]  # gamma, tau, mu
        weight /= weight.sum()
        c = special.expit(GAMMA)[:, None, None]
        values = {"p_median": (median, median**2), "p_mean": (p_mean, p_mean**2), "p_new": (p_mean, square)}
        for name, (first, second) in values.items():
            mean = (weight * (first - c)).sum()
            sd = np.sqrt((weight * (second - 2.0 * c * first + c * c)).sum() - mean**2)
            assert Shrunken(joint, name, "difference").moments() == pytest.approx((mean, sd), abs=1e-6)


def test_distribution_functions_of_differences_have_their_moments(joints):
    d = np.linspace(-1.0, 1.0, 601)
    for joint, _ in joints[:1]:
        for name in ("p_median", "p_mean", "p_new"):
            shrunken = Shrunken(joint, name, "difference")
            cdf, pdf = shrunken.cdf_pdf(d)
            mean = 1.0 - np.trapezoid(cdf, d)
            assert shrunken.moments() == pytest.approx(
                (mean, np.sqrt(np.trapezoid(pdf * (d - mean) ** 2, d))), abs=2e-4
            )
            assert mean == pytest.approx(shrunken.moments()[0], abs=2e-6)
            assert (np.diff(cdf) > -1e-6).all()


def test_odds_ratios_of_the_median_study_are_those_of_the_hierarchy(solved, joints):
    at = np.linspace(-2.0, 2.0, 9)
    for resolution, tolerance in ((0, 1e-7), (1, 1e-6)):
        for j, pair in enumerate(joints):
            found = Shrunken(pair[resolution], "p_median", "odds ratio").cdf_pdf(at)
            expected = solved[resolution].effects[j].cdf_pdf(at)
            assert found[0] == pytest.approx(expected[0], abs=tolerance)
            assert found[1] == pytest.approx(expected[1], rel=1e-3, abs=tolerance)


def test_all_contrasts_agree_on_the_probability_of_being_higher(joints):
    for joint, _ in joints:
        for name in ("p_median", "p_mean", "p_new"):
            below = [Shrunken(joint, name, kind).cdf_pdf(np.zeros(1))[0][0] for kind in KINDS]
            assert np.ptp(below) < 1e-12
