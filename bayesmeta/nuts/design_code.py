"""How would one write the moderators of a formula by hand, in a PyMC program? Their design and the coefficients."""

import json

from bayesmeta.nuts.prior_code import call_code, prior_code
from bayesmeta.spec.coefficients import Beta
from bayesmeta.spec.formulas import bare_names, names_in, parse
from bayesmeta.spec.priors import Prior

_CENTRED = """\
# Numeric moderators are centred, so that {what} at the average study.
for name in {names}:
    if pd.api.types.is_numeric_dtype({frame}[name]):
        {frame}[name] = {frame}[name] - {frame}[name].mean()
"""


def has_groups(formula: str) -> bool:
    """Return whether a formula is one factor coded by cell means, if its one term is a factor."""
    terms = [str(term) for term in parse(formula)]
    factors = terms[0].split(":") if len(terms) == 1 else []
    return bool(factors) and all(one != "1" and ("(" not in one or one.startswith("C(")) for one in factors)


def is_centred(formula: str) -> bool:
    """Return whether numeric moderators of a formula are centred."""
    parsed = parse(formula)
    has_constant = any(str(term) == "1" for term in parsed)
    return bool(bare_names(parsed)) and not has_groups(formula) and (has_constant or len(list(parsed)) > 1)


def design_code(formula: str, *, frame: str = "df", name: str = "design") -> str:
    """Return the lines that make ``design``, or what it is called, of ``df``, or what that is called.

    Raises
    ------
    SpecError
        If the formula cannot be read.
    """
    parsed = parse(formula)
    bare = list(bare_names(parsed))
    made = f"{name} = model_matrix({json.dumps(formula)}, {frame})\n"
    if has_groups(formula):
        return f"# A column for each group; {' and '.join(names_in(parsed))} must be text, not numbers.\n{made}"
    if not is_centred(formula):
        return made
    has_constant = any(str(term) == "1" for term in parsed)
    what = "the intercept is the mean" if has_constant else "each group's mean is that"
    return _CENTRED.format(what=what, names=json.dumps(bare), frame=frame) + made


def beta_code(beta: Beta, *, of: str = "beta", dims: str = "coef", columns: str = "design.columns") -> str:
    """Return the lines that define the coefficients, or another vector of parameters."""
    if isinstance(beta, Prior):
        return prior_code(of, beta, "", dims=dims)
    forms = {(prior.name, tuple(prior.parameters)) for prior in beta.values()}
    if len(forms) == 1:
        return _vector_code(beta, of, dims, columns)
    lines = "".join(f"    {json.dumps(name)}: {call_code(f'{of}[{name}]', prior)},\n" for name, prior in beta.items())
    return (
        f"each = {{\n{lines}}}\n"
        f'{of} = pm.Deterministic("{of}", pm.math.stack([each[name] for name in {columns}]), dims="{dims}")\n'
    )


def _vector_code(beta: Beta, of: str, dims: str, columns: str) -> str:
    assert not isinstance(beta, Prior)
    first = next(iter(beta.values()))
    text, arguments = "", []
    for key in first.parameters:
        values = ", ".join(f"{json.dumps(name)}: {prior.parameters[key]!r}" for name, prior in beta.items())
        text += f"{key}_of = {{{values}}}\n"
        arguments.append(f"{key}=[{key}_of[name] for name in {columns}]")
    return text + f'{of} = pm.{first.name}("{of}", {", ".join(arguments)}, dims="{dims}")\n'
