"""How would one write random effects, free nu, a scale of tau and imputed moderators by hand, in a PyMC program?"""

import json
import textwrap
from typing import Final

from bayesmeta.nuts.design_code import beta_code, design_code, is_centred
from bayesmeta.nuts.mean_rule import NU_REACH, V_STEP
from bayesmeta.nuts.model_code import INVERSE_CODE, Centre, proportions_code
from bayesmeta.nuts.prior_code import call_code, prior_code
from bayesmeta.result.quantity import is_proportion
from bayesmeta.spec.beyond import LEAST_FREE_NU
from bayesmeta.spec.formulas import bare_names, parse
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.random_effects import Term, terms_in

_INCOMPLETE: Final = """\
# Numeric moderators with missing values: imputed below, at their mean until then.
incomplete = [name for name in {names} if df[name].isna().any()]
x = {{name: df[name].to_numpy(dtype=float) for name in incomplete}}
for name in incomplete:
    df[name] = df[name].fillna(df[name].mean())
"""
_IMPUTED: Final = """\
    # Missing moderators, taken as missing at random, share a normal distribution with the observed ones.
    for name in incomplete:
        missing, observed = np.flatnonzero(np.isnan(x[name])), x[name][~np.isnan(x[name])]
        mean, sd = observed.mean(), observed.std(ddof=1)
        m = pm.Normal(f"m[{name}]", mu=mean, sigma=2.5 * sd)
        s = pm.Exponential(f"s[{name}]", lam=1 / sd)
        pm.Normal(f"x[{name}]", mu=m, sigma=s, observed=observed)
        z = pm.Normal(f"z[{name}]", mu=0, sigma=1, dims=f"missing_{name}")
        x_missing = pm.Deterministic(f"x_missing[{name}]", m + s * z, dims=f"missing_{name}")
        X = X[missing, list(design.columns).index(name)].set(x_missing{centre})
"""
_CENTRE: Final = " - mean"
_CORRELATED: Final = """\
    # Correlations of the outcomes with an LKJ({lkj}) prior, from partial correlations; L L' is their matrix.
    d = len({outcome}_levels)
    shape = lkj_shapes({lkj!r}, d)
    partial = pm.Beta("partial", alpha=shape, beta=shape, dims="pair")
    L = correlation_root(partial, d)
    pm.Deterministic("rho", pm.math.dot(L, L.T)[np.triu_indices(d, 1)], dims="pair")

    # Effects of each {name} on each outcome, from standardised ones (non-centred).
    z = pm.Normal("z[{name}]", mu=0, sigma=1, dims=("{name}", "{outcome}"))
    ranef = pm.Deterministic("ranef[{name}]", tau * pm.math.dot(z, L.T), dims=("{name}", "{outcome}"))
"""
_GROUPED: Final = """\
    # Effects of each {name}, from standardised ones (non-centred).
{prior}    z_{id} = pm.Normal("z[{name}]", mu=0, sigma=1, dims="{name}")
    ranef_{id} = pm.Deterministic("ranef[{name}]", tau_{id} * z_{id}, dims="{name}")
"""
_FREE_RULE: Final = """\
    # Proportions of each study, of the median study, mean over studies, of the next study. The mean
    # is the integral of the inverse link over Student's t, by the trapezoid rule in arsinh x.
    v = np.arange(-{reach!r}, {reach!r} + {step!r} / 2, {step!r})
    x_t = np.sinh(v)
    weight = pm.math.exp(pm.logp(pm.StudentT.dist(nu=nu, mu=0, sigma=1), x_t)) * np.cosh(v)
    weight = weight / pm.math.sum(weight)
"""


def incomplete_code(model: ModelSpec) -> str:
    """Return the lines, before the design is made, that find missing moderators."""
    if not model.missing or model.formula is None:
        return ""
    return _INCOMPLETE.format(names=json.dumps(list(bare_names(parse(model.formula)))))


def scale_code(model: ModelSpec) -> str:
    """Return the lines, before moderators are centred, that make the design of the scale."""
    if model.scale is None:
        return ""
    code = design_code(model.scale, frame="df_scale", name="scale").replace("the intercept is the mean", "tau is that")
    return f'df_scale = df.copy()\n{code}scale = scale.drop(columns="Intercept")\n'


