"""Why do methods disagree on the same data? Each beside the one from which it differs in a single choice."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_probability
from bayesmeta.analyses.concordance_methods import METHODS, Method
from bayesmeta.analyses.concordance_words import REASONS
from bayesmeta.api import fit
from bayesmeta.data.studies import Studies
from bayesmeta.errors import BayesmetaError
from bayesmeta.spec.coefficients import refuse_formula
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import check_studies, model_for

POINT: Final = 0.01
"""A proportion that moves by more is worth a sentence."""
WIDTH_SHARE: Final = 0.25
"""So is any number that moves by more than this share of the interval's width."""
COLUMNS: Final = (
    "method", "engine", "estimand", "estimate", "lower", "upper", "interval", "tau", "against", "gap", "explanation",
)  # fmt: skip


@final
@dataclass(frozen=True, eq=False)
class Answer:
    """What one method says, or why it says nothing.

    Attributes
    ----------
    method : Method
        The method.
    fit : object or None
        Its fit; None if there is none.
    numbers : tuple of float
        Estimate, lower and upper limit, on the scale of ``method.parameter``.
    trouble : str
        Why there is no fit; else empty.
    """

    method: Method
    fit: Any
    numbers: tuple[float, float, float]
    trouble: str = ""

    @property
    def estimate(self) -> float:
        """The point estimate."""
        return self.numbers[0]

    @property
    def lower(self) -> float:
        """The lower limit."""
        return self.numbers[1]

    @property
    def upper(self) -> float:
        """The upper limit."""
        return self.numbers[2]

    @cached_property
    def tau(self) -> float:
        """Heterogeneity on the scale of the method's measure; of a posterior, its median."""
        if self.method.is_bayesian:
            return float(self.fit.marginal("tau").ppf(0.5)) if self.fit.model.has_tau else 0.0
        return float(self.fit.tau)


def concordance(studies: Studies, model: ModelSpec | None = None, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Analyse the studies by every method that fits them, and say why the answers differ.

    Parameters
    ----------
    studies : Studies
        The data. Of estimates and of rates in one arm, only classical methods are shown unless a model is given.
    model : ModelSpec, optional
        The Bayesian model, as in `fit`.
    ci_prob : float
        Probability of all intervals.

    Returns
    -------
    DataFrame
        A row per method, in ascending order of the estimates: ``method``, ``engine``, ``estimand`` (``p_median``,
        ``p_mean``, or ``mu`` on the scale of the measure), ``estimate`` (of a posterior the median, of p_mean the
        mean), ``lower``, ``upper``, ``interval`` (CrI or CI), ``tau`` (scale of the method's own measure), ``against``
        (the method from which this one differs in a single choice), ``gap`` (its estimate less that one's) and
        ``explanation``: where the estimate or a limit moves by more than a point of a proportion, or a quarter of that
        interval's width, how far and why. A method that cannot be used has the reason there, and no numbers.

    Raises
    ------
    SpecError
        If the model has a formula or does not fit the data.

    Notes
    -----
    Methods differ in many choices at once, and a gap between two of them has no one cause. Here each method is held
    against one that differs in a single choice: priors, likelihood and zero-cell correction, estimator of tau2, scale,
    weights, or interval; so that a chain of rows leads from any method to any other.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"))
    >>> table = concordance(studies).set_index("method")
    >>> table.loc[["exact", "GLMM", "logit DL", "raw DL"], "estimate"].round(3).tolist()
    [0.868, 0.887, 0.847, 0.868]
    """
    check_studies(studies)
    check_probability("ci_prob", ci_prob)
    if model is not None:
        refuse_formula(model_for(studies, model).formula, "concordance")
    found: dict[str, Answer] = {}
    for method in METHODS[studies.kind]:
        if method.is_bayesian and model is None and not _has_default(studies):
            continue
        found[method.code] = _answer(studies, model, method, found, ci_prob)
    rows = [_row(answer, found) for answer in found.values()]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values("estimate", kind="stable", ignore_index=True)


def _has_default(studies: Studies) -> bool:
    try:
        model_for(studies, None)
    except BayesmetaError:
        return False
    return True


def _answer(
    studies: Studies, model: ModelSpec | None, method: Method, found: dict[str, Answer], ci_prob: float
) -> Answer:
    """Return the answer of one method; a fit that another row needs as well is made once."""
    options = dict(method.options)
    try:
        if method.is_bayesian:
            done = [other.fit for other in found.values() if other.method.is_bayesian and other.fit is not None]
            result: Any = done[0] if done else fit(studies, model)
        else:
            result = fit(studies, ci_prob=ci_prob, **options)
        row = result.summary(ci_prob=ci_prob).loc[method.parameter]
    except BayesmetaError as error:
        return Answer(method, None, (np.nan, np.nan, np.nan), str(error))
    point = "estimate" if not method.is_bayesian else "mean" if method.parameter == "p_mean" else "median"
    return Answer(method, result, (float(row[point]), float(row["lower"]), float(row["upper"])))


def _row(answer: Answer, found: dict[str, Answer]) -> tuple[Any, ...]:
    method = answer.method
    engine = "exact" if method.is_bayesian else "frequentist"
    start: tuple[Any, ...] = (method.code, engine, method.parameter, *answer.numbers)
    if answer.fit is None:
        return (*start, "", np.nan, "", np.nan, f"not used: {answer.trouble}")
    start = (*start, "CrI" if method.is_bayesian else "CI", answer.tau)
    before = _reference(method, found)
    if before is None:
        return (*start, "", np.nan, "")
    return (*start, before.method.code, answer.estimate - before.estimate, _explanation(before, answer))


def _reference(method: Method, found: dict[str, Answer]) -> Answer | None:
    """Return the nearest method up the chain that has an answer."""
    code = method.against
    by_code = {each.code: each for methods in METHODS.values() for each in methods}
    while code is not None:
        if code in found and found[code].fit is not None:
            return found[code]
        code = by_code[code].against
    return None


def _explanation(before: Answer, after: Answer) -> str:
    """Return how far the answer moved and why; nothing if it did not move much."""
    if np.isnan(after.lower):
        return "; ".join(note for note in after.fit.notes if "no confidence interval" in note)
    moves = np.array(after.numbers) - np.array(before.numbers)
    width = before.upper - before.lower
    is_proportion = after.method.parameter.startswith("p_")
    near = min(POINT, WIDTH_SHARE * width) if is_proportion else WIDTH_SHARE * width
    if not (np.abs(moves) > near).any():
        return ""
    return f"{_moved(moves, is_proportion)} than by {before.method.code}: {REASONS[after.method.choice](before, after)}"


def _moved(moves: FloatArray, is_proportion: bool) -> str:
    unit, factor, digits = (" points", 100.0, 1) if is_proportion else ("", 1.0, 2)
    parts = [
        f"{name} {abs(factor * move):.{digits}f}{unit} {'higher' if move > 0 else 'lower'}"
        for name, move in zip(("estimate", "lower limit", "upper limit"), moves, strict=True)
        if round(abs(factor * float(move)), digits) > 0
    ]
    return ", ".join(parts)
