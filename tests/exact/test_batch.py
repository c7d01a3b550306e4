"""Many posteriors at once against fits of their own, and distances against an integration by hand."""

import numpy as np
import pytest
from scipy import stats

from bayesmeta.exact.batch import Reference, summarise
from bayesmeta.exact.fit import fit_exact
from bayesmeta.exact.prior_pairs import PriorPairs
from bayesmeta.spec.priors import Prior, as_prior

ORDINARY = ([9, 14, 3, 22, 17], [20, 31, 11, 40, 21])
MU = ("Normal(0, 1.5)", "Normal(0.5, 0.5)", "Normal(0, 3)", "Normal(-1, 1)")
TAU = ("HalfNormal(1)", "HalfNormal(0.3)", "Exponential(2)", "LogNormal(-1, 1)")
HEAVY = (*TAU, "HalfCauchy(0.5)", "HalfStudentT(3, 1)", "HalfCauchy(1)")


def family(fit, mu, tau):
    pairs = np.array([(a, b) for a in range(len(mu)) for b in range(len(tau))])
    problem = fit.solution.problem
    priors = (tuple(as_prior(prior) for prior in priors) for priors in (mu, tau))
    return PriorPairs(problem.terms, *priors, pairs, problem.link)


def summaries(fit, mu, tau, **options):
    pairs = family(fit, mu, tau)
    return pairs, summarise(pairs, len(pairs.pairs), fit.parameters, **options)


def assert_rows_equal_own_fits(fit, pairs, rows):
    for row, (a, b) in enumerate(pairs.pairs):
        own = fit_exact(fit.studies, fit.model.with_priors(mu=pairs.mu[a], tau=pairs.tau[b]))
        frame = own.summary()
        values, errors = frame.iloc[:, :5].to_numpy(), frame["numerical_error"].to_numpy() + rows.error[row]
        finite = np.isfinite(values)
        np.testing.assert_array_equal(rows.values[row][~finite], values[~finite])
        off = np.abs(np.where(finite, rows.values[row] - np.where(finite, values, 0.0), 0.0)).max(axis=1)
        assert (off <= errors).all(), (pairs.mu[a], pairs.tau[b], off / errors)
        evidence = own.solution.fine.posterior.log_evidence
        assert abs(evidence - rows.log_evidence[row]) <= own.log_evidence_error + rows.log_evidence_error[row]


@pytest.mark.parametrize(
    ("counts", "mu", "tau", "shared"),
    [
        (ORDINARY, MU, TAU, 1.0),
        (ORDINARY, ("Normal(0, 1.5)", "StudentT(3, 0, 1)", "Cauchy(0, 1)", "Flat()"), HEAVY, 0.5),
        (([0, 1, 0, 2], [12, 20, 9, 30]), MU[:3], (*TAU[:3], "HalfCauchy(0.5)"), 0.5),
        (([0, 0, 0], [10, 20, 8]), MU[:3], (*TAU[:2], "HalfStudentT(3, 1)"), 0.0),
        (([3], [10]), MU[:3], TAU[:3], 0.5),
    ],
    ids=["ordinary", "heavy tails", "sparse", "no event", "one study"],
)  # fmt: skip
def test_rows_equal_fits_of_their_own_within_both_errors(fit_counts, counts, mu, tau, shared):
    fit = fit_counts(*counts, mu=mu[0], tau=tau[0])
    pairs, rows = summaries(fit, mu, tau)
    assert rows.shared.mean() >= shared
    assert not rows.failure
    assert_rows_equal_own_fits(fit, pairs, rows)


def test_priors_that_share_no_grid_come_out_right(fit_counts):
    fit = fit_counts(*ORDINARY)
    mu = ("Normal(2, 0.01)", "Normal(0, 50)")
    pairs, rows = summaries(fit, mu, ("HalfNormal(0.01)", "HalfCauchy(25)", "Uniform(0, 2)"))
    kept = [row for row in range(len(pairs.pairs)) if row not in rows.failure]
    assert len(kept) >= 5
    some = PriorPairs(pairs.terms, pairs.mu, pairs.tau, pairs.pairs[kept], pairs.link)
    assert_rows_equal_own_fits(fit, some, summarise(some, len(kept), fit.parameters))


def test_estimates_are_summarised_as_counts_are(fit_estimates):
    y, se = [28.0, 8, -3, 7, -1, 1, 18, 12], [15.0, 10, 16, 11, 9, 11, 10, 18]
    fit = fit_estimates(y, se, "Normal(0, 20)", "HalfNormal(10)")
    mu, tau = (
        ("Normal(0, 20)", "Normal(0, 5)", "Normal(10, 10)", "Flat()"),
        ("HalfNormal(10)", "HalfNormal(30)", "HalfCauchy(25)"),
    )
    pairs, rows = summaries(fit, mu, tau)
    assert rows.shared.mean() > 0.9
    assert_rows_equal_own_fits(fit, pairs, rows)


def test_the_order_of_rows_does_not_matter(fit_counts):
    fit = fit_counts(*ORDINARY)
    _, rows = summaries(fit, MU, TAU)
    _, other = summaries(fit, MU[::-1], TAU[::-1])
    np.testing.assert_allclose(other.values[::-1], rows.values, rtol=0, atol=1e-10)
    np.testing.assert_allclose(other.log_evidence[::-1], rows.log_evidence, rtol=0, atol=1e-10)


