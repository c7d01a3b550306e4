import hashlib
from pathlib import Path

import pytest

import bayesmeta as bm
from bayesmeta.errors import DataError, SpecError
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.inputs import load_inputs


def load(path: Path):
    return load_inputs(Analysis.from_toml(path))


def refusal(error: type[Exception], path: Path) -> str:
    with pytest.raises(error) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_data_lie_beside_the_analysis_wherever_it_is_run(write, monkeypatch):
    path = write().resolve()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    inputs = load(path)
    assert inputs.studies.study == ("Lee 2019", "Kim 2020", "Ali 2021")
    assert inputs.table == path.with_name("counts.csv").read_bytes()


def test_files_are_known_by_name_and_hash(write):
    inputs = load(write())
    assert [(file.role, file.name) for file in inputs.files] == [
        ("analysis", "analysis.toml"), ("data", "counts.csv"), ("model", "binomial-normal.toml"),
    ]  # fmt: skip
    assert inputs.files[1].sha256 == hashlib.sha256(inputs.table).hexdigest()


def test_a_bundled_data_set_is_taken_by_name(write):
    inputs = load(write(('file = "counts.csv"', 'dataset = "pritz1997"')))
    assert inputs.studies.k == 14
    assert inputs.files[1].name == "pritz1997.csv"


def test_a_missing_data_file_is_said_with_the_section(write):
    path = write()
    Path("counts.csv").rename("count.csv")
    message = refusal(DataError, path)
    assert message.startswith("analysis.toml: [data] counts.csv does not exist.")
    assert "'count.csv'" in message


def test_a_data_set_given_as_a_file_is_recognised(write):
    assert 'write dataset = "pritz1997"' in refusal(DataError, write(('"counts.csv"', '"pritz1997"')))


def test_a_data_file_that_changed_is_refused(write):
    sha256 = load(write()).files[1].sha256
    path = write(('file = "counts.csv"', f'file = "counts.csv"\nsha256 = "{sha256.upper()}"'))
    assert load(path).studies.k == 3
    Path("counts.csv").write_text("study,events,n\nLee 2019,8,15\n", encoding="utf-8")
    message = refusal(DataError, path)
    assert message.startswith("analysis.toml: [data] counts.csv has changed since the analysis was written")
    assert sha256[:12] in message


def test_a_bad_row_is_named_or_dropped_as_asked(write):
    data = "study,events,n\nLee 2019,7,5\nKim 2020,3,10\n"
    assert refusal(DataError, write(data=data)).startswith("analysis.toml: [data] counts.csv, line 2, study 'Lee 2019'")
    inputs = load(write(('file = "counts.csv"', 'file = "counts.csv"\non_bad = "drop"'), data=data))
    assert inputs.studies.study == ("Kim 2020",)
    assert inputs.studies.dropped["study"].tolist() == ["Lee 2019"]


def test_a_missing_column_is_named_with_the_nearest(write):
    assert "'evnts'" in refusal(DataError, write(('events = "events"', 'events = "evnts"')))


def test_the_columns_of_subgroups_are_read(write):
    inputs = load(write(("[output]", '[subgroups]\nby = ["kind"]\n[output]')))
    assert inputs.studies.moderators["kind"].tolist() == ["a", "a", "b"]


def test_a_prior_replaces_the_models_and_brings_its_own_reason(write):
    priors = '[model.priors]\ntau = { dist = "HalfNormal", sigma = 0.5, why = "few studies" }\n[engines.exact]'
    model = load(write(("[engines.exact]", priors))).model
    shipped = bm.load_model("binomial-normal")
    assert model is not None
    assert (model.mu, model.tau) == (shipped.mu, bm.Prior("HalfNormal", 0.5))
    assert model.why == {"mu": shipped.why["mu"], "tau": "few studies"}


def test_a_prior_without_a_reason_does_not_keep_the_models(write):
    model = load(write(("[engines.exact]", '[model.priors]\ntau = "HalfNormal(0.5)"\n[engines.exact]'))).model
    assert model is not None
    assert "tau" not in model.why


def test_a_model_file_lies_beside_the_analysis(write, monkeypatch):
    path = write(('name = "binomial-normal"', 'file = "my.toml"')).resolve()
    Path("my.toml").write_text(bm.load_model("binomial-normal").with_priors(tau="HalfCauchy(1)").to_toml(), "utf-8")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    inputs = load(path)
    assert inputs.model is not None
    assert inputs.model.tau == bm.Prior("HalfCauchy", 1)
    assert inputs.files[2].name == "my.toml"


def test_an_unknown_model_is_named_with_the_section(write):
    assert refusal(SpecError, write(('"binomial-normal"', '"binomal-normal"'))).startswith(
        "analysis.toml: [model] unknown model 'binomal-normal'. Did you mean 'binomial-normal'?"
    )
    assert "write file = ..." in refusal(SpecError, write(('"binomial-normal"', '"my.toml"')))
    assert "[model]" in refusal(SpecError, write(('name = "binomial-normal"', 'file = "my.toml"')))
