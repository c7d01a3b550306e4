"""Study effects: posteriors of theta_i by two routes, and the table around them."""

import numpy as np
import pytest
from scipy import integrate, interpolate, special, stats

import bayesmeta as bm
from bayesmeta.data.studies import Studies
from bayesmeta.exact.fit import fit_exact
from bayesmeta.result.study_table import study_effects
from bayesmeta.spec.model import ModelSpec

DATA = {
    "ordinary": ([4, 10, 25, 12], [8, 12, 42, 12], "Normal(0, 1.5)", "HalfNormal(1)"),
    "all events": ([6, 9], [6, 9], "Normal(0, 1.5)", "HalfNormal(0.5)"),
    "certain tau": ([3, 10, 4], [5, 12, 8], "Normal(0, 1.5)", "HalfNormal(0.01)"),
    "small patients": ([1, 0, 1, 2, 0], [1, 1, 2, 2, 3], "Normal(0, 1.5)", "HalfNormal(1)"),
    "one and a million": ([1, 3, 700_000], [1, 7, 1_000_000], "Normal(0, 1.5)", "HalfNormal(1)"),
    "a heavy tail": ([0, 3, 5], [9, 9, 8], "StudentT(4, 0, 1)", "HalfStudentT(3, 1)"),
    "many small studies and a wide prior of tau": (
        [1, 0, 2, 1, 0] * 5, [1, 2, 3, 2, 1] * 5, "Normal(1.5, 0.36)", "HalfStudentT(4, 1.7)"
    ),
}  # fmt: skip
EVERY_DATA = pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())


@pytest.fixture(scope="module", params=DATA.values(), ids=DATA.keys())
def fit(request, fit_counts):
    return fit_counts(*request.param)


def test_study_effects_are_certified_like_the_summary(fit):
    effects = study_effects(fit)
    values = np.maximum(1.0, effects[["mean", "sd", "lower", "upper"]].abs().max(axis=1))
    assert (effects["numerical_error"] <= 1.01e-6 * values).all()
    assert ((effects["lower"] < effects["median"]) & (effects["median"] < effects["upper"])).all()


