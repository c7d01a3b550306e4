"""The posterior of a regression against dense sums over (tau, beta), with m_i by another quadrature."""

import numpy as np
import pandas as pd
import pytest
from scipy import special
from scipy.interpolate import make_interp_spline

import bayesmeta as bm

NODES = 45  # of each coefficient: steps of 0.4 SDs over +-9 SDs


def log_m(independent, events, n, eta, tau):
    """Log m_i at many eta and one tau: by a spline of degree 7 through enough of them."""
    low, high = eta.min(), eta.max()
    some = np.linspace(low, high, 20 + int((high - low) / 0.08))
    spline = make_interp_spline(some, independent.log_m_binomial(events, n, some, np.full(some.size, tau)), k=7)
    return spline(eta.ravel()).reshape(eta.shape)


class Dense:
    """Sums over tau (Gauss-Legendre panels in tau^(1/4)), e = target'beta and one other coordinate.

    Given tau, beta is laid out by a normal approximation: e over +-9 of its SDs, and the other coordinate over +-9 of
    its SDs about the regression line on e.
    """

    def __init__(self, independent, events, n, design, target, sd_prior, tau_scale, *, reach=9.0):
        u, weight_u = independent.panels(np.linspace(0.0, (9.0 * tau_scale) ** 0.25, 6))
        self.tau = u**4
        y = special.logit((events + 0.5) / (n + 1.0))
        variance = (n + 1.0) / ((events + 0.5) * (n - events + 0.5))
        other = np.array([-target[1], target[0]])
        z = np.linspace(-reach, reach, NODES)
        self.e, log_f = np.empty((u.size, NODES)), np.empty((u.size, NODES, NODES))
        for j, tau in enumerate(self.tau):
            w = 1.0 / (variance + tau**2)
            covariance = np.linalg.inv(design.T * w @ design + np.eye(2) / sd_prior**2)
            mean = covariance @ (design.T @ (w * y))
            m_e, v_e = target @ mean, target @ covariance @ target
            slope = other @ covariance @ target / v_e
            sd_other = np.sqrt(other @ covariance @ other - slope**2 * v_e)
            e = m_e + np.sqrt(v_e) * z
            v = other @ mean + slope * (e - m_e)[:, None] + sd_other * z
            size = target @ target
            beta = (e[:, None, None] * target + v[:, :, None] * other) / size
            eta = beta @ design.T
            log_l = sum(
                log_m(independent, r, m, eta[:, :, i], tau) for i, (r, m) in enumerate(zip(events, n, strict=True))
            )
            log_prior = -0.5 * (beta**2).sum(axis=2) / sd_prior**2 - np.log(2.0 * np.pi * sd_prior**2)
            steps = np.sqrt(v_e) * sd_other * (z[1] - z[0]) ** 2 / size
            half_normal = 0.5 * np.log(2.0 / np.pi) - np.log(tau_scale) - 0.5 * (tau / tau_scale) ** 2
            log_f[j] = log_l + log_prior + np.log(steps) + half_normal + np.log(4.0 * u[j] ** 3 * weight_u[j])
            self.e[j] = e
        self.log_evidence = special.logsumexp(log_f)
        self.weight = np.exp(log_f - self.log_evidence).sum(axis=2)

    def mean_sd(self, values):
        mean = (self.weight * values).sum()
        return mean, np.sqrt((self.weight * (values - mean) ** 2).sum())

    def cdf(self, x):
        total = 0.0
        for e, weight in zip(self.e, self.weight, strict=True):
            density = make_interp_spline(e, weight / (e[1] - e[0]), k=7)
            total += density.antiderivative()(np.clip(x, e[0], e[-1]))
        return float(total)


def data_of(name):
    if name == "separated":  # no events at all where x = 1
        events, n = np.array([3, 5, 2, 0, 0, 0.0]), np.array([12, 20, 9, 11, 14, 8.0])
        x = np.array([0, 0, 0, 1, 1, 1.0])
    else:
        column = {"blinatumomab_cr": "year", "debruin2009": "scq"}[name]
        frame = bm.load_dataset(name)
        events, n, x = (frame[key].to_numpy(float) for key in ("events", "n", column))
    return events, n, x


def fit_of(events, n, x, formula, sd):
    studies = bm.Studies(tuple(f"s{i}" for i in range(len(n))), events=events, n=n, moderators=pd.DataFrame({"x": x}))
    return bm.fit(studies, bm.ModelSpec("binomial", formula=formula, beta=f"Normal(0, {sd})", tau="HalfNormal(1)"))


