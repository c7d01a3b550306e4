"""Which effect measures are there, what data does each need, and what does its pooled value estimate?"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, final

import numpy.typing as npt

from bayesmeta._validate import unknown_name
from bayesmeta.effects.one_arm import PROPORTION_VARIANCES, EffectSizes, logit_proportion, raw_proportion
from bayesmeta.errors import SpecError

type DataKind = Literal["counts", "estimates", "two-arm-counts", "rates", "two-arm-rates"]
"""What is known of each study: events of patients or per person-time, in one arm or two; or an estimate."""


@final
@dataclass(frozen=True)
class Measure:
    """One effect measure.

    Attributes
    ----------
    code : str
        metafor's code, and "HR".
    title : str
        The measure in words.
    data : {"counts", "estimates"}
        Whether it is computed from events and n, or given with its standard error.
    compute : callable or None
        For counts: ``compute(events, n, variance=..., add=..., to=...)`` gives `EffectSizes`.
    link : str
        Name in `LINKS`: natural scale to the scale of ``y``; its inverse transforms a pooled value back.
    estimand : {"p_median", "p_mean", None}
        What the back-transformed pooled value estimates.
    variances : tuple of str
        Values of ``variance`` that `compute` takes, the default first.
    """

    code: str
    title: str
    data: Literal["counts", "estimates"]
    compute: Callable[..., EffectSizes] | None
    link: str
    estimand: Literal["p_median", "p_mean"] | None
    variances: tuple[str, ...] = ("wald",)


def _plo(events: npt.ArrayLike, n: npt.ArrayLike, *, variance: str, add: float, to: str) -> EffectSizes:
    del variance  # one convention only; `effect_sizes` has checked it
    return logit_proportion(events, n, add=add, to=to)


MEASURES = MappingProxyType(
    {
        record.code: record
        for record in (
            Measure("PLO", "logit-transformed proportion", "counts", _plo, "logit", "p_median"),
            Measure("PR", "raw proportion", "counts", raw_proportion, "identity", "p_mean", PROPORTION_VARIANCES),
            Measure("GEN", "estimate on its own scale", "estimates", None, "identity", None),
            Measure("HR", "log hazard ratio", "estimates", None, "log", None),
        )
    }
)
"""The measures by code."""


def get_measure(code: str) -> Measure:
    """Return the measure of this code.

    Parameters
    ----------
    code : str
        A key of `MEASURES`, such as ``"PLO"``.

    Returns
    -------
    Measure
        Its record.

    Raises
    ------
    SpecError
        If there is none; the message names the nearest.
    """
    if not isinstance(code, str) or code not in MEASURES:
        raise SpecError(unknown_name("measure", code, MEASURES))
    return MEASURES[code]


def effect_sizes(
    measure: str,
    events: npt.ArrayLike,
    n: npt.ArrayLike,
    *,
    variance: str = "wald",
    add: float = 0.5,
    to: str = "only0",
) -> EffectSizes:
    """Return each study's effect and standard error, computed from its counts.

    Parameters
    ----------
    measure : str
        Code of a measure of counts: ``"PLO"`` or ``"PR"``.
    events, n : array_like, shape (k,)
        Patients with the event, and patients.
    variance : str
        One of the measure's ``variances``.
    add, to
        The rule for empty cells, as in `logit_proportion`.

    Returns
    -------
    EffectSizes
        On the scale of the measure.

    Raises
    ------
    SpecError
        If the measure is unknown or not computed from counts, or an option is not allowed for it.
    DataError
        If the counts are impossible, or an empty cell is left uncorrected.

    Examples
    --------
    >>> effect_sizes("PR", [4], [5], variance="exact-ci").y
    array([0.8])
    """
    record = get_measure(measure)
    if record.compute is None:
        of_counts = ", ".join(code for code, other in MEASURES.items() if other.data == "counts")
        raise SpecError(f"measure {measure!r} is not computed from counts; allowed here: {of_counts}.")
    if variance not in record.variances:
        raise SpecError(unknown_name(f"variance for measure {measure}", variance, record.variances))
    return record.compute(events, n, variance=variance, add=add, to=to)
