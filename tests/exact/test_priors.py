"""Posteriors under every prior of tau that is new, heavy or made from the studies, against quadrature in log tau.

With a normal likelihood mu integrates out in closed form, so that one integral over tau is left; it is done here by
`scipy.integrate.quad` in log tau, where densities like tau^(-1/2) at 0 and like 1/(tau log(tau)^6) are smooth.
"""

import itertools

import numpy as np
import pytest
from scipy import integrate, special, stats

import bayesmeta as bm
from bayesmeta.exact.fit import check_proper, fit_exact

DATA = {
    "three studies": ([0.1, -0.2, 0.4], [0.2, 0.3, 0.25]),
    "two studies": ([0.9, -0.4], [0.5, 0.1]),
    "ten heterogeneous studies": (
        [0.1, 1.3, -0.7, 2.2, 0.4, -1.9, 0.8, 0.0, 1.1, -0.3],
        [0.2, 0.9, 0.4, 0.3, 1.5, 0.6, 0.25, 0.3, 0.7, 0.1],
    ),
}
TAU = (
    "HalfLogistic(0.3)", "Lomax(2, 0.5)", "Turner2015(-3.95, 1.34)", "Rhodes2015(-3.44, 2.59)", "uniform", "sqrt",
    "Jeffreys", "BergerDeely", "conventional", "DuMouchel", "shrinkage", "I2",
)  # fmt: skip
PIECES = (-130.0, -60.0, -20.0, -8.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0, 20.0, 60.0, 150.0, 249.0)
Q = (0.001, 0.025, 0.5, 0.975)


def studies_of(y, se):
    return bm.Studies(tuple(f"study {i}" for i in range(len(y))), y=np.array(y), se=np.array(se))


class Marginalised:
    """The posterior of tau, with mu ~ Normal(m, sd²) (or flat, for sd = inf) integrated out."""

    def __init__(self, y, se, prior, m, sd):
        self.y, self.v, self.prior, self.m, self.sd = np.array(y), np.array(se) ** 2, prior, m, sd

    def log_density(self, tau):
        variance = self.v + tau**2
        flat = np.isinf(self.sd)
        precision = (1.0 / variance).sum() + (0.0 if flat else self.sd**-2.0)
        mean = ((self.y / variance).sum() + (0.0 if flat else self.m / self.sd**2)) / precision
        quadratic = (self.y**2 / variance).sum() + (0.0 if flat else (self.m / self.sd) ** 2) - precision * mean**2
        constant = 0.5 * np.log(2 * np.pi) if flat else -np.log(self.sd)
        log_l = -0.5 * (np.log(2 * np.pi * variance).sum() + np.log(precision) + quadratic) + constant
        return log_l + self.prior.logpdf(tau)

    def integral(self, power=0, upto=np.inf):
        ends = [*(u for u in PIECES if u < np.log(upto)), min(np.log(upto), PIECES[-1])]
        peak = max(self.log_density(np.exp(u)) for u in np.linspace(-5.0, 3.0, 60))

        def integrand(u):
            return np.exp(self.log_density(np.exp(u)) + (power + 1.0) * u - peak)

        pieces = [
            integrate.quad(integrand, low, high, epsabs=1e-15, epsrel=1e-11, limit=200)[0]
            for low, high in itertools.pairwise(ends)
            if high > low
        ]
        return sum(pieces) * np.exp(peak)


def both(data, tau, mu):
    y, se = DATA[data]
    fit = fit_exact(studies_of(y, se), bm.ModelSpec("normal", mu=mu, tau=tau))
    m, sd = (0.0, np.inf) if mu == "Flat()" else (0.5, 1.2)
    return fit, Marginalised(y, se, fit.solution.problem.prior_tau, m, sd)


CASES = [
    (data, tau, mu)
    for data in DATA
    for tau in TAU
    for mu in ("Flat()", "Normal(0.5, 1.2)")
    if (data, tau, mu) != ("two studies", "uniform", "Flat()")  # improper: see below
]


