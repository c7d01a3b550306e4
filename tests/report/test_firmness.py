"""How firm an answer is: the tables are those of Python, and what cannot be had is said."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.text import Text

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.choices import DEFAULT_PLOTS, PLOTS
from bayesmeta.report.compute import compute
from bayesmeta.report.document import report_text
from bayesmeta.report.figures import lent
from bayesmeta.report.files import file_list
from bayesmeta.report.firm_sections import left_out_section
from bayesmeta.report.plots import PLOTS as DRAWN
from bayesmeta.report.record import results_json
from bayesmeta.report.run import run_analysis
from bayesmeta.report.shown import Shown
from tests.report.conftest import ANALYSIS, COUNTS

PRIORS = ("sensitivity = false", "sensitivity = true")
PRINTED = ("[output]", '[printed]\nfile = "printed.csv"\nsource = "Lee"\n[subgroups]\nby = ["kind"]\n[output]')


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The small analysis with other priors."""
    folder = tmp_path_factory.mktemp("firm")
    (folder / "counts.csv").write_text(COUNTS, "utf-8")
    (folder / "analysis.toml").write_text(ANALYSIS.replace(*PRIORS), "utf-8")
    return compute(Analysis.from_toml(folder / "analysis.toml"))


def test_the_tables_are_those_of_python(found):
    fits, checks = found.fits, found.checks
    left_out = checks.leave_one_out.set_index("name")
    for name, fit in fits.items():
        expected = bm.leave_one_out(fit)
        mine = left_out.loc[name].reset_index(drop=True)[list(expected.columns)]
        pd.testing.assert_frame_equal(mine, expected, check_dtype=False)
    pd.testing.assert_frame_equal(checks.sensitivity, bm.sensitivity(fits["exact"]))
    pd.testing.assert_frame_equal(checks.small_study, bm.small_study_tests(found.inputs.studies))
    record = json.loads(results_json(found))
    assert len(record["sensitivity"]) == len(checks.sensitivity)
    assert len(record["leave_one_out"]) == len(checks.leave_one_out)


def test_the_report_tells_the_first_prior_and_those_that_move_the_answer_most(found):
    text = report_text(found, file_list(found))
    part = text.partition("## Other priors")[2].partition("\n## ")[0]
    table = found.checks.sensitivity.query("parameter == 'p_median'")
    rows = [line for line in part.splitlines() if line.startswith("| Normal") or line.startswith("| Logistic")]
    assert len(rows) == 12
    assert rows[0] == "| Normal(mu=0, sigma=1.5) | HalfNormal(sigma=1) | 59.4 (24.8–87.9) | +0.00 |"
    assert f"under {len(table) - 1} other choices of priors." in text
    assert f"The largest is {table['shift'].abs().max():.2f}." in part
    assert f"{table['shift'].abs().max():.2f} |" in part


def test_without_a_study_the_report_says_what_python_says(found):
    part = report_text(found, file_list(found)).partition("## Leaving studies out")[2].partition("\n## ")[0]
    row = bm.leave_one_out(found.fits["exact"]).query("parameter == 'p_median' and study == 'Ali 2021'").iloc[0]
    cell = f"{100 * row['median']:.1f} ({100 * row['lower']:.1f}–{100 * row['upper']:.1f})"
    assert f"| Ali 2021 | {cell} |" in part
    assert "p\\_median moves most without Ali 2021" in part


def test_table_sentence_figure_and_caption_have_one_estimand(found):
    text = report_text(found, file_list(found))
    part = text.partition("## Other priors")[2].partition("\n## ")[0]
    assert "| prior of mu | prior of tau | p\\_median (%), 95 % CrI | shift |" in part
    assert "the posterior mean of p\\_median" in part
    for name in ("sensitivity", "leave-one-out"):
        assert "p_median" in DRAWN[name].title_of(found)
        with lent(lambda name=name: DRAWN[name].draw(found, 85.0)) as ax:
            texts = [each.get_text() for each in ax.figure.findobj(Text)]
            assert any("p_median" in each for each in texts)
            assert not any("p_mean" in each for each in texts)
    only_mean = {"exact": found.fits["exact"], "PR": bm.fit(found.inputs.studies, engine="frequentist", measure="PR")}
    table = pd.concat([bm.leave_one_out(fit).assign(name=name) for name, fit in only_mean.items()])
    both = replace(
        found, fits=only_mean, checks=replace(found.checks, leave_one_out=table), comparison=found.comparison
    )
    head = left_out_section(Shown(both)).splitlines()[2]
    assert head == (
        "| without | Bayesian model: p\\_median (%) | Bayesian model: p\\_mean (%) |"
        " DerSimonian-Laird, raw proportion: p\\_mean (%) |"
    )


