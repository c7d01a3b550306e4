"""How would one write this model by hand? The PyMC program of a specification, as text."""

import textwrap

from bayesmeta.nuts.prior_code import prior_code
from bayesmeta.spec.coefficients import refuse_formula
from bayesmeta.spec.likelihoods import LIKELIHOODS
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.priors import Prior

WIDTH = 100
DATA_FILE = "studies.csv"
_COLUMNS = {"counts": "study, events, n", "estimates": "study, y, se"}
_SCALES = {"logit": "logit scale", "identity": "scale of the estimates"}
_LIKELIHOODS = {
    "binomial": """\
    n = pm.Data("n", df["n"], dims="study")
    pm.Binomial("events", n=n, logit_p=theta, observed=df["events"], dims="study")
""",
    "normal": """\
    se = pm.Data("se", df["se"], dims="study")
    pm.Normal("y", mu=theta, sigma=se, observed=df["y"], dims="study")
""",
}
_EFFECTS = """\
    # Study effects theta ~ Normal(mu, tau), from standardised effects z (non-centred), which
    # spares NUTS the funnel that it meets where tau is small. theta_new: effect of the next study.
    z = pm.Normal("z", mu=0, sigma=1, dims="study")
    z_new = pm.Normal("z_new", mu=0, sigma=1)
    theta = pm.Deterministic("theta", mu + tau * z, dims="study")
    theta_new = pm.Deterministic("theta_new", mu + tau * z_new)
"""
_PROPORTIONS = """\
    # Proportions of each study, of the median study, mean over studies, of the next study. The mean
    # is the integral of invlogit(mu + tau x) over a standard normal x, by the trapezoid rule.
    x = np.linspace(-8, 8, 801)
    weight = np.exp(-(x**2) / 2)
    weight = weight / weight.sum()
    pm.Deterministic("p", pm.math.invlogit(theta), dims="study")
    pm.Deterministic("p_median", pm.math.invlogit(mu))
    pm.Deterministic("p_mean", pm.math.dot(pm.math.invlogit(mu + tau * x), weight))
    pm.Deterministic("p_new", pm.math.invlogit(theta_new))
"""
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
        A program that reads ``studies.csv`` into ``df`` (columns ``study``, ``events`` and ``n``, or ``study``,
        ``y`` and ``se``), builds ``model``, and samples it if it is run as a script.

    Raises
    ------
    SpecError
        If only the exact engine knows the model.

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
    refuse_formula(model.formula, "PyMC code")

    scale = _SCALES[model.link]
    of_proportions = model.link == "logit"
    parts = [
        _heading(model),
        _imports(of_proportions or model.tau.family.needs == "studies"),
        _data(model),
        'with pm.Model(coords={"study": df["study"]}) as model:\n'
        + _prior("mu", model.mu, f"Overall mean, {scale}.", model.why.get("mu", ""), model.link)
        + _prior("tau", model.tau, f"Heterogeneity: standard deviation of the study effects, {scale}.",
                 model.why.get("tau", ""), model.link),
        _EFFECTS,
        _proportions(model) if of_proportions else "",
        "    # What is observed.\n" + _LIKELIHOODS[model.likelihood],
        _sampling(of_proportions),
    ]  # fmt: skip
    return "\n".join(part for part in parts if part)


def _heading(model: ModelSpec) -> str:
    title = model.title or f"Random-effects meta-analysis with a {model.likelihood} likelihood"
    return _comment(f"{model.name}: {title}" if model.name else title)


def _imports(of_proportions: bool) -> str:
    names = ["arviz as az", *(["numpy as np"] if of_proportions else []), "pandas as pd", "pymc as pm"]
    return "".join(f"import {name}\n" for name in names)


def _data(model: ModelSpec) -> str:
    columns = _COLUMNS[LIKELIHOODS[model.likelihood].data]
    return f'df = pd.read_csv("{DATA_FILE}")  # one row per study; columns {columns}\n'


def _prior(name: str, prior: Prior, meaning: str, why: str, link: str) -> str:
    return _comment(f"{meaning} {why}", indent="    ") + textwrap.indent(prior_code(name, prior, link), "    ")


def _proportions(model: ModelSpec) -> str:
    if model.mu.family.needs != "link":
        return _PROPORTIONS
    return "".join(line for line in _PROPORTIONS.splitlines(keepends=True) if '"p_median"' not in line)


def _sampling(of_proportions: bool) -> str:
    names = ["mu", "tau", *(["p_median", "p_mean", "p_new"] if of_proportions else ["theta_new"])]
    return _SAMPLING.format(names=str(names).replace("'", '"'))


def _comment(text: str, *, indent: str = "") -> str:
    """Return text as a comment, on as many lines as it takes; nothing in it can end the comment."""
    words = "".join(letter if letter.isprintable() else " " for letter in text)
    lines = textwrap.wrap(words, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
    return "\n".join(lines) + "\n"