@pytest.mark.parametrize(("data", "tau", "mu"), CASES)
def test_posterior_of_tau_equals_quadrature(data, tau, mu):
    fit, brute = both(data, tau, mu)
    total = brute.integral()
    row, error = fit.summary().loc["tau"], max(fit.numerical_error, 1e-6)
    if np.isfinite(row["sd"]):
        mean, square = (brute.integral(power) / total for power in (1, 2))
        assert row["mean"] == pytest.approx(mean, abs=error, rel=1e-6)
        assert row["sd"] == pytest.approx(np.sqrt(square - mean**2), abs=error, rel=1e-6)
    for q, at in zip(Q, fit.marginal("tau").ppf(Q), strict=True):
        assert brute.integral(upto=at) / total == pytest.approx(q, abs=1e-6, rel=1e-4)
    if fit.log_evidence is not None:
        assert fit.log_evidence == pytest.approx(np.log(total), abs=1e-8 + fit.log_evidence_error)


@pytest.mark.parametrize(("tau", "k"), [("sqrt", 1), ("Jeffreys", 1), ("BergerDeely", 1), ("uniform", 2)])
def test_improper_priors_need_a_number_of_studies(tau, k):
    y, se = DATA["ten heterogeneous studies"]
    model = bm.ModelSpec("normal", mu="Flat()", tau=tau)
    with pytest.raises(bm.ImproperPosteriorError, match=f"needs at least {k + 1} studies, and there") as raised:
        fit_exact(studies_of(y[:k], se[:k]), model)
    assert "\n" not in str(raised.value)
    check_proper(studies_of(y[: k + 1], se[: k + 1]), model)


@pytest.mark.parametrize(("tau", "k"), [("conventional", 1), ("DuMouchel", 1), ("shrinkage", 1), ("I2", 2)])
def test_proper_ones_need_no_more_studies_than_define_them(tau, k):
    y, se = DATA["ten heterogeneous studies"]
    fit = fit_exact(studies_of(y[:k], se[:k]), bm.ModelSpec("normal", mu="Normal(0, 1)", tau=tau))
    assert np.isfinite(fit.log_evidence)


def test_one_study_leaves_the_prior_of_tau_as_it_is_under_a_flat_mean():
    fit = fit_exact(studies_of([0.3], [0.5]), bm.ModelSpec("normal", mu="Flat()", tau="DuMouchel"))
    # s0 is the standard error itself: its median.
    assert fit.marginal("tau").ppf(0.5) == pytest.approx(0.5, abs=1e-6)


def test_a_subset_has_the_prior_of_its_own_studies():
    y, se = DATA["ten heterogeneous studies"]
    model = bm.ModelSpec("normal", mu="Flat()", tau="shrinkage")
    fit = fit_exact(studies_of(y[:4], se[:4]), model)
    assert fit.solution.problem.prior_tau == bm.Prior("shrinkage").resolved(se=se[:4])
    assert fit.model.tau == bm.Prior("shrinkage")


@pytest.mark.parametrize(
    "tau", ["uniform", "sqrt", "Jeffreys", "BergerDeely", "conventional", "DuMouchel", "shrinkage", "I2"]
)
def test_a_likelihood_of_counts_has_no_standard_errors_for_them(tau):
    counts = bm.Studies(("A", "B"), events=np.array([3, 5]), n=np.array([10, 12]))
    with pytest.raises(bm.SpecError, match=f"the prior {tau} of tau is R bayesmeta's for estimates") as raised:
        fit_exact(counts, bm.ModelSpec("binomial", tau=tau))
    assert "\n" not in str(raised.value)
    assert "use tau=" in str(raised.value)
    # turned into estimates, the counts have them
    assert fit_exact(counts, bm.ModelSpec("normal", mu="Normal(0, 2)", tau=tau)).measure == "PLO"


