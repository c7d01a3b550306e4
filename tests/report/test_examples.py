"""Do the examples run, hold what the reviews hold, and give the figures that the reviews printed?"""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import OutputError, SpecError
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.examples import EXAMPLES, MODELS, copy_example, example_path, list_examples
from bayesmeta.report.folder import MARKER
from bayesmeta.report.outcomes import Outcomes, outcome_table
from bayesmeta.report.run import run_analysis

OUTCOMES = {
    "complete-remission": "CR",
    "mrd-response": "MRD response",
    "complete-molecular-response": "CMR",
    "all-grade-adverse-events": "All-grade AE",
}
SEVERAL = ("adverse-events", "survival", "hazard-ratios", "two-arm-outcomes", "landmarks")
RAW = "frequentist-1"  # raw proportions with standard errors from exact intervals: the review's convention
KEPT = ("mrd-response", "adverse-events", "survival")  # with their figures; others without, to save time
WRONG_IN_PRINT = {
    ("Hyperglycemia", ">=3", "lower"),
    ("Constipation", "all", "lower"),
    ("All", "all", "lower"),
}
"""Printed limits of several studies that do not follow from the data; the reviews' README names them."""


@pytest.fixture(scope="session")
def ran(tmp_path_factory) -> Callable[[str], tuple[Path, object]]:
    """Run an example once, by the exact engine, in a folder of its own; return the results' folder and the results."""

    @cache
    def call(name: str):
        folder = tmp_path_factory.mktemp(name)
        path = copy_example(folder, name)[0]
        text = path.read_text("utf-8")
        text = re.sub(r"\[engines\.nuts\].*?\n\n", "", text, flags=re.DOTALL)
        if name not in KEPT:
            text = re.sub(r"^figures = .*$", "figures = []", text, flags=re.MULTILINE)
        if name not in (*KEPT, *SEVERAL):
            text = text.replace("sensitivity = true", "")
            text = (
                text.replace("[checks]", "[checks]\nsensitivity = false")
                if "[checks]" in text
                else (text + "[checks]\nsensitivity = false\n")
            )
        path.write_text(text, "utf-8")
        return folder / "out", run_analysis(path, out=folder / "out")

    return call


def test_every_analysis_file_is_an_example_but_for_the_models():
    files = sorted(path.name for path in EXAMPLES.glob("*/*.toml"))
    assert {f"{name}.toml" for name in list_examples()} == set(files) - MODELS
    assert set(OUTCOMES) | set(SEVERAL) | {"first-relapse"} == set(list_examples())
    for name in MODELS:
        assert bm.load_model(EXAMPLES / "blinatumomab" / name).effects == "none"


def test_every_data_file_belongs_to_an_example():
    analyses = [Analysis.from_toml(example_path(name)) for name in list_examples()]
    used = {analysis.data.file for analysis in analyses} | {a.printed.file for a in analyses if a.printed}
    assert used == {path.name for path in EXAMPLES.glob("*/*.csv")}


@pytest.mark.parametrize("name", list_examples())
def test_every_example_is_read_written_back_equal_and_runs(name, ran):
    analysis = Analysis.from_toml(example_path(name))
    assert Analysis.from_toml_text(analysis.to_toml()) == analysis
    folder, results = ran(name)
    assert results.problems == ()
    report = (folder / "report.md").read_text("utf-8")
    assert "not clinical advice" in report
    listed = {path.name for path in folder.iterdir()} - {MARKER}
    assert all(file.rpartition(".")[0].replace("_", "\\_") in report for file in listed)
    assert json.loads((folder / "results.json").read_text("utf-8"))["problems"] == []


@pytest.mark.parametrize("name", [name for name in list_examples() if name in (*OUTCOMES, "adverse-events")])
def test_the_counts_that_are_reconstructed_are_told_and_shown(name, ran):
    folder, _ = ran(name)
    report = (folder / "report.md").read_text("utf-8")
    status = pd.read_csv(folder / "data.csv")["status"]
    count = int(status.str.startswith("reconstructed").sum())
    noun = "rows" if name in SEVERAL else "studies"
    assert f"The counts of {count} of the {len(status)} {noun} are reconstructed from printed figures." in report
    assert f"{status.iloc[0]} |" in report


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_review_s_convention_gives_every_figure_that_it_printed(name, ran):
    _, results = ran(name)
    printed = bm.load_dataset("blinatumomab_published_results").query("outcome == @OUTCOMES[@name] and k > 1")
    assert len(printed) == {"CR": 10, "MRD response": 10, "CMR": 6, "All-grade AE": 3}[OUTCOMES[name]]
    fit, levels = results.fits[RAW], results.subgroups.query("name == @RAW and parameter == 'p_mean'")
    for row in printed.itertuples():
        if row.subgroup_variable == "overall":
            found = fit.summary().loc["p_mean"]
            assert row.i2_pct == pytest.approx(100 * fit.i2, abs=0.05 + 1e-9)
        else:
            found = levels.query("variable == @row.subgroup_variable and level == @row.subgroup_level").iloc[0]
        values = [100 * found[column] for column in ("estimate", "lower", "upper")]
        assert values == pytest.approx([row.estimate_pct, row.ci_low_pct, row.ci_high_pct], abs=0.5 + 1e-6)


