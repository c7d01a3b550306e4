"""Every subset of the studies."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.analyses.subsets import subsets

FRAME = pd.DataFrame({"study": list("ABCDE"), "events": [3, 9, 6, 2, 0], "n": [10, 11, 12, 9, 7]})


@pytest.fixture(scope="module")
def fit():
    return bm.fit(bm.Studies.from_frame(FRAME))


def many(k):
    rng = np.random.default_rng(3)
    n = rng.integers(10, 40, k)
    return bm.Studies(tuple(f"s{i}" for i in range(k)), events=rng.binomial(n, 0.4).astype(float), n=n.astype(float))


def test_all_subsets_but_the_empty_one_come_once(fit):
    table = subsets(fit)
    expected = {
        "".join("1" if i in some else "0" for i in range(5)) for r in range(1, 6) for some in combinations(range(5), r)
    }
    assert len(table) == 31
    assert set(table["subset"]) == expected
    assert table["k"].tolist() == [text.count("1") for text in table["subset"]]
    assert table.attrs == {"studies": list("ABCDE"), "possible": 31, "seed": None}


def test_a_row_is_the_fit_of_its_studies(fit):
    table = subsets(fit).set_index("subset")
    for text in ("00001", "10010", "01101", "11111"):
        own = bm.fit(fit.studies.take([mark == "1" for mark in text]), fit.model).summary()
        for parameter in fit.parameters:
            for column in ("mean", "sd", "median", "lower", "upper"):
                allowed = table.loc[text, "numerical_error"] + own.loc[parameter, "numerical_error"]
                assert abs(table.loc[text, f"{parameter}_{column}"] - own.loc[parameter, column]) <= allowed


def test_2002_subsets_of_14_studies_are_certified_to_a_millionth():
    studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    table = subsets(bm.fit(studies), size=5)
    assert len(table) == 2002
    assert (table["numerical_error"] <= 2e-6).all()
    for i in (0, 777, 2001):
        own = bm.fit(studies.take([mark == "1" for mark in table.loc[i, "subset"]])).summary()
        assert table.loc[i, "tau_upper"] == pytest.approx(own.loc["tau", "upper"], abs=2e-7)
        assert table.loc[i, "p_new_lower"] == pytest.approx(own.loc["p_new", "lower"], abs=1.1e-6)


def test_subsets_of_one_size_are_all_of_that_size(fit):
    table = subsets(fit, size=2)
    assert len(table) == 10
    assert set(table["k"]) == {2}
    everything = subsets(fit).set_index("subset").loc[table["subset"]]
    assert table["mu_median"].to_numpy() == pytest.approx(everything["mu_median"].to_numpy(), abs=1e-6)


def test_more_than_16_studies_are_sampled_with_the_seed_in_the_result():
    fit = bm.fit(many(18), engine="frequentist")
    table = subsets(fit, sample=40, seed=7)
    assert len(table) == 40
    assert table["subset"].is_unique
    assert table.attrs["seed"] == 7
    assert table.attrs["possible"] == 2**18 - 1
    pd.testing.assert_frame_equal(table, subsets(fit, sample=40, seed=7))
    drawn = subsets(fit, sample=5)
    pd.testing.assert_frame_equal(drawn, subsets(fit, sample=5, seed=drawn.attrs["seed"]))


def test_every_subset_has_the_same_chance():
    marks = np.array(
        [list(text) for text in subsets(bm.fit(many(18), engine="frequentist"), sample=2000, seed=1)["subset"]]
    )
    share = (marks == "1").mean(axis=0)
    assert np.abs(share - 0.5).max() < 4.5 * np.sqrt(0.25 / 2000)
    sized = subsets(bm.fit(many(20), engine="frequentist"), size=10, sample=500, seed=1)
    assert set(sized["k"]) == {10}
    assert sized["subset"].is_unique


def test_a_sampled_row_of_the_exact_engine_is_the_fit_of_its_studies():
    fit = bm.fit(many(17))
    table = subsets(fit, sample=20, seed=2)
    row = table.iloc[11]
    own = bm.fit(fit.studies.take([mark == "1" for mark in row["subset"]])).summary()
    assert row["p_mean_median"] == pytest.approx(own.loc["p_mean", "median"], abs=row["numerical_error"] + 2e-7)


def test_classical_rows_have_heterogeneity():
    fit = bm.fit(bm.Studies.from_frame(FRAME), engine="frequentist", measure="PR", variance="exact-ci")
    table = subsets(fit).set_index("subset")
    own = bm.fit(fit.studies.take([1, 2, 4]), engine="frequentist", measure="PR", variance="exact-ci")
    row = table.loc["01101"]
    assert [row["mu_estimate"], row["tau2"], row["i2"], row["q"]] == pytest.approx(
        [own.mu, own.tau2, own.i2, own.q], abs=1e-13
    )
    assert row["p_mean_upper"] == pytest.approx(own.summary().loc["p_mean", "upper"], abs=1e-13)
    assert table.loc["00001", "tau2"] == 0.0


def test_one_study_has_one_subset():
    table = subsets(bm.fit(bm.Studies.from_frame(FRAME.head(1))))
    assert table["subset"].tolist() == ["1"]
    assert table["note"].tolist() == [""]


def test_an_improper_subset_is_a_row_with_the_reason():
    table = subsets(bm.fit(bm.Studies.from_frame(FRAME), bm.ModelSpec(tau="HalfFlat()"))).set_index("subset")
    assert table.loc["10001", "note"].startswith("the posterior of tau is improper")
    assert np.isnan(table.loc["10001", "mu_median"])
    assert table.loc["11000", "note"] == ""
    assert table.loc["11000", "tau_median"] > 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 6}, "size=6 is more than the 5 studies there are."),
        ({"size": 0}, "size=0 must be a positive whole number"),
        ({"sample": 1.5}, "sample=1.5 must be a positive whole number"),
    ],
)
def test_options_that_make_no_sense_are_refused(fit, options, message):
    with pytest.raises(bm.SpecError) as caught:
        subsets(fit, **options)
    assert str(caught.value).startswith(message)


def test_a_seed_that_is_none_is_refused():
    with pytest.raises(bm.SpecError, match="seed='x' must be a whole number from 0"):
        subsets(bm.fit(many(17), engine="frequentist"), seed="x")
