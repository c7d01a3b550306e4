import itertools

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.review.prisma_boxes import BOXES

FULL = {
    "databases": 1210, "registers": 55, "duplicates": 300, "automation": 12, "removed_other": 3, "screened": 950,
    "excluded": 700, "sought": 250, "not_retrieved": 10, "assessed": 240, "excluded_reports": 200,
    "websites": 40, "organisations": 3, "citations": 17, "other_sought": 60, "other_not_retrieved": 2,
    "other_assessed": 58, "other_excluded_reports": 50, "studies": 45, "reports": 48,
}  # fmt: skip
STEPS = {
    "records total": "databases", "duplicates removed": "duplicates", "records screened": "screened",
    "records excluded at screening": "excluded", "full texts assessed": "assessed",
    "full texts excluded": "excluded_reports", "full texts excluded: full text unavailable": "excluded_reports",
    "studies included": "studies",
}  # fmt: skip


def kinds(flow):
    return flow.problems.groupby("kind")["box"].agg(list).to_dict()


def test_a_complete_flow_has_no_problem():
    flow = bm.prisma_flow(FULL)
    assert flow.problems.empty
    assert flow.has_other_methods


@pytest.mark.parametrize("key", FULL)
def test_any_number_of_a_complete_flow_that_is_changed_by_one_is_noticed(key):
    for change in (-1, 1):
        flow = bm.prisma_flow(FULL | {key: FULL[key] + change}, on_bad="keep")
        if key == "studies":  # several reports may be of one study
            assert flow.problems.empty
        else:
            assert set(flow.problems["kind"]) == {"error"}
            assert flow.counts[key] == FULL[key] + change


def test_random_flows_that_add_up_pass_and_with_one_number_left_out_nothing_false_is_said():
    rng = np.random.default_rng(4)
    for _ in range(15):
        cut = np.sort(rng.integers(1, 1000, 8))[::-1].tolist()
        top, screened, sought, assessed, reports = cut[0] + 900, cut[1] + 400, cut[2] + 200, cut[3] + 50, cut[4]
        flow = {"databases": top, "registers": 7, "duplicates": top + 7 - screened - 3, "automation": 1,
                "removed_other": 2, "screened": screened, "excluded": screened - sought, "sought": sought,
                "not_retrieved": sought - assessed, "assessed": assessed, "excluded_reports": assessed - reports,
                "studies": reports, "reports": reports}  # fmt: skip
        assert bm.prisma_flow(flow).problems.empty
        for left_out in ("duplicates", "screened", "excluded", "sought", "not_retrieved", "assessed", "reports"):
            rest = {key: value for key, value in flow.items() if key != left_out}
            assert kinds(bm.prisma_flow(rest, on_bad="keep")) == {"missing": [left_out]}


def test_a_missing_box_is_said_with_what_it_would_be_and_not_filled_in():
    for key, words in (("excluded", "by the others, 700"), ("sought", "by the boxes before it, 250")):
        flow = bm.prisma_flow({name: count for name, count in FULL.items() if name != key})
        assert key not in flow.counts
        assert words in flow.problems.query("box == @key")["problem"].item()


def test_a_fault_across_a_gap_is_found():
    flow = {"databases": 100, "screened": 90, "assessed": 95}
    with pytest.raises(bm.DataError, match="screened 90 = 90, but assessed = 95: 5 too many"):
        bm.prisma_flow(flow)


def test_numbers_that_do_not_add_are_refused_with_file_row_and_box(tmp_path):
    file = tmp_path / "flow.csv"
    file.write_text("box,count\ndatabases,327\nduplicates,94\nscreened,230\n")
    with pytest.raises(bm.DataError, match=r"flow.csv, line 4, box 'screened': databases 327 - duplicates 94 = 233, "):
        bm.prisma_flow(file)
    file = tmp_path / "flow.toml"
    file.write_text("schema = 1\n[boxes]\ndatabases = 9\n[parts.databases]\nPubMed = 5\nEmbase = 5\n")
    with pytest.raises(bm.DataError, match=r"flow.toml, \[boxes\], box 'databases': 5 \+ 5 = 10, but databases = 9"):
        bm.prisma_flow(file)


