import json

import bayesmeta as bm
from bayesmeta.report.record import results_json, results_record

NUTS = ("[engines.exact]", "[engines.exact]\n[engines.nuts]")


def test_the_record_is_the_same_on_every_run(results):
    assert results_json(results()) == results_json(results())


def test_the_numbers_are_those_of_python_in_full_precision(results):
    found = results()
    record = json.loads(results_json(found))
    expected = bm.fit(found.inputs.studies).summary()
    rows = {row["parameter"]: row for row in record["fits"]["exact"]["estimates"]}
    assert {name: row["mean"] for name, row in rows.items()} == expected["mean"].to_dict()
    assert record["studies"][0] == {"study": "Lee 2019", "events": 7.0, "n": 15.0}
    assert record["fits"]["frequentist"]["method"]["tau2_method"] == "DL"
    assert len(record["study_effects"]) == len(record["loo"]) == 3


def test_versions_and_hashes_are_in_it_but_no_path(results, write, tmp_path, monkeypatch):
    record = results_record(results())
    assert list(record["versions"]) == ["bayesmeta", "python", "numpy", "scipy", "pandas"]
    assert [entry["role"] for entry in record["inputs"]] == ["analysis", "data", "model"]
    absolute = results(('"counts.csv"', f'"{tmp_path}/counts.csv"'))
    assert str(tmp_path) not in results_json(absolute)


def test_sampling_is_recorded_with_its_programs(results, nuts_without_sampling):
    nuts_without_sampling()
    record = results_record(results(NUTS))
    assert list(record["versions"])[-2:] == ["pymc", "arviz"]
    assert record["fits"]["nuts"]["sampling"]["sampler"] == "pymc"
    assert record["problems"] == []


def test_what_does_not_exist_is_null(results):
    found = results(data="study,events,n\nLee 2019,7,15\n")
    assert json.loads(results_json(found))["comparison"][-1]["lower"] is None
