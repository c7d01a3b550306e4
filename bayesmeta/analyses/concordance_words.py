"""Why does an answer move when one choice is changed? One clause for each choice, with the numbers that show it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from bayesmeta.effects.measures import effect_sizes
from bayesmeta.effects.sizes import has_empty_cell
from bayesmeta.frequentist.again import repool
from bayesmeta.frequentist.describe import of_studies

if TYPE_CHECKING:
    from bayesmeta.analyses.concordance import Answer

LITTLE: Final = 0.1
"""What is added to cells instead of 1/2, to show how much hangs on it."""

type Reason = Callable[["Answer", "Answer"], str]


def _prior(before: "Answer", after: "Answer") -> str:
    return (
        f"maximum likelihood has no priors, and takes tau = {after.tau:.2f} as known, where the posterior averages "
        f"over tau (median {before.tau:.2f})"
    )


def _estimand(before: "Answer", after: "Answer") -> str:
    return (
        "it is the mean over studies, not the study in the middle; proportions vary "
        f"(tau = {after.tau:.2f}), and their distribution is skewed"
    )


def _approximation(before: "Answer", after: "Answer") -> str:
    fit = after.fit
    corrected = int(fit.corrected.sum())
    text = "each estimate is taken as normal with a known standard error, though both depend on the same events"
    if not corrected:
        return text
    zero = int(has_empty_cell(fit.studies.data).sum())
    who, its = of_studies(zero, fit.k, "has", "have"), "its" if zero == 1 else "their"
    effects = effect_sizes(fit.measure, *fit.studies.data.values(), add=LITTLE, to=fit.to)
    value = repool(fit, effects).rows(fit.ci_prob)[after.method.parameter][0]
    return f"{who} a zero cell and {fit.add:g} added to {its} cells (with {LITTLE:g} it would be {value:.3f}); {text}"


def _tau2(before: "Answer", after: "Answer") -> str:
    larger = after.tau > before.tau
    share = _shares(*(float(np.max(answer.fit.weights)) for answer in (before, after)))
    alike = f"weights are {'more' if larger else 'less'} alike (the largest is {share}) and " if share else ""
    return (
        f"tau is estimated as {after.tau:.2f} instead of {before.tau:.2f}, so that {alike}the interval is "
        f"{'longer' if larger else 'shorter'}"
    )


def _interval(before: "Answer", after: "Answer") -> str:
    ratio = (after.upper - after.lower) / (before.upper - before.lower)
    return (
        "the estimate is the same; the standard error comes from how the studies scatter, and the quantile from t "
        f"with {after.fit.k - 1} degrees of freedom: the interval is {ratio:.2f} times as long"
    )


def _common(before: "Answer", after: "Answer") -> str:
    heavy = int(np.argmax(after.fit.weights))
    share = _shares(*(float(answer.fit.weights[heavy]) for answer in (before, after)))
    weighs = f"precision alone decides: {after.fit.studies.study[heavy]} weighs {share}, and " if share else ""
    return (
        f"all studies are taken to share one effect (tau = 0 instead of {before.tau:.2f}), so that {weighs}the "
        "interval leaves heterogeneity out"
    )


def _scale(before: "Answer", after: "Answer") -> str:
    moved = np.abs(after.fit.weights - before.fit.weights)
    most = int(np.argmax(moved))
    share = _shares(*(float(answer.fit.weights[most]) for answer in (before, after)))
    corrected = int(before.fit.corrected.sum()) - int(after.fit.corrected.sum())
    spared = f"{_studies(corrected)} corrected there and not here; " if corrected > 0 else ""
    weighs = f": {after.fit.studies.study[most]} weighs {share}" if share else ""
    if len(moved) == 1:
        return f"{spared}the scale of the effect, and its variance, are others"
    return f"{spared}the scale on which effects are averaged, and their variances, are others{weighs}"


def _raw(before: "Answer", after: "Answer") -> str:
    y, weights = after.fit.y, after.fit.weights
    extreme = np.abs(y - 0.5) > np.abs(y - 0.5).mean()
    share = _shares(*(float(answer.fit.weights[extreme].sum()) for answer in (before, after)), of=" of the weight")
    if weights.size == 1:
        return "the effect is a proportion, not a logit, and its standard error shrinks near 0 and 100 %"
    who = "study holds" if extreme.sum() == 1 else "studies hold"
    held = f": the {int(extreme.sum())} most extreme {who} {share}" if share else ""
    return (
        f"it averages proportions, not logits, and the standard error of a proportion shrinks near 0 and 100 %{held} "
        f"(weighting all {weights.size} alike gives {100 * float(y.mean()):.1f} %)"
    )


def _variance(before: "Answer", after: "Answer") -> str:
    corrected = int(before.fit.corrected.sum())
    spared = f"; {_studies(corrected)} corrected there and not here" if corrected else ""
    return f"standard errors come from the width of exact intervals instead of p (1 - p) / n{spared}"


def _counted(before: "Answer", after: "Answer") -> str:
    corrected = int(before.fit.corrected.sum())
    spared = f"; {_studies(corrected)} corrected there and not here" if corrected else ""
    return f"weights come from the counts and not from estimated variances{spared}"


def _peto(before: "Answer", after: "Answer") -> str:
    return "it is one step from an odds ratio of 1, which falls short where effects are large or arms of unequal size"


def _shares(before: float, after: float, *, of: str = "") -> str:
    """Return two shares of the weight as text, after and before; empty if they print alike."""
    old, new = (f"{100.0 * share:.0f} %" for share in (before, after))
    return "" if old == new else f"{new}{of} instead of {old}"


def _studies(count: int) -> str:
    return "1 study was" if count == 1 else f"{count} studies were"


REASONS: Final[Mapping[str, Reason]] = MappingProxyType(
    {
        "prior": _prior,
        "estimand": _estimand,
        "approximation": _approximation,
        "tau2": _tau2,
        "interval": _interval,
        "common": _common,
        "scale": _scale,
        "raw": _raw,
        "variance": _variance,
        "counted": _counted,
        "peto": _peto,
    }
)
"""By choice: why the answer moved, from the answers before and after."""
