"""Stijnen, Hamza and Ozdemir 2010, Statistics in Medicine 29:3046-3067: generalised linear mixed models.

Infections by catheters: Table II (page 3050), one arm; III (page 3052), two arms; VII (page 3054), rates; VIII (page
3055), rate ratios. Where a last digit of ours, and of R's metafor, is not that of the print, a comment has the latter.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm

HERE = Path(__file__).parent
ARMS = pd.read_csv(HERE / "data" / "nielweise2007.csv")
RATES = pd.read_csv(HERE.parent / "reference" / "metafor" / "nielweise2008.csv")


def one_arm(frame, arm, size):
    return bm.Studies.from_frame(
        pd.DataFrame({"study": frame["study"], "events": frame[f"events_{arm}"], size: frame[f"{size}_{arm}"]})
    )


@pytest.mark.parametrize(
    ("arm", "method", "mu", "se", "tau2", "proportion"),
    [
        ("control", "REML", -3.30, 0.24, 0.663, (0.036, 0.023, 0.055)),  # printed 0.035, 0.023, 0.056
        ("treatment", "REML", -4.26, 0.26, 0.393, (0.014, 0.008, 0.023)),
        ("control", "glmm", -3.50, 0.26, 0.81, (0.029, 0.018, 0.048)),
        ("treatment", "glmm", -4.81, 0.36, 0.83, (0.008, 0.004, 0.016)),
    ],
)
def test_table_2_pooled_risks_of_one_arm(arm, method, mu, se, tau2, proportion):
    options = {"method": "glmm"} if method == "glmm" else {"tau2_method": method}
    fit = bm.fit(one_arm(ARMS, arm, "n"), engine="frequentist", **options)
    row = fit.summary().loc["p_median", ["estimate", "lower", "upper"]]
    assert (round(fit.mu, 2), round(fit.se_mu, 2)) == (mu, se)
    assert round(fit.tau2, 2 if method == "glmm" else 3) == tau2
    assert tuple(round(value, 3) for value in row) == proportion


def test_table_3_odds_ratio_by_the_exact_conditional_likelihood():
    studies = bm.Studies.from_frame(ARMS, study="study")
    fit = bm.fit(studies, engine="frequentist", method="glmm", glmm_model="CM.EL")
    assert (round(fit.mu, 3), round(fit.se_mu, 3), round(fit.tau, 2)) == (-1.353, 0.351, 0.83)
    row = np.exp(fit.summary().loc["mu", ["estimate", "lower", "upper"]].to_numpy(float))
    assert row.round(2).tolist() == [0.26, 0.13, 0.51]  # printed 0.25, 0.13, 0.51


def test_table_3_odds_ratio_by_the_approximate_conditional_likelihood():
    fit = bm.fit(bm.Studies.from_frame(ARMS, study="study"), engine="frequentist", method="glmm", glmm_model="CM.AL")
    assert (round(fit.mu, 3), round(fit.se_mu, 3), round(fit.tau, 2)) == (-1.303, 0.339, 0.78)  # printed 0.77


@pytest.mark.parametrize(
    ("arm", "method", "mu", "se", "tau2", "rate"),
    [
        ("control", "REML", 1.468, 0.243, 0.370, (4.34, 2.70, 6.98)),  # printed 6.99
        ("treatment", "REML", 0.981, 0.326, 0.639, (2.67, 1.41, 5.05)),
        ("control", "glmm", 1.401, 0.231, 0.317, (4.06, 2.58, 6.38)),  # printed 0.316
        ("treatment", "glmm", 0.849, 0.330, 0.654, (2.34, 1.22, 4.47)),  # printed 0.850, 1.23
    ],
)
def test_table_7_pooled_rates_per_1000_catheter_days(arm, method, mu, se, tau2, rate):
    frame = RATES.assign(**{f"time_{arm}": RATES[f"time_{arm}"] / 1000})
    options = {"method": "glmm"} if method == "glmm" else {"tau2_method": method}
    fit = bm.fit(one_arm(frame, arm, "time"), engine="frequentist", measure="IRLN", **options)
    row = np.exp(fit.summary().loc["mu", ["estimate", "lower", "upper"]].to_numpy(float))
    assert (round(fit.mu, 3), round(fit.se_mu, 3), round(fit.tau2, 3)) == (mu, se, tau2)
    assert tuple(row.round(2)) == rate


def test_table_8_rate_ratio_by_the_conditional_likelihood():
    studies = bm.Studies.from_frame(RATES, study="study")
    fit = bm.fit(studies, engine="frequentist", method="glmm", glmm_model="CM.EL")
    assert (round(fit.mu, 3), round(fit.se_mu, 3), round(fit.tau, 2)) == (-0.476, 0.238, 0.35)
    row = np.exp(fit.summary().loc["mu", ["estimate", "lower", "upper"]].to_numpy(float))
    assert row.round(2).tolist() == [0.62, 0.39, 0.99]