def test_printed_figures_stand_beside_those_of_the_same_studies(results):
    Path("printed.csv").write_text(
        "variable,level,estimate,lower,upper\noverall,all,0.6,0.3,0.8\nkind,a,0.4,0.2,0.6\nkind,c,0.5,,\n", "utf-8"
    )
    found = results(PRINTED)
    part = report_text(found, file_list(found)).partition("## Printed figures")[2].partition("\n## ")[0]
    level = found.subgroups.query("name == 'exact' and level == 'a' and parameter == 'p_median'").iloc[0]
    mean = found.subgroups.query("name == 'exact' and level == 'a' and parameter == 'p_mean'").iloc[0]
    cells = [f"{100 * row.estimate:.1f} ({100 * row.lower:.1f}–{100 * row.upper:.1f})" for row in (level, mean)]
    heads = "| variable | level | printed (%) | Bayesian model: p\\_median (%) | Bayesian model: p\\_mean (%) |"
    assert heads in part
    row = found.fits["exact"].summary().loc["p_mean"]
    whole = f"{100 * row['mean']:.1f} ({100 * row['lower']:.1f}–{100 * row['upper']:.1f})"
    assert f"| overall | all | 60.0 (30.0–80.0) | 59.4 (24.8–87.9) | {whole} |" in part
    assert f"| kind | a | 40.0 (20.0–60.0) | {cells[0]} | {cells[1]} |" in part
    assert "| kind | c |  |  |  |  |" in part


def test_what_is_not_asked_for_is_not_made(results):
    found = results(("sensitivity = false", "sensitivity = false\nleave_one_out = false\nsmall_study = []"))
    assert (found.checks.leave_one_out, found.checks.sensitivity, found.checks.small_study) == (None, None, None)
    text = report_text(found, file_list(found))
    assert "## Leaving studies out" not in text
    assert "leave_one_out.csv" not in file_list(found)


def test_one_study_has_none_of_it_and_a_report(write):
    run_analysis(write(data="study,events,n\nLee 2019,7,15\n"))
    assert not Path("analysis-results/leave_one_out.csv").exists()
    assert not Path("analysis-results/small_study.csv").exists()


def test_a_test_that_is_named_must_be_possible_and_known(results):
    asked = ("sensitivity = false", 'sensitivity = false\nsmall_study = ["harbord"]')
    with pytest.raises(SpecError, match=r"^analysis\.toml: \[checks\] .*harbord"):
        results(asked)
    with pytest.raises(SpecError, match=r"\[checks\] unknown test in small_study: 'eger'\. Did you mean 'egger'\?"):
        results(("sensitivity = false", 'small_study = ["eger"]'))


DEFAULT = ('plots = ["forest"]\n', "")


def test_figures_that_are_not_possible_are_left_out_with_the_reason(write):
    path = write(('[model]\nname = "binomial-normal"\n[engines.exact]\n', ""), DEFAULT)
    results = run_analysis(path)
    files = {path.name for path in Path("analysis-results").glob("*.png")}
    assert files == {"forest-170mm.png", "leave-one-out-170mm.png", "funnel-170mm.png"}
    report = Path("analysis-results/report.md").read_text("utf-8")
    assert "- Figure posterior: the analysis has no Bayesian fit." in report
    assert [text.split(":")[0] for text in results.figures.missing] == [
        "Figure posterior", "Figure joint", "Figure sensitivity",
    ]  # fmt: skip
    assert "![Estimates against study size](funnel-170mm.png)" in report


def test_a_figure_that_is_named_must_be_possible_and_known(write):
    with pytest.raises(SpecError, match=r"^analysis\.toml: \[output\] there is no table of other priors"):
        run_analysis(write(('["forest"]', '["forest", "sensitivity"]')))
    with pytest.raises(SpecError, match=r"\[output\] unknown figure in plots: 'funel'\. Did you mean 'funnel'\?"):
        run_analysis(write(('["forest"]', '["funel"]')))
    assert not Path("analysis-results").exists()


def test_the_figures_that_are_no_default_are_drawn_too(write):
    names = ("shrinkage", "predictive", "compare", "conflict")
    listed = ", ".join(f'"{name}"' for name in names)
    widths = ("widths_mm = [170]", "widths_mm = [85, 170]")
    run_analysis(write(('["forest"]', f"[{listed}]"), ('figures = ["png"]', 'figures = ["svg"]'), widths))
    files = {f"{name}-{width}mm.svg" for name in names for width in (85, 170)}
    assert {path.name for path in Path("analysis-results").glob("*.svg")} == files
    assert Path("analysis-results/report.html").read_text("utf-8").count("<picture><source") == len(names)
    assert set(names) == set(PLOTS) - set(DEFAULT_PLOTS)
    assert {"forest", *DRAWN} == set(PLOTS)
