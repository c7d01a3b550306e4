"""At which scale of a prior does a conclusion change? The tipping point."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np

from bayesmeta._validate import unknown_name
from bayesmeta.analyses.conclusions import Conclusion, as_conclusion
from bayesmeta.analyses.sensitivity import check_exact
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit, fit_exact
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.roles import PARAMETERS

SCALE_OF = {
    "Normal": "sigma", "StudentT": "sigma", "Cauchy": "beta", "Logistic": "s", "HalfNormal": "sigma",
    "HalfCauchy": "beta", "HalfStudentT": "sigma", "Exponential": "scale", "InverseGamma": "beta", "Weibull": "beta",
}  # fmt: skip
"""The parameter of each family that stretches it; the others keep their values."""

GRID = 25  # scales that are looked at before the root search
TOLERANCE = 1e-8  # of the log scale
APART = 1e-3  # of the log scale, for slopes


@final
@dataclass(frozen=True)
class TippingPoint:
    """Where a conclusion changes.

    Attributes
    ----------
    conclusion : str
        The statement.
    parameter : str
        Whose prior was varied.
    reference : Prior
        That prior in the analysis.
    holds : bool
        Whether the conclusion holds in the analysis.
    scale_range : tuple of float
        The scales that were searched.
    scales : tuple of float
        The scales at which the conclusion changes, ascending; empty if it never does.
    numerical_error : float
        Largest absolute error of the scales.
    grid, values : tuple of float
        The scales that were looked at, and what the conclusion compares with its threshold at each.
    threshold : float
        With which it is compared.
    words : str
        What the values are, such as ``"P(p_new > 0.5)"``.
    """

    conclusion: str
    parameter: str
    reference: Prior
    holds: bool
    scale_range: tuple[float, float]
    scales: tuple[float, ...]
    numerical_error: float
    grid: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    threshold: float = float("nan")
    words: str = ""

    def __str__(self) -> str:
        verb = "holds" if self.holds else "does not hold"
        low, high = self.scale_range
        start = f"{self.conclusion!r} {verb} with {self.parameter} ~ {self.reference}"
        if not self.scales:
            return f"{start}, and does not change for scales from {low:g} to {high:g}."
        where = " and ".join(f"{scale:.4g}" for scale in self.scales)
        return f"{start}; it changes at scale {where} (scales from {low:g} to {high:g})."


def tipping_point(
    fit: ExactFit,
    conclusion: str | Callable[[ExactFit], bool],
    *,
    parameter: Literal["mu", "tau"] = "tau",
    scale_range: tuple[float, float] = (0.01, 10.0),
) -> TippingPoint:
    """Return at which scale of a prior a conclusion changes.

    Parameters
    ----------
    fit : ExactFit
        The analysis.
    conclusion : str or callable
        ``"P(p_new > 0.5) >= 0.95"``, with any parameter of the fit, or ``"the interval of p_mean excludes 0.8"``
        (or ``includes``; 95 % equal-tailed, or ``"the 90% interval of ..."``). Text is parsed, never evaluated. Or a
        function of a fit that returns whether the conclusion holds.
    parameter : {"tau", "mu"}
        Whose prior is stretched; it keeps its family and its other parameters.
    scale_range : tuple of float
        Smallest and largest scale.

    Returns
    -------
    TippingPoint

    Raises
    ------
    SpecError
        If the conclusion cannot be read, the prior has no scale, or an option is not allowed.

    Notes
    -----
    The conclusion is looked at on a grid of scales with equal steps of the logarithm; wherever it changes between two,
    the scale is found by root search, of which each step is a posterior by quadrature. Two changes between neighbours
    of the grid are not seen.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> print(tipping_point(fit, "P(p_new > 0.5) >= 0.9"))
    'P(p_new > 0.5) >= 0.9' holds with tau ~ HalfNormal(sigma=1), and does not change for scales from 0.01 to 10.
    """
    check_exact(fit, "tipping_point")
    if parameter not in PARAMETERS:
        raise SpecError(unknown_name("parameter", parameter, PARAMETERS))
    if parameter == "tau" and not fit.model.has_tau:
        raise SpecError("effects='none' gives all studies one effect, so there is no tau; use parameter='mu'.")
    prior = getattr(fit.model, parameter)
    low, high = _range(scale_range)
    make = _stretched(prior, parameter)
    statement = as_conclusion(conclusion, fit)

    def at(log_scale: float) -> ExactFit:
        model = fit.model.with_priors(**{parameter: make(float(np.exp(log_scale)))})
        return fit_exact(fit.studies, model, measure=fit.measure, power_weights=fit.power_weights)

    def margin(log_scale: float) -> float:
        return statement.margin(at(log_scale))

    grid = np.linspace(np.log(low), np.log(high), GRID)
    fits = [at(float(x)) for x in grid]
    margins = [statement.margin(each) for each in fits]
    changes = [i for i in range(GRID - 1) if (margins[i] > 0.0) != (margins[i + 1] > 0.0)]
    roots = [_root(margin, float(grid[i]), float(grid[i + 1])) for i in changes]
    errors = [np.exp(x) * (TOLERANCE + _uncertainty(statement, at, x)) for x in roots]
    scales = tuple(float(np.exp(x)) for x in roots)
    return TippingPoint(
        statement.text, parameter, prior, statement.holds(fit), (low, high), scales, float(max(errors, default=0.0)),
        tuple(np.exp(grid).tolist()), tuple(statement.value(each) for each in fits), statement.threshold,
        statement.words,
    )  # fmt: skip


def _uncertainty(statement: Conclusion, at: Callable[[float], ExactFit], log_scale: float) -> float:
    """Return how far the margin's own numerical error could move its root: that over its slope."""
    there = at(log_scale)
    coarse = replace(there, solution=replace(there.solution, fine=there.solution.coarse))
    off = abs(statement.margin(there) - statement.margin(coarse))
    slope = (statement.margin(at(log_scale + APART)) - statement.margin(at(log_scale - APART))) / (2.0 * APART)
    return off / abs(slope) if slope != 0.0 else np.inf


def _range(scale_range: tuple[float, float]) -> tuple[float, float]:
    low, high = (float(value) for value in scale_range)
    if not 0.0 < low < high < np.inf:
        raise SpecError(f"scale_range={scale_range!r} must be two ascending numbers above 0, such as (0.01, 10).")
    return low, high


def _stretched(prior: Prior, parameter: str) -> Callable[[float], Prior]:
    """Return the function from a scale to the prior of the same family with that scale."""
    if prior.name == "Uniform" and prior.support[0] == 0.0:
        return lambda scale: Prior("Uniform", lower=0.0, upper=scale)
    if prior.name not in SCALE_OF:
        raise SpecError(
            f"the prior of {parameter}, {prior}, has no scale to vary. Families that have: {', '.join(SCALE_OF)}."
        )
    name = SCALE_OF[prior.name]
    others = {key: value for key, value in prior.parameters.items() if key not in (name, "lam")}
    return lambda scale: Prior(prior.name, **others, **{name: scale})


def _root(margin: Callable[[float], float], low: float, high: float) -> float:
    """Return where the margin changes its sign; a function that only says yes or no is bisected by the same search."""
    from scipy.optimize import brentq

    return float(brentq(margin, low, high, xtol=TOLERANCE / 4.0, rtol=1e-14))
