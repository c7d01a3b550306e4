import numpy as np
import pandas as pd
import pytest

from bayesmeta.analyses.compare import compare
from bayesmeta.api import fit
from bayesmeta.data.datasets import load_dataset
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.words import MEANINGS
from bayesmeta.tables.render import WIDTH
from bayesmeta.tables.results import render_compare, render_fit

NORMAL = ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)")


def studies_of(name):
    return Studies.from_frame(load_dataset(name))


@pytest.fixture(scope="module")
def hazards():
    frame = pd.DataFrame({"study": ["A", "B"], "hr": [0.71, 0.5], "low": [0.55, 0.3], "high": [0.93, 0.9]})
    return Studies.from_frame(frame, estimate="hr", lower="low", upper="high", measure="HR")


@pytest.fixture(scope="module")
def remission():
    studies = studies_of("blinatumomab_cr")
    return fit(studies), fit(studies, engine="frequentist", measure="PR", variance="exact-ci")


def test_an_exact_fit_says_model_estimates_and_what_the_rows_mean(remission):
    text = render_fit(remission[0])
    for part in ("events ~ Binomial(n, p)", "tau ~ HalfNormal(sigma=1)", "95 % CrI", "log evidence: -26.57"):
        assert part in text
    row = next(line.split() for line in text.splitlines() if line.startswith("p_median"))
    assert row[1:6] == ["0.861", "0.0532", "0.868", "0.735", "0.942"]
    assert row[6].startswith("<1e-")


def test_every_row_of_every_summary_has_a_meaning(remission, hazards):
    for result in (*remission, fit(hazards, NORMAL)):
        assert set(result.summary().index) <= MEANINGS.keys()


def test_a_frequentist_fit_says_method_intervals_and_heterogeneity(remission):
    text = render_fit(remission[1])
    for part in (
        "DerSimonian-Laird",
        "95 % CI (Wald)",
        "I2 = 77.0 %",
        "df = 9, P < 0.0001",
        "0.601 to 1.000",
    ):
        assert part in text


@pytest.mark.parametrize("options", [{}, {"engine": "frequentist"}])
def test_rare_events_keep_their_digits(options):
    text = render_fit(fit(studies_of("crisafulli2020"), **options))
    row = next(line.split() for line in text.splitlines() if line.startswith("p_median"))
    assert all(cell.endswith("e-04") or cell.endswith("e-06") or cell.startswith("<") for cell in row[1:])


def test_no_line_is_wider_than_a_screen(remission, hazards):
    texts = [render_fit(result) for result in (*remission, fit(hazards, NORMAL))]
    for text in [*texts, render_compare(compare(remission))]:
        assert max(map(len, text.splitlines())) <= WIDTH


def test_ratios_are_given_as_ratios_too(hazards):
    assert "mu as a hazard ratio: 0.640 (0.237 to 1.748)" in render_fit(fit(hazards, NORMAL))
    assert "mu as a hazard ratio: 0.650 (0.482 to 0.876)" in render_fit(fit(hazards, engine="frequentist"))


def test_a_shortest_interval_is_not_transformed_as_if_it_were_equal_tailed(hazards):
    text = render_fit(fit(hazards, NORMAL), ci_kind="hdi")
    assert "(shortest)" in text
    assert "ratio:" not in text


def test_the_interval_asked_for_is_named():
    assert "50 % CrI" in render_fit(fit(studies_of("pritz1997")), ci_prob=0.5)


def test_a_single_study_has_no_prediction_interval_in_print(hazards):
    text = render_fit(fit(hazards.take([0]), engine="frequentist"))
    assert "PI" not in text
    assert "nan" not in text


def test_only_fits_are_rendered():
    with pytest.raises(SpecError, match="DataFrame"):
        render_fit(pd.DataFrame())


def test_a_comparison_shows_proportions_in_per_cent_and_the_rest_on_its_scale(remission):
    text = render_compare(compare(remission))
    rows = [line.split() for line in text.splitlines()]
    assert ["p_median", "86.8", "%", "73.5", "%", "94.2", "%", "CrI"] in [row[:8] for row in rows]
    assert ["p_mean", "86.5", "%", "78.2", "%", "94.9", "%", "CI"] in [row[:8] for row in rows]
    assert ["mu", "1.89"] in [row[:2] for row in rows]
    assert "nan" not in text


def test_a_comparison_says_why_its_numbers_differ(remission):
    words = " ".join(render_compare(compare(remission)).split())
    assert "each counting alike" in words
    assert "precision-weighted mean" in words


def test_a_comparison_can_show_proportions_as_such(remission):
    table = compare(remission)
    assert "%  " not in render_compare(table[["fit", *table.columns[1:]]], scale="proportion")
    assert "0.868" in render_compare(table, scale="proportion")
    with pytest.raises(SpecError, match="Did you mean 'percent'"):
        render_compare(table, scale="percnt")


def test_a_missing_interval_is_blank(remission):
    table = compare(remission[1:])
    assert np.isnan(table.loc[table["parameter"] == "tau", "lower"]).all()
    line = next(line for line in render_compare(table).splitlines() if line.startswith("tau"))
    assert line.split()[:3] == ["tau", "0.106", "moment"]


def test_rounding_noise_is_printed_as_zero():
    studies = Studies(("a", "b"), y=[-0.1, 0.1 + 5e-15], se=[0.2, 0.2])
    table = compare(fit(studies, engine="frequentist"))
    assert 0.0 < abs(table.loc[0, "estimate"]) < 1e-12
    row = next(line.split() for line in render_compare(table).splitlines() if line.startswith("mu"))
    assert float(row[1]) == 0.0
    assert "e-" not in row[1]
