"""Several outcomes in one file: each as if it were analysed alone, and what is refused."""

import json
from pathlib import Path

import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import DataError, SpecError
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.folder import MARKER
from bayesmeta.report.inputs import load_outcomes
from bayesmeta.report.outcome_files import figure_frame
from bayesmeta.report.outcomes import compute_outcomes, outcome_table
from bayesmeta.report.overview import overview
from bayesmeta.report.run import run_analysis

ROWS = (
    "event,grade,study,events,n,status\n"
    "CRS,all,Lee 2019,7,15,reported\nCRS,all,Kim 2020,3,10,reconstructed-unique\n"
    "CRS,3,Lee 2019,1,15,reported\nSepsis,all,Kim 2020,0,10,reconstructed-one-of-2\n"
)
PRINTED = "event,grade,estimate,lower,upper\nCRS,all,0.4,0.2,0.6\nSepsis,all,0.1,,\n"
BY = (
    "[engines.frequentist]\n",
    '[engines.frequentist]\n[outcomes]\nby = ["event", "grade"]\n[printed]\nfile = "table3.csv"\nsource = "Lee <2021>"\n',  # noqa: E501
)
QUIET = ("[checks]\nsensitivity = false\n", "")
STATUS = ('n = "n"', 'n = "n"\nstatus = "status"')
LEVELS = [("CRS", "all"), ("CRS", "3"), ("Sepsis", "all")]


@pytest.fixture
def several(write):
    def call(*changes: tuple[str, str], data: str = ROWS, printed: str = PRINTED) -> Path:
        Path("table3.csv").write_text(printed, "utf-8")
        return write(BY, QUIET, STATUS, *changes, data=data)

    return call


def refusal(error: type[Exception], path: Path) -> str:
    before = sorted(Path().iterdir())
    with pytest.raises(error) as caught:
        run_analysis(path)
    assert sorted(Path().iterdir()) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_outcome_has_the_numbers_that_it_has_alone(several):
    results = run_analysis(several())
    assert list(results.parts) == LEVELS
    table = outcome_table(results)
    frame = pd.read_csv("counts.csv", dtype={"grade": str})
    for event, grade in LEVELS:
        rows = frame[(frame["event"] == event) & (frame["grade"] == grade)]
        studies = bm.Studies.from_frame(rows)
        expected = bm.compare(
            [bm.fit(studies, bm.load_model("binomial-normal")), bm.fit(studies, engine="frequentist")]
        )
        found = table[(table["event"] == event) & (table["grade"] == grade)]
        assert found["estimate"].tolist() == expected["estimate"].tolist()
        assert found["upper"].tolist() == pytest.approx(expected["upper"].tolist(), nan_ok=True)
        assert set(found["events"]) == {rows["events"].sum()}
    written = pd.read_csv(
        "analysis-results/outcomes.csv",
        dtype={"grade": str},
        keep_default_na=False,
        na_values={"lower": "", "upper": ""},
    )
    pd.testing.assert_frame_equal(written, table, check_dtype=False, rtol=1e-14)


def test_the_figure_names_each_estimand_and_draws_like_beside_like(several):
    raw = ("[engines.frequentist]\n", '[engines.frequentist]\nmeasure = "PR"\nvariance = "exact-ci"\n')
    for changes, expected in (
        ((), ["Bayesian model: p_median", "DerSimonian-Laird, logit: p_median", "Printed"]),
        (
            (raw,),
            [
                "Bayesian model: p_median",
                "Bayesian model: p_mean",
                "DerSimonian-Laird, raw proportion: p_mean",
                "Printed",
            ],
        ),
    ):
        analysis = Analysis.from_toml(several(*changes))
        frame = figure_frame(compute_outcomes(analysis, load_outcomes(analysis)))
        assert list(dict.fromkeys(frame["method"])) == expected
        assert set(frame.loc[frame["kind"] == "prediction", "method"]) == {expected[0]}


def test_the_report_puts_the_print_beside_and_says_what_is_reconstructed(several):
    run_analysis(several())
    report = Path("analysis-results/report.md").read_text("utf-8")
    head = next(line for line in report.splitlines() if line.startswith("| event | grade | k |"))
    assert [cell.strip().replace("\\", "") for cell in head.strip("|").split("|")] == [
        "event", "grade", "k", "events/n", "p_median (CrI)", "p_mean (CrI)", "p_new (PI)",
        "DerSimonian-Laird, logit: p_median (CI)", "printed",
    ]  # fmt: skip
    assert report.count("40.0 (20.0–60.0) |") == 1
    assert "Printed: as printed by Lee &lt;2021&gt;." in report
    assert "The counts of 2 of the 4 rows are reconstructed from printed figures." in report
    assert "Each outcome is analysed on its own" in report
    assert "3 outcomes were analysed, each on its own" in Path("analysis-results/methods.txt").read_text("utf-8")


