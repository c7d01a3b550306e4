import json
from pathlib import Path

import pytest

GOOD = "study,events,n\nLee 2019,3,10\nKim 2020,5,9\n"
BAD = "study,events,n\nLee 2019,7,5\nKim 2020,5,9\nHan 2021,,8\nKim 2020,1,4\n"
OFF_CENTRE = "study,estimate,lower,upper\nLee 2019,0.5,0.4,2.0\nKim 2020,0.7,0.5,0.9\n"


@pytest.fixture
def csv():
    def write(text: str) -> str:
        Path("data.csv").write_text(text, encoding="utf-8")
        return "data.csv"

    return write


def test_good_data_are_said_to_be_good_with_their_size(run, csv):
    result = run("check", csv(GOOD))
    assert result.exit_code == 0
    assert result.stdout == "data.csv: no problem found, 2 studies, 8/19 events.\n"
    assert result.stderr == ""


def test_each_problem_is_one_row_with_line_study_and_column(run, csv):
    result = run("check", csv(BAD))
    assert result.exit_code == 1
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["line", "study", "column", "problem", "kind"]
    assert [row.split()[0] for row in rows] == ["2", "4", "5"]
    assert "events=7 > n=5; correct one of them" in rows[0]
    assert result.stderr == "Error: data.csv: 3 errors.\n"


def test_warnings_alone_leave_the_data_fit_for_use(run, csv):
    result = run("check", csv(OFF_CENTRE), "--measure", "HR")
    assert result.exit_code == 0
    assert "warning" in result.stdout
    assert result.stdout.splitlines()[-1] == "data.csv: 1 warning, 2 studies, measure HR."


def test_programs_get_problems_as_json(run, csv):
    result = run("check", csv(BAD), "--format", "json")
    assert result.exit_code == 1
    rows = json.loads(result.stdout)
    assert rows[0] == {
        "row": 2,
        "study": "Lee 2019",
        "column": "events",
        "problem": "events=7 > n=5; correct one of them",
        "kind": "error",
    }


def test_programs_get_an_empty_list_for_good_data_and_people_the_verdict(run, csv):
    result = run("check", csv(GOOD), "--format", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert "no problem found" in result.stderr
    assert run("check", csv(GOOD), "--format", "csv").stdout == "row,study,column,problem,kind\n"


def test_the_columns_are_those_named(run, csv):
    text = GOOD.replace("study,events,n", "trial,r,size")
    result = run("check", csv(text), "--study", "trial", "--events", "r", "--n", "size")
    assert result.exit_code == 0


def test_a_measure_of_counts_belongs_to_the_analysis_and_is_accepted(run, csv):
    assert run("check", csv(GOOD), "--measure", "PLO").exit_code == 0


def test_a_bundled_data_set_can_be_checked(run):
    assert run("check", "pritz1997").stdout == "pritz1997: no problem found, 14 studies, 246/326 events.\n"


def test_what_cannot_be_checked_by_row_is_an_error(refused, csv):
    assert "is empty" in refused("check", csv(""))
    assert "no studies" in refused("check", csv("study,events,n\n"))
    assert "did you mean 'events'" in refused("check", csv("study,evnts,events,n\nA,1,2,3\n"), "--events", "event")


def test_a_label_cannot_send_escapes_to_the_terminal(run, csv):
    result = run("check", csv("study,events,n\nLee\x1b2J,7,5\n"))
    assert "\x1b" not in result.stdout + result.stderr


TWO_ARMS = "study,r1,m1,r2,m2\nAronson 1948,4,123,11,139\nRosenthal 1960,3,231,11,220\n"


def test_two_arms_and_rates_are_checked_by_pairs_of_columns(run, refused, csv):
    counts = run("check", csv(TWO_ARMS), "--events", "r1,r2", "--n", "m1, m2")
    assert counts.stdout == "data.csv: no problem found, 2 studies, treatment 7/354, control 22/359 events.\n"
    rates = run("check", csv(TWO_ARMS), "--events", "r1,r2", "--time", "m1,m2")
    assert (
        rates.stdout == "data.csv: no problem found, 2 studies, treatment 7/354, control 22/359 events/person-time.\n"
    )
    one = run("check", csv(TWO_ARMS), "--events", "r1", "--time", "m1")
    assert one.stdout == "data.csv: no problem found, 2 studies, 7 events in person-time 354.\n"
    bad = run("check", csv(TWO_ARMS.replace("4,123", "4,0")), "--events", "r1,r2", "--time", "m1,m2")
    assert "time_treatment=0 must be greater than 0" in bad.stdout
    assert bad.exit_code == 1
    assert "events names 3 columns" in refused("check", csv(TWO_ARMS), "--events", "r1,r2,m1", "--n", "m1,m2", status=2)
