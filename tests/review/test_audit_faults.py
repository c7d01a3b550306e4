"""How many faults the audit finds, and how often it cries wolf: a short run, and what is stored of the long one."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.audit_faults import KINDS, SEED, audited, run
from benchmarks.audit_tables import clean_tables, settings

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.fixture(scope="module")
def stored():
    return pd.read_csv(RESULTS / "audit_faults.csv").set_index(["from", "kind"])


@pytest.mark.parametrize("setting", settings()[::11], ids=lambda s: f"{s.data}, {s.convention}, {s.decimals}")
def test_clean_tables_are_clean_and_show_their_convention(setting):
    found = audited(clean_tables(setting), setting)
    assert found.is_clean
    first = found.conventions.iloc[0]
    assert first["explained"] == first["figures"] > 10
    word = {"raw-exact": "raw-exact", "raw-wald": "raw-wald", "logit": "logit", "Freeman-Tukey": "freeman-tukey"}
    assert first["convention"].startswith(word.get(setting.convention.split()[0], "arcsine"))
    assert audited(clean_tables(setting), None).is_clean


def test_faults_of_each_kind_are_found_and_nothing_else():
    first = {s.data: s for s in reversed(settings()) if s.convention == "raw-exact DL"}
    table = run(1, list(first.values()), seed=9)
    with_data = table[table["from"] == "data"]
    assert len(with_data) == len(KINDS) - 1  # a hazard ratio has no counts
    assert (with_data["found"] == with_data["faults"]).all()
    assert (with_data["named"] == with_data["faults"]).all()
    assert table["false_alarms"].sum() == 0


def test_50_faults_of_each_kind_are_stored(stored):
    record = json.loads((RESULTS / "audit_faults.json").read_text())
    assert (record["seed"], record["faults"]) == (SEED, 50)
    injected = stored[stored["faults"] > 0].drop(index=("data", "one figure in ten"))
    assert (injected["faults"] == 50).all()
    assert {kind for _, kind in injected.index} == set(KINDS)
    assert stored.at[("data", "one figure in ten"), "faults"] > 50


def test_nearly_all_faults_are_found_with_the_data_and_no_false_one(stored):
    with_data = stored.loc["data"]
    injected = with_data[with_data["faults"] > 0]
    assert (injected["found"] >= 0.96 * injected["faults"]).all()
    assert with_data["false_alarms"].sum() == 0
    assert with_data.at["none", "figures"] > 20_000


def test_the_print_alone_gives_no_false_alarm(stored):
    assert stored.loc["print alone", "false_alarms"].sum() == 0
