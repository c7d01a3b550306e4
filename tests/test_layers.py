"""Does every module import only from lower layers, and are there no import cycles?

The table is that of CONTRIBUTING.md. Imports inside functions and under ``TYPE_CHECKING`` count as well: they
too say that one part cannot be understood, or changed, without the other. Within one part a name that is
imported only for an annotation makes no cycle: nothing is imported when the program runs.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
PACKAGE = "bayesmeta"

LAYERS = (
    {"errors", "options", "_validate", "_arrays"},
    {"effects"},
    {"data"},
    {"spec"},
    {"surface"},
    {"result"},
    {"exact", "nuts", "frequentist"},
    {"verify"},
    {"api"},
    {"analyses", "review"},
    {"tables", "plots"},
    {"report"},
    {"cli"},
)
LAYER_OF = {part: layer for layer, parts in enumerate(LAYERS) for part in parts}
# The front page, bayesmeta/__init__.py, collects what users see; only what a shell starts may use it.
FRONT_PAGE = "__init__"
LAYER_OF |= {FRONT_PAGE: 11.5, "__main__": 13}
# Layer 0 is one unit of single modules: a message about a wrong name is raised as an error.
UNIT = LAYERS[0]

# Programs that only one part may import, and for a file outside that part: only inside a function.
ONLY_IN = {"pymc": "nuts", "pytensor": "nuts", "nutpie": "nuts", "click": "cli"}
INSIDE_A_FUNCTION = {"bayesmeta/spec/priors.py": {"pymc"}}


@dataclass(frozen=True)
class Import:
    """One name that a file imports: ``target`` is dotted and absolute, down to the imported name."""

    target: str
    line: int
    in_function: bool
    for_types: bool


def module_name(path: str) -> str:
    parts = path.removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: str, source: str) -> Iterator[Import]:
    """Yield what a file imports, wherever in it, ``import_module("...")`` included."""
    package = module_name(path).split(".")
    if not path.endswith("__init__.py"):
        package.pop()

    def visit(node: ast.AST, in_function: bool, for_types: bool) -> Iterator[Import]:
        for target in targets(node, package):
            yield Import(target, node.lineno, in_function, for_types)
        in_function |= isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typed = node.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) else []
        for child in ast.iter_child_nodes(node):
            yield from visit(child, in_function, for_types or child in typed)

    yield from visit(ast.parse(source, filename=path), in_function=False, for_types=False)


def targets(node: ast.AST, package: list[str]) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            base = package[: len(package) - level + 1] if level else []
            return [".".join([*base, *([module] if module else []), alias.name]) for alias in names]
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            level = len(name) - len(name.lstrip("."))
            base = package[: len(package) - level + 1] if level else []
            return [".".join([*base, name.lstrip(".")])]
    return []


def part_of(target: str, parts: set[str]) -> str:
    """Return which part of the package a dotted name of it belongs to."""
    first, *_ = [*target.split(".")[1:], FRONT_PAGE]
    return first if first in parts or first in LAYER_OF else FRONT_PAGE


def file_of(target: str, files: Mapping[str, str]) -> str | None:
    """Return the file that a dotted name is, or the one that it is defined in."""
    for name in (target, target.rpartition(".")[0]):
        for path in (f"{name.replace('.', '/')}.py", f"{name.replace('.', '/')}/__init__.py"):
            if path in files:
                return path
    return None


def violations(files: Mapping[str, str]) -> list[str]:
    """Return a sentence for each forbidden import, given each file's source by its path in the checkout."""
    parts = {path.split("/")[1].removesuffix(".py") for path in files}
    found = [
        f"{PACKAGE}/{part} is in no layer; add it to tests/test_layers.py and CONTRIBUTING.md."
        for part in sorted(parts - LAYER_OF.keys())
    ]
    for path, source in files.items():
        own = path.split("/")[1].removesuffix(".py")
        if own not in LAYER_OF:
            continue
        for imported in imports_of(path, source):
            reason = forbidden(path, own, imported, parts)
            if reason:
                found.append(f"{path}:{imported.line} imports {imported.target}, but {reason}.")
    found += [f"These files import one another in a cycle: {', '.join(group)}." for group in cycles(files)]
    return found


