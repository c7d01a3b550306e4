"""The summary without each study."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.analyses.leave_one_out import leave_one_out

REFERENCE = Path(__file__).parents[1] / "reference" / "metafor" / "dl_leave_one_out.json"
CASES = json.loads(REFERENCE.read_text(encoding="utf-8"))["cases"]
WITHIN = {"rel": 1e-8, "abs": 1e-10}


def counts(events, n, labels=None):
    labels = tuple(labels or (f"study {i}" for i in range(len(n))))
    return bm.Studies(labels, events=np.array(events, float), n=np.array(n, float))


@pytest.fixture(scope="module")
def pritz():
    return bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))


@pytest.fixture(scope="module")
def table(pritz):
    return leave_one_out(pritz)


def test_there_are_24_reference_analyses():
    assert len(CASES) == 24


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['dataset']}-{case['measure']}")
def test_leaving_out_under_dersimonian_laird_is_as_metafor_has_it(case):
    labels = tuple(f"study {i}" for i in range(len(case["yi"])))
    fit = bm.fit(bm.Studies(labels, y=np.array(case["yi"]), se=np.sqrt(case["vi"])), engine="frequentist")
    rows = leave_one_out(fit).set_index("study")
    names = {
        "estimate": "estimate",
        "se": "se",
        "ci_low": "lower",
        "ci_high": "upper",
        "Q": "q",
        "Qp": "q_pvalue",
        "tau2": "tau2",
    }
    for theirs, ours in names.items():
        assert rows[ours].to_numpy() == pytest.approx(np.array(case["leave1out"][theirs]), **WITHIN)
    assert 100.0 * rows["i2"].to_numpy() == pytest.approx(np.array(case["leave1out"]["I2"]), **WITHIN)


def test_every_row_equals_its_own_fit_within_the_sum_of_both_errors(pritz, table):
    largest = []
    for i, study in enumerate(pritz.studies.study):
        own = bm.fit(pritz.studies.take(np.arange(14) != i), pritz.model)
        rows, expected = table[table["study"] == study].set_index("parameter"), own.summary()
        columns = ["mean", "sd", "median", "lower", "upper"]
        difference = (rows[columns] - expected[columns]).abs().max(axis=1)
        assert (difference <= rows["numerical_error"] + expected["numerical_error"]).all()
        assert rows["elpd_loo"].iloc[0] == pytest.approx(pritz.log_evidence - own.log_evidence, abs=3e-8)
        largest.append(difference)
    by_parameter = pd.concat(largest, axis=1).max(axis=1)
    assert by_parameter.pop("p_new") < 2e-7  # its distribution function is read between knots
    assert (by_parameter < 1e-7).all()


def test_elpd_is_that_of_loo(pritz, table):
    elpd = table.groupby("study", sort=False)["elpd_loo"].first()
    expected = bm.loo(pritz)
    assert list(elpd.index) == list(expected.index)
    assert elpd.to_numpy() == pytest.approx(expected["elpd_loo"].to_numpy(), abs=2e-8)


def test_the_shift_is_in_standard_deviations_of_the_whole(pritz, table):
    row, whole = (
        table.set_index(["study", "parameter"]).loc[("Otsubo et al.", "p_median")],
        pritz.summary().loc["p_median"],
    )
    assert row["shift"] == pytest.approx((row["median"] - whole["median"]) / whole["sd"], abs=1e-12)


def test_order_and_labels_do_not_matter(pritz, table):
    order = np.random.default_rng(1).permutation(14)
    labels = [f"other {i}" for i in order]
    turned = counts(pritz.studies.events[order], pritz.studies.n[order], labels)
    other = leave_one_out(bm.fit(turned, pritz.model))
    assert list(dict.fromkeys(other["study"])) == labels
    ours = table["median"].to_numpy().reshape(14, 5)[order]
    assert other["median"].to_numpy().reshape(14, 5) == pytest.approx(ours, abs=1e-7)


def test_intervals_have_the_probability_asked_for(pritz):
    narrow = leave_one_out(pritz, ci_prob=0.5).query("study == 'Levy et al.'").set_index("parameter")
    own = bm.fit(pritz.studies.take(np.array(pritz.studies.study) != "Levy et al."), pritz.model).summary(ci_prob=0.5)
    assert narrow["lower"].to_numpy() == pytest.approx(own["lower"].to_numpy(), abs=3e-7)
    wide = bm.fit(pritz.studies, engine="frequentist", ci_prob=0.9)
    assert leave_one_out(wide)["lower"].to_numpy() == pytest.approx(
        leave_one_out(wide, ci_prob=0.9)["lower"].to_numpy()
    )


def test_an_improper_posterior_is_a_row_with_the_reason():
    table = leave_one_out(bm.fit(counts([3, 5, 0], [8, 11, 6]), bm.ModelSpec(tau="HalfFlat()")))
    notes = table.groupby("study", sort=False)["note"].first()
    assert notes.iloc[0].startswith("the posterior of tau is improper")
    assert notes.iloc[2] == ""
    assert table["median"].isna().tolist() == [True] * 10 + [False] * 5


@pytest.mark.parametrize("engine", ["exact", "frequentist"])
def test_without_the_only_study_there_are_no_numbers(engine):
    table = leave_one_out(bm.fit(counts([3], [8]), engine=engine))
    assert set(table["note"]) == {"no study is left"}
    assert table.drop(columns=["study", "parameter", "note"]).isna().all(axis=None)


def test_zero_cells_are_corrected_anew_where_the_rule_looks_at_all_studies():
    studies = counts([0, 5, 7], [9, 11, 12])
    fit = bm.fit(studies, engine="frequentist", to="if0all")
    rows = leave_one_out(fit).query("parameter == 'mu'")
    own = bm.fit(studies.take([1, 2]), engine="frequentist", to="if0all")
    assert rows["estimate"].iloc[0] == pytest.approx(own.mu, abs=1e-13)
    assert rows["estimate"].iloc[1] == pytest.approx(
        bm.fit(studies.take([0, 2]), engine="frequentist", to="if0all").mu, abs=1e-13
    )


def test_what_cannot_be_repeated_is_refused():
    class Sampled:
        engine = "nuts"

    with pytest.raises(
        bm.SpecError, match=r"leave_one_out would sample anew .* fit the same studies and model with engine='exact'"
    ):
        leave_one_out(Sampled())
    with pytest.raises(bm.SpecError, match=r"takes a fit made by bm\.fit; got a dict"):
        leave_one_out({})
    with pytest.raises(bm.SpecError, match=r"ci_prob=95 must lie strictly between 0 and 1\. Did you mean 0\.95\?"):
        leave_one_out(bm.fit(counts([3, 4], [8, 9])), ci_prob=95)


@pytest.mark.parametrize(
    "model",
    [
        bm.ModelSpec("binomial", link="probit", mu="Normal(0, 1)", tau="HalfNormal(0.6)"),
        bm.ModelSpec("binomial", effects="student-t"),
        bm.ModelSpec("binomial", effects="none"),
        bm.ModelSpec("normal", mu="Normal(0, 2)", tau="DuMouchel"),
    ],
    ids=["probit", "student-t", "none", "a prior made from the studies"],
)
def test_rows_of_other_models_equal_their_own_fits(model):
    studies = counts([3, 9, 4, 12, 2, 7, 5, 8, 6, 11], [8, 11, 6, 30, 5, 9, 10, 12, 20, 14])
    fit = bm.fit(studies, model)
    table = leave_one_out(fit).set_index("study")
    for i in (0, 4, 9):
        own = bm.fit(studies.take(np.arange(10) != i), model).summary()
        rows = table.loc[f"study {i}"].set_index("parameter")
        assert list(rows.index) == list(own.index)
        difference = (rows[own.columns] - own)[["mean", "sd", "median", "lower", "upper"]].abs().max(axis=1)
        assert (difference <= rows["numerical_error"] + own["numerical_error"]).all()


def test_what_priors_made_from_the_studies_leave_undefined_is_missing_or_refused():
    fit = bm.fit(counts([3, 9, 4], [8, 11, 6]), bm.ModelSpec("normal", mu="Normal(0, 2)", tau="DuMouchel"))
    assert leave_one_out(fit)["elpd_loo"].isna().all()
    with pytest.raises(bm.SpecError, match="the priors are made from the standard errors of all studies"):
        bm.conflict(fit)


def test_a_model_with_a_formula_is_refused():
    frame = pd.DataFrame({"study": list("ABCD"), "events": [3, 9, 4, 2], "n": [8, 11, 6, 9], "kind": list("xxyy")})
    studies = bm.Studies.from_frame(frame, moderators=["kind"])
    fit = bm.fit(studies, bm.ModelSpec("binomial", formula="~ 0 + kind", beta="Normal(0, 1.5)", tau="HalfNormal(1)"))
    for verb in (leave_one_out, bm.conflict, bm.outliers):
        with pytest.raises(bm.SpecError, match="is for models without a formula"):
            verb(fit)