def test_the_folder_is_whole_and_enough_to_make_the_same_bytes_again(several):
    run_analysis(several(), out="first")
    Path("counts.csv").unlink()
    Path("table3.csv").unlink()
    Path("analysis.toml").unlink()
    run_analysis("first/analysis.toml", out="again")
    run_analysis("again/analysis.toml", out="third")
    names = {path.name for path in Path("first").iterdir()}
    assert names == {
        "report.html", "report.md", "methods.txt", "outcomes-170mm.png", "results.json", "outcomes.csv", "data.csv",
        "analysis.toml", "printed.csv", MARKER,
    }  # fmt: skip
    assert all(Path("again", name).read_bytes() == Path("third", name).read_bytes() for name in names)
    assert Path("first/outcomes.csv").read_bytes() == Path("again/outcomes.csv").read_bytes()
    record = json.loads(Path("first/results.json").read_text("utf-8"))
    assert [entry["outcome"] for entry in record["outcomes"]] == [
        {"event": event, "grade": grade} for event, grade in LEVELS
    ]
    assert [file["role"] for file in record["inputs"]] == ["analysis", "data", "model", "printed"]


def test_the_screen_shows_a_row_for_each_outcome(several):
    text = overview(run_analysis(several()))
    assert "Look into analysis-results" in text
    assert "outcomes-170mm.png" in text
    assert sum(line.startswith(("CRS", "Sepsis")) for line in text.splitlines()) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[outcomes]", '[subgroups]\nby = ["status"]\n[outcomes]'), "[outcomes] and [subgroups] do not go together"),
        (("[engines.exact]", "[engines.exact]\n[engines.nuts]"), "[outcomes] does not take [engines.nuts]"),
        (("[output]", "[checks]\nleave_one_out = false\n[output]"), "[outcomes] and [checks] do not go together"),
        (('by = ["event", "grade"]', "by = []"), '[outcomes] needs columns; write by = ["endpoint"]'),
        (('by = ["event", "grade"]', 'by = ["event", "grad"]'), "unknown column 'grad'. Did you mean 'grade'?"),
        (('file = "table3.csv"\n', ""), '[printed] needs a file; write file = "printed.csv"'),
    ],
)
def test_what_contradicts_itself_is_refused_in_one_line(several, change, said):
    message = refusal(SpecError, several(change))
    assert message.startswith("analysis.toml: ")
    assert said in message


def test_a_bad_row_is_named_with_its_outcome_line_and_study(several):
    message = refusal(DataError, several(data=ROWS.replace("CRS,3,Lee 2019,1,15", "CRS,3,Lee 2019,16,15")))
    assert message.startswith("analysis.toml: [data] [CRS, 3] counts.csv, line 4, study 'Lee 2019', column 'events': ")
    assert "events=16 > n=15" in message


def test_an_empty_outcome_is_named_with_line_and_column(several):
    message = refusal(DataError, several(data=ROWS.replace("CRS,3,", "CRS,,")))
    assert "[outcomes] counts.csv, line 4, column 'grade' is empty" in message


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("event,grad,estimate,lower,upper\nCRS,all,0.4,0.2,0.6\n", "column 'grade' is missing. Did you mean 'grad'?"),
        ("event,grade,estimate,lower,upper\nCRS,all,40%,0.2,0.6\n", "column 'estimate' holds what is no number"),
        (PRINTED + "CRS,all,0.4,0.2,0.6\n", "line 4: this figure stands twice"),
    ],
)
def test_a_table_of_printed_figures_that_cannot_be_read_is_refused(several, printed, said):
    message = refusal(DataError, several(printed=printed))
    assert message.startswith("analysis.toml: [printed] table3.csv")
    assert said in message


WHERE = ("[model]", '[data.where]\ngrade = "all"\nevent = ["CRS", "Sepsis"]\n[model]')


def test_rows_are_chosen_by_the_values_of_columns(several):
    results = run_analysis(several(WHERE))
    assert list(results.parts) == [("CRS", "all"), ("Sepsis", "all")]
    assert Analysis.from_toml("analysis-results/analysis.toml").data.where == {
        "grade": ("all",),
        "event": ("CRS", "Sepsis"),
    }


@pytest.mark.parametrize(
    ("where", "error", "said"),
    [
        ('gade = "all"', SpecError, "where: unknown column 'gade'. Did you mean 'grade'?"),
        ('grade = "al"', DataError, "column 'grade': unknown value 'al'. Did you mean 'all'?"),
        ('grade = "3"\nevent = "Sepsis"', DataError, "unknown value 'Sepsis'"),
        ("grade = true", SpecError, "[data.where] grade must be a value or an array of values"),
    ],
)
def test_rows_that_are_not_there_are_said(several, where, error, said):
    assert said in refusal(error, several(("[model]", f"[data.where]\n{where}\n[model]")))


def test_a_number_chooses_cells_however_they_are_written(several):
    results = run_analysis(several(("[model]", "[data.where]\nn = 15\n[model]")))
    assert list(results.parts) == [("CRS", "all"), ("CRS", "3")]
