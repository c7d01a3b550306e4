"""Can one read a flow, a table of quality and an extraction at the prompt?"""

import pandas as pd

import bayesmeta as bm

WIDEST = 100


def test_a_flow_prints_its_boxes_with_their_parts_and_what_is_wrong():
    text = str(bm.prisma_flow("wang2026"))
    lines = text.splitlines()
    assert lines[0] == "PRISMA 2020 flow: Wang et al. 2026"
    words = [" ".join(line.split()) for line in lines]
    start = words.index("Identification, databases and registers")
    assert words[start + 1 : start + 3] == ["Databases 6277", "PubMed 848"]
    assert "Studies included in review 11" in words
    assert "Problems: 9 missing and 1 warning" in lines
    assert lines[-1] == "  and 5 more; flow.problems lists all"
    assert max(map(len, lines)) <= WIDEST


def test_errors_of_a_flow_stand_before_what_is_missing():
    flow = bm.prisma_flow({"databases": 327, "duplicates": 94, "screened": 230}, on_bad="keep")
    lines = repr(flow).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("Problems: 1 error and ")) + 1
    assert lines[0] == "PRISMA 2020 flow"
    assert lines[first].startswith("  error: screened: databases 327 - duplicates 94 = 233, but screened = 230")


def test_a_table_of_quality_prints_totals_beside_printed_ones():
    frame = bm.load_dataset("blinatumomab_quality").query("tool == 'MINORS'")
    quality = bm.read_quality(frame, on_bad="keep")
    lines = str(quality).splitlines()
    assert lines[0] == "Quality of 7 studies: MINORS (7)"
    (wrong,) = (line for line in lines if line.startswith("  Foa 2020"))
    assert wrong.split() == ["Foa", "2020", "MINORS", "14", "of", "16", "printed", "16"]
    assert "  and 2 more" in lines
    assert "Problems: 2 errors" in lines


def test_quality_without_points_prints_overall_judgements():
    row = {"study": "Lee 2019", **{f"D{i}": "low" for i in range(1, 6)}, "overall": "low"}
    text = str(bm.read_quality(pd.DataFrame([row]), tool="RoB 2"))
    assert text.splitlines()[0] == "Quality of 1 study: RoB 2 (1)"
    assert text.splitlines()[1].startswith("  Lee 2019  RoB 2")
    assert text.splitlines()[1].endswith("low")
    assert text.splitlines()[2] == "Problems: none found"


def test_an_extraction_prints_how_many_results_of_which_kind_it_has():
    lines = str(bm.read_extraction(bm.load_dataset("blinatumomab_extraction"))).splitlines()
    assert lines[0] == "Extraction: 172 results of 12 cohorts, from extraction table"
    assert lines[1].split() == ["MRD", "negativity", "count", "18", "results", "7", "cohorts"]
    assert "  and 54 more" in lines
    assert "Problems: 6 warnings" in lines
    assert max(map(len, lines)) <= WIDEST
