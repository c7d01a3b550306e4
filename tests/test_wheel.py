"""Does the wheel hold all that the package needs? Only the list of its files is made; `make check-wheel` runs it."""

from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "bayesmeta"


@pytest.fixture(scope="module")
def packed() -> set[str]:
    return {file.distribution_path for file in WheelBuilder(str(CHECKOUT)).recurse_included_files()}


def test_the_wheel_has_every_file_of_the_package(packed):
    made = {"__pycache__"}
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and made.isdisjoint(path.parts)}
    assert {path.suffix for path in files} >= {".py", ".csv", ".typed"}
    assert {path.relative_to(CHECKOUT).as_posix() for path in files} - packed == set()


def test_the_wheel_has_every_model_inside_the_package(packed):
    models = {f"bayesmeta/_models/{path.name}" for path in (CHECKOUT / "models").glob("*.toml")}
    assert models
    assert models - packed == set()


def test_the_wheel_has_nothing_else(packed):
    assert {name for name in packed if not name.startswith("bayesmeta/")} == set()