@pytest.mark.parametrize("name", ["blinatumomab_cr", "debruin2009", "separated"])
def test_continuous_moderator_agrees_with_dense_sums(independent, name):
    events, n, x = data_of(name)
    fit = fit_of(events, n, x, "~ x", 1.5)
    design = np.column_stack([np.ones(x.size), x - x.mean()])
    summary = fit.summary()
    for column, coefficient in enumerate(("beta[Intercept]", "beta[x]")):
        dense = Dense(independent, events, n, design, np.eye(2)[column], 1.5, 1.0)
        row = summary.loc[coefficient]
        assert fit.log_evidence == pytest.approx(dense.log_evidence, abs=1e-7)
        assert (row["mean"], row["sd"]) == pytest.approx(dense.mean_sd(dense.e), abs=1e-6)
        assert [dense.cdf(row[key]) for key in ("lower", "median", "upper")] == pytest.approx(
            [0.025, 0.5, 0.975], abs=1e-6
        )
        tau = summary.loc["tau"]
        assert (tau["mean"], tau["sd"]) == pytest.approx(dense.mean_sd(dense.tau[:, None]), abs=1e-6)


def test_a_prediction_agrees_with_dense_sums(independent):
    events, n, x = data_of("debruin2009")
    fit = fit_of(events, n, x, "~ x", 1.5)
    target = np.array([1.0, 24.0 - x.mean()])
    dense = Dense(independent, events, n, np.column_stack([np.ones(x.size), x - x.mean()]), target, 1.5, 1.0)
    table = bm.predict(fit, {"x": 24.0}).set_index("parameter")
    assert table.loc["eta", ["mean", "sd"]].tolist() == pytest.approx(dense.mean_sd(dense.e), abs=1e-6)
    assert table.loc["p_median", ["mean", "sd"]].tolist() == pytest.approx(
        dense.mean_sd(special.expit(dense.e)), abs=1e-6
    )
    at = dense.e.ravel(), np.repeat(dense.tau, NODES)
    p_mean = np.exp(independent.log_m_binomial(1.0, 1.0, *at)).reshape(dense.e.shape)
    assert table.loc["p_mean", ["mean", "sd"]].tolist() == pytest.approx(dense.mean_sd(p_mean), abs=1e-6)
    square = np.exp(independent.log_m_binomial(2.0, 2.0, *at)).reshape(dense.e.shape)
    mean = dense.mean_sd(p_mean)[0]
    assert table.loc["p_new", "sd"].item() == pytest.approx(np.sqrt((dense.weight * square).sum() - mean**2), abs=1e-6)
    below = dense.cdf(special.logit(table.loc["p_median", "lower"]))
    assert below == pytest.approx(0.025, abs=1e-6)


@pytest.mark.parametrize("name", ["blinatumomab_cr", "debruin2009", "separated"])
def test_groups_with_a_common_tau_agree_with_dense_sums(independent, name):
    events, n, x = data_of(name)
    group = (x > np.median(x)).astype(float) if name != "separated" else x
    studies = bm.Studies(
        tuple(f"s{i}" for i in range(len(n))), events=events, n=n,
        moderators=pd.DataFrame({"g": np.where(group == 1.0, "b", "a")}),
    )  # fmt: skip
    fit = bm.fit(studies, bm.ModelSpec("binomial", formula="~ 0 + g", beta="Normal(0, 1.5)", tau="HalfNormal(1)"))
    design = np.column_stack([1.0 - group, group])
    differences = bm.contrasts(fit).set_index(["parameter", "contrast"])
    for label, target in (("a", np.array([1.0, 0.0])), ("b", np.array([0.0, 1.0]))):
        dense = Dense(independent, events, n, design, target, 1.5, 1.0)
        row = fit.summary().loc[f"beta[g[{label}]]"]
        assert fit.log_evidence == pytest.approx(dense.log_evidence, abs=1e-7)
        assert (row["mean"], row["sd"]) == pytest.approx(dense.mean_sd(dense.e), abs=1e-6)
        assert [dense.cdf(row[key]) for key in ("lower", "upper")] == pytest.approx([0.025, 0.975], abs=1e-6)
        p_mean = np.exp(independent.log_m_binomial(1.0, 1.0, dense.e.ravel(), np.repeat(dense.tau, NODES)))
        assert fit.summary().loc[f"p_mean[{label}]", ["mean", "sd"]].tolist() == pytest.approx(
            dense.mean_sd(p_mean.reshape(dense.e.shape)), abs=1e-6
        )
    dense = Dense(independent, events, n, design, np.array([-1.0, 1.0]), 1.5, 1.0)
    row = differences.loc[("mu", "difference")]
    assert (row["level"], row["reference"]) == ("b", "a")
    assert (row["mean"], row["sd"]) == pytest.approx(dense.mean_sd(dense.e), abs=1e-6)
    assert [dense.cdf(row[key]) for key in ("lower", "median", "upper")] == pytest.approx([0.025, 0.5, 0.975], abs=1e-6)
    assert 1.0 - dense.cdf(0.0) == pytest.approx(row["prob_above"], abs=1e-6)
