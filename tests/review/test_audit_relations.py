"""Relations between printed figures: right ones are never called wrong, however they are rounded."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

import bayesmeta as bm
from bayesmeta.effects.links import LINKS
from bayesmeta.review.audit_cells import read_figure
from bayesmeta.review.audit_relations import is_centred, p_interval
from bayesmeta.review.audit_tests import two_count_pvalues


@pytest.mark.parametrize("name", ["identity", "logit", "log", "arcsine"])
@pytest.mark.parametrize("decimals", [0, 1, 2])
def test_symmetric_intervals_are_centred_after_rounding_and_cutting(name, decimals):
    rng = np.random.default_rng(3)
    link = LINKS[name]
    for _ in range(500):
        p, half = rng.uniform(0.02, 0.98), rng.uniform(0.01, 0.5)
        middle = float(link.link(p))
        ends = [float(np.clip(link.inverse(middle + sign * half), 0.0, 1.0)) for sign in (-1, 1)]
        printed = [read_figure(f"{100 * x:.{decimals}f}", factor=100.0) for x in (p, *ends)]
        assert is_centred(link, *printed, is_proportion=True)


def test_a_point_off_the_centre_is_seen():
    figures = [read_figure(text, factor=100.0) for text in ("20.7", "3.5", "36.2")]
    assert not is_centred(LINKS["identity"], *figures, is_proportion=True)
    right = [read_figure(text, factor=100.0) for text in ("20.7", "5.3", "36.2")]
    assert is_centred(LINKS["identity"], *right, is_proportion=True)


def test_a_cut_limit_still_bounds_the_other_one():
    cut = [read_figure(text, factor=100.0) for text in ("30", "0", "50")]  # the upper should be at least 60
    assert not is_centred(LINKS["identity"], *cut, is_proportion=True)
    assert is_centred(LINKS["identity"], cut[0], cut[1], read_figure("61", factor=100.0), is_proportion=True)


@pytest.mark.parametrize("decimals", [0, 1])
def test_the_p_of_q_always_lies_in_the_interval_of_its_rounded_i2(decimals):
    rng = np.random.default_rng(4)
    for _ in range(1000):
        k, q = int(rng.integers(2, 40)), float(rng.exponential(30.0)) + 1e-6
        i2 = max(0.0, 1.0 - (k - 1) / q)
        figure = read_figure(f"{100 * i2:.{decimals}f}", factor=100.0)
        low, high = p_interval(figure, k)
        assert low - 1e-12 <= chi2.sf(q, k - 1) <= high + 1e-12


def test_the_interval_of_p_is_no_wider_than_the_rounding_of_i2():
    low, high = p_interval(read_figure("77.0", factor=100.0), 10)
    assert (low, high) == pytest.approx((chi2.sf(9 / (1 - 0.7705), 9), chi2.sf(9 / (1 - 0.7695), 9)))
    assert p_interval(read_figure("0.0", factor=100.0), 8) == pytest.approx((chi2.sf(7 / 0.9995, 7), 1.0))


def hazard_ratios(**changes):
    frame = pd.DataFrame(
        {"estimate": ["0.71", "0.50", "0.44"], "lower": ["0.55", "0.30", "0.29"], "upper": ["0.92", "0.83", "0.67"]}
    )
    for place, text in changes.items():
        frame.at[1, place] = text
    return frame


def test_hazard_ratios_need_limits_whose_geometric_mean_they_are():
    assert bm.audit(None, hazard_ratios(), measure="HR").is_clean
    found = bm.audit(None, hazard_ratios(upper="0.93"), measure="HR").faults
    assert found[["row", "column", "kind"]].to_numpy().tolist() == [["row 1", "estimate, lower, upper", "not-centred"]]
    assert found["reason"][0] == "the middle of 0.30 and 0.93 (geometric mean) is 0.53, not 0.50"
    outside = bm.audit(None, hazard_ratios(estimate="0.95"), measure="HR").faults
    assert "order" in outside["kind"].tolist()


def test_two_counts_give_the_pvalues_of_their_formulas():
    found = two_count_pvalues((67, 53), (160, 267))
    p, n = np.array([67 / 160, 53 / 267]), np.array([160.0, 267.0])
    pooled = 120 / 427
    z = (p[0] - p[1]) / np.sqrt(pooled * (1 - pooled) * (1 / n).sum())
    assert found["chi-squared"] == pytest.approx(chi2.sf(z**2, 1), rel=1e-9)
    shrunk = (abs(p[0] - p[1]) - 0.5 * (1 / n).sum()) / np.sqrt(pooled * (1 - pooled) * (1 / n).sum())
    assert found["chi-squared with Yates's correction"] == pytest.approx(chi2.sf(shrunk**2, 1), rel=1e-9)
    assert found["chi-squared"] == pytest.approx(1e-6, rel=0.1)  # the paper prints .87
    tea = two_count_pvalues((3, 1), (4, 4))
    assert tea["Fisher's exact test"] == pytest.approx(34 / 70)
    assert np.isnan(two_count_pvalues((0, 0), (5, 8))["chi-squared"])
    assert two_count_pvalues((0, 0), (5, 8))["Fisher's exact test"] == 1.0
