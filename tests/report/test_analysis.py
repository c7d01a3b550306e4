from pathlib import Path

import pytest

from bayesmeta.api import OPTIONS
from bayesmeta.errors import SpecError
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.choices import DataChoice, EngineChoice, ModelChoice, OutputChoice
from bayesmeta.report.keys import ENGINES
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.priors import Prior

TEXT = """\
schema = 1
title = "Response"
[data]
file = "counts.csv"
[data.columns]
events = "r"
n = "size"
[model]
name = "binomial-normal"
[model.priors]
tau = { dist = "HalfNormal", sigma = 0.5, why = "few studies" }
[engines.exact]
[engines.nuts]
seed = 1
[output]
ci_prob = 0.9
"""


def refusal(old: str, new: str) -> str:
    assert old in TEXT
    with pytest.raises(SpecError) as caught:
        Analysis.from_toml_text(TEXT.replace(old, new), origin="analysis.toml")
    message = str(caught.value)
    assert message.startswith("analysis.toml")
    assert message.count("analysis.toml") == 1
    assert "\n" not in message
    return message


def test_an_analysis_is_read():
    analysis = Analysis.from_toml_text(TEXT)
    assert analysis.data == DataChoice(file="counts.csv", columns=FrozenMapping({"events": "r", "n": "size"}))
    assert analysis.model is not None
    assert analysis.model.priors == {"tau": Prior("HalfNormal", 0.5)}
    assert analysis.model.why == {"tau": "few studies"}
    assert analysis.engines == (EngineChoice("exact"), EngineChoice("nuts", FrozenMapping({"seed": 1})))
    assert analysis.output == OutputChoice(ci_prob=0.9)


FULL = Analysis(
    title='Two "quoted" words',
    question="Is it \\ so?",
    outcome="Response, %",
    notes=("first", "second, which is long enough that the array does not fit on one line of the file"),
    data=DataChoice(
        file="a/b.csv", sha256="0" * 64, on_bad="drop", measure="HR", interval_prob=0.9,
        columns=FrozenMapping({"study": "s", "estimate": "hr", "lower": "lo", "upper": "hi"}), moderators=("year",),
    ),
    model=ModelChoice(
        file="m.toml", priors=FrozenMapping({"mu": Prior("Normal", 0, 2), "tau": Prior("HalfCauchy", 0.5)}),
        why=FrozenMapping({"mu": "weak"}),
    ),
    engines=(
        EngineChoice("exact"),
        EngineChoice("nuts", FrozenMapping({"draws": 500, "target_accept": 0.99, "sampler": "pymc"})),
        EngineChoice("frequentist", FrozenMapping({"tau2_method": "DL"})),
        EngineChoice("frequentist", FrozenMapping({"tau2_method": "EE"})),
    ),
    subgroups=("year", "kind"),
    output=OutputChoice(
        ci_prob=0.9, scale="per 1000", order=("Lee", "Kim"), columns=(), xlim=(0.1, 5.0), figures=(),
        widths_mm=(85.5,), figure_notes=("a note",),
    ),
)  # fmt: skip


@pytest.mark.parametrize("analysis", [FULL, Analysis.from_toml_text(TEXT)])
def test_every_setting_is_written_and_read_back_equal(analysis):
    again = Analysis.from_toml_text(analysis.to_toml())
    assert again == analysis
    assert again.to_toml() == analysis.to_toml()


def test_the_engines_options_are_those_of_fit_but_for_what_the_analysis_shares():
    shared = {"ci_prob", "quiet", "formula"}  # a report shows no regression yet
    assert {name: set(keys) for name, keys in ENGINES.items()} == {
        name: set(options) - shared for name, options in OPTIONS.items()
    }


