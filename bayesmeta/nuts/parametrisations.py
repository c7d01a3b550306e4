"""In which variables are the study effects sampled? The same posterior in forms that a sampler finds hard or easy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.nuts.log_concave import GROWTH
from bayesmeta.nuts.structure import Structure
from bayesmeta.spec.model import ModelSpec

NON_CENTRED: Final = "non-centred"
PARTIAL: Final = "partially-centred"
MARGINALISED: Final = "marginalised"
ROUGH: Final = (PARTIAL, MARGINALISED)
"""Forms that know roughly where the likelihoods lie; see `rough_effects`."""

type Refusal = Callable[[ModelSpec, Structure, int], str]


@final
@dataclass(frozen=True)
class Parametrisation:
    """A form of the study effects.

    Attributes
    ----------
    name : str
        The name in `PARAMETRISATIONS`.
    words : str
        How the effects are written, for notes and methods.
    refusal : callable
        Of model, structure and number of studies: why they cannot have this form, or an empty string.
    """

    name: str
    words: str
    refusal: Refusal


def choose_parametrisation(asked: str | None, model: ModelSpec, structure: Structure, k: int) -> str:
    """Return the name of the form in which the study effects are sampled.

    Parameters
    ----------
    asked : str or None
        What the user wants; None for the rule below.
    model : ModelSpec
        The model.
    structure : Structure
        What the studies share.
    k : int
        Number of studies.

    Returns
    -------
    str
        A name in `PARAMETRISATIONS`; empty for a model whose effects are all one, or beta-distributed and integrated
        out, so that there is nothing to choose.

    Raises
    ------
    SpecError
        If the name is unknown, or model and data cannot have that form.

    Notes
    -----
    The rule: ``"marginalised"`` for a normal likelihood with normal effects, whose integral over theta_i is a normal
    density; otherwise ``"partially-centred"``, in which the information of each study decides how far it is centred;
    ``"non-centred"`` for two binomial arms, whose information depends on their baselines.
    Number and size of the studies need not decide anything beyond that. In ``benchmarks/results/parametrisation.csv``
    (k = 3, 5, 10, 30; n of 8 to 20, or of about 200; `make parametrisation`) the partially centred form alone has no
    divergences in any cell, and more effective draws of mu and tau per second than a hand-written non-centred model in
    all: 1.4 to 2.7 times as many of small studies, 8 times and more of large ones. The centred form comes up to it
    where 30 studies are large, and has divergences where they are 10 or fewer and small, or 3.
    """
    if asked is not None and asked not in PARAMETRISATIONS:
        raise SpecError(unknown_name("parametrisation", asked, PARAMETRISATIONS))
    if structure.beyond:
        if asked in (None, NON_CENTRED):
            return ""
        raise SpecError(f"parametrisation={asked!r} is not for models that only NUTS can fit, which are non-centred.")
    if not model.has_tau or model.effects == "beta":
        if asked is None:
            return ""
        why = "are all one" if not model.has_tau else "are beta-distributed and integrated out in any case"
        raise SpecError(f"parametrisation={asked!r} says nothing of study effects that {why}; leave it out.")
    if asked is None:
        preferred = (MARGINALISED,) if model.likelihood == "normal" else ()
        forms = (*preferred, PARTIAL, NON_CENTRED)
        return str(next(name for name in forms if not PARAMETRISATIONS[name].refusal(model, structure, k)))
    if reason := PARAMETRISATIONS[asked].refusal(model, structure, k):
        chosen = choose_parametrisation(None, model, structure, k)
        raise SpecError(f"parametrisation={asked!r} {reason}; leave it out, which takes {chosen!r}.")
    return asked


def _never(_model: ModelSpec, _structure: Structure, _k: int) -> str:
    return ""


def _unless_one_mean(model: ModelSpec, structure: Structure, k: int) -> str:
    if structure.design is not None:
        return "needs studies that share one mean, not moderators or groups"
    if model.effects != "normal":
        return f"needs normal study effects, not {model.effects}: only their mean and deviations are independent"
    return "" if k > 1 else "needs two studies or more, whose deviations sum to zero"


def _unless_integrable(model: ModelSpec, _structure: Structure, _k: int) -> str:
    if model.effects != "normal":
        return f"integrates over normal study effects, not {model.effects}"
    if model.likelihood == "normal" or (model.likelihood in GROWTH and model.link in ("logit", "log")):
        return ""
    what = f"the {model.likelihood} likelihood" + ("" if model.likelihood != "binomial" else f" with link {model.link}")
    return f"has no rule for the integral of {what} over a study effect"


def _if_two_arm(model: ModelSpec, _structure: Structure, _k: int) -> str:
    if model.likelihood == "binomial-two-arm":
        return "needs the information of each study, which of two arms depends on their baselines"
    return ""


PARAMETRISATIONS: Final[Mapping[str, Parametrisation]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Parametrisation("centred", "as themselves (centred)", _never),
            Parametrisation(NON_CENTRED, "by their standardised deviations from the mean (non-centred)", _never),
            Parametrisation(
                PARTIAL,
                "by their standardised deviations from a compromise of the mean and their own data (partially centred)",
                _if_two_arm,
            ),
            Parametrisation("sum-to-zero", "by their average and deviations that sum to zero", _unless_one_mean),
            Parametrisation(
                MARGINALISED, "not at all: they were integrated out, and drawn afterwards", _unless_integrable
            ),
        )
    }
)
