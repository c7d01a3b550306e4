import numpy as np
import pytest

import bayesmeta as bm


@pytest.fixture(scope="module")
def remission():
    return bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"))


@pytest.fixture(scope="module")
def exact(remission):
    return bm.fit(remission)


@pytest.fixture(scope="module")
def dl(remission):
    return bm.fit(remission, engine="frequentist", measure="PR", variance="exact-ci")


def test_three_engines_stand_in_one_table_under_names_of_their_own(exact, dl, as_nuts):
    nuts = as_nuts(exact)
    table = bm.compare([exact, nuts, dl])
    assert table["engine"].unique().tolist() == ["exact", "nuts", "frequentist"]
    assert table.groupby("engine")["fit"].nunique().tolist() == [1, 1, 1]
    assert table["fit"].nunique() == 3
    rows = table[table["engine"] == "nuts"].set_index("parameter")
    summary = nuts.summary()
    assert rows.index.tolist() == summary.index.tolist()
    assert rows.at["p_mean", "estimate"] == summary.at["p_mean", "mean"]
    assert rows.at["p_median", "estimate"] == summary.at["p_median", "median"]
    assert (rows["lower"] == summary["lower"]).all()


def test_each_number_names_its_estimand_and_interval(exact, dl):
    table = bm.compare([exact, dl]).set_index(["engine", "parameter"])
    assert table.at[("exact", "p_mean"), "interval"] == "CrI"
    assert table.at[("exact", "p_new"), "interval"] == "PI"
    assert table.at[("frequentist", "p_mean"), "interval"] == "CI"
    assert (table["estimand"] == table.index.get_level_values("parameter")).all()


def test_the_raw_pool_says_which_studies_pull_it_and_by_how_much(exact, dl):
    table = bm.compare([exact, dl])
    (text,) = table.loc[(table["engine"] == "frequentist") & (table["parameter"] == "p_mean"), "explanation"]
    assert "hold 42 % of the weight" in text
    shares = dict(zip(dl.studies.study, dl.weights, strict=True))
    named = text.partition("towards it: ")[2].partition(" hold ")[0].split(", ")
    assert sum(shares[name] for name in named) == pytest.approx(0.42, abs=0.005)


def test_another_probability_leaves_the_prediction_interval_of_a_frequentist_fit_out(exact, dl):
    table = bm.compare([exact, dl], ci_prob=0.8)
    assert "p_new" not in table.loc[table["engine"] == "frequentist", "parameter"].tolist()
    assert np.isfinite(table.loc[table["engine"] == "exact", "lower"]).all()


def test_fits_of_other_studies_are_refused(exact, remission):
    other = bm.fit(remission.take(np.arange(9)))
    with pytest.raises(bm.DataError, match="study 'Stolz 2025' is in only one of them"):
        bm.compare([exact, other])


@pytest.mark.parametrize(("fits", "message"), [([], "at least one fit"), ([3], "got an int"), (None, "got a NoneType")])
def test_what_are_no_fits_is_named(fits, message):
    with pytest.raises(bm.SpecError, match=message):
        bm.compare(fits)
