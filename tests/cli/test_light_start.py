"""Does a command load only what it needs? What is loaded is checked, not how long it takes."""

import json
import subprocess
import sys

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
for args in json.loads(sys.argv[1]):
    main(args, standalone_mode=False)
    print("loaded:" + json.dumps(sorted(sys.modules)))
"""
COMMANDS = (
    ("fit", "pritz1997", "--engine", "exact"),
    ("fit", "pritz1997", "--format", "json", "--mu", "Logistic(0, 1)", "--tau", "HalfCauchy(0.5)"),
    ("fit", "pritz1997", "--engine", "frequentist"),
    ("check", "pritz1997"),
    ("datasets",),
    ("models", "list"),
    ("models", "show", "binomial-normal", "--as", "pymc"),
)


def modules_after(*commands: tuple[str, ...]) -> list[set[str]]:
    """Return what is loaded after each command, one after another in a process of their own."""
    command = [sys.executable, "-c", SCRIPT, json.dumps(commands)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [line.removeprefix("loaded:") for line in done.stdout.splitlines() if line.startswith("loaded:")]
    return [set(json.loads(line)) for line in found]


def test_no_command_loads_anything_heavy():
    found = modules_after(*COMMANDS)
    assert len(found) == len(COMMANDS)
    assert "bayesmeta.cli.main" in found[0]
    for args, loaded in zip(COMMANDS, found, strict=True):
        assert [name for name in HEAVY if name in loaded] == [], args


def test_click_is_the_only_program_loaded_besides_those_of_the_package():
    (loaded,) = modules_after(("fit", "pritz1997"))
    tops = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names
    script = "import bayesmeta, json, sys; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    package = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert tops - package == {"click"}