def test_table_iii_comes_again_but_for_the_limits_that_are_wrong_in_print(ran):
    _, results = ran("adverse-events")
    assert isinstance(results, Outcomes)
    table = outcome_table(results).query("name == 'frequentist' and parameter == 'p_mean' and k > 1")
    printed = bm.load_dataset("blinatumomab_adverse_events").rename(columns={"adverse_event": "event"})
    both = table.merge(printed, on=["event", "grade"], suffixes=("", "_printed"), validate="1:1")
    assert len(both) == 28
    assert (both[["events", "n"]].to_numpy() == both[["events_printed", "n_printed"]].to_numpy()).all()
    wrong = set()
    for column, as_printed in (("estimate", "estimate_pct"), ("lower", "ci_low_pct"), ("upper", "ci_high_pct")):
        differs = (100 * both[column] - both[as_printed]).abs() > 0.05 + 1e-9
        wrong |= {(row.event, row.grade, column) for row in both[differs].itertuples()}
    assert wrong == WRONG_IN_PRINT


def test_the_table_of_adverse_events_holds_every_estimand_beside_the_print(ran):
    folder, _ = ran("adverse-events")
    report = (folder / "report.md").read_text("utf-8")
    row = next(line for line in report.splitlines() if line.startswith("| CRS | all |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2:4] == ["5", "27/206"]
    assert cells[-2:] == ["11.2 (4.9–17.5)", "11.2 (4.9–17.5)"]
    fit = bm.fit(bm.Studies.from_frame(pd.read_csv(folder / "data.csv").query("event == 'CRS' and grade == 'all'")))
    median = fit.summary().loc["p_median"] * 100
    assert cells[4] == f"{median['median']:.1f} ({median['lower']:.1f}–{median['upper']:.1f})"


def test_the_counts_are_those_of_the_bundled_data_sets():
    bundled = bm.load_dataset("blinatumomab_outcomes")
    for name, outcome in OUTCOMES.items():
        mine = pd.read_csv(EXAMPLES / "blinatumomab" / f"{name}.csv")
        theirs = bundled[bundled["outcome"] == outcome]
        for column in ("study", "events", "n", "status"):
            assert mine[column].tolist() == theirs[column].tolist(), (name, column)
        covariates = bm.load_dataset("blinatumomab_studies").set_index("study").loc[mine["study"]]
        for column in set(mine.columns) & set(covariates.columns) - {"n"}:
            assert mine[column].astype(str).tolist() == covariates[column].astype(str).tolist(), (name, column)
    events = pd.read_csv(EXAMPLES / "blinatumomab" / "adverse-events.csv")
    theirs = bundled[bundled["outcome"].str.startswith("AE: ") | (bundled["outcome"] == "All-grade AE")]
    assert sorted(map(tuple, events[["study", "events", "n"]].to_numpy().tolist())) == sorted(
        map(tuple, theirs[["study", "events", "n"]].astype({"events": int, "n": int}).to_numpy().tolist())
    )


def test_the_printed_figures_are_those_of_the_bundled_data_sets():
    published = bm.load_dataset("blinatumomab_published_results")
    for name, outcome in OUTCOMES.items():
        mine = pd.read_csv(EXAMPLES / "blinatumomab" / f"{name}-printed.csv")
        theirs = published[(published["outcome"] == outcome) & published["estimate_pct"].notna()]
        assert (100 * mine[["estimate", "lower", "upper"]]).to_numpy() == pytest.approx(
            theirs[["estimate_pct", "ci_low_pct", "ci_high_pct"]].to_numpy()
        )
        assert mine["level"].tolist() == theirs["subgroup_level"].tolist()


def test_survival_has_standard_errors_from_the_printed_limits(ran):
    _, results = ran("survival")
    rows = pd.read_csv(EXAMPLES / "blinatumomab" / "survival.csv")
    width = np.where(rows["upper"] < 1.0, (rows["upper"] - rows["lower"]) / 2.0, rows["estimate"] - rows["lower"])
    assert rows["se"].to_numpy() == pytest.approx(width / 1.959964, abs=1e-6)
    assert [part.inputs.studies.k for part in results.parts.values()] == [1, 1, 1]


def test_hazard_ratios_and_counts_in_two_arms_are_those_of_the_bundled_data_sets(ran):
    mine = pd.read_csv(EXAMPLES / "blinatumomab" / "hazard-ratios.csv")
    theirs = bm.load_dataset("blinatumomab_comparative_effects")
    assert (
        mine[["hr", "ci_low", "ci_high"]].to_numpy().tolist()
        == theirs[["estimate", "ci_low", "ci_high"]].to_numpy().tolist()
    )
    _, results = ran("hazard-ratios")
    assert sum(part.inputs.studies.k for part in results.parts.values()) == int((theirs["preferred"] == 1).sum()) == 8
    arms = ["events_treatment", "n_treatment", "events_control", "n_control"]
    binary = pd.read_csv(EXAMPLES / "blinatumomab" / "two-arm-outcomes.csv").sort_values(["study", "endpoint"])
    bundled = bm.load_dataset("blinatumomab_comparative_binary").sort_values(["study", "endpoint"])
    assert binary[arms].to_numpy().tolist() == bundled[arms].to_numpy().tolist()


def test_landmarks_imply_their_hazard_ratios():
    rows = pd.read_csv(EXAMPLES / "blinatumomab" / "landmarks.csv").query("analysed == 1")
    assert len(rows) == 5
    treatment, control = rows["treatment"] / 100, rows["control"] / 100
    assert rows["y"].to_numpy() == pytest.approx(np.log(np.log(treatment) / np.log(control)), abs=1e-6)
    e1910 = rows[rows["timepoint"] == "5 y (FDA)"].iloc[0]
    assert np.exp(e1910["y"]) == pytest.approx(0.41, abs=0.005)  # the trial's own hazard ratio


def test_a_setting_is_pooled_only_with_itself(ran):
    _, results = ran("hazard-ratios")
    table = outcome_table(results).query("name == 'exact' and parameter == 'mu'").set_index(["group", "outcome"])
    rows = pd.read_csv(EXAMPLES / "blinatumomab" / "hazard-ratios.csv").query(
        "preferred == 1 and group == 'first relapse, children' and outcome == 'OS'"
    )
    studies = bm.Studies.from_frame(rows, estimate="hr", lower="ci_low", upper="ci_high", measure="HR")
    fit = bm.fit(studies, bm.load_model("normal-normal").with_priors(tau="HalfNormal(0.5)"))
    assert table.loc[("first relapse, children", "OS"), "estimate"] == pytest.approx(fit.summary().loc["mu", "median"])


@pytest.mark.parametrize("name", bm.list_models()["name"])
def test_every_shipped_model_is_read_written_back_equal_and_fits(name, studies_for):
    model = bm.load_model(name)
    assert bm.ModelSpec.from_toml_text(model.to_toml()) == model
    assert bm.fit(studies_for(model), model).numerical_error < 1e-4


def test_the_first_example_tells_what_the_review_printed():
    printed = bm.load_dataset("blinatumomab_published_results")
    row = printed[(printed["outcome"] == "CR") & (printed["subgroup_variable"] == "overall")].iloc[0]
    said = f"{row.estimate_pct:g} % ({row.ci_low_pct:g} to {row.ci_high_pct:g}) with I² = {row.i2_pct:.1f} %"
    assert any(said in note for note in Analysis.from_toml(example_path()).notes)


def test_an_unknown_example_is_refused_with_the_nearest():
    with pytest.raises(SpecError, match="Did you mean 'first-relapse'"):
        example_path("first-relaps")


def test_a_copy_has_all_files_that_the_analysis_reads():
    assert copy_example(Path("a/b"), "survival") == [
        Path("a/b") / name for name in ("analysis.toml", "survival.csv", "one-proportion.toml", "survival-printed.csv")
    ]


@pytest.mark.parametrize("there", ["analysis.toml", "complete-remission.csv"])
def test_nothing_is_written_if_a_file_is_there(there):
    Path(there).write_text("mine")
    with pytest.raises(OutputError, match=f"^{there} exists and is kept"):
        copy_example(Path())
    assert [path.name for path in Path().iterdir()] == [there]
    assert Path(there).read_text() == "mine"


def test_a_folder_that_is_a_file_is_refused():
    Path("file").write_text("mine")
    with pytest.raises(OutputError, match=r"^file cannot be written"):
        copy_example(Path("file"))
