import json
from pathlib import Path

import pandas as pd
import pytest

import bayesmeta as bm
from tests.review.test_extraction import COUNT, HR
from tests.review.test_quality import ORDER


def test_a_flow_is_checked_and_drawn(run):
    result = run("review", "flow", "sarkar2026", "--draw", "flow.png")
    assert result.exit_code == 0
    assert "Reports sought for retrieval: not given" in " ".join(result.stdout.split())
    assert result.stdout.endswith("sarkar2026: 6 missing.\n")
    assert Path("flow.png").read_bytes().startswith(b"\x89PNG")


def test_a_flow_that_does_not_add_up_ends_with_status_1(run):
    Path("flow.csv").write_text("box,count\ndatabases,327\nduplicates,94\nscreened,230\n")
    result = run("review", "flow", "flow.csv", "--format", "json")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: flow.csv: 1 error and ")
    first = json.loads(result.stdout)[0]
    assert (first["row"], first["box"], first["kind"]) == ("line 4", "screened", "error")


def test_templates_are_written_and_read_back(run):
    assert run("review", "flow", "flow.toml", "--template").stdout == "flow.toml\n"
    Path("flow.toml").write_text(Path("flow.toml").read_text().replace("# screened = 0 ", "screened = 12 "))
    assert "\nscreened = 12 " in Path("flow.toml").read_text()
    assert run("review", "flow", "flow.toml").exit_code == 0
    assert run("review", "quality", "minors.csv", "--tool", "MINORS", "--template").stdout == "minors.csv\n"
    result = run("review", "quality", "minors.csv")
    assert result.exit_code == 1
    assert result.stdout.count("the score is missing") == 8
    assert "exists and is kept" in run("review", "flow", "flow.toml", "--template").stderr
    assert "needs --tool" in run("review", "quality", "new.csv", "--template").stderr


def test_wrong_totals_of_quality_scores_are_listed(run):
    bm.load_dataset("blinatumomab_quality").query("tool == 'MINORS'").to_csv("quality.csv", index=False)
    result = run("review", "quality", "quality.csv")
    assert result.exit_code == 1
    assert result.stderr == "Error: quality.csv: 2 errors.\n"
    assert result.stdout.count("printed is 16") == 2


def test_quality_scores_in_another_order_are_read_in_it(run):
    table = bm.load_dataset("blinatumomab_quality")
    table.to_csv("quality.csv", index=False)
    result = run("review", "quality", "quality.csv", "--order", "NOS=S1,S2,S3,S4,O1,O2,C1,O3", "--format", "json")
    found = bm.read_quality(table, order=ORDER, on_bad="keep")
    assert [row["problem"] for row in json.loads(result.stdout)] == found.problems["problem"].tolist()
    assert len(found.problems) == 5


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (("S1,S2",), "--order 'S1,S2' names no tool; give the items of each tool once, as in NOS=S1,S2,S3."),
        (("NOS=S1,S2",), "order of NOS must hold each of its items once: S1, S2, S3, S4, C1, O1, O2, O3."),
        (("nos=S1", "nos=S1"), "--order 'nos=S1' is given twice"),
        (("NSO=S1",), "Did you mean 'NOS'?"),
    ],
)
def test_a_wrong_order_of_items_is_refused(refused, order, message):
    bm.load_dataset("blinatumomab_quality").to_csv("quality.csv", index=False)
    options = [word for text in order for word in ("--order", text)]
    assert message in refused("review", "quality", "quality.csv", *options, status=2)


def test_the_extraction_template_is_written_and_checked(run):
    assert run("review", "extraction", "new.csv", "--template").stdout == "new.csv\n"
    result = run("review", "extraction", "new.csv")
    assert (result.exit_code, result.stdout) == (0, "new.csv: no problem found.\n")
    pd.DataFrame([HR | {"estimate": "0.95"}, COUNT | {"percent": "43"}]).to_csv("wrong.csv", index=False)
    result = run("review", "extraction", "wrong.csv", "--format", "csv")
    assert result.exit_code == 1
    assert [line.split(",")[:4:2] for line in result.stdout.splitlines()[1:]] == [
        ["line 2", "upper"],
        ["line 3", "percent"],
    ]


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (("flow", "none.toml"), 1, "none.toml does not exist"),
        (("flow", "sarkar"), 2, "Did you mean 'sarkar2026'"),
        (("quality", "none.csv"), 1, "does not exist"),
        (("extraction", "none.csv"), 1, "does not exist"),
    ],
)
def test_what_cannot_be_read_is_one_line(refused, args, status, message):
    assert message in refused("review", *args, status=status)
