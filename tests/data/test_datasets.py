from importlib.resources import files

import pytest

from bayesmeta.data.datasets import DATASETS, list_datasets, load_dataset
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError

COVARIATES = ["year", "country", "design", "median_age", "age_group", "regimen", "ph_status", "setting"]


def test_every_bundled_table_is_listed_and_every_listed_one_is_there():
    tables = {entry.name for entry in files("bayesmeta.data").joinpath("tables").iterdir()}
    assert tables == {f"{name}.csv" for name in DATASETS}
    assert list_datasets()["name"].tolist() == list(DATASETS)


@pytest.mark.parametrize("name", list(DATASETS))
def test_the_listed_numbers_of_rows_and_studies_are_right(name):
    data, record = load_dataset(name), DATASETS[name]
    assert len(data) == record.rows
    assert data.index.tolist() == list(range(record.rows))
    named = {label for label in data.get("study", []) if not label.startswith("(")}
    assert len(named) == (record.k or 0)


def test_every_dataset_has_a_source_and_a_licence_note():
    listed = list_datasets()
    assert list(listed.columns) == ["name", "k", "rows", "description", "source", "licence"]
    assert (listed[["description", "source", "licence"]].map(len) > 20).all(axis=None)


@pytest.mark.parametrize(
    ("name", "events", "n"),
    [
        ("pritz1997", 246, 326),
        ("debruin2009", 669, 1516),
        ("crisafulli2020", 1545, 6831388),
        ("blinatumomab_cr", 228, 271),
    ],
)
def test_the_datasets_to_fit_hold_the_published_totals(name, events, n):
    studies = Studies.from_frame(load_dataset(name))
    assert (studies.events.sum(), studies.n.sum()) == (events, n)


def test_complete_remission_is_the_outcome_table_joined_with_the_studies():
    remission = load_dataset("blinatumomab_cr")
    outcomes = load_dataset("blinatumomab_outcomes").query("outcome == 'CR'")
    covariates = load_dataset("blinatumomab_studies").set_index("study")
    for column in ("study", "events", "n", "status", "label_basis", "source_note"):
        assert remission[column].tolist() == outcomes[column].tolist()
    for column in COVARIATES:
        assert remission[column].tolist() == covariates.loc[remission["study"], column].tolist()
    assert Studies.from_frame(remission, moderators=COVARIATES).k == 10


def test_complete_remission_has_as_many_studies_per_subgroup_as_the_paper():
    remission = load_dataset("blinatumomab_cr")
    printed = load_dataset("blinatumomab_published_results").query("outcome == 'CR'")
    assert len(printed) == 11
    for row in printed.itertuples():
        in_group = (
            10 if row.subgroup_variable == "overall" else sum(remission[row.subgroup_variable] == row.subgroup_level)
        )
        assert in_group == row.k


def test_a_reader_can_see_which_counts_are_reconstructed():
    assert set(load_dataset("blinatumomab_cr")["status"]) == {"reported", "reconstructed-unique"}
    assert load_dataset("blinatumomab_outcomes")["status"].notna().all()


def test_loading_twice_gives_independent_copies():
    changed = load_dataset("pritz1997")
    changed.loc[0, "events"] = -1
    assert load_dataset("pritz1997")["events"][0] == 16


def test_an_unknown_dataset_names_the_nearest():
    with pytest.raises(SpecError, match=r"unknown data set 'pritz97'. Did you mean 'pritz1997'"):
        load_dataset("pritz97")
    with pytest.raises(SpecError, match=r"unknown data set None"):
        load_dataset(None)
