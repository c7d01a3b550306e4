"""Which effect measures are there, what data does each need, and what does its pooled value estimate?"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, final

import numpy.typing as npt

from bayesmeta._validate import unknown_name
from bayesmeta.effects.arcsine import arcsine_proportion, double_arcsine_proportion
from bayesmeta.effects.one_arm import PROPORTION_VARIANCES, log_proportion, logit_proportion, raw_proportion
from bayesmeta.effects.rates import log_rate, rate_difference, rate_ratio, raw_rate
from bayesmeta.effects.sizes import EffectSizes
from bayesmeta.effects.two_arm import arcsine_difference, odds_ratio, peto_odds_ratio, risk_difference, risk_ratio
from bayesmeta.errors import SpecError

type DataKind = Literal["counts", "estimates", "two-arm-counts", "rates", "two-arm-rates"]
"""What is known of each study: events of patients or per person-time, in one arm or two; or an estimate."""

ROLES_OF_DATA: MappingProxyType[DataKind, tuple[str, ...]] = MappingProxyType(
    {
        "counts": ("events", "n"),
        "estimates": ("y", "se"),
        "two-arm-counts": ("events_treatment", "n_treatment", "events_control", "n_control"),
        "rates": ("events", "time"),
        "two-arm-rates": ("events_treatment", "time_treatment", "events_control", "time_control"),
    }
)
"""The arrays of each kind of data, in the order in which the functions of measures take them."""

DEFAULT_MEASURES: MappingProxyType[DataKind, str] = MappingProxyType(
    {"counts": "PLO", "estimates": "GEN", "two-arm-counts": "OR", "rates": "IRLN", "two-arm-rates": "IRR"}
)
"""The measure of each kind of data when none is named."""


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
    data : str
        What it is computed from, a key of `ROLES_OF_DATA`; "estimates" are given with their standard errors.
    compute : callable or None
        ``compute(*arrays, add=..., to=...)`` gives `EffectSizes`; None for estimates. It takes ``variance`` too if
        there is more than one.
    link : str
        Name in `LINKS`: natural scale to the scale of ``y``; its inverse transforms a pooled value back.
    estimand : {"p_median", "p_mean", None}
        What the back-transformed pooled value estimates.
    variances : tuple of str
        Values of ``variance`` that `compute` takes, the default first.
    add : float
        What is added to the cells of studies with an empty one, unless the user says otherwise: 0.5, and 0 for the
        arcsines, which need nothing; metafor's defaults.
    """

    code: str
    title: str
    data: DataKind
    compute: Callable[..., EffectSizes] | None
    link: str
    estimand: Literal["p_median", "p_mean"] | None
    variances: tuple[str, ...] = ("wald",)
    add: float = 0.5


MEASURES = MappingProxyType(
    {
        record.code: record
        for record in (
            Measure("PR", "raw proportion", "counts", raw_proportion, "identity", "p_mean", PROPORTION_VARIANCES),
            Measure("PLN", "log-transformed proportion", "counts", log_proportion, "log", "p_median"),
            Measure("PLO", "logit-transformed proportion", "counts", logit_proportion, "logit", "p_median"),
            Measure(
                "PAS", "arcsine-transformed proportion", "counts", arcsine_proportion, "arcsine", "p_median", add=0.0
            ),
            Measure(
                "PFT",
                "double arcsine-transformed proportion",
                "counts",
                double_arcsine_proportion,
                "double-arcsine",
                "p_median",
                add=0.0,
            ),
            Measure("OR", "log odds ratio", "two-arm-counts", odds_ratio, "log", None),
            Measure("RR", "log risk ratio", "two-arm-counts", risk_ratio, "log", None),
            Measure("RD", "risk difference", "two-arm-counts", risk_difference, "identity", None),
            Measure("AS", "arcsine difference", "two-arm-counts", arcsine_difference, "identity", None, add=0.0),
            Measure("PETO", "log odds ratio", "two-arm-counts", peto_odds_ratio, "log", None),
            Measure("IRLN", "log incidence rate", "rates", log_rate, "log", None),
            Measure("IR", "incidence rate", "rates", raw_rate, "identity", None),
            Measure("IRR", "log incidence rate ratio", "two-arm-rates", rate_ratio, "log", None),
            Measure("IRD", "incidence rate difference", "two-arm-rates", rate_difference, "identity", None),
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


def measures_of(kind: DataKind) -> tuple[str, ...]:
    """Return the codes of the measures of this kind of data."""
    return tuple(code for code, record in MEASURES.items() if record.data == kind)


def effect_sizes(
    measure: str,
    *data: npt.ArrayLike,
    variance: str = "wald",
    add: float | None = None,
    to: str = "only0",
) -> EffectSizes:
    """Return each study's effect and standard error, computed from its counts or rates.

    Parameters
    ----------
    measure : str
        Code of a measure that is computed: ``"PLO"``, ``"OR"``, ``"IRR"`` and so on.
    *data : array_like, shape (k,)
        The arrays that it needs, in the order of `ROLES_OF_DATA`: for ``"PLO"`` events and n; for ``"OR"`` events
        and n of the treatment arm, then of the control arm. ``*studies.data.values()`` are such.
    variance : str
        One of the measure's ``variances``.
    add, to
        The rule for empty cells, as in `logit_proportion` and `odds_ratio`; ``add=None`` is the measure's own.

    Returns
    -------
    EffectSizes
        On the scale of the measure.

    Raises
    ------
    SpecError
        If the measure is unknown or not computed from these data, or an option is not allowed for it.
    DataError
        If the data are impossible, or an empty cell is left uncorrected.

    Examples
    --------
    >>> effect_sizes("PR", [4], [5], variance="exact-ci").y
    array([0.8])
    >>> effect_sizes("RR", [4], [123], [11], [139]).y.round(4)
    array([-0.8893])
    """
    record = get_measure(measure)
    if record.compute is None:
        computed = ", ".join(code for code, other in MEASURES.items() if other.compute is not None)
        raise SpecError(f"measure {measure!r} is not computed from counts or rates; allowed here: {computed}.")
    if len(data) != len(ROLES_OF_DATA[record.data]):
        needed = ", ".join(ROLES_OF_DATA[record.data])
        raise SpecError(f"measure {measure} is computed from {needed}; got {len(data)} arrays.")
    if variance not in record.variances:
        raise SpecError(unknown_name(f"variance for measure {measure}", variance, record.variances))
    added = record.add if add is None else add
    if len(record.variances) > 1:
        return record.compute(*data, variance=variance, add=added, to=to)
    return record.compute(*data, add=added, to=to)
