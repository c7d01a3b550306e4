"""Raudenbush and Bryk 1985, Journal of Educational Statistics 10:75-98, doi 10.3102/10769986010002075, and Raudenbush
2009, The handbook of research synthesis and meta-analysis, 2nd edition, chapter 16: expectations of teachers.

Nineteen experiments; the moderator is the weeks of contact before the expectancy was induced, more than three counting
as three. Estimates by restricted maximum likelihood. The digits, with their pages and tables, are those that metafor's
own tests compare with the two texts (github.com/wviechtb/metafor, tests/testthat/test_analysis_example_raudenbush1985.r
and _raudenbush2009.r). They say where the texts print other last digits: Q 35.85 and 16.58 in 1985, mean 0.083 and z
1.65 (common effect) in 2009.
"""

from pathlib import Path

import pandas as pd
import pytest

import bayesmeta as bm

FRAME = pd.read_csv(Path(__file__).parents[1] / "reference" / "metafor" / "raudenbush1985.csv")
FRAME["weeks"] = FRAME["weeks"].clip(upper=3)
FRAME["study"] = [f"{i + 1} {name}" for i, name in enumerate(FRAME["study"])]
STUDIES = bm.Studies.from_frame(FRAME, y="estimate", se="se", moderators=["weeks"])

# Table 16.3, p. 309: tau2, mean, se, z or t, lower, upper, for each estimator
CONVENTIONAL = {
    "EE": [0.0, 0.060, 0.036, 1.655, -0.011, 0.132],
    "ML": [0.013, 0.078, 0.047, 1.637, -0.015, 0.171],
    "REML": [0.019, 0.084, 0.052, 1.621, -0.018, 0.185],
    "DL": [0.026, 0.089, 0.056, 1.601, -0.020, 0.199],
    "HE": [0.080, 0.114, 0.079, 1.443, -0.041, 0.270],
}
KNAPP_HARTUNG = {
    "EE": [0.0, 0.060, 0.051, 1.173, -0.048, 0.168],
    "ML": [0.013, 0.078, 0.059, 1.311, -0.047, 0.202],
    "REML": [0.019, 0.084, 0.062, 1.359, -0.046, 0.213],
    "DL": [0.026, 0.089, 0.064, 1.405, -0.044, 0.223],
    "HE": [0.080, 0.114, 0.071, 1.608, -0.035, 0.264],
}
HUBER_WHITE = {
    "EE": [0.0, 0.060, 0.040, 1.515, -0.023, 0.144],
    "ML": [0.013, 0.078, 0.047, 1.637, -0.022, 0.178],
    "REML": [0.019, 0.084, 0.050, 1.676, -0.021, 0.189],
    "DL": [0.026, 0.089, 0.052, 1.710, -0.020, 0.199],
    "HE": [0.080, 0.114, 0.062, 1.850, -0.015, 0.244],
}


def mean(ci_method, tau2_method):
    return bm.fit(STUDIES, engine="frequentist", formula="~ 1", tau2_method=tau2_method, ci_method=ci_method)


def printed(fit, tau2):
    row = fit.summary().iloc[0]
    return [round(value, 3) for value in (tau2, *row[["estimate", "se", "statistic", "lower", "upper"]])]


def test_the_random_effects_analysis_of_1985_pages_83_to_86():
    fit = bm.fit(STUDIES, engine="frequentist", tau2_method="REML")
    assert [round(fit.tau2, 3), round(fit.mu, 3), round(fit.mu / fit.se_mu, 2)] == [0.019, 0.084, 1.62]
    assert fit.q == pytest.approx(35.85, abs=0.03)


def test_the_regression_on_weeks_of_1985_pages_90_and_92_and_of_2009_table_16_2():
    fit = bm.fit(STUDIES, engine="frequentist", formula="~ I(weeks)", tau2_method="REML")
    assert fit.beta.round(3).tolist() == [0.407, -0.157]
    assert fit.coefficients.statistics.round(2).tolist() == [4.68, -4.39]
    assert round(fit.tau2, 3) == 0.0
    assert round(fit.q, 2) == 16.57
    assert fit.q == pytest.approx(16.58, abs=0.011)
    assert round(fit.r2, 3) == 1.0


def test_the_common_effect_analysis_of_2009_table_16_2():
    fit = bm.fit(STUDIES, engine="frequentist", tau2_method="EE")
    assert [round(fit.mu, 3), round(fit.q, 2)] == [0.060, 35.83]
    assert fit.mu / fit.se_mu == pytest.approx(1.65, abs=0.006)


@pytest.mark.parametrize("method", CONVENTIONAL)
def test_the_conventional_intervals_of_2009_table_16_3(method):
    fit = mean("wald", method)
    assert printed(fit, fit.tau2) == CONVENTIONAL[method]


@pytest.mark.parametrize("method", KNAPP_HARTUNG)
def test_the_knapp_hartung_intervals_of_2009_table_16_3(method):
    fit = mean("hartung-knapp", method)
    assert printed(fit, fit.tau2) == KNAPP_HARTUNG[method]


@pytest.mark.parametrize("method", HUBER_WHITE)
def test_the_huber_white_intervals_of_2009_table_16_3(method):
    fit = bm.fit(STUDIES, engine="frequentist", tau2_method=method)
    assert printed(bm.cluster_robust(fit, "study", kind="CR0"), fit.tau2) == HUBER_WHITE[method]