def levels_code(model: ModelSpec) -> str:
    """Return the lines that number the groups of random effects."""
    lines = ""
    for term in terms_in(model.random):
        columns = ' + ":" + '.join(f'df["{name}"].astype(str)' for name in term.columns)
        lines += f"{_id(term)}_of_study, {_id(term)}_levels = pd.factorize({columns})\n"
        if term.outcome:
            lines += f'{term.outcome}_of_study, {term.outcome}_levels = pd.factorize(df["{term.outcome}"])\n'
    return f"# The groups with effects of their own.\n{lines}" if lines else ""


def coords_code(model: ModelSpec, centre: Centre) -> str:
    """Return the lines that add dimensions to ``coords``."""
    lines = ""
    for term in terms_in(model.random):
        lines += f'coords["{term.name}"] = list({_id(term)}_levels)\n'
        if term.outcome:
            lines += f'coords["{term.outcome}"] = list({term.outcome}_levels)\n'
            lines += (
                f'coords["pair"] = [f"{{a}}, {{b}}" for a, b in itertools.combinations({term.outcome}_levels, 2)]\n'
            )
        if term.outcome and centre.new == "beta":
            lines += "# The outcome of each mean.\n"
            lines += f"of_level = {term.outcome}_of_study[(design.to_numpy() != 0).argmax(axis=0)]\n"
    if model.scale is not None:
        lines += 'coords["coef_scale"] = list(scale.columns)\n'
    if model.missing:
        lines += 'coords |= {f"missing_{name}": df["study"][np.isnan(x[name])] for name in incomplete}\n'
    return lines


def beyond_code(model: ModelSpec, centre: Centre) -> str:
    """Return the lines of the model from the linear predictor to the proportions."""
    text = ""
    if model.formula is not None:
        text += (
            _IMPUTED.format(centre=_CENTRE if is_centred(model.formula) else "", name="{name}") if model.missing else ""
        )
        text += '    eta = pm.Deterministic("eta", pm.math.dot(X, beta), dims="study")\n'
    terms = terms_in(model.random)
    if terms and terms[0].outcome:
        text += _correlated(model, terms[0], centre)
    else:
        text += _sums(model, terms, centre)
    return text + (_proportions(model, centre) if is_proportion(model.link) else "")


def _correlated(model: ModelSpec, term: Term, centre: Centre) -> str:
    text = "    # Heterogeneity: standard deviation of the effects on each outcome.\n"
    if model.tau_of:
        text += textwrap.indent(_tau_by_outcome(model, term), "    ")
    else:
        text += textwrap.indent(prior_code("tau", model.tau, model.link, dims=term.outcome), "    ")
    text += _CORRELATED.format(lkj=model.lkj, name=term.name, outcome=term.outcome)
    theta = f"eta + ranef[{_id(term)}_of_study, {term.outcome}_of_study]"
    if centre.new:
        text += f'    z_new = pm.Normal("z_new", mu=0, sigma=1, dims="{term.outcome}")\n'
    text += f'    theta = pm.Deterministic("theta", {theta}, dims="study")\n'
    if not centre.new:
        return text
    new = f"{centre.new} + (tau * pm.math.dot(L, z_new))[of_level]"
    return text + f'    theta_new = pm.Deterministic("theta_new", {new}{centre.dims})\n    total = tau[of_level]\n'


def _tau_by_outcome(model: ModelSpec, term: Term) -> str:
    """Return the lines of SDs by outcome of which some have priors of their own; the others are known from the data."""
    families = {(prior.name, tuple(prior.parameters)) for prior in (model.tau, *model.tau_of.values())}
    levels = f"{term.outcome}_levels"
    if len(families) == 1:
        arguments = []
        for key, value in model.tau.parameters.items():
            own = ", ".join(f"{json.dumps(name)}: {prior.parameters[key]!r}" for name, prior in model.tau_of.items())
            arguments.append(f"{key}=[{{{own}}}.get(name, {value!r}) for name in {levels}]")
        return f'tau = pm.{model.tau.name}("tau", {", ".join(arguments)}, dims="{term.outcome}")\n'
    lines = "".join(
        f"    {json.dumps(name)}: lambda: {call_code(f'tau[{name}]', p)},\n" for name, p in model.tau_of.items()
    )
    other = call_code("NAME", model.tau).replace('"NAME"', 'f"tau[{name}]"')
    return (
        f"own = {{\n{lines}}}\n"
        f"each = [own[name]() if name in own else {other} for name in {levels}]\n"
        f'tau = pm.Deterministic("tau", pm.math.stack(each), dims="{term.outcome}")\n'
    )


