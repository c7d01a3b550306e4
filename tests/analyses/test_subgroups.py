import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.analyses.subgroups import COLUMNS, subgroups
from bayesmeta.errors import SpecError

STUDIES = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["regimen", "age_group"])
TKI = np.flatnonzero(STUDIES.moderators["regimen"] == "TKI")


def test_each_level_is_the_fit_of_its_own_studies():
    table = subgroups(STUDIES, by="regimen").query("level == 'TKI'").set_index("parameter")
    expected = bm.compare(bm.fit(STUDIES.take(TKI))).set_index("parameter")
    assert table[["estimate", "lower", "upper"]].equals(expected[["estimate", "lower", "upper"]])
    assert table["k"].unique().tolist() == [7]
    assert table[["events", "n"]].iloc[0].tolist() == [166, 192]


def test_model_and_probability_are_used():
    model = bm.ModelSpec("binomial", tau="HalfNormal(0.1)")
    table = subgroups(STUDIES, model, by="regimen", ci_prob=0.8).query("level == 'TKI'").set_index("parameter")
    expected = bm.fit(STUDIES.take(TKI), model).summary(ci_prob=0.8)
    assert table.at["mu", "lower"] == expected.at["mu", "lower"]


def test_levels_are_in_the_order_of_the_data_and_each_variable_splits_anew():
    table = subgroups(STUDIES, by=["regimen", "age_group"])
    assert list(table.columns) == list(COLUMNS)
    levels = table[["variable", "level"]].drop_duplicates().to_numpy().tolist()
    assert levels == [["regimen", "chemotherapy"], ["regimen", "TKI"], ["age_group", ">18"], ["age_group", "<18"]]


def test_the_frequentist_engine_takes_its_options_and_the_probability():
    table = subgroups(STUDIES, by="regimen", engine="frequentist", measure="PR", variance="exact-ci", ci_prob=0.9)
    row = table.query("level == 'TKI' and parameter == 'p_mean'").iloc[0]
    expected = bm.fit(STUDIES.take(TKI), engine="frequentist", measure="PR", variance="exact-ci", ci_prob=0.9)
    assert (row["estimate"], row["lower"]) == (expected.mu, expected.lower)
    assert {"CI", "PI"} <= set(table["interval"])


def test_a_level_of_one_study_says_that_its_tau_is_the_priors():
    table = subgroups(STUDIES, by="age_group").query("level == '<18'")
    assert table["k"].unique().tolist() == [1]
    assert table["note"].str.startswith("one study: tau is known from its prior alone").all()


def test_a_level_that_cannot_be_analysed_has_a_row_with_the_reason_and_the_others_stay():
    frame = pd.DataFrame({"events": [9, 5, 6], "n": [9, 10, 12], "study": list("ABC"), "kind": ["x", "y", "y"]})
    studies = bm.Studies.from_frame(frame, moderators="kind")
    table = subgroups(studies, bm.ModelSpec("binomial", mu="Flat()"), by="kind")
    row = table.query("level == 'x'").iloc[0]
    assert row["note"].startswith("not analysed: ")
    assert np.isnan(row["estimate"])
    assert row["parameter"] == ""
    assert table.query("level == 'y'")["estimate"].notna().all()


def test_numbers_are_levels_too():
    frame = pd.DataFrame({"events": [3, 5, 6], "n": [9, 10, 12], "study": list("ABC"), "dose": [1.0, 2.5, 1.0]})
    table = subgroups(bm.Studies.from_frame(frame, moderators="dose"), by="dose")
    assert table["level"].unique().tolist() == ["1", "2.5"]


def test_estimates_have_no_counts():
    studies = bm.Studies(("A", "B"), y=[0.1, 0.2], se=[0.1, 0.1], moderators=pd.DataFrame({"kind": ["x", "y"]}))
    table = subgroups(studies, bm.load_model("normal-normal"), by="kind")
    assert table["events"].isna().all()


def test_a_common_tau_is_the_fit_by_cell_means():
    table = subgroups(STUDIES, by="regimen", tau="common")
    assert list(table.columns) == list(COLUMNS)
    fit = bm.fit(STUDIES, bm.ModelSpec("binomial", formula="~ 0 + regimen"))
    for level in ("chemotherapy", "TKI"):
        rows = table[table["level"] == level].set_index("parameter")
        names = {"mu": f"beta[regimen[{level}]]", "tau": "tau"} | {
            name: f"{name}[{level}]" for name in ("p_median", "p_mean", "p_new")
        }
        expected = fit.summary().loc[[names[str(name)] for name in rows.index]]
        assert rows["lower"].to_numpy() == pytest.approx(expected["lower"].to_numpy(), abs=1e-9)
        assert rows.at["p_mean", "estimate"] == pytest.approx(expected.at[f"p_mean[{level}]", "mean"], abs=1e-9)
    assert rows["k"].unique().tolist() == [7]
    assert np.ptp(table[table["parameter"] == "tau"]["estimate"]) < 1e-9


def test_a_hierarchy_lies_between_a_common_and_separate_tau():
    tables = {tau: subgroups(STUDIES, by="regimen", tau=tau) for tau in ("separate", "hierarchical", "common")}
    taus = {name: table.query("parameter == 'tau'")["estimate"].to_numpy() for name, table in tables.items()}
    assert taus["separate"][0] < taus["hierarchical"][0] < taus["common"][0]
    assert taus["separate"][1] > taus["hierarchical"][1] > taus["common"][1]


def test_a_shared_tau_needs_an_engine_that_has_it_and_two_levels():
    with pytest.raises(SpecError, match="tau='hierarchical' needs engine='exact' or 'nuts', not 'frequentist'"):
        subgroups(STUDIES, by="regimen", tau="hierarchical", engine="frequentist")
    with pytest.raises(SpecError, match="unknown engine 'nutz'"):
        subgroups(STUDIES, by="regimen", tau="common", engine="nutz")
    with pytest.raises(SpecError, match="tau2_method is an option of engine='frequentist', not of 'nuts'"):
        subgroups(STUDIES, by="regimen", tau="common", engine="nuts", tau2_method="DL")
    with pytest.raises(SpecError, match="takes no model, because it has no priors"):
        subgroups(STUDIES, bm.ModelSpec("binomial"), by="regimen", tau="common", engine="frequentist")
    with pytest.raises(SpecError, match="is TKI for every study, so there are no groups"):
        subgroups(STUDIES.take(TKI), by="regimen", tau="common")


def test_a_level_of_one_study_borrows_a_common_tau():
    table = subgroups(STUDIES, by="age_group", tau="common").query("level == '<18'").set_index("parameter")
    alone = subgroups(STUDIES, by="age_group").query("level == '<18'").set_index("parameter")
    assert table["k"].unique().tolist() == [1]
    assert table.at["tau", "lower"] > 10.0 * alone.at["tau", "lower"]


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(SpecError, match=r"unknown moderator 'regimn'\. Did you mean 'regimen'"):
        subgroups(STUDIES, by="regimn")
    with pytest.raises(SpecError, match="Did you mean 'separate'"):
        subgroups(STUDIES, by="regimen", tau="separat")
    with pytest.raises(SpecError, match="read them with moderators="):
        subgroups(bm.Studies(("A",), events=[1], n=[2]), by="kind")
    with pytest.raises(SpecError, match="by is empty"):
        subgroups(STUDIES, by=[])
    with pytest.raises(SpecError, match="'PLX'"):
        subgroups(STUDIES, by="regimen", engine="frequentist", measure="PLX")
