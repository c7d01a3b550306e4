"""How are random effects, a scale formula, free nu and missing moderators stated in the lines of a model?"""

from collections.abc import Callable
from typing import Any

from bayesmeta.spec.beyond import LEAST_FREE_NU, nu_text
from bayesmeta.spec.coefficients import state_beta
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.random_effects import terms_in

_EFFECTS = {
    "normal": "Normal({centre}, {tau})",
    "student-t": "StudentT({nu}, {centre}, {tau})",
    "none": "{centre} for every study",
    "beta": "logit of Beta, with mean {centre} and SD tau",
}


def effects_statement(model: Any) -> str:
    """Return the distribution of the study effects of a `ModelSpec`, as a statement."""
    centre = "mu" if model.formula is None else "x'beta"
    terms = terms_in(model.random)
    tau = "tau" if model.scale is None else "tau exp(w'alpha)"
    if terms and terms[0].outcome:
        text = f"{centre} + ranef[{terms[0].name}, {terms[0].outcome}]"
    else:
        centre += "".join(f" + ranef[{term.name}]" for term in terms)
        text = _EFFECTS[model.effects].format(nu=nu_text(model.nu), centre=centre, tau=tau)
    text += f",  x: {model.formula}" if model.formula else ""
    return text + (f",  w: {model.scale} without intercept" if model.scale else "")


def beyond_statements(model: Any, stated: Callable[[Prior], str]) -> tuple[tuple[str, str], ...]:
    """Return the statements of what only NUTS can fit, besides the study effects themselves."""
    lines: list[tuple[str, str]] = []
    for term in terms_in(model.random):
        if term.outcome:
            lines.append((f"ranef[{term.name}]", "MvNormal(0, diag(tau) R diag(tau))"))
            lines += [(f"tau[{name}]", stated(prior)) for name, prior in model.tau_of.items()]
            lines.append(("R", f"LKJ({model.lkj:g})"))
        else:
            lines.append((f"ranef[{term.name}]", f"Normal(0, tau[{term.name}])"))
            lines.append((f"tau[{term.name}]", stated(model.tau_of.get(term.name, model.tau))))
    if isinstance(model.nu, Prior):
        lines.append(("nu", f"{model.nu}, cut off below {LEAST_FREE_NU:g}"))
    if model.alpha is not None:
        lines += [(name.replace("beta", "alpha", 1), text) for name, text in state_beta(model.alpha, stated)]
    if model.missing:
        lines.append(("missing x", "Normal(m, s)"))
    return tuple(lines)
