"""How would one write this model by hand? The PyMC program of a specification, as text."""

import textwrap
from importlib import resources

from bayesmeta.effects.measures import ROLES_OF_DATA
from bayesmeta.nuts.beyond_code import beyond_code, coords_code, incomplete_code, levels_code, scale_code
from bayesmeta.nuts.design_code import beta_code, design_code, has_groups
from bayesmeta.nuts.model_code import Centre, effects_code, likelihood_code, proportions_code
from bayesmeta.nuts.prior_code import prior_code
from bayesmeta.result.quantity import is_proportion
from bayesmeta.spec.beyond import features_beyond
from bayesmeta.spec.formulas import names_in, parse
from bayesmeta.spec.likelihoods import LIKELIHOODS
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.random_effects import terms_in

WIDTH = 100
DATA_FILE = "studies.csv"
_SCALES = {
    "logit": "logit scale", "probit": "probit scale", "cloglog": "complementary log-log scale", "log": "log scale",
    "identity": "scale of the estimates",
}  # fmt: skip
_SAMPLING = """\
if __name__ == "__main__":  # each chain is a process of its own, which may import this file
    with model:
        trace = pm.sample(
            draws=1000,
            tune=1000,
            chains=4,
            random_seed=1,
            nuts_sampler="pymc",  # "nutpie", once installed, is faster
            target_accept=0.95,
        )
    shown = {names}
    print(az.summary(trace, var_names=shown, ci_prob=0.95, ci_kind="eti"))
"""


def pymc_code(model: ModelSpec) -> str:
    """Return a model as a Python program for PyMC, the same model that `bayesmeta.pymc_model` builds.

    Parameters
    ----------
    model : ModelSpec
        The model.

    Returns
    -------
    str
        A program that reads ``studies.csv`` into ``df`` (columns ``study`` and the data by their names, such as
        ``events`` and ``n``, and the moderators), builds ``model``, and samples it if it is run as a script.

    Raises
    ------
    SpecError
        If a prior does not go with the link.

    Notes
    -----
    PyTensor keeps a number such as 1.5, which single precision can hold, in single precision, and what is computed
    from such numbers alone. So the log density agrees with that of `pymc_model` to about 1e-7 only, which no draw
    can show; `pymc_model` avoids it by passing ``np.float64``, which would clutter a program made for reading.

    Examples
    --------
    >>> code = pymc_code(ModelSpec(tau="HalfNormal(0.5)"))
    >>> for line in code.splitlines()[9:14]:
    ...     print(line)
    with pm.Model(coords={"study": df["study"]}) as model:
        # Overall mean, logit scale.
        mu = pm.Normal("mu", mu=0.0, sigma=1.5)
        # Heterogeneity: standard deviation of the study effects, logit scale.
        tau = pm.HalfNormal("tau", sigma=0.5)
    """
    centre = _centre(model)
    parts = [
        _heading(model),
        _imports(model),
        *_functions(model),
        _data(model),
        _coords(model, centre) + _mean(model) + ("" if features_beyond(model) else _tau(model)),
        *_effects(model, centre),
        _prior("baseline", model.baseline, "Log odds of each control arm.", model, dims="study")
        if model.baseline is not None
        else "",
        "    # What is observed.\n" + likelihood_code(model),
        _sampling(model, centre),
    ]
    return "\n".join(part for part in parts if part)


def _centre(model: ModelSpec) -> Centre:
    if model.formula is None:
        return Centre("mu", "mu")
    return Centre("eta", "beta" if has_groups(model.formula) else "")


def _effects(model: ModelSpec, centre: Centre) -> tuple[str, ...]:
    if features_beyond(model):
        return (beyond_code(model, centre),)
    return (
        _eta(model) + effects_code(model, centre),
        proportions_code(model, centre) if is_proportion(model.link) else "",
    )


def _scale(model: ModelSpec) -> str:
    return _SCALES[model.link]


def _tau(model: ModelSpec) -> str:
    if not model.has_tau:
        return ""
    spread = "scale of Student's t" if model.effects == "student-t" else "standard deviation of the study effects"
    return _prior("tau", model.tau, f"Heterogeneity: {spread}, {_scale(model)}.", model)


def _eta(model: ModelSpec) -> str:
    return '    eta = pm.Deterministic("eta", pm.math.dot(X, beta), dims="study")\n' if model.formula else ""


def _heading(model: ModelSpec) -> str:
    title = model.title or f"Random-effects meta-analysis with a {model.likelihood} likelihood"
    return _comment(f"{model.name}: {title}" if model.name else title)


