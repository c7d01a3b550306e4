"""Wang et al. 2026, Oncology Letters, doi 10.3892/ol.2026.15552: Egger and Begg P-values of four outcomes.

The printed values are the bundled `blinatumomab_publication_bias`. The paper's convention: both tests (Stata's
`metabias`) on ln(p), with standard errors (ln upper - ln lower) / 3.92 from the exact 95 % intervals; Begg with
continuity correction. The counts are reconstructed (`status` in `blinatumomab_outcomes`), and the two P-values of MRD
response do not follow from them: .05 and .10 are printed.
"""

import numpy as np
import pytest

from bayesmeta.analyses.small_study import small_study_tests
from bayesmeta.data.datasets import load_dataset
from bayesmeta.data.studies import Studies
from bayesmeta.effects.one_arm import clopper_pearson

PRINTED = load_dataset("blinatumomab_publication_bias").set_index("outcome")


def pvalues(outcome):
    frame = load_dataset("blinatumomab_outcomes").query("outcome == @outcome").dropna(subset=["events"])
    events, n = frame["events"].to_numpy(float), frame["n"].to_numpy(float)
    lower, upper = clopper_pearson(events, n)
    y, se = np.log(events / n), (np.log(upper) - np.log(lower)) / 3.92
    table = small_study_tests(Studies(tuple(frame["study"]), y=y, se=se)).set_index("model")["pvalue"]
    return table["lm"], table["continuity-corrected"]


@pytest.mark.parametrize("outcome", ["CR", "CMR", "All-grade AE"])
def test_printed_pvalues_are_reproduced(outcome):
    printed = PRINTED.loc[outcome, ["egger_p", "begg_p"]].tolist()
    assert [round(value, 2) for value in pvalues(outcome)] == printed


def test_the_two_of_mrd_response_are_not():
    assert PRINTED.loc["MRD response"].tolist() == [0.05, 0.1]
    # Begg 0.32 without the correction for ties: two studies have 9 of 11
    assert [round(value, 2) for value in pvalues("MRD response")] == [0.23, 0.31]


def test_every_printed_pvalue_is_compared():
    assert PRINTED.notna().to_numpy().sum() == 8


def test_the_tests_by_study_size_find_nothing_in_complete_remission():
    studies = Studies.from_frame(load_dataset("blinatumomab_cr"), events="events", n="n")
    table = small_study_tests(studies)
    assert PRINTED.loc["CR", "egger_p"] == 0.02
    assert (table["pvalue"] > 0.05).all()
    assert table["note"].str.contains("the standard error of a proportion is a function of the estimate").all()
