"""Viechtbauer 2007, Statistics in Medicine 26:37-52: diuretics in pregnancy, Table II on page 44."""

from pathlib import Path

import pandas as pd
import pytest

import bayesmeta as bm

STUDIES = bm.Studies.from_frame(pd.read_csv(Path(__file__).parent / "data" / "collins1985.csv"), study="study")


def fitted(method):
    return bm.fit(STUDIES, engine="frequentist", measure="OR", tau2_method=method)


@pytest.mark.parametrize(("method", "printed"), [("DL", 0.230), ("ML", 0.239), ("REML", 0.301), ("SJ", 0.456)])
def test_estimates_of_tau2_are_those_printed(method, printed):
    assert round(fitted(method).tau2, 3) == printed
