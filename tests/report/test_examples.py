from pathlib import Path

import pytest

import bayesmeta as bm
from bayesmeta.errors import OutputError, SpecError
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.examples import EXAMPLES, copy_example, example_path, list_examples
from bayesmeta.report.inputs import load_inputs
from bayesmeta.report.overview import overview
from bayesmeta.report.run import run_analysis


def test_every_folder_of_the_examples_is_one():
    assert list_examples() == sorted(path.name for path in EXAMPLES.iterdir())


@pytest.mark.parametrize("name", list_examples())
def test_every_example_is_read_written_back_equal_and_fits(name, nuts_without_sampling):
    nuts_without_sampling(draws=1000)
    analysis = Analysis.from_toml(example_path(name))
    assert Analysis.from_toml_text(analysis.to_toml()) == analysis
    results = run_analysis(example_path(name), out="out")
    assert results.problems == ()
    assert "not clinical advice" in Path("out/report.md").read_text("utf-8")


@pytest.mark.parametrize("name", bm.list_models()["name"])
def test_every_shipped_model_is_read_written_back_equal_and_fits(name, studies_for):
    model = bm.load_model(name)
    assert bm.ModelSpec.from_toml_text(model.to_toml()) == model
    assert bm.fit(studies_for(model), model).numerical_error < 1e-4


def test_the_first_example_has_the_counts_of_the_bundled_data_set():
    studies = load_inputs(Analysis.from_toml(example_path())).studies
    bundled = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"))
    columns = ["study", "events", "n"]
    assert studies.to_frame()[columns].equals(bundled.to_frame()[columns])


def test_the_first_example_tells_what_the_review_printed():
    printed = bm.load_dataset("blinatumomab_published_results")
    row = printed[(printed["outcome"] == "CR") & (printed["subgroup_variable"] == "overall")].iloc[0]
    said = f"{row.estimate_pct:g} % ({row.ci_low_pct:g} to {row.ci_high_pct:g}) with I² = {row.i2_pct:.1f} %"
    assert any(said in note for note in Analysis.from_toml(example_path()).notes)


def test_the_hazard_ratios_are_those_of_the_bundled_data_set():
    studies = load_inputs(Analysis.from_toml(example_path("first-relapse"))).studies
    bundled = bm.load_dataset("blinatumomab_comparative_effects").query("preferred == 1 and endpoint != 'OS'")
    rows = bundled.set_index("study").loc[list(studies.study)]
    expected = bm.Studies.from_frame(
        rows.reset_index(), estimate="estimate", lower="ci_low", upper="ci_high", measure="HR"
    )
    assert studies.y is not None
    assert (studies.y == expected.y).all()
    assert (studies.se == expected.se).all()


def test_an_unknown_example_is_refused_with_the_nearest():
    with pytest.raises(SpecError, match="Did you mean 'first-relapse'"):
        example_path("first-relaps")


def test_a_copy_is_complete_and_runs():
    files = copy_example(Path("a/b"), "first-relapse")
    assert files == [Path("a/b/analysis.toml"), Path("a/b/hazard-ratios.csv")]
    results = run_analysis(files[0])
    assert "Look into analysis-results/" in overview(results)


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
