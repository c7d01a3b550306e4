"""Does a command load only what it needs? What is loaded is checked, not how long it takes."""

import json
import subprocess
import sys

import pytest

HEAVY = (
    "arviz",
    "matplotlib",
    "nutpie",
    "pymc",
    "pytensor",
    "scipy.integrate",
    "scipy.interpolate",
    "scipy.optimize",
    "scipy.stats",
    "xarray",
)
SCRIPT = """
import json, sys
from bayesmeta.cli.main import main
main(json.loads(sys.argv[1]), standalone_mode=False)
print(json.dumps(sorted(sys.modules)))
"""


def modules_of(*args: str) -> set[str]:
    """Return what is loaded after a command, in a process of its own."""
    command = [sys.executable, "-c", SCRIPT, json.dumps(args)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "args",
    [
        ["fit", "pritz1997", "--engine", "exact"],
        ["fit", "pritz1997", "--format", "json", "--mu", "Logistic(0, 1)", "--tau", "HalfCauchy(0.5)"],
        ["fit", "pritz1997", "--engine", "frequentist"],
        ["check", "pritz1997"],
        ["datasets"],
        ["models", "list"],
        ["models", "show", "binomial-normal", "--as", "pymc"],
    ],
)
def test_a_command_loads_nothing_heavy(args):
    loaded = modules_of(*args)
    assert "bayesmeta.cli.main" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_click_is_the_only_program_loaded_besides_those_of_the_package():
    tops = {name.partition(".")[0] for name in modules_of("fit", "pritz1997")} - sys.stdlib_module_names
    script = "import bayesmeta, json, sys; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    package = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert tops - package == {"click"}
