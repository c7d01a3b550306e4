"""Contrasts with a control against dense sums over the quantiles of either side."""

import numpy as np
import pytest
from scipy import special, stats

import bayesmeta as bm
from bayesmeta.exact.against import KINDS, against, logit_at, on_kind

CONTROLS = {
    "TOWER": bm.Control.from_counts(119, 271),
    "none of 5": bm.Control.from_counts(0, 5, prior="Beta(0.5, 0.5)"),
    "all of 40": bm.Control.from_counts(40, 40),
    "E1910": bm.Control.from_limits(0.848, 0.763, 0.904, scale="log-log"),
}
DATA = {
    "CR": bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr")),
    "no events": bm.Studies(("A", "B"), events=[0, 0], n=[14, 9]),
    "large": bm.Studies(("A", "B", "C"), events=[4100, 3900, 4050], n=[9000, 9000, 9000]),
}


@pytest.fixture(scope="module")
def fits():
    made = {name: bm.fit(studies) for name, studies in DATA.items()}
    cloglog = bm.ModelSpec(likelihood="binomial", link="cloglog", mu="Normal(0, 1.5)", tau="HalfNormal(1)")
    return made | {"cloglog": bm.fit(DATA["CR"], cloglog)}


def unit_rule(step):
    """Nodes and weights on (0, 1), dense at both ends, and fine: integrands have cusps where a proportion is 1."""
    gauss, weight = np.polynomial.legendre.leggauss(6)
    edges = special.ndtr(np.arange(-5.6, 5.61, step))
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    return (middle[:, None] + half[:, None] * gauss).ravel(), (half[:, None] * weight).ravel()


U, WEIGHT = unit_rule(0.02)
FEW, FEW_WEIGHT = unit_rule(0.1)


def pooled_at(control_logit, d, kind):
    """The pooled proportion whose contrast with a rate is d, by the plain formula."""
    c = special.expit(control_logit)
    if kind == "difference":
        return c + d
    odds = np.exp(d) * c / (1.0 - c)
    return np.exp(d) * c if kind == "ratio" else odds / (1.0 + odds)


@pytest.mark.parametrize(
    ("data", "control", "name"),
    [
        ("CR", "TOWER", "p_median"),
        ("CR", "TOWER", "p_mean"),
        ("CR", "none of 5", "p_median"),
        ("no events", "E1910", "p_median"),
        ("large", "none of 5", "p_median"),
        ("cloglog", "E1910", "p_median"),
        ("cloglog", "none of 5", "p_mean"),
    ],
)
def test_contrasts_equal_a_dense_sum_over_the_control_s_quantiles(fits, data, control, name):
    fit, rate = fits[data], CONTROLS[control].rate
    marginal, at = fit.marginal(name), rate.logit_ppf(U)
    for kind in KINDS:
        fine, coarse = against(fit.resolutions(name), rate, kind)
        d = fine.marginal(kind).base_ppf(np.array([0.025, 0.5, 0.975]))
        expected = [WEIGHT @ marginal.cdf(pooled_at(at, value, kind)) for value in d]
        assert fine.cdf_pdf(d)[0] == pytest.approx(expected, abs=1e-6)
        assert coarse.cdf_pdf(d)[0] == pytest.approx(expected, abs=1e-6)


def test_contrasts_equal_a_dense_sum_over_the_pooled_proportion_s_quantiles(fits):
    beta = stats.beta(120, 153)
    for name in ("p_median", "p_mean", "p_new"):
        fine, _ = against(fits["CR"].resolutions(name), CONTROLS["TOWER"].rate, "difference")
        at = fits["CR"].marginal(name).ppf(FEW)
        for d in (-0.1, 0.2, 0.45):
            assert fine.cdf_pdf(np.array([d]))[0][0] == pytest.approx(FEW_WEIGHT @ beta.sf(at - d), abs=1e-6)


def test_densities_are_the_slopes_of_distribution_functions(fits):
    for kind in KINDS:
        fine, _ = against(fits["CR"].resolutions("p_new"), CONTROLS["E1910"].rate, kind)
        d = np.array([-0.4, -0.05, 0.03, 0.1])
        below, above = fine.cdf_pdf(d - 1e-5)[0], fine.cdf_pdf(d + 1e-5)[0]
        assert fine.cdf_pdf(d)[1] == pytest.approx((above - below) / 2e-5, rel=1e-5)


def test_a_contrast_and_its_inverse_agree():
    x = np.linspace(-6.0, 6.0, 41)
    for kind in KINDS:
        for d in (-0.3, 0.0, 0.2):
            t, _ = logit_at(x, d, kind)
            inside = np.isfinite(t)
            assert (on_kind(t, kind) - on_kind(x, kind))[inside] == pytest.approx(d, abs=1e-12)
            assert logit_at(t[inside], -d, kind)[0] == pytest.approx(x[inside], abs=1e-9)