def _sums(model: ModelSpec, terms: tuple[Term, ...], centre: Centre) -> str:
    text, theta, squares = "", centre.study, []
    if model.has_tau:
        text += "    # Heterogeneity: of the study effects about their means.\n"
        text += textwrap.indent(prior_code("tau", model.tau, model.link), "    ")
        squares.append("tau")
    tau = "tau"
    if model.alpha is not None:
        text += "    # It depends on moderators: tau is that of the average study (or of the reference level).\n"
        alpha = beta_code(model.alpha, of="alpha", dims="coef_scale", columns="scale.columns")
        text += textwrap.indent(alpha, "    ")
        text += "    tau_of_study = tau * pm.math.exp(pm.math.dot(scale.to_numpy(dtype=float), alpha))\n"
        tau = "tau_of_study"
    if isinstance(model.nu, Prior):
        own = call_code("", model.nu).replace('("", ', ".dist(")
        text += "    # Degrees of freedom of Student's t; below 1 the study effects had no mean.\n"
        text += f'    nu = pm.Truncated("nu", {own}, lower={LEAST_FREE_NU!r})\n'
    for term in terms:
        name = f"tau[{term.name}]"
        own = prior_code(name, model.tau_of.get(term.name, model.tau), model.link).replace(
            f"{name} =", f"tau_{_id(term)} =", 1
        )
        text += _GROUPED.format(name=term.name, id=_id(term), prior=textwrap.indent(own, "    "))
        theta += f" + ranef_{_id(term)}[{_id(term)}_of_study]"
        squares.append(f"tau_{_id(term)}")
    law = f'StudentT("{{}}", nu={_nu(model)}, mu=0, sigma=1{{}})' if model.nu else 'Normal("{}", mu=0, sigma=1{})'
    if model.has_tau:
        text += f"    z = pm.{law.format('z', ', dims="study"')}\n"
        theta += f" + {tau} * z"
    is_new = bool(centre.new) and model.scale is None and bool(squares)
    if is_new:
        text += f"    z_new = pm.{law.format('z_new', centre.dims)}\n"
    text += f'    theta = pm.Deterministic("theta", {theta}, dims="study")\n'
    if not centre.new or model.scale is not None:
        return text
    if not squares:
        return (
            text
            + f'    theta_new = pm.Deterministic("theta_new", {centre.new}{centre.dims})\n    total = 0.0 * eta[0]\n'
        )
    total = "tau" if squares == ["tau"] else f"pm.math.sqrt({' + '.join(f'{each}**2' for each in squares)})"
    return (
        f"{text}    # The next study: a new level of every group.\n    total = {total}\n"
        f'    theta_new = pm.Deterministic("theta_new", {centre.new} + total * z_new{centre.dims})\n'
    )


def _proportions(model: ModelSpec, centre: Centre) -> str:
    inverse, new = INVERSE_CODE[model.link], centre.new
    if not new or model.scale is not None:
        text = f'    pm.Deterministic("p", {inverse.format("theta")}, dims="study")\n'
        if new and (model.formula is not None or model.mu.family.needs != "link"):
            text += f'    pm.Deterministic("p_median", {inverse.format(new)}{centre.dims})\n'
        return text
    if not isinstance(model.nu, Prior):
        return proportions_code(model, centre, total="total[:, None]" if model.lkj is not None else "total")
    text = _FREE_RULE.format(reach=NU_REACH, step=V_STEP)
    text += f'    pm.Deterministic("p", {inverse.format("theta")}, dims="study")\n'
    if model.formula is not None or model.mu.family.needs != "link":
        text += f'    pm.Deterministic("p_median", {inverse.format(new)}{centre.dims})\n'
    spread = f"{new}[:, None] + total * x_t" if centre.dims else f"{new} + total * x_t"
    text += f'    pm.Deterministic("p_mean", pm.math.dot({inverse.format(spread)}, weight){centre.dims})\n'
    return text + f'    pm.Deterministic("p_new", {inverse.format("theta_new")}{centre.dims})\n'


def _nu(model: ModelSpec) -> str:
    return "nu" if isinstance(model.nu, Prior) else repr(model.nu)


def _id(term: Term) -> str:
    return "_".join(term.columns)
