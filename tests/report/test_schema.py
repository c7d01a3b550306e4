"""results.json is what its schema says, and what is not is found."""

import copy
import json

import pytest

from bayesmeta.report.record import results_json, results_record
from bayesmeta.report.schema import TYPES, WORDS, check_record, schema


def rules(node):
    """Yield every rule of a schema."""
    if isinstance(node, dict):
        yield node
        for name, inside in node.items():
            parts = (
                inside.values() if name in ("properties", "$defs") else inside if isinstance(inside, list) else [inside]
            )
            for part in parts:
                yield from rules(part)


def test_the_schema_uses_only_words_that_are_understood():
    every = list(rules(schema()))
    assert len(every) > 40
    assert {word for rule in every for word in rule} <= WORDS
    for rule in every:
        names = rule.get("type", [])
        assert set([names] if isinstance(names, str) else names) <= set(TYPES)
        if "$ref" in rule:
            assert set(rule) == {"$ref"}
            assert rule["$ref"].removeprefix("#/$defs/") in schema()["$defs"]


MADE: list[str] = []


@pytest.fixture
def record(results, nuts_without_sampling):
    """Return a record of its own of an analysis by every engine, which is computed once."""
    if not MADE:
        nuts_without_sampling()
        MADE.append(results_json(results(("[engines.exact]", "[engines.exact]\n[engines.nuts]"))))
    return json.loads(MADE[0])


def test_a_record_with_every_engine_is_as_the_schema_says(record):
    check_record(record)
    assert set(record) <= set(schema()["properties"])
    assert record["command"] == "bayesmeta run analysis.toml"


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("title",), 3, "results.json, title is no string"),
        (("schema",), 2, "results.json, schema is none of [1]"),
        (("notes",), "x", "results.json, notes is not expected"),
        (("inputs", 1, "role"), "photo", "results.json, inputs[1], role is none of"),
        (("fits", "exact", "k"), 3.5, "results.json, fits, exact, k is no integer"),
        (
            ("comparison", 0, "lower"),
            [1],
            "results.json, comparison[0], lower is no string or number or boolean or null",
        ),
        (("fits", "exact", "estimates", 0, "mean"), {}, "results.json, fits, exact, estimates[0], mean is no"),
    ],
)
def test_a_fault_is_found_with_its_place(record, place, value, said):
    *way, last = place
    inner = record
    for step in way:
        inner = inner[step]
    inner[last] = value
    with pytest.raises(ValueError, match=r"^results") as caught:
        check_record(record)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    "name", ["schema", "title", "problems", "command", "versions", "inputs", "settings", "model", "fits"]
)
def test_what_is_missing_is_found(record, name):
    part = copy.deepcopy(record)
    del part[name]
    with pytest.raises(ValueError, match=f"{name} is missing"):
        check_record(part)


def test_no_time_and_no_place_is_in_a_record(results, tmp_path):
    text = results_json(results())
    assert str(tmp_path) not in text
    assert "date" not in text
    assert results_record(results())["settings"]["output"]["plots"] == ["forest"]