def test_uniform_on_the_proportion_is_the_logistic_prior_of_mu():
    counts = bm.Studies(("A", "B"), events=np.array([3, 5]), n=np.array([10, 12]))
    one, other = (fit_exact(counts, bm.ModelSpec("binomial", mu=mu)) for mu in ("Beta(1, 1)", "Logistic(0, 1)"))
    np.testing.assert_allclose(one.summary(), other.summary(), rtol=0, atol=1e-10)
    assert one.log_evidence == pytest.approx(other.log_evidence, abs=1e-10)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_without_heterogeneity_a_beta_prior_is_conjugate_whatever_the_link(link):
    events, n = np.array([3, 5, 9]), np.array([10, 12, 11])
    counts = bm.Studies(("A", "B", "C"), events=events, n=n)
    fit = fit_exact(counts, bm.ModelSpec("binomial", mu="Beta(2, 3)", link=link, effects="none"))
    a, b = 2 + events.sum(), 3 + (n - events).sum()
    binomial = (special.gammaln(n + 1) - special.gammaln(events + 1) - special.gammaln(n - events + 1)).sum()
    assert fit.log_evidence == pytest.approx(binomial + special.betaln(a, b) - special.betaln(2, 3), abs=1e-8)
    posterior, row = stats.beta(a, b), fit.summary().loc["p_median"]
    expected = [posterior.mean(), posterior.std(), *posterior.ppf([0.5, 0.025, 0.975])]
    np.testing.assert_allclose(row[["mean", "sd", "median", "lower", "upper"]], expected, rtol=0, atol=5e-8)


def test_an_empirical_prior_of_log_odds_ratios_fits_two_arms_and_no_other_ratio():
    two_arms = bm.Studies.from_frame(
        bm.load_dataset("pritz1997").head(3).assign(events_control=[4, 7, 9], n_control=[10, 12, 14]),
        study="study", events=("events", "events_control"), n=("n", "n_control"),
    )  # fmt: skip
    model = bm.ModelSpec("binomial-conditional", tau=bm.turner_prior())
    assert fit_exact(two_arms, model).numerical_error < 1e-6
    with pytest.raises(bm.SpecError, match="says nothing about log odds ratios of two arms"):
        fit_exact(two_arms, model.with_priors(tau=bm.rhodes_prior()))
    with pytest.raises(bm.SpecError, match="says nothing about RR"):
        fit_exact(two_arms, bm.ModelSpec("normal", mu="Normal(0, 2)", tau=bm.turner_prior()), measure="RR")


def test_a_prior_on_the_proportion_is_refused_where_effects_are_no_proportions():
    with pytest.raises(bm.SpecError, match="is a prior on a proportion, which link='identity' does not lead to"):
        fit_exact(studies_of([0.3], [0.5]), bm.ModelSpec("normal", mu="Beta(1, 1)", tau="HalfNormal(1)"))


@pytest.mark.parametrize("tau", ["Turner2015(-3.95, 1.34)", "Rhodes2015(-3.44, 2.59)"])
def test_an_empirical_prior_says_nothing_about_single_arms(tau):
    counts = bm.Studies(("A", "B"), events=np.array([3, 5]), n=np.array([10, 12]))
    logits = bm.Studies(("A", "B"), y=np.array([0.1, 0.2]), se=np.array([0.2, 0.2]))
    for studies, model in (
        (counts, bm.ModelSpec("binomial", tau=tau)),
        (counts, bm.ModelSpec("normal", mu="Normal(0, 2)", tau=tau)),
        (logits, bm.ModelSpec("normal", mu="Normal(0, 2)", tau=tau, link="logit")),
    ):
        with pytest.raises(bm.SpecError, match=r"was derived by (Turner|Rhodes) et al. \(2015\) from") as raised:
            fit_exact(studies, model)
        assert "\n" not in str(raised.value)
    hazards = bm.Studies(("A", "B"), y=np.array([0.1, 0.2]), se=np.array([0.2, 0.2]), measure="HR")
    with pytest.raises(bm.SpecError, match="says nothing about HR"):
        fit_exact(hazards, bm.ModelSpec("normal", mu="Normal(0, 2)", tau=tau))


def test_groups_with_one_tau_take_a_prior_on_their_proportions():
    frame = bm.load_dataset("debruin2009")
    studies = bm.Studies.from_frame(frame, study="study", events="events", n="n", moderators=["ethnicity"])
    one, other = (
        bm.subgroups(studies, bm.ModelSpec(mu=mu), by="ethnicity", tau="common")
        for mu in ("Beta(1, 1)", "Logistic(0, 1)")
    )
    np.testing.assert_allclose(one[["lower", "upper"]], other[["lower", "upper"]], rtol=0, atol=1e-9)
