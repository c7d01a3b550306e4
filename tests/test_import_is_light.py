"""Does ``import bayesmeta`` load only what every use of it needs?

What is heavy is loaded when it is first used, so that a short command starts at once.
"""

import json
import subprocess
import sys

import pytest

HEAVY = (
    "arviz",
    "click",
    "formulaic",
    "matplotlib",
    "numba",
    "nutpie",
    "pymc",
    "pytensor",
    "scipy.integrate",
    "scipy.interpolate",
    "scipy.optimize",
    "scipy.stats",
    "xarray",
)


def modules_after(statement: str) -> set[str]:
    """Return the names of all modules that are loaded after a statement, in a Python of its own."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def heavy_in(modules: set[str]) -> list[str]:
    return [name for name in HEAVY if name in modules]


def programs_in(modules: set[str]) -> set[str]:
    """Return the programs that are not Python's own, scipy by its public parts."""
    names = set()
    for module in modules:
        top, *rest = module.split(".")
        if top in sys.stdlib_module_names:
            continue
        names.add(f"scipy.{rest[0]}" if top == "scipy" and rest and not rest[0].startswith("_") else top)
    return names


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    return modules_after("import bayesmeta")


def test_import_bayesmeta_loads_nothing_heavy(loaded):
    assert "bayesmeta" in loaded
    assert heavy_in(loaded) == []


def test_import_bayesmeta_loads_no_program_but_numpy_pandas_and_scipy_special(loaded):
    allowed = programs_in(modules_after("import numpy, pandas, scipy.special"))
    assert programs_in(loaded) - allowed == {"bayesmeta"}


@pytest.mark.parametrize("name", ["scipy.stats", "matplotlib", "click"])
def test_a_heavy_import_would_be_found(name):
    assert name in heavy_in(modules_after(f"import {name}"))
    assert name in programs_in(modules_after(f"import {name}"))


def test_a_model_that_does_not_suit_the_data_is_refused_before_a_sampler_is_loaded():
    loaded = modules_after(
        "import bayesmeta as bm\n"
        "studies = bm.Studies.from_frame(bm.load_dataset('pritz1997'))\n"
        "try:\n"
        "    bm.fit(studies, bm.ModelSpec('binomial-two-arm'), engine='nuts')\n"
        "except bm.SpecError as error:\n"
        "    assert 'needs the counts of two arms' in str(error)\n"
        "else:\n"
        "    raise AssertionError"
    )
    assert heavy_in(loaded) == []