def forbidden(path: str, own: str, imported: Import, parts: set[str]) -> str | None:
    """Return why a file may not import a name, or None if it may."""
    program = imported.target.split(".")[0]
    if program in ONLY_IN and own != ONLY_IN[program]:
        if program not in INSIDE_A_FUNCTION.get(path, set()):
            return f"only {PACKAGE}/{ONLY_IN[program]} may import {program}"
        return None if imported.in_function else f"here {program} may be imported only inside a function"
    if program != PACKAGE:
        return None
    part = part_of(imported.target, parts)
    if part not in LAYER_OF or part == own or {part, own} <= UNIT:
        return None
    mine, theirs = LAYER_OF[own], LAYER_OF[part]
    if part == FRONT_PAGE:
        return None if mine > theirs else f"{own} stands below the front page, which imports it"
    if theirs == mine:
        return f"{own} and {part} are both of layer {mine}, whose parts never import one another"
    if theirs > mine:
        return f"{own} is of layer {mine} and {part} of layer {theirs}: import only from below"
    return None


def cycles(files: Mapping[str, str]) -> list[list[str]]:
    """Return the groups of files each of which is reached again by following its imports."""
    edges = {
        path: {
            found
            for imported in imports_of(path, source)
            if not imported.for_types and (found := file_of(imported.target, files))
        }
        for path, source in files.items()
    }
    reached = {path: reachable(path, edges) for path in files}
    in_cycle = [path for path in sorted(files) if path in reached[path]]
    groups = {
        frozenset(other for other in in_cycle if other in reached[path] and path in reached[other]) for path in in_cycle
    }
    return sorted(sorted(group) for group in groups)


def reachable(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = edges[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


@pytest.fixture(scope="module")
def package_files() -> dict[str, str]:
    paths = sorted((CHECKOUT / PACKAGE).rglob("*.py"))
    assert paths
    return {path.relative_to(CHECKOUT).as_posix(): path.read_text("utf-8") for path in paths}


def test_every_import_goes_to_a_lower_layer_and_none_in_a_circle(package_files):
    found = violations(package_files)
    assert not found, "\n".join(found)


def test_contributing_shows_the_same_table():
    guide = (CHECKOUT / "CONTRIBUTING.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]*) \|", guide, re.MULTILINE)
    assert tuple(set(re.findall(r"`(\w+)/?`", parts)) for _, parts in rows) == LAYERS
    assert [int(layer) for layer, _ in rows] == list(range(len(LAYERS)))


@pytest.mark.parametrize(
    ("path", "source", "sentence"),
    [
        (
            "bayesmeta/effects/one_arm.py",
            "import numpy\nfrom bayesmeta.data.studies import Studies",
            "bayesmeta/effects/one_arm.py:2 imports bayesmeta.data.studies.Studies, but effects is of layer 1"
            " and data of layer 2: import only from below.",
        ),
        (
            "bayesmeta/exact/fit.py",
            "from bayesmeta import nuts",
            "bayesmeta/exact/fit.py:1 imports bayesmeta.nuts, but exact and nuts are both of layer 6,"
            " whose parts never import one another.",
        ),
        (
            "bayesmeta/surface/grids.py",
            "import bayesmeta as bm",
            "bayesmeta/surface/grids.py:1 imports bayesmeta, but surface stands below the front page,"
            " which imports it.",
        ),
        (
            "bayesmeta/exact/fit.py",
            "def fit():\n    import pymc as pm",
            "bayesmeta/exact/fit.py:2 imports pymc, but only bayesmeta/nuts may import pymc.",
        ),
        (
            "bayesmeta/spec/priors.py",
            "import pymc",
            "bayesmeta/spec/priors.py:1 imports pymc, but here pymc may be imported only inside a function.",
        ),
        (
            "bayesmeta/helpers.py",
            "",
            "bayesmeta/helpers is in no layer; add it to tests/test_layers.py and CONTRIBUTING.md.",
        ),
    ],
)
def test_a_forbidden_import_is_told_in_one_sentence(path, source, sentence):
    assert violations({path: source}) == [sentence]


@pytest.mark.parametrize(
    "source",
    [
        "def late():\n    from bayesmeta.api import fit",
        "async def late():\n    if True:\n        import bayesmeta.api",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bayesmeta.api import fit",
        "from .. import api",
        "from ..api import fit",
        "from bayesmeta import errors, api",
        "import numpy, bayesmeta.api as front",
        "import importlib\napi = importlib.import_module('bayesmeta.api')",
        "from importlib import import_module\nlate = lambda: import_module('..api', __package__)",
        "api = __import__('bayesmeta.api')",
    ],
)
def test_an_upward_import_is_found_in_whatever_way_it_is_written(source):
    (sentence,) = violations({"bayesmeta/data/read.py": source})
    assert sentence.endswith("but data is of layer 2 and api of layer 8: import only from below.")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("bayesmeta/_validate.py", "from bayesmeta.errors import SpecError"),
        (
            "bayesmeta/effects/one_arm.py",
            "from bayesmeta.effects.links import LINKS\nfrom .links import logit",
        ),
        (
            "bayesmeta/exact/fit.py",
            "from bayesmeta import errors\nfrom ..surface import grids\nfrom ..spec.model import ModelSpec",
        ),
        ("bayesmeta/nuts/build.py", "import pymc as pm\nimport pytensor.tensor as pt\nimport nutpie"),
        ("bayesmeta/spec/priors.py", "def to_pymc():\n    import pymc as pm"),
        ("bayesmeta/cli/main.py", "import click\nimport bayesmeta as bm\nfrom bayesmeta import __version__"),
        ("bayesmeta/__init__.py", "from bayesmeta.api import fit\nfrom .report import html"),
        ("bayesmeta/__main__.py", "from bayesmeta.cli.main import main"),
        ("bayesmeta/plots/forest.py", "import matplotlib.pyplot as plt\nimport pymc_like, bayesmetal"),
    ],
)
def test_a_downward_import_is_allowed(path, source):
    assert violations({path: source}) == []