@pytest.mark.parametrize(
    ("cell", "message"),
    [("-1", "-1"), ("2.5", "2.5"), ("about 300", "about 300"), ("1 917", "1 917"), ("1e20", "1e+20")],
)
def test_a_count_that_is_none_is_refused_with_its_row_and_column(tmp_path, cell, message):
    file = tmp_path / "flow.csv"
    file.write_text(f"box,part,count\ndatabases,PubMed,{cell}\n")
    with pytest.raises(bm.DataError, match=r"line 2, box databases, 'PubMed', column 'count': .*no number") as error:
        bm.prisma_flow(file)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"screend": 3}, "unknown box 'screend'. Did you mean 'screened'"),
        ({"screened": True}, "no number of records"),
        ({}, "has no numbers"),
        (pd.DataFrame({"box": ["screened", "screened"], "count": [1, 1]}), "row 1, box screened is there twice"),
        (pd.DataFrame({"box": ["screened"], "n": [1]}), "unknown column 'n'"),
        ("sarkar", "Did you mean 'sarkar2026'"),
        ("flows/none.toml", "does not exist"),
        (3, "not by an int"),
    ],
)
def test_what_is_no_flow_is_refused(given, message):
    with pytest.raises(bm.BayesmetaError, match=message):
        bm.prisma_flow(given)


def test_parts_belong_to_boxes_that_have_some_and_to_counts_given_by_box():
    with pytest.raises(bm.DataError, match="screened has no parts"):
        bm.prisma_flow({"screened": 3}, parts={"screened": {"a": 3}})
    with pytest.raises(bm.SpecError, match="parts go with counts by box"):
        bm.prisma_flow("wang2026", parts={"databases": {"PubMed": 3}})
    assert bm.prisma_flow({"screened": 30}, parts={"databases": {"a": 10, "b": 20}}).counts["databases"] == 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[boxes]\nscreened = 3\n", "the key 'schema' is missing"),
        ("schema = 1\n[box]\nscreened = 3\n", "unknown key 'box'"),
        ("schema = 1\n[boxes]\nscreened = '3 000'\n", r"\[boxes\], box screened, column 'count': '3 000'"),
        ("schema = 1\n[boxes\n", "not valid TOML"),
        ("schema = 1\nparts = 3\n", r"\[parts\] must be a table"),
    ],
)
def test_a_toml_file_is_read_strictly(tmp_path, text, message):
    file = tmp_path / "flow.toml"
    file.write_text(text)
    with pytest.raises(bm.BayesmetaError, match=message):
        bm.prisma_flow(file)


@pytest.mark.parametrize("name", ["Wang", "Sarkar"])
def test_the_bundled_flows_hold_the_counts_of_the_data_set(name):
    rows = bm.load_dataset("blinatumomab_prisma")
    rows = rows[rows["review"].str.startswith(name) & rows["count"].notna()].set_index("step")["count"]
    flow = bm.prisma_flow(f"{name.lower()}2026")
    expected = {STEPS[step]: int(count) for step, count in rows.items() if step in STEPS}
    assert dict(flow.counts) == expected
    parts = {step.removeprefix("records "): int(count) for step, count in rows.items() if step not in STEPS}
    parts.pop("patients included", None)
    assert dict(flow.parts.get("databases", {})) == parts


def test_review_2_adds_up_and_review_1_cannot_be_followed_from_6277_records_to_20_reports():
    assert set(kinds(bm.prisma_flow("sarkar2026"))) == {"missing"}
    flow = bm.prisma_flow("wang2026")
    found = kinds(flow)
    assert set(found) == {"missing", "warning"}
    assert {"duplicates", "screened", "excluded", "sought", "not_retrieved"} <= set(found["missing"])
    assert found["warning"] == ["excluded_reports"]  # full texts that were not had were not assessed
    assert flow.problems["problem"].str.contains("6257 of 6277 between databases 6277 and assessed 20").sum() == 3


def test_the_registry_names_every_box_of_both_templates():
    table = bm.prisma_boxes()
    assert table["box"].tolist() == list(BOXES)
    assert not any(a == b for a, b in itertools.pairwise(table["box"]))
    assert table["arm"].value_counts().to_dict() == {"databases and registers": 11, "other methods": 8, "": 2}