def test_the_score_identity_ties_a_study_effect_to_mu(fit):
    # E[(theta_i - mu)/tau^2] = E[score_i]: integrating by parts, E[d log p(theta_i, ...) / d theta_i] = 0
    mean, sd = study_effects(fit)[["mean", "sd"]].to_numpy().T
    marginal = fit.marginal(f"theta[{fit.studies.study[0]}]")
    edges = np.r_[marginal.ppf([1e-10]), marginal.ppf(np.linspace(1e-4, 1.0 - 1e-4, 60)), marginal.ppf([1.0 - 1e-10])]
    x, w = np.polynomial.legendre.leggauss(16)
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    at, weight = (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()
    density = marginal.pdf(at) * weight
    assert density.sum() == pytest.approx(1.0, abs=1e-6)
    assert density @ at == pytest.approx(mean[0], abs=1e-5)
    assert np.sqrt(density @ (at - mean[0]) ** 2) == pytest.approx(sd[0], abs=1e-4)


def test_quantiles_of_a_study_proportion_are_those_of_its_effect(fit):
    label = fit.studies.study[-1]
    of_theta, of_p = fit.marginal(f"theta[{label}]"), fit.marginal(f"p[{label}]")
    q = [0.025, 0.4, 0.975]
    assert of_p.ppf(q) == pytest.approx(special.expit(of_theta.ppf(q)), abs=1e-12)
    table = study_effects(fit).loc[label]
    assert [table["proportion_lower"], table["proportion"], table["proportion_upper"]] == pytest.approx(
        of_p.ppf([0.025, 0.5, 0.975]), abs=1e-9
    )


def test_weights_sum_to_one_and_shrinkage_is_a_share(fit):
    effects = study_effects(fit)
    assert effects["weight"].sum() == pytest.approx(1.0, abs=1e-9)
    assert ((effects["shrinkage"] > 0.0) & (effects["shrinkage"] < 1.0)).all()


@EVERY_DATA
def test_the_posterior_of_one_effect_is_that_of_brute_force(fit_counts, independent, data):
    """p(theta_1 | data) by integrating likelihood_1(theta) N(theta; mu, tau) times the other studies' m."""
    events, n, mu, tau = data
    fit = fit_counts(events, n, mu, tau)
    others = list(zip(events[1:], n[1:], strict=True))

    def log_m(m, t):
        parts = {pair: independent.log_m_binomial(float(pair[0]), float(pair[1]), m, t) for pair in set(others)}
        return sum(parts[pair] for pair in others)

    top = {"HalfNormal(0.01)": 0.09, "HalfStudentT(3, 1)": 3000.0}.get(tau, 12.0)
    rest = independent.BruteForce(log_m, fit.model.mu, fit.model.tau, tau_range=(0.0, top), panels_u=16)
    # without study 1, theta_1 is distributed like theta_new; then Bayes
    label = fit.studies.study[0]
    ends = fit.marginal(f"theta[{label}]").ppf(np.r_[1e-9, 1e-5, np.linspace(1e-3, 0.999, 21), 1.0 - 1e-5, 1.0 - 1e-9])
    at, width = independent.panels(np.r_[ends[0] - 3.0 * (ends[1] - ends[0]), ends])
    likelihood = np.exp(independent.log_binomial(float(events[0]), float(n[0]), at))
    weight = rest.pdf_theta_new(at) * likelihood * width
    mean = (weight @ at) / weight.sum()
    row = study_effects(fit).loc[label]
    assert row["mean"] == pytest.approx(mean, abs=2e-6)
    assert row["sd"] == pytest.approx(np.sqrt(weight @ (at - mean) ** 2 / weight.sum()), abs=1e-5)
    # and the total is the leave-one-out predictive probability
    assert np.log(weight.sum()) == pytest.approx(fit.loo["elpd_loo"].iloc[0], abs=1e-6)


def test_normal_study_effects_shrink_by_the_closed_form(fit_estimates):
    y, se = np.array([0.3, -0.5, 0.9]), np.array([0.2, 0.3, 0.25])
    fit = fit_estimates(y, se, "Normal(0, 1)", "Uniform(0.4, 0.4000001)")  # tau is known
    precision = np.r_[1.0 / (se**2 + 0.16), 1.0]
    mu, variance = precision[:3] @ y / precision.sum(), 1.0 / precision.sum()
    shrinkage = se**2 / (se**2 + 0.16)
    effects = study_effects(fit)
    assert effects["shrinkage"].to_numpy() == pytest.approx(shrinkage, abs=1e-6)
    assert effects["mean"].to_numpy() == pytest.approx(shrinkage * mu + (1.0 - shrinkage) * y, abs=1e-6)
    assert effects["sd"].to_numpy() == pytest.approx(np.sqrt(shrinkage * 0.16 + shrinkage**2 * variance), abs=1e-6)


def test_a_certain_tau_of_nearly_zero_pools_every_study(fit_counts):
    fit = fit_counts([3, 10, 4], [5, 12, 8], tau="HalfNormal(0.0001)")
    mu = fit.summary().loc["mu"]
    effects = study_effects(fit)
    for column in ("mean", "sd", "median", "lower", "upper"):
        assert effects[column].to_numpy() == pytest.approx(np.full(3, mu[column]), abs=1e-6)


def test_the_interval_of_the_table_follows_ci_prob(fit_counts):
    fit = fit_counts([4, 10], [8, 12])
    label = fit.studies.study[1]
    row = study_effects(fit, ci_prob=0.5).loc[label]
    assert [row["lower"], row["upper"]] == pytest.approx(fit.marginal(f"theta[{label}]").ppf([0.25, 0.75]), abs=1e-9)
    inside, _ = integrate.quad(lambda x: fit.marginal(f"theta[{label}]").pdf([x])[0], row["lower"], row["upper"])
    assert inside == pytest.approx(0.5, abs=1e-7)


@pytest.mark.parametrize("nu", [3.5, 4.0])
def test_effects_with_student_tails_equal_a_dense_sum_also_where_all_or_none_had_the_event(nu):
    events, n = np.array([12.0, 0.0, 9.0]), np.array([12.0, 11.0, 17.0])
    model = ModelSpec("binomial", effects="student-t", nu=nu, tau="LogNormal(-0.5, 0.5)")
    effects = study_effects(fit_exact(Studies(("a", "b", "c"), events=events, n=n), model))

    mu, log_tau, u = np.arange(-10.0, 10.0, 0.15), np.arange(-3.6, 4.6, 0.1), np.arange(-14.0, 14.0, 0.014)
    theta, tau = np.sinh(u), np.exp(log_tau)
    likelihood = np.exp(events[:, None] * special.log_expit(theta) + (n - events)[:, None] * special.log_expit(-theta))
    m, kernels = np.empty((3, tau.size, mu.size)), []
    for j, scale in enumerate(tau):
        z = (theta - mu[:, None]) / scale
        kernel = (1.0 + z * z / nu) ** (-0.5 * (nu + 1.0)) / scale * np.cosh(u)
        kernels.append(kernel / (kernel[mu.size // 2].sum()))
        m[:, j] = likelihood @ kernels[j].T
    prior = np.exp(-0.5 * (mu / 1.5) ** 2 - 0.5 * ((log_tau[:, None] + 0.5) / 0.5) ** 2)
    weight = prior * m.prod(axis=0)
    density = likelihood * sum((weight[j] / m[:, j]) @ kernels[j] for j in range(tau.size))
    density /= density.sum(axis=1, keepdims=True)
    mean = density @ theta
    sd = np.sqrt((density * (theta - mean[:, None]) ** 2).sum(axis=1))
    below = interpolate.CubicSpline(u, density.T / 0.014).antiderivative()(np.arcsinh(effects["upper"])).diagonal()
    off = np.abs(effects[["mean", "sd"]].to_numpy().T - [mean, sd])
    assert (off <= effects["numerical_error"].to_numpy() + 1e-9).all()
    assert off.max() <= (1e-6 if nu == 4.0 else 1e-5)
    assert effects["numerical_error"].max() <= (2e-6 if nu == 4.0 else 1e-4)
    np.testing.assert_allclose(below, 0.975, rtol=0, atol=1e-7)


def test_under_a_common_effect_every_study_has_it_and_weighs_by_its_information_alone():
    studies = Studies(("a", "b"), events=np.array([3.0, 40.0]), n=np.array([10.0, 100.0]))
    fit = fit_exact(studies, ModelSpec("binomial", effects="none"))
    effects = study_effects(fit)
    for name in ("mean", "sd", "median", "lower", "upper"):
        assert effects[name].to_numpy() == pytest.approx(fit.summary().at["mu", name], abs=1e-6)
    assert effects["shrinkage"].tolist() == pytest.approx([1.0, 1.0], abs=1e-14)
    assert effects["weight"].to_numpy() == pytest.approx([10.0 / 110.0, 100.0 / 110.0], abs=1e-9)


def test_a_common_effect_that_a_prior_cuts_off_is_a_truncated_normal():
    studies = bm.Studies(("a", "b"), y=[0.95, 0.97], se=[0.1, 0.1])
    fit = bm.fit(studies, bm.ModelSpec("normal", effects="none", mu="Uniform(0, 1)"))
    sd = 0.1 / np.sqrt(2.0)
    known = stats.truncnorm((0.0 - 0.96) / sd, (1.0 - 0.96) / sd, loc=0.96, scale=sd)
    expected = [known.mean(), known.std(), *known.ppf([0.5, 0.025, 0.975])]
    for row in bm.study_effects(fit)[["mean", "sd", "median", "lower", "upper"]].to_numpy():
        assert row == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("prior", [(-2.0, 0.5), (0.2, 0.9), (1.4, 6.0), (-2.0, 5.0)])
def test_a_common_effect_under_a_prior_with_ends_is_that_of_every_study(prior):
    """The density of mu jumps where the prior ends; held against integration between the ends, by QUADPACK."""
    low, high = prior
    events, n = np.array([16.0, 10.0, 25.0]), np.array([17.0, 12.0, 42.0])
    model = ModelSpec(effects="none", mu=f"Uniform({low}, {high})")
    fit = fit_exact(Studies(("A", "B", "C"), events=events, n=n), model)
    table = fit.theta_table()

    def density(mu):
        log_p = float((special.log_expit(mu) * events + special.log_expit(-mu) * (n - events)).sum())
        return np.exp(log_p + 40.0)

    def over(f, to=high):
        return integrate.quad(lambda mu: f(mu) * density(mu), low, to, epsabs=0.0, epsrel=1e-12, limit=200)[0]

    total = over(lambda _: 1.0)
    mean = over(lambda mu: mu) / total
    sd = np.sqrt(over(lambda mu: (mu - mean) ** 2) / total)
    below = [over(lambda _: 1.0, to=float(q)) / total for q in table.loc["A", ["lower", "median", "upper"]]]
    assert table.loc["A", ["mean", "sd"]].tolist() == pytest.approx([mean, sd], abs=1e-7)
    assert below == pytest.approx([0.025, 0.5, 0.975], abs=1e-6)
    assert (table[["mean", "sd", "median", "lower", "upper"]].nunique() == 1).all()
    p = over(special.expit) / total
    assert fit.marginal("p[B]").mean() == pytest.approx(p, abs=1e-7)
    assert table["numerical_error"].max() < 1e-5
