"""The summary as studies come in."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.analyses.cumulative import cumulative

REFERENCE = Path(__file__).parents[1] / "reference" / "metafor" / "dl_leave_one_out.json"
CASES = json.loads(REFERENCE.read_text(encoding="utf-8"))["cases"]
FRAME = pd.DataFrame(
    {
        "study": list("ABCD"),
        "events": [3, 9, 6, 2],
        "n": [10, 11, 12, 9],
        "year": [2011, 2003, 2008, 2003],
        "kind": [1, "x", 2, 3],
    }
)


@pytest.fixture(scope="module")
def fit():
    return bm.fit(bm.Studies.from_frame(FRAME, moderators=["year", "kind"]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['dataset']}-{case['measure']}")
def test_cumulative_dersimonian_laird_is_as_metafor_has_it(case):
    labels = tuple(f"study {i}" for i in range(len(case["yi"])))
    fit = bm.fit(bm.Studies(labels, y=np.array(case["yi"]), se=np.sqrt(case["vi"])), engine="frequentist")
    rows = cumulative(fit)
    for theirs, ours in {"estimate": "estimate", "se": "se", "tau2": "tau2"}.items():
        assert rows[ours].to_numpy() == pytest.approx(np.array(case["cumulative"][theirs]), rel=1e-8, abs=1e-10)
    assert 100.0 * rows["i2"].to_numpy() == pytest.approx(np.array(case["cumulative"]["I2"]), rel=1e-8, abs=1e-10)


def test_each_step_is_the_fit_of_the_studies_so_far(fit):
    table = cumulative(fit, by="year")
    for k, chosen in enumerate(([1], [1, 3], [1, 2, 3], [0, 1, 2, 3]), start=1):
        own = bm.fit(fit.studies.take(chosen), fit.model).summary()
        rows = table[table["k"] == k].set_index("parameter")
        difference = (rows[own.columns] - own)[["mean", "sd", "median", "lower", "upper"]].abs().max(axis=1)
        assert (difference <= rows["numerical_error"] + own["numerical_error"]).all()


def test_studies_come_in_ascending_order_with_ties_as_in_the_data(fit):
    rows = cumulative(fit, by="year").query("parameter == 'mu'")
    assert rows["study"].tolist() == ["B", "D", "C", "A"]
    assert rows["by"].tolist() == [2003, 2003, 2008, 2011]
    tie = "tie in year: in the order of the data"
    assert rows["note"].tolist() == [tie, tie, "", ""]


def test_without_a_moderator_the_order_is_that_of_the_data_or_of_the_labels(fit):
    assert cumulative(fit).query("parameter == 'mu'")["study"].tolist() == list("ABCD")
    table = cumulative(fit, by=list("DBAC")).query("parameter == 'mu'")
    assert table["study"].tolist() == list("DBAC")
    assert table["k"].tolist() == [1, 2, 3, 4]
    assert "by" not in table


def test_a_first_step_that_is_improper_has_the_reason():
    fit = bm.fit(bm.Studies.from_frame(FRAME), bm.ModelSpec(tau="HalfFlat()"))
    notes = cumulative(fit).query("parameter == 'tau'")["note"].tolist()
    assert notes[0].startswith("the posterior of tau is improper")
    assert notes[1:] == ["", "", ""]


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("yaer", "unknown moderator 'yaer'. Did you mean 'year'?"),
        (
            "design",
            "unknown moderator 'design'. Allowed: year, kind. If 'design' is a column of your data, read it with the "
            "studies: Studies.from_frame(..., moderators=['year', 'kind', 'design']).",
        ),
        ("kind", "moderator 'kind' mixes kinds of values that have no order; give the labels instead."),
        (["A", "B"], "by lacks 'C'; give the label of each of the 4 studies once."),
        (["A", "B", "C", "D", "D"], "by names a study twice; give the label of each of the 4 studies once."),
        (["A", "B", "C", "E"], "there is no study 'E'."),
    ],
)
def test_an_order_that_is_none_is_refused(fit, by, message):
    with pytest.raises(bm.SpecError) as caught:
        cumulative(fit, by=by)
    assert str(caught.value).startswith(message)


def test_studies_without_moderators_say_how_to_read_them():
    fit = bm.fit(bm.Studies.from_frame(FRAME))
    with pytest.raises(
        bm.SpecError, match=r"the studies have no moderator 'year'; read them with moderators=\['year'\]."
    ):
        cumulative(fit, by="year")