def densities_by_hand(y, se, mu, tau, x, t):
    """Marginal densities of mu at ``x`` and of tau at ``t``, for a normal likelihood, by dense summation."""
    nodes, weight = np.polynomial.legendre.leggauss(400)
    grid, grid_weight = 15.0 * (nodes + 1.0), 15.0 * weight  # of tau
    line, line_weight = 60.0 * nodes, 60.0 * weight  # of mu

    def joint(m, s):
        variance = se[:, None, None] ** 2 + s**2
        log_f = stats.norm.logpdf(y[:, None, None], m[:, None], np.sqrt(variance)).sum(axis=0)
        return np.exp(log_f + mu.logpdf(m)[:, None] + tau.logpdf(s))

    total = line_weight @ joint(line, grid) @ grid_weight
    return joint(x, grid) @ grid_weight / total, line_weight @ joint(line, t) / total


def test_hellinger_distances_equal_an_integration_by_hand(fit_estimates):
    y, se = np.array([2.8, 0.8, -0.3, 0.7, -0.1]), np.array([1.5, 1.0, 1.6, 1.1, 0.9])
    fit = fit_estimates(y, se, "Normal(0, 2)", "HalfNormal(1)")
    mu, tau = (
        ("Normal(0, 2)", "Normal(1, 0.5)", "Normal(0, 2.05)"),
        ("HalfNormal(1)", "HalfNormal(0.2)", "HalfNormal(1.02)"),
    )
    pairs, rows = summaries(fit, mu, tau, reference=Reference(0, fit.solution.fine, fit.solution.coarse))
    assert rows.shared.all()
    x, t = np.linspace(-15.0, 15.0, 3001), (np.linspace(0.0, 6.0, 3001)[1:] - 0.001)
    reference = densities_by_hand(y, se, pairs.mu[0], pairs.tau[0], x, t)
    for row, (a, b) in enumerate(pairs.pairs):
        density = densities_by_hand(y, se, pairs.mu[a], pairs.tau[b], x, t)
        for i, step in enumerate((0.01, 0.002)):
            square = 0.5 * step * ((np.sqrt(density[i]) - np.sqrt(reference[i])) ** 2).sum()
            slack = rows.hellinger_error[row, i] + 1e-5  # the sums by hand end at 15 and at 6
            assert abs(rows.hellinger[row, i] - np.sqrt(square)) <= slack
    assert rows.hellinger[0] == pytest.approx(0.0, abs=1e-9)
    assert rows.hellinger_error.max() < 1e-3


def test_a_reference_outside_the_group_gives_the_same_distance(fit_counts):
    fit = fit_counts(*ORDINARY)
    reference = Reference(0, fit.solution.fine, fit.solution.coarse)
    pairs, rows = summaries(fit, MU, TAU, reference=reference)
    others = PriorPairs(pairs.terms, pairs.mu, pairs.tau, pairs.pairs[1:], pairs.link)
    outside = Reference(-1, fit.solution.fine, fit.solution.coarse)
    apart = summarise(others, len(others.pairs), fit.parameters, reference=outside)
    few = PriorPairs(pairs.terms, pairs.mu, pairs.tau, pairs.pairs[1:4], pairs.link)
    alone = summarise(few, 3, fit.parameters, reference=outside)
    assert apart.shared.all()
    assert not alone.shared.any()
    for other, count in ((apart, 15), (alone, 3)):
        slack = rows.hellinger_error[1 : count + 1] + other.hellinger_error
        assert (np.abs(other.hellinger - rows.hellinger[1 : count + 1]) <= slack).all()
        assert slack.max() < 2e-3


def test_distances_of_proportions_are_those_of_their_link_scale(fit_counts):
    fit = fit_counts(*ORDINARY)
    _, rows = summaries(fit, MU, TAU, reference=Reference(0, fit.solution.fine, fit.solution.coarse))
    names = list(rows.names)
    np.testing.assert_array_equal(rows.hellinger[:, names.index("p_median")], rows.hellinger[:, names.index("mu")])


def test_wider_intervals_reach_further(fit_counts):
    fit = fit_counts(*ORDINARY)
    pairs = family(fit, MU, TAU)
    rows = summarise(pairs, 16, fit.parameters, ci_prob=0.999)
    own = fit.summary(ci_prob=0.999)
    errors = own["numerical_error"].to_numpy() + rows.error[0]
    assert rows.shared.all()
    assert (np.abs(rows.values[0] - own.iloc[:, :5].to_numpy()).max(axis=1) <= errors).all()


def test_progress_counts_every_row_once(fit_counts):
    fit = fit_counts(*ORDINARY)
    done = []
    summaries(fit, (*MU, "Uniform(-5, 5)"), TAU, progress=done.append)
    assert sum(done) == 20


def test_a_prior_equal_to_another_gives_an_equal_row(fit_counts):
    fit = fit_counts(*ORDINARY)
    same = (
        Prior("Exponential", lam=2),
        Prior("Exponential", scale=0.5),
        *(Prior("HalfNormal", s) for s in (0.5, 1, 2)),
    )
    _, rows = summaries(fit, MU[:2], same)
    np.testing.assert_allclose(rows.values[0], rows.values[1], atol=1e-12)