def test_a_cycle_within_a_package_is_found_and_its_files_are_named():
    files = {
        "bayesmeta/exact/__init__.py": "from bayesmeta.exact.fit import fit",
        "bayesmeta/exact/fit.py": "from bayesmeta.exact.theta import moments",
        "bayesmeta/exact/theta.py": "def moments():\n    from . import predict",
        "bayesmeta/exact/predict.py": "from .fit import ExactFit",
    }
    assert violations(files) == [
        "These files import one another in a cycle: "
        "bayesmeta/exact/fit.py, bayesmeta/exact/predict.py, bayesmeta/exact/theta.py."
    ]


def test_a_name_taken_from_the_own_package_page_makes_a_cycle():
    files = {
        "bayesmeta/exact/__init__.py": "from .fit import fit\nfrom .theta import moments",
        "bayesmeta/exact/fit.py": "from bayesmeta.exact import moments",
        "bayesmeta/exact/theta.py": "",
    }
    assert violations(files) == [
        "These files import one another in a cycle: bayesmeta/exact/__init__.py, bayesmeta/exact/fit.py."
    ]


def test_an_import_for_an_annotation_makes_no_cycle_but_its_else_branch_does():
    fit = "from bayesmeta.exact.text import describe"
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bayesmeta.exact.fit import ExactFit\n"
    files = {"bayesmeta/exact/fit.py": fit, "bayesmeta/exact/text.py": text}
    assert violations(files) == []
    files["bayesmeta/exact/text.py"] = text + "else:\n    from bayesmeta.exact import fit"
    assert len(violations(files)) == 1


def test_a_module_that_imports_its_own_package_siblings_makes_no_cycle():
    files = {
        "bayesmeta/exact/__init__.py": "from bayesmeta.exact import fit, theta",
        "bayesmeta/exact/fit.py": "from bayesmeta.exact import theta",
        "bayesmeta/exact/theta.py": "from bayesmeta.errors import AccuracyError",
        "bayesmeta/errors.py": "",
    }
    assert violations(files) == []
