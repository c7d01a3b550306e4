"""Berkey, Hoaglin, Mosteller and Colditz 1995, Statistics in Medicine 14:395-411, doi 10.1002/sim.4780140406: BCG.

Thirteen trials of the BCG vaccine: log risk ratios with smoothed variances, tau2 by empirical Bayes, latitude centred
at 33.46. The digits of page 408 are those that metafor's own test of this example compares with the paper
(github.com/wviechtb/metafor, tests/testthat/test_analysis_example_berkey1995.r). It says where the paper prints other
last digits: an intercept of -0.6304 (random effects) and -0.5950 (common effect), and a standard error of 0.0039.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm


def smoothed():
    """The log risk ratios, and variances from the average risks of all trials."""
    frame = pd.read_csv(Path(__file__).parents[1] / "reference" / "metafor" / "bcg.csv")
    risk, variance = {}, np.zeros(len(frame))
    for arm in ("treatment", "control"):
        events, n = frame[f"events_{arm}"], frame[f"n_{arm}"]
        risk[arm] = events / n
        variance += ((n - events) / events).mean() / n
    y = np.log(risk["treatment"] / risk["control"])
    return frame[["study", "ablat"]].assign(y=y, se=np.sqrt(variance))


STUDIES = bm.Studies.from_frame(smoothed(), y="y", se="se", moderators=["ablat"])


def test_the_random_effects_analysis_of_page_408():
    fit = bm.fit(STUDIES, engine="frequentist", tau2_method="EB")
    assert [round(fit.mu, 4), round(fit.se_mu, 4), round(fit.tau2, 4)] == [-0.5429, 0.1842, 0.2682]


def test_the_mixed_effects_regression_on_latitude_of_page_408():
    fit = bm.fit(STUDIES, engine="frequentist", formula="~ I(ablat - 33.46)", tau2_method="EB")
    assert fit.beta == pytest.approx([-0.6304, -0.0268], abs=1.1e-4)
    assert fit.coefficients.se.round(4).tolist() == [0.1591, 0.0110]
    assert round(fit.tau2, 4) == 0.1572
    risks = [np.exp(bm.predict(fit, {"ablat": at})["estimate"].iloc[0]) for at in (33.46, 42)]
    assert np.round(risks, 4).tolist() == [0.5324, 0.4236]


def test_the_common_effect_regression_on_latitude_of_page_408():
    fit = bm.fit(STUDIES, engine="frequentist", formula="~ I(ablat - 33.46)", tau2_method="EE")
    assert fit.beta == pytest.approx([-0.5950, -0.0282], abs=1.1e-4)
    assert fit.coefficients.se == pytest.approx([0.0696, 0.0039], abs=1e-4)
    risks = [np.exp(bm.predict(fit, {"ablat": at})["estimate"].iloc[0]) for at in (33.46, 42)]
    assert np.round(risks, 4).tolist() == [0.5516, 0.4336]
