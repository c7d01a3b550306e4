"""How would the pooled effect change if the funnel were symmetric? Trim and fill."""

from dataclasses import dataclass
from math import isnan
from typing import Final, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.effects.sizes import EffectSizes
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.again import repool
from bayesmeta.frequentist.methods import INVERSE_VARIANCE, not_pooled
from bayesmeta.frequentist.numbers import number_text
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.frequentist.tau2 import tau2_record
from bayesmeta.frequentist.trim_fill import ESTIMATORS, SIDES, funnel_side, trim_and_fill

FEWEST: Final = 3
OWN_FUNNEL: Final = (
    "the standard error of a proportion is a function of the estimate, so that a funnel of proportions is asymmetric "
    "where nothing is missing (Hunter et al. 2014, doi:10.1016/j.jclinepi.2014.03.003)"
)


@final
@dataclass(frozen=True, eq=False)
class TrimFill:
    """A meta-analysis with the studies added that would make its funnel symmetric.

    Attributes
    ----------
    fit : FrequentistFit
        The analysis as it was.
    filled : FrequentistFit
        The same with the added studies; its last `k0` effects are theirs.
    k0 : int
        Number of studies added.
    se_k0 : float
        Standard error of that number.
    side : {"left", "right"}
        Side of the funnel to which they were added.
    estimator : {"L0", "R0", "Q0"}
        Estimator of their number.
    pvalue : float
        One-sided P-value of "none is missing"; nan unless the estimator is R0.
    y, se : ndarray, shape (k0,)
        Effects and standard errors of the added studies, link scale.
    """

    fit: FrequentistFit
    filled: FrequentistFit
    k0: int
    se_k0: float
    side: str
    estimator: str
    pvalue: float
    y: FloatArray
    se: FloatArray

    def __post_init__(self) -> None:
        for name in ("y", "se"):
            values = np.array(getattr(self, name))
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @property
    def frame(self) -> pd.DataFrame:
        """All k + k0 effects, for a funnel plot: study, y, se, is_filled."""
        filled = np.arange(self.filled.k) >= self.fit.k
        labels = [*self.fit.studies.study, *_labels(self.fit.studies.study, self.k0)]
        return pd.DataFrame({"study": labels, "y": self.filled.y, "se": self.filled.se, "is_filled": filled})

    def summary(self, *, ci_prob: float | None = None) -> pd.DataFrame:
        """Return the summary of the filled analysis, as `FrequentistFit.summary` has it."""
        return self.filled.summary(ci_prob=ci_prob)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the funnel, one line each; empty if there is nothing to say."""
        return () if self.fit.record.estimand is None else (OWN_FUNNEL,)

    def __repr__(self) -> str:
        error = "" if isnan(self.se_k0) else f" (SE {self.se_k0:.2f})"
        test = "" if isnan(self.pvalue) else f"; none missing: P = {self.pvalue:.4f}"
        notes = [f"note: {note}" for note in self.notes]
        word = "study" if self.k0 == 1 else "studies"
        head = f"Trim and fill ({self.estimator}): {self.k0} {word}{error} added on the {self.side} side{test}"
        table = pd.concat({"as observed": self.fit.summary(), "filled": self.filled.summary()})
        text = f"{head}\n{table.to_string(float_format=number_text, index_names=False)}"
        return "\n".join([text, *notes])


def trim_fill(fit: FrequentistFit, *, side: str | None = None, estimator: str = "L0") -> TrimFill:
    """Add the studies that would make the funnel symmetric, and pool again.

    Parameters
    ----------
    fit : FrequentistFit
        Its estimator of tau2 is used for trimming and for the result.
    side : {"left", "right"}, optional
        Side on which studies are missing; by default left if small studies report larger effects (the slope of the
        mixed-effects Egger regression is positive), else right.
    estimator : {"L0", "R0", "Q0"}
        Estimator of the number of missing studies; Duval and Tweedie advise L0 or R0.

    Returns
    -------
    TrimFill
        The number of studies added, their effects, and the new fit.

    Raises
    ------
    SpecError
        If the fit is not frequentist, or an option is unknown.
    DataError
        If there are fewer than 3 studies, or all standard errors are equal and no side is given.
    AccuracyError
        If the number of missing studies does not settle, or the estimator has no value.

    Notes
    -----
    What is added is no data: this shows how far the result leans on one kind of asymmetry, and does not correct it. It
    fills asymmetry from heterogeneity as readily as that from missing studies.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> df = bm.load_dataset("pritz1997")
    >>> fit = bm.fit(bm.Studies.from_frame(df, events="events", n="n"), engine="frequentist")
    >>> result = trim_fill(fit)
    >>> result.k0, result.side, round(result.fit.mu, 3), round(result.filled.mu, 3)
    (6, 'left', 1.138, 0.692)
    """
    if not isinstance(fit, FrequentistFit):
        raise not_pooled("trim_fill", fit)
    if fit.method != INVERSE_VARIANCE:
        raise SpecError(
            f"trim_fill needs method={INVERSE_VARIANCE!r}; {fit.method!r} pools counts, which it cannot add."
        )
    if estimator not in ESTIMATORS:
        raise SpecError(unknown_name("estimator", estimator, ESTIMATORS))
    if side is not None and side not in SIDES:
        raise SpecError(unknown_name("side", side, SIDES))
    if fit.k < FEWEST:
        raise DataError(f"trim_fill needs at least {FEWEST} studies; {fit.studies.source} has {fit.k}.")
    rule = tau2_record(fit.tau2_method)
    where = side or funnel_side(fit.y, fit.se, rule)
    added = trim_and_fill(fit.y, fit.se, side=where, estimator=estimator, tau2_rule=rule)
    filled = fit if added.k0 == 0 else _filled(fit, added.y, added.se)
    return TrimFill(fit, filled, added.k0, added.se_k0, added.side, estimator, added.pvalue, added.y, added.se)


def _filled(fit: FrequentistFit, y: FloatArray, se: FloatArray) -> FrequentistFit:
    all_y, all_se = np.concatenate([fit.y, y]), np.concatenate([fit.se, se])
    labels = (*fit.studies.study, *_labels(fit.studies.study, len(y)))
    studies = Studies(labels, y=all_y, se=all_se, source=f"{fit.studies.source}, filled")
    return repool(fit, EffectSizes(all_y, all_se, np.zeros(len(all_y), dtype=np.bool_)), studies=studies)


def _labels(taken: tuple[str, ...], count: int) -> list[str]:
    """Return labels for added studies that no study has."""
    mark = "filled"
    while any(label.startswith(mark) for label in taken):
        mark += "*"
    return [f"{mark} {i + 1}" for i in range(count)]
