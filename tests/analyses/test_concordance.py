"""Every method on one data set, and why the answers differ."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.analyses.concordance_methods import METHODS
from bayesmeta.analyses.concordance_words import REASONS

REFERENCE = Path(__file__).parents[1] / "reference" / "metafor"


def of_file(name):
    return bm.Studies.from_frame(pd.read_csv(REFERENCE / f"{name}.csv"), study="study")


def of_estimates():
    frame = pd.read_csv(REFERENCE / "hackshaw1998.csv").reset_index().rename(columns={"index": "label"})
    return bm.Studies.from_frame(frame.astype({"label": str}), study="label", y="estimate", se="se")


def of_rates():
    frame = pd.read_csv(REFERENCE / "nielweise2008.csv")
    return bm.Studies.from_frame(frame, study="study", events="events_treatment", time="time_treatment")


STUDIES = {
    "counts": lambda: bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr")),
    "two-arm-counts": lambda: of_file("bcg"),
    "two-arm-rates": lambda: of_file("nielweise2008"),
    "rates": of_rates,
    "estimates": of_estimates,
}


@pytest.fixture(scope="module", params=STUDIES)
def analysed(request):
    studies = STUDIES[request.param]()
    return studies, bm.concordance(studies)


def test_every_kind_of_data_has_methods_and_every_choice_a_reason():
    assert set(METHODS) == set(STUDIES)
    for methods in METHODS.values():
        codes = [method.code for method in methods]
        for position, method in enumerate(methods):
            assert method.against is None or codes.index(method.against) < position
            assert method.against is None or method.choice in REASONS


def test_every_method_has_an_answer_in_ascending_order(analysed):
    studies, table = analysed
    bayesian = 0 if studies.kind in ("rates", "estimates") else sum(m.is_bayesian for m in METHODS[studies.kind])
    classical = sum(not method.is_bayesian for method in METHODS[studies.kind])
    assert len(table) == classical + bayesian
    assert table["estimate"].is_monotonic_increasing
    assert np.isfinite(table[["estimate", "lower", "upper", "tau"]].to_numpy()).all()


def test_a_gap_is_explained_if_and_only_if_something_moved(analysed):
    studies, table = analysed
    rows = table.set_index("method")
    for name, row in rows[rows["against"] != ""].iterrows():
        before = rows.loc[row["against"]]
        moves = [abs(row[column] - before[column]) for column in ("estimate", "lower", "upper")]
        limit = 0.25 * (before["upper"] - before["lower"])
        limit = min(limit, 0.01) if studies.has_counts else limit
        assert bool(row["explanation"]) == (max(moves) > limit), name
        assert row["gap"] == row["estimate"] - before["estimate"]


def test_numbers_are_those_of_the_fits():
    studies = STUDIES["counts"]()
    rows = bm.concordance(studies, ci_prob=0.9).set_index("method")
    raw = bm.fit(studies, engine="frequentist", measure="PR", variance="exact-ci", ci_prob=0.9)
    exact = bm.fit(studies).summary(ci_prob=0.9)
    columns = ["estimate", "lower", "upper"]
    assert rows.loc["raw DL, exact-ci variance", columns].tolist() == raw.summary().loc["p_mean", columns].tolist()
    assert rows.loc["exact", columns].tolist() == exact.loc["p_median", ["median", "lower", "upper"]].tolist()
    assert rows.loc["exact, mean over studies", "estimate"] == exact.loc["p_mean", "mean"]


def test_the_correction_is_named_with_the_studies_it_touches_and_what_less_of_it_would_give():
    events, n = [0, 0, 0, 3, 6, 9, 2, 5], [12, 9, 20, 30, 25, 40, 10, 33]
    studies = bm.Studies(tuple("ABCDEFGH"), events=np.array(events), n=np.array(n))
    rows = bm.concordance(studies).set_index("method")
    said = rows.loc["logit ML", "explanation"]
    less = bm.fit(studies, engine="frequentist", tau2_method="ML", add=0.1).summary().loc["p_median", "estimate"]
    assert "3 of 8 studies have a zero cell and 0.5 added to their cells" in said
    assert f"(with 0.1 it would be {less:.3f})" in said


def test_common_effects_name_the_study_that_gains_weight():
    rows = bm.concordance(of_file("bcg")).set_index("method")
    said = rows.loc["OR common effect", "explanation"]
    assert said.startswith("estimate 0.31 higher")
    assert "TPT Madras 1980 weighs 45 % instead of 10 %" in said


def test_a_model_of_ones_own_is_the_one_shown():
    model = bm.ModelSpec("normal", mu="Normal(0, 1)", tau="HalfNormal(0.5)")
    studies = of_estimates()
    rows = bm.concordance(studies, model).set_index("method")
    assert rows.loc["exact", "estimate"] == bm.fit(studies, model).summary().loc["mu", "median"]
    assert rows.loc["ML", "against"] == "exact"


def test_a_method_that_cannot_be_used_says_why_and_the_next_is_held_against_the_one_before_it():
    studies = bm.Studies(tuple("ABC"), events=np.array([0, 0, 0]), n=np.array([10, 20, 5]))
    rows = bm.concordance(studies).set_index("method")
    assert rows.loc["GLMM", "explanation"].startswith("not used: ")
    assert np.isnan(rows.loc["GLMM", "estimate"])
    assert rows.loc["logit ML", "against"] == "exact"


def test_one_study_gives_what_there_is():
    studies = bm.Studies(("A",), events=np.array([3]), n=np.array([10]))
    rows = bm.concordance(studies).set_index("method")
    assert rows.loc["logit DL", "estimate"] == pytest.approx(0.3)
    assert np.isnan(rows.loc["logit DL, Hartung-Knapp", "lower"])


def test_a_formula_is_refused_in_one_line():
    studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["regimen"])
    model = bm.ModelSpec("binomial", formula="~ regimen", beta="Normal(0, 1.5)", tau="HalfNormal(1)")
    with pytest.raises(bm.SpecError, match="concordance"):
        bm.concordance(studies, model)


def proportions(events, n):
    return bm.Studies.from_frame(pd.DataFrame({"study": [f"s{i}" for i in range(len(n))], "events": events, "n": n}))


@pytest.mark.parametrize(
    ("events", "n"), [([0], [10]), ([0, 0], [8, 8]), ([0, 0, 0], [5, 10, 20]), ([5] * 3, [10] * 3)]
)
def test_a_weight_that_did_not_move_is_not_given_as_a_reason(events, n):
    told = " ".join(bm.concordance(proportions(events, n))["explanation"])
    for share in re.findall(r"(\d+) %(?: of the weight)? instead of (\d+) %", told):
        assert share[0] != share[1]
    assert "the 0 most extreme" not in told
    assert "1 of 1 studies" not in told


@pytest.mark.parametrize(("events", "n"), [([4], [10]), ([5] * 3, [10] * 3)])
def test_a_row_without_limits_says_why(events, n):
    row = bm.concordance(proportions(events, n)).set_index("method").loc["logit DL, Hartung-Knapp"]
    assert np.isnan(row["lower"])
    assert "no confidence interval by ci_method='hartung-knapp', because" in row["explanation"]


def test_a_model_by_its_name_is_refused():
    with pytest.raises(bm.SpecError, match=r"model is a str, not a ModelSpec; use bm\.load_model"):
        bm.concordance(proportions([1, 2], [5, 6]), "binomial-normal")
