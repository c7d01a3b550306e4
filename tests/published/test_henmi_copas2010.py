"""Henmi and Copas 2010, Statistics in Medicine 29:2969-2983: acupoint stimulation against nausea, page 2978."""

from pathlib import Path

import pandas as pd
import pytest

import bayesmeta as bm

STUDIES = bm.Studies.from_frame(pd.read_csv(Path(__file__).parent / "data" / "lee2004.csv"), study="study")


def test_dersimonian_laird_is_as_printed_on_page_2978():
    fit = bm.fit(STUDIES, engine="frequentist", measure="OR")
    found = [fit.tau2, fit.mu, fit.lower, fit.upper]
    assert [round(value, 4) for value in found] == [0.3325, -0.6787, -1.0664, -0.2911]


def test_their_interval_is_as_printed_on_page_2978():
    fit = bm.fit(STUDIES, engine="frequentist", measure="OR", ci_method="henmi-copas")
    assert (fit.lower, fit.upper) == pytest.approx((-0.9994, -0.0295), abs=5e-5)
    assert 0.5 * (fit.lower + fit.upper) == pytest.approx(-0.5145, abs=5e-5)
