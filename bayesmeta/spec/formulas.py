"""Is this formula one that may be used? Parsed by formulaic; only known functions, never arbitrary Python."""

import ast
from typing import TYPE_CHECKING, Any

from bayesmeta._validate import did_you_mean
from bayesmeta.errors import SpecError

if TYPE_CHECKING:
    from formulaic.formula import SimpleFormula

FUNCTIONS = ("C", "I", "center", "scale", "poly", "log", "log2", "log10", "exp")
_ALLOWED_NODES = (
    ast.Expression, ast.Name, ast.Load, ast.Constant, ast.Call, ast.keyword, ast.BinOp, ast.UnaryOp, ast.Add, ast.Sub,
    ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd, ast.Compare, ast.Gt, ast.GtE, ast.Lt, ast.LtE, ast.Eq, ast.NotEq,
)  # fmt: skip


def check_formula(formula: object) -> str:
    """Return a formula in one spelling, ``"~ 1 + year"``, if it is one; raise `SpecError` if not.

    Examples
    --------
    >>> check_formula("~0+regimen")
    '~ 0 + regimen'
    """
    if not isinstance(formula, str) or not formula.strip():
        raise SpecError(f"formula={formula!r} is no formula; give a string such as '~ 1 + year' or '~ 0 + regimen'.")
    parse(formula)
    right = " ".join(formula.strip().removeprefix("~").split())
    spaced = "".join(f" {c} " if c == "+" and _depth(right[:i]) == 0 else c for i, c in enumerate(right))
    return f"~ {' '.join(spaced.split())}"


def parse(formula: str) -> "SimpleFormula":
    """Return the parsed right-hand side, or raise `SpecError`."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError
    from formulaic.formula import SimpleFormula

    if not str(formula).strip():
        raise SpecError(f"formula={formula!r} is empty; name moderators, as in '~ 1 + year', or leave it out.")
    try:
        parsed: Any = Formula(formula)
    except (FormulaicError, SyntaxError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0].strip().rstrip(".")
        raise SpecError(f"formula {formula!r} cannot be read: {reason}; write it as '~ 1 + year'.") from None
    if not isinstance(parsed, SimpleFormula):
        raise SpecError(
            f"formula {formula!r} must have one right-hand side and nothing left of '~': the studies' effects are the "
            "outcome; write it as '~ 1 + year'."
        )
    if not len(parsed):
        raise SpecError(f"formula {formula!r} has no terms; write '~ 1' for one overall mean.")
    for term in parsed:
        for factor in term.factors:
            if _kind(factor) == "python":
                _check_expression(factor.expr, formula)
    return parsed


def bare_names(parsed: "SimpleFormula") -> tuple[str, ...]:
    """Return the columns that stand in a formula by their names alone, in order."""
    factors = [factor for term in parsed for factor in term.factors]
    return tuple(dict.fromkeys(factor.expr for factor in factors if _kind(factor) == "lookup"))


def names_in(parsed: "SimpleFormula") -> tuple[str, ...]:
    """Return all columns that a formula needs, in order."""
    names: list[str] = []
    for factor in (factor for term in parsed for factor in term.factors):
        if _kind(factor) == "lookup":
            names.append(factor.expr)
        elif _kind(factor) == "python":
            nodes = ast.walk(ast.parse(factor.expr, mode="eval"))
            names += [node.id for node in nodes if isinstance(node, ast.Name) and node.id not in FUNCTIONS]
    return tuple(dict.fromkeys(names))


def _kind(factor: Any) -> str:
    return str(factor.eval_method.value)


def _check_expression(expression: str, formula: str) -> None:
    """Raise `SpecError` for what is more than arithmetic and the known functions: formulaic would evaluate it."""
    shown = f"formula {formula!r}: {expression!r}"
    try:
        tree = ast.parse(expression, mode="eval")
    except SyntaxError:
        raise SpecError(f"{shown} is no expression.") from None
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED_NODES):
            raise SpecError(f"{shown} may use arithmetic and these functions only: {', '.join(FUNCTIONS)}.")
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS):
            name = ast.unparse(node.func)
            raise SpecError(
                f"{shown}: unknown function {name!r}.{did_you_mean(name, FUNCTIONS)} Allowed: {', '.join(FUNCTIONS)}."
            )


def _depth(text: str) -> int:
    return sum(text.count(c) for c in "([`") - sum(text.count(c) for c in ")]")
