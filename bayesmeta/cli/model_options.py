"""Which model do the options of a command name? The same options for every command that fits one."""

from collections.abc import Callable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from bayesmeta.data.studies import Studies
    from bayesmeta.effects.measures import DataKind
    from bayesmeta.spec.model import ModelSpec

DEFAULT_MODELS: Final[Mapping["DataKind", str]] = MappingProxyType(
    {"counts": "binomial-normal", "two-arm-counts": "two-arm-conditional", "two-arm-rates": "two-arm-poisson"}
)
"""The model of each kind of data whose scale is known."""
MODEL_OPTIONS: Final = ("model", "likelihood", "link", "effects", "nu", "baseline", "mu", "tau")
HASH_SHOWN: Final = 12
SHARED_TAU: Final = (
    "separate (the default), common or hierarchical: how levels share the heterogeneity. Given again, or instead: "
)
_WITHOUT_SCALE: Final = MappingProxyType({"normal": "estimates", "poisson": "rates of one arm"})


def model_options[F: Callable[..., Any]](command: F, *, repeat_tau: bool = False) -> F:
    """Add the options that name a model, or its parts; ``--tau`` may be given more than once if it says more."""
    defaults = ", ".join(DEFAULT_MODELS.values())
    decorators: list[Callable[..., Any]] = [
        click.option(
            "--model",
            metavar="NAME|PATH",
            help=f"A named model (`bayesmeta models list`) or a TOML file [default: by the data, {defaults}].",
        ),
        click.option(
            "--likelihood",
            metavar="NAME",
            help="Instead of a named model. Of counts: binomial. Of two arms: binomial-two-arm or "
            "binomial-conditional. Of rates: poisson, of two arms poisson-conditional. Of estimates, and of any data "
            "by their --measure: normal [default: the first that suits the data].",
        ),
        click.option("--link", metavar="NAME", help="Of a binomial likelihood: logit (the default), probit, cloglog."),
        click.option(
            "--effects",
            metavar="NAME",
            help="How study effects are distributed: normal (the default), student-t, none (a common effect) or, "
            "binomial, beta (the beta-binomial model).",
        ),
        click.option("--nu", type=float, metavar="NU", help="Degrees of freedom of student-t [default: 4]."),
        click.option(
            "--baseline",
            metavar="PRIOR",
            help='Of binomial-two-arm: prior of the log odds under control [default: "Normal(0, 1.5)"].',
        ),
        click.option(
            "--mu",
            metavar="PRIOR",
            help='Prior of the overall mean, such as "Normal(0, 1.5)", or "Beta(1, 1)" of the proportion.',
        ),
        click.option(
            "--tau",
            metavar="NAME|PRIOR" if repeat_tau else "PRIOR",
            multiple=repeat_tau,
            help=(SHARED_TAU if repeat_tau else "")
            + 'Prior of the heterogeneity, such as "HalfNormal(1)"; of estimates also "Jeffreys".',
        ),
    ]
    return reduce(lambda function, decorate: decorate(function), reversed(decorators), command)


def chosen_model(studies: "Studies", measure: str | None, options: Mapping[str, Any]) -> "ModelSpec":
    """Return the model that the options name, for these studies.

    Parameters
    ----------
    studies : Studies
        The data, whose kind decides what was left out.
    measure : str or None
        The measure into which counts or rates are to be turned, if any.
    options : mapping
        `MODEL_OPTIONS`, None where not given.

    Raises
    ------
    SpecError
        If options contradict one another, or priors are needed.
    """
    from bayesmeta.errors import SpecError
    from bayesmeta.spec.model import ModelSpec
    from bayesmeta.spec.named import load_model
    from bayesmeta.spec.observed import suitable_likelihood

    given = {name: options[name] for name in MODEL_OPTIONS if options[name] is not None}
    priors: dict[str, Any] = {name: given.pop(name) for name in ("mu", "tau") if name in given}
    model = given.pop("model", None)
    if model is not None:
        for name in given:
            raise SpecError(f"--{name} is a part of the model, which --model names as a whole; give one of the two.")
        return load_model(model).with_priors(**priors)
    pooled = measure is not None and not studies.has_counts
    if not given and not pooled and studies.kind in DEFAULT_MODELS:
        return load_model(DEFAULT_MODELS[studies.kind]).with_priors(**priors)
    usual = suitable_likelihood(studies.kind)
    if "baseline" in given and studies.kind == "two-arm-counts":
        usual = "binomial-two-arm"
    likelihood = given.pop("likelihood", "normal" if pooled else usual)
    _need_priors(likelihood, {**given, **priors})
    return ModelSpec(likelihood, **given, **priors)


def _need_priors(likelihood: str, given: Mapping[str, Any]) -> None:
    """Raise `SpecError` if a prior is missing that has no default."""
    from bayesmeta.errors import SpecError
    from bayesmeta.spec.likelihoods import find_likelihood

    record = find_likelihood(likelihood)
    link = given.get("link", record.links[0])
    needed = ["mu"] if given.get("effects") == "none" else ["mu", "tau"]
    missing = [f"--{name}" for name in needed if name not in given]
    if not missing or (record.default_priors and link == record.links[0]):
        return
    what = _WITHOUT_SCALE.get(likelihood, f"effects on the {link} scale")
    named = ", or --model normal-normal for a logit or log-ratio scale" if likelihood == "normal" else ""
    raise SpecError(f"{what} need priors on their scale: give {' and '.join(missing)}{named}.")


def model_lines(model: "ModelSpec | None") -> list[str]:
    """Return what is said on standard error of the model that was used."""
    if model is None:
        return []
    from bayesmeta.spec.words import model_label, prior_statements

    file = f" (file {model.source.path}, sha256 {model.source.sha256[:HASH_SHOWN]})" if model.source else ""
    shown = ", ".join([model.name, *prior_statements(model)]) if model.name else model_label(model)
    return [f"model: {shown}{file}"]
