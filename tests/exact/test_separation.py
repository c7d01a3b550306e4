"""Regressions of separated data under wide priors, against dense sums over a lattice of (b0, b1) for each tau."""

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import make_interp_spline

import bayesmeta as bm
from bayesmeta.exact.interpolate import _continue
from bayesmeta.exact.propriety import separated

STEP = 0.125
CASES = {
    # all patients where x = -1, none where x = 1: intercept and slope are bounded by their priors alone
    "complete": ([9, 12, 0, 0], [9, 12, 15, 8], [-1, -1, 1, 1], 10.0, (-45.0, 45.0), (-85.0, 10.0)),
    # a level without events
    "quasi": ([5, 4, 0, 0], [9, 12, 11, 8], [-1, -1, 1, 1], 30.0, (-180.0, 10.0), (-180.0, 10.0)),
    # three places, separated between the first and the second
    "between": ([0, 0, 14, 10], [9, 12, 14, 10], [-1, -1, 0, 2], 5.0, (-20.0, 40.0), (-10.0, 45.0)),
}


class Lattice:
    """Sums over b0 and b1 at equal steps, for Gauss-Legendre nodes of tau; eta = b0 + x b1 lies on the same lattice."""

    def __init__(self, independent, events, n, x, sd, ends_0, ends_1):
        u, weight_u = independent.panels(np.linspace(0.0, 4.5**0.25, 4))
        self.tau = u**4
        i, j = (np.arange(round(low / STEP), round(high / STEP) + 1) for low, high in (ends_0, ends_1))
        self.b0, self.b1 = STEP * i, STEP * j
        indices = {place: i[:, None] + place * j for place in np.unique(x)}
        log_prior = -0.5 * ((self.b0 / sd) ** 2)[:, None] - 0.5 * (self.b1 / sd) ** 2 - np.log(2.0 * np.pi * sd**2)
        log_tau = 0.5 * np.log(2.0 / np.pi) - np.log(0.5) - 0.5 * (self.tau / 0.5) ** 2 + np.log(4.0 * u**3 * weight_u)
        total, self.of_tau, self.of_0, self.of_1 = 0.0, [], [], []
        for tau, log_weight in zip(self.tau, log_tau, strict=True):
            log_f = log_prior + log_weight + 2.0 * np.log(STEP)
            for place, index in indices.items():
                eta = STEP * np.arange(index.min(), index.max() + 1)
                log_m = sum(
                    independent.log_m_binomial(float(r), float(m), eta, np.full(eta.size, tau))
                    for r, m, at in zip(events, n, x, strict=True)
                    if at == place
                )
                log_f = log_f + log_m[index - index.min()]
            f = np.exp(log_f)
            total += f.sum()
            self.of_tau.append(f.sum())
            self.of_0.append(f.sum(axis=1))
            self.of_1.append(f.sum(axis=0))
        self.log_evidence = np.log(total)
        self.of_tau, self.of_0, self.of_1 = (
            np.array(self.of_tau) / total, np.sum(self.of_0, axis=0) / total, np.sum(self.of_1, axis=0) / total,
        )  # fmt: skip


def mean_sd(values, weight):
    mean = weight @ values
    return mean, np.sqrt(weight @ (values - mean) ** 2)


def studies_of(events, n, x):
    labels = tuple(f"s{i}" for i in range(len(n)))
    frame = pd.DataFrame({"x": np.array(x, float)})
    return bm.Studies(labels, events=np.array(events, float), n=np.array(n, float), moderators=frame)


@pytest.mark.parametrize("name", CASES)
def test_separated_data_under_wide_priors_agree_with_dense_sums(independent, name):
    events, n, x, sd, ends_0, ends_1 = CASES[name]
    assert sum(x) == 0  # x is centred by the formula
    fit = bm.fit(
        studies_of(events, n, x),
        bm.ModelSpec("binomial", formula="~ x", beta=f"Normal(0, {sd})", tau="HalfNormal(0.5)"),
    )
    dense = Lattice(independent, events, n, x, sd, ends_0, ends_1)
    assert fit.log_evidence == pytest.approx(dense.log_evidence, abs=1e-6)
    summary = fit.summary()
    for row, values, weight in (
        ("beta[Intercept]", dense.b0, dense.of_0), ("beta[x]", dense.b1, dense.of_1), ("tau", dense.tau, dense.of_tau),
    ):  # fmt: skip
        expected = mean_sd(values, weight)
        error = summary.loc[row, "numerical_error"]
        assert error < 1e-5
        assert (summary.loc[row, "mean"], summary.loc[row, "sd"]) == pytest.approx(expected, abs=1e-6 + error)
        if row != "tau":
            cdf = make_interp_spline(values, weight / STEP, k=7).antiderivative()
            ends = summary.loc[row, ["lower", "median", "upper"]].to_numpy(float)
            assert cdf(ends) == pytest.approx([0.025, 0.5, 0.975], abs=1e-6)


def test_what_is_still_too_wide_is_refused_with_the_separated_coefficients_named():
    model = bm.ModelSpec("binomial", formula="~ x", beta="Normal(0, 100000)", tau="HalfNormal(1)")
    with pytest.raises(bm.AccuracyError) as caught:
        bm.fit(studies_of([0, 0, 10, 20], [9, 8, 10, 20], [1, 2, 3, 10]), model)
    assert "separated along beta[Intercept] ~ Normal(mu=0, sigma=100000) and beta[x] ~ " in str(caught.value)
    assert "such as Normal(0, 1.5)" in str(caught.value)


def test_coefficients_that_no_likelihood_bounds():
    design = np.array([[1.0, -1.0, 0.0], [1.0, -1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    none, last = np.zeros(4, dtype=bool), np.array([False, False, True, True])
    assert separated(design, none, none).tolist() == [False, False, False]
    # where the second column is 1 there are no events: it and the intercept may fall together
    assert separated(design[:, :2], last, none).tolist() == [True, True]
    assert separated(design, last, none).tolist() == [True, True, False]


def test_a_table_is_continued_by_a_parabola_where_the_stand_in_is_not_concave():
    eta = np.arange(40.0)
    parabola = -1.2 * (eta - 8.0) ** 2
    flat, jump = np.maximum(parabola, -690.0), np.where(parabola > -600.0, parabola, parabola - 800.0)
    table = np.stack([flat, jump, parabola, np.full(40, -690.0)])[:, None]
    _continue(table, np.full(4, -550.0))
    assert np.abs(table[:3, 0] - parabola).max() < 1e-9
    assert (table[3] == -690.0).all()  # nothing to continue from
    exact = -30.0 * np.abs(eta - 8.0)[None, None]  # concave already: kept, however low
    kept = exact.copy()
    _continue(kept, np.array([-550.0]))
    assert (kept == exact).all()