def _imports(model: ModelSpec) -> str:
    rule = is_proportion(model.link) and model.has_tau and model.effects != "beta"
    needs_numpy = rule or not model.has_tau or model.tau.family.needs == "studies"
    needs_numpy = needs_numpy or bool(features_beyond(model))
    lines = ["import re\n"] if model.formula and has_groups(model.formula) else []
    lines = ["import itertools", *(lines or [""])] if model.lkj is not None else lines
    lines += ["import arviz as az", *(["import numpy as np"] if needs_numpy else []), "import pandas as pd"]
    lines.append("import pymc as pm")
    lines += ["from formulaic import model_matrix"] if model.formula or model.scale else []
    is_fixed = isinstance(model.nu, float) and model.scale is None
    lines += ["from scipy import stats"] if rule and is_fixed else []
    return "\n".join(lines) + "\n"


def _functions(model: ModelSpec) -> list[str]:
    """Return the functions that PyMC lacks, as the package itself has them."""
    if model.effects == "beta":
        return [_source("beta_shapes.py", "Beta distributions by mean and standard deviation of the logit.")]
    found = [_source("lkj.py", "Correlations with an LKJ prior.")] if model.lkj is not None else []
    if model.likelihood == "binomial-conditional":
        return [*found, _source("hypergeometric.py", "Fisher's non-central hypergeometric distribution.")]
    return found


def _source(module: str, what: str) -> str:
    """Return what a module of this folder says below its docstring; read and not imported, which would load PyMC."""
    text = (resources.files("bayesmeta.nuts") / module).read_text(encoding="utf-8").split('"""', 2)[2].strip()
    return _comment(f"{what} From bayesmeta.") + text + "\n\n"


def _data(model: ModelSpec) -> str:
    names = ["study", *ROLES_OF_DATA[LIKELIHOODS[model.likelihood].data]]
    formulas = [formula for formula in (model.formula, model.scale) if formula is not None]
    names += [name for formula in formulas for name in names_in(parse(formula))]
    names += [name for term in terms_in(model.random) for name in (*term.columns, term.outcome) if name]
    names = list(dict.fromkeys(names))
    what = f"one row per study; columns {', '.join(names)}"
    text = f'df = pd.read_csv("{DATA_FILE}")'
    short = f"{text}  # {what}\n"
    text = short if len(short) <= WIDTH else f"{_comment(what[0].upper() + what[1:])}{text}\n"
    text += scale_code(model) + incomplete_code(model)
    return text + (design_code(model.formula) if model.formula else "") + levels_code(model)


def _coords(model: ModelSpec, centre: Centre) -> str:
    more = coords_code(model, centre)
    if model.formula is None:
        if more:
            return f'coords = {{"study": df["study"]}}\n{more}with pm.Model(coords=coords) as model:\n'
        return 'with pm.Model(coords={"study": df["study"]}) as model:\n'
    text = 'coords = {"study": df["study"], "coef": list(design.columns)}\n'
    if centre.new:
        text += 'coords["level"] = [", ".join(re.findall(r"\\[(.*?)\\](?=:|$)", name)) for name in design.columns]\n'
    text += f"{more}with pm.Model(coords=coords) as model:\n"
    return text + '    X = pm.Data("design", design.to_numpy(dtype=float), dims=("study", "coef"))\n'


def _mean(model: ModelSpec) -> str:
    if model.beta is None:
        return _prior("mu", model.mu, f"Overall mean, {_scale(model)}.", model)
    meaning = _comment(f"Coefficients of {model.formula}, {_scale(model)}.", indent="    ")
    return meaning + textwrap.indent(beta_code(model.beta), "    ")


def _prior(name: str, prior: Prior, meaning: str, model: ModelSpec, *, dims: str = "") -> str:
    of_mean = "p_mu" if model.effects == "beta" else "p_median"
    code = prior_code(name, prior, model.link, dims=dims, of_mean=of_mean)
    return _comment(f"{meaning} {model.why.get(name, '')}", indent="    ") + textwrap.indent(code, "    ")


def _sampling(model: ModelSpec, centre: Centre) -> str:
    names = ["mu"] if model.formula is None else ["beta"]
    names += ["tau"] if model.has_tau else []
    names += [f"tau[{term.name}]" for term in terms_in(model.random) if not term.outcome]
    names += ["rho"] if model.lkj is not None else []
    names += ["alpha"] if model.scale else []
    names += ["nu"] if isinstance(model.nu, Prior) else []
    if centre.new and model.scale is None:
        names += ["p_median", "p_mean", "p_new"] if is_proportion(model.link) else ["theta_new"]
    return _SAMPLING.format(names=str(names).replace("'", '"'))


def _comment(text: str, *, indent: str = "") -> str:
    """Return text as a comment, on as many lines as it takes; nothing in it can end the comment."""
    words = "".join(letter if letter.isprintable() else " " for letter in text)
    lines = textwrap.wrap(words, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
    return "\n".join(lines) + "\n"
