"""Normand 1999, Statistics in Medicine 18:321-359: lidocaine (Tables III and VII) and stroke units (VIII and IX)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def lidocaine():
    """Six trials of prophylactic lidocaine, deaths (Hine et al. 1989)."""
    return bm.Studies.from_frame(pd.read_csv(DATA / "hine1989.csv"), study="study")


@pytest.fixture(scope="module")
def stroke_units():
    """Days in hospital, specialised less routine care, standard errors from the pooled SD of both arms."""
    d = pd.read_csv(DATA / "normand1999.csv")
    pooled = ((d.n1i - 1) * d.sd1i**2 + (d.n2i - 1) * d.sd2i**2) / (d.n1i + d.n2i - 2)
    frame = pd.DataFrame({"study": d.source, "y": d.m1i - d.m2i, "se": np.sqrt(pooled * (1 / d.n1i + 1 / d.n2i))})
    return bm.Studies.from_frame(frame, study="study", y="y", se="se")


def test_risk_differences_are_those_of_table_3_on_page_330(lidocaine):
    fit = bm.fit(lidocaine, engine="frequentist", measure="RD")
    assert (100 * fit.y).round(4).tolist() == [2.8026, 0.0, 1.9711, 1.7961, 3.5334, 4.4031]
    assert (100**2 * fit.se**2).round(4).tolist() == [17.7575, 37.5657, 8.1323, 10.8998, 8.0114, 6.1320]
    lower, upper = (100 * (fit.y + sign * 1.959964 * fit.se) for sign in (-1, 1))
    assert lower.round(1).tolist() == [-5.5, -12.0, -3.6, -4.7, -2.0, -0.5]
    assert upper.round(1).tolist() == [11.1, 12.0, 7.6, 8.3, 9.1, 9.3]


@pytest.mark.parametrize("method", ["EE", "DL", "REML"])
def test_all_estimators_find_homogeneous_lidocaine_trials_as_table_7_on_page_349(lidocaine, method):
    fit = bm.fit(lidocaine, engine="frequentist", measure="RD", tau2_method=method)
    assert [round(100 * fit.mu, 2), round(100 * fit.lower, 1), round(100 * fit.upper, 1)] == [2.94, 0.4, 5.5]
    assert fit.tau2 == 0.0


def test_mean_differences_of_stroke_units_are_those_of_table_8_on_page_351(stroke_units):
    assert stroke_units.y.tolist() == [-20, -2, -55, -71, -4, 1, 11, -10, 7]
    variances = [40.59, 2.05, 15.28, 150.22, 20.19, 1.22, 95.38, 8.03, 20.69]
    assert (stroke_units.se**2).round(2).tolist() == variances


@pytest.mark.parametrize(
    ("method", "printed"),
    [
        ("EE", [-3.49, -5.03, -1.96]),
        ("DL", [-14.10, -24.45, -3.75, 218.72]),
        ("REML", [-15.12, -32.67, 2.43, 685.20]),
    ],
)
def test_pooled_stays_are_those_of_table_9_on_page_352(stroke_units, method, printed):
    fit = bm.fit(stroke_units, engine="frequentist", tau2_method=method)
    found = [fit.mu, fit.lower, fit.upper, fit.tau2]
    assert [round(value, 2) for value in found[: len(printed)]] == printed
