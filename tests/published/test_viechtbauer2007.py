"""Viechtbauer 2007, Statistics in Medicine 26:37-52: diuretics in pregnancy, Table II on page 44."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm

STUDIES = bm.Studies.from_frame(pd.read_csv(Path(__file__).parent / "data" / "collins1985.csv"), study="study")


def fitted(method):
    return bm.fit(STUDIES, engine="frequentist", measure="OR", tau2_method=method)


@pytest.mark.parametrize(("method", "printed"), [("DL", 0.230), ("ML", 0.239), ("REML", 0.301), ("SJ", 0.456)])
def test_estimates_of_tau2_are_those_printed(method, printed):
    assert round(fitted(method).tau2, 3) == printed


@pytest.mark.parametrize(
    ("estimator", "method", "printed"),
    [
        ("DL", "q-profile", (0.072, 2.203)),
        ("ML", "profile", (0.027, 1.131)),
        ("REML", "profile", (0.043, 1.475)),
    ],
)
def test_intervals_of_tau2_are_those_printed(estimator, method, printed):
    row = bm.heterogeneity(fitted(estimator), method=method).loc["tau2"]
    found = round(row["lower"], 3), round(row["upper"], 3)
    assert found == printed


@pytest.mark.parametrize(("estimator", "upper"), [("ML", 0.578), ("REML", 0.732)])
def test_wald_intervals_reach_as_far_up_as_printed(estimator, upper):
    # the printed lower limits are negative (-0.101 and -0.131), which no variance is
    row = bm.heterogeneity(fitted(estimator), method="wald").loc["tau2"]
    assert round(row["upper"], 3) == upper


def test_the_exact_distribution_of_q_shortens_the_printed_interval_from_its_gamma_approximation():
    # printed: 0.048 to 2.355 (Biggerstaff and Tweedie); the chance of so small a Q is 0.006 at 2.355, not 0.025
    fit = fitted("DL")
    row = bm.heterogeneity(fit, method="generalised-q").loc["tau2"]
    assert round(row["lower"], 3) == pytest.approx(0.048, abs=0.0015)
    rng, w = np.random.default_rng(1), fit.se**-2.0
    y = rng.normal(0.0, np.sqrt(fit.se**2 + row["upper"]), (200_000, fit.k))
    q = (w * (y - (y @ w / w.sum())[:, None]) ** 2).sum(axis=1)
    assert float(np.mean(q <= fit.q)) == pytest.approx(0.025, abs=0.0012)