def test_engines_are_in_one_order_however_they_are_written():
    data, model = DataChoice(dataset="pritz1997"), ModelChoice(name="binomial-normal")
    engines = EngineChoice("frequentist"), EngineChoice("nuts"), EngineChoice("exact")
    assert [engine.name for engine in Analysis("T", data, engines, model).engines] == ["exact", "nuts", "frequentist"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "Response"', 'titel = "Response"', "unknown key 'titel'. Did you mean 'title'?"),
        ("[output]", "[outptu]", "unknown section 'outptu'. Did you mean 'output'?"),
        ("ci_prob = 0.9", "ci_porb = 0.9", "[output]: unknown key 'ci_porb'. Did you mean 'ci_prob'?"),
        ("[engines.exact]", "[engines.exakt]", "[engines]: unknown engine 'exakt'. Did you mean 'exact'?"),
        ("seed = 1", "sede = 1", "[engines.nuts]: unknown key 'sede'. Did you mean 'seed'?"),
        ('events = "r"', 'event = "r"', "[data.columns]: unknown key 'event'. Did you mean 'events'?"),
        ('events = "r"', 'measure = "HR"', "It belongs in [data] or"),
        ("tau = {", "tua = {", "[model.priors]: unknown key 'tua'. Did you mean 'tau'?"),
        ("sigma = 0.5", "sigam = 0.5", "[model.priors] tau: unknown parameter of HalfNormal 'sigam'."),
        ("[engines.nuts]", "[engines.nuts.more]", "[engines.nuts]: unknown section 'more'."),
    ],
)
def test_an_unknown_key_or_section_is_refused_with_the_nearest_one(old, new, said):
    assert said in refusal(old, new)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "Response"', "title = 3", "title must be a string, such as"),
        ("ci_prob = 0.9", 'ci_prob = "90 %"', "[output] ci_prob must be a number, such as 0.95; got '90 %', a string."),
        ("ci_prob = 0.9", "ci_prob = true", "ci_prob must be a number, such as 0.95; got true or false."),
        (
            "ci_prob = 0.9",
            'widths_mm = [170, "85"]',
            "widths_mm must be an array of numbers, such as [170, 85]; got an array whose entry 2 is '85', a string.",
        ),
        (
            "schema = 1",
            'schema = 1\nnotes = [3, "b"]',
            'notes must be an array of strings, such as ["regimen"]; got an array whose entry 1 is 3, a number.',
        ),
        (
            "[engines.exact]",
            '[engines.exact]\npower_weights = { "Lee 2019" = "half" }',
            "got a table whose entry 'Lee 2019' is 'half', a string.",
        ),
        ("seed = 1", "draws = 1000.5", "[engines.nuts] draws must be a whole number, such as 1000; got 1000.5"),
        ("[engines.exact]", "[engines]\nexact = true", "[engines.exact] must be a section of its own"),
        ('events = "r"', "events = 2", "[data.columns] events must be a string"),
        ('why = "few studies"', "why = 3", "[model.priors] tau.why must be a string"),
        ("schema = 1", "schema = 2", "schema = 2 is not known"),
        ("schema = 1", 'schema = 1\nschema = "again"', "is not valid TOML"),
    ],
)
def test_a_wrong_type_is_refused_with_the_right_one(old, new, said):
    assert said in refusal(old, new)


def test_a_section_that_is_no_section_is_refused():
    text = 'schema = 1\ntitle = "T"\ndata = "counts.csv"\n[engines.exact]\n'
    with pytest.raises(SpecError, match=r"^TOML text: \[data\] must be a table, not str"):
        Analysis.from_toml_text(text)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('file = "counts.csv"', "", "[data] needs a file or a dataset, and has neither"),
        ('file = "counts.csv"', 'file = "a.csv"\ndataset = "pritz1997"', "and has both"),
        ('file = "counts.csv"', 'file = "a.csv"\nsha256 = "12ab"', "[data] sha256 = '12ab' is no SHA-256"),
        ('file = "counts.csv"', 'file = "a.csv"\non_bad = "dorp"', "Did you mean 'drop'?"),
        ('file = "counts.csv"', 'file = "a.csv"\ninterval_prob = 95', "[data] interval_prob=95"),
        ('n = "size"', 'n = "r"', "[data.columns] maps column 'r' twice, for events and for n"),
        ('name = "binomial-normal"', "", "[model] needs a name or a file, and has neither"),
        ("[engines.exact]\n[engines.nuts]\nseed = 1", "[engines]", "no engine is asked for"),
        ("[engines.exact]\n[engines.nuts]\nseed = 1", "[engines.frequentist]", "[model] is given, but no engine uses"),
        ("[engines.exact]", "[[engines.exact]]\n[[engines.exact]]", "[engines.exact] is asked for twice"),
        ("ci_prob = 0.9", "ci_prob = 90", "[output] ci_prob=90 must lie strictly between 0 and 1. Did you mean 0.9?"),
        ("[output]", "[subgroups]\n[output]", "[subgroups] needs columns"),
        ("ci_prob = 0.9", 'figures = ["gif"]', "unknown format in figures: 'gif'"),
        ("ci_prob = 0.9", "widths_mm = [0]", "widths_mm holds 0"),
        ('title = "Response"\n', "", "the key 'title' is missing"),
    ],
)
def test_contradictions_and_gaps_are_refused(old, new, said):
    assert said in refusal(old, new)


def test_a_bayesian_engine_needs_a_model():
    start, end = TEXT.index("[model]"), TEXT.index("[engines.exact]")
    assert "[engines.exact] needs a model" in refusal(TEXT[start:end], "")


def test_a_missing_file_is_named():
    with pytest.raises(SpecError, match=r"^the analysis file 'nowhere.toml' does not exist"):
        Analysis.from_toml("nowhere.toml")


def test_a_file_is_known_by_its_hash_and_folder():
    Path("sub").mkdir()
    Path("sub/a.toml").write_text(TEXT, encoding="utf-8")
    analysis = Analysis.from_toml("sub/a.toml")
    assert analysis.folder == Path("sub")
    assert analysis.source is not None
    assert len(analysis.source.sha256) == 64
    assert analysis == Analysis.from_toml_text(TEXT)
