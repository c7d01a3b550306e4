"""Yusuf et al. 1985, Progress in Cardiovascular Diseases 27:335-371: beta blockade, table 6; pooled on page 107.

Printed: odds ratio 0.93, 95 % interval 0.74 to 1.18. The trial "Snow 1" has no counts, and is left out here as there.
"""

from pathlib import Path

import numpy as np
import pandas as pd

import bayesmeta as bm

DATA = Path(__file__).parent / "data" / "yusuf1985.csv"


def test_petos_pooled_odds_ratio_is_that_printed():
    studies = bm.Studies.from_frame(pd.read_csv(DATA), study="study")
    fit = bm.fit(studies, engine="frequentist", method="peto")
    row = fit.summary().loc["mu"]
    assert np.exp(row[["estimate", "lower", "upper"]].to_numpy(float)).round(2).tolist() == [0.93, 0.74, 1.18]
