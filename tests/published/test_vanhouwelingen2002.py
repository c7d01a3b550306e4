"""van Houwelingen, Arends and Stijnen 2002, Statistics in Medicine 21:589-624, doi 10.1002/sim.1040: BCG and latitude.

Thirteen trials of the BCG vaccine (their Table I, p. 594; Colditz et al. 1994): log odds ratios by maximum likelihood.
The digits, with their pages, are those that metafor's own test of this example compares with the paper
(github.com/wviechtb/metafor, tests/testthat/test_analysis_example_vanhouwelingen2002.r); that file says that the upper
limit of the common odds ratio, 0.702, is printed as 0.703.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm

STUDIES = bm.Studies.from_frame(
    pd.read_csv(Path(__file__).parents[1] / "reference" / "metafor" / "bcg.csv"), moderators=["ablat"]
)


def test_the_common_odds_ratio_of_page_596():
    fit = bm.fit(STUDIES, engine="frequentist", tau2_method="EE")
    assert np.round(np.exp([fit.mu, fit.lower]), 3).tolist() == [0.647, 0.595]
    assert np.exp(fit.upper) == pytest.approx(0.703, abs=1e-3)


def test_the_random_effects_odds_ratio_of_page_597():
    fit = bm.fit(STUDIES, engine="frequentist", tau2_method="ML")
    assert np.round(np.exp([fit.mu, fit.lower, fit.upper]), 3).tolist() == [0.476, 0.336, 0.675]
    assert round(fit.tau2, 3) == 0.302


def test_the_range_of_true_effects_of_page_599():
    fit = bm.fit(STUDIES, engine="frequentist", tau2_method="ML")
    half = 1.959964 * fit.tau  # the paper's interval takes mu as known
    assert np.round([fit.mu - half, fit.mu + half], 3).tolist() == [-1.82, 0.336]


def test_the_regression_on_latitude_of_pages_608_and_609():
    fit = bm.fit(STUDIES, engine="frequentist", formula="~ I(ablat)", tau2_method="ML")
    assert fit.beta.round(3).tolist() == [0.371, -0.033]
    assert fit.coefficients.se.round(3).tolist() == [0.106, 0.003]
    assert round(fit.tau2, 3) == 0.004


def test_a_bare_moderator_has_the_same_slope_and_the_intercept_of_the_mean_latitude():
    written = bm.fit(STUDIES, engine="frequentist", formula="~ I(ablat)", tau2_method="ML")
    centred = bm.fit(STUDIES, engine="frequentist", formula="~ ablat", tau2_method="ML")
    assert centred.beta[1] == pytest.approx(written.beta[1], rel=1e-10)
    at_mean = bm.predict(written, {"ablat": centred.design.means["ablat"]}).set_index("parameter").loc["eta"]
    first = centred.summary().iloc[0]
    assert first[["estimate", "lower", "upper"]].tolist() == pytest.approx(
        at_mean[["estimate", "lower", "upper"]].tolist(), rel=1e-9
    )
