"""What are the numbers of the summary, and how far could each be off?

Every number is computed at two resolutions. A quantile q of the finer one is checked by the coarser one's
distribution function: it is off by |F(q) - p| / density(q) to first order.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_probability
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import TOLERANCE
from bayesmeta.exact.theta import Effect
from bayesmeta.result.marginal import Marginal
from bayesmeta.result.study_table import weight_and_shrinkage
from bayesmeta.result.summary import COLUMNS, check_interval
from bayesmeta.surface.kernels import CommonKernel

# Two resolutions share their cuts (where a density has fallen by exp(-30)), the order of the polynomials between
# nodes and the rounding of doubles, so an error smaller than this is never claimed.
FLOOR = 1e-7
EVIDENCE_FLOOR = 1e-8
LARGE_VALUE = 100.0  # values larger than this are computed to a relative accuracy
WIDE_INTERVAL = 10.0  # and so are rows whose interval is wider than this


def summary_rows(
    fine: Quantities, coarse: Quantities, names: Iterable[str], *, ci_prob: float, ci_kind: str
) -> pd.DataFrame:
    """Return the summary of the quantities ``names``; columns as in `ExactFit.summary`."""
    prob = check_interval(ci_prob, ci_kind)
    rows = _rows(fine, coarse, tuple(names), prob, shortest=ci_kind == "hdi")
    table = np.array([[*values, FLOOR + errors.max()] for values, errors in rows.values()])
    return pd.DataFrame(table, index=pd.Index(list(rows), name="parameter"), columns=[*COLUMNS, "numerical_error"])


def worst_error(fine: Quantities, coarse: Quantities, names: Iterable[str]) -> float:
    """Return the largest error of the 95 % summary in units of its tolerance.

    The tolerance is TOLERANCE, and in proportion more for large values and wide intervals. theta_new is
    held to it as well as p_new.
    """
    worst = 0.0
    for part in (tuple(names), ("theta_new",)):
        for values, errors in _rows(fine, coarse, part, 0.95, shortest=False).values():
            finite = np.isfinite(values)
            size = max(1.0, (values[4] - values[3]) / WIDE_INTERVAL)
            scale = np.maximum(size, np.abs(values[finite]) / LARGE_VALUE)
            scaled = errors[finite] / (TOLERANCE * scale)
            worst = max(worst, float(scaled.max()) if np.isfinite(scaled).all() else np.inf)
    return worst


def theta_rows(
    posterior: Posterior,
    fine: Sequence[Effect],
    coarse: Sequence[Effect],
    labels: tuple[str, ...],
    moments: list[tuple[float, float]],
    *,
    ci_prob: float,
) -> pd.DataFrame:
    """Return the rows of `ExactFit.theta_table`."""
    tail = 0.5 * (1.0 - check_probability("ci_prob", ci_prob))
    probabilities = np.array([0.5, tail, 1.0 - tail])
    rows = [_theta_row(a, b, probabilities, m) for a, b, m in zip(fine, coarse, moments, strict=True)]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, "numerical_error"], index=pd.Index(labels, name="study"))
    variance = posterior.surface.terms.variance_at(frame["median"].to_numpy())
    tau, weight_tau = posterior.surface.grid.tau, posterior.weight_tau
    if isinstance(posterior.surface.terms.kernel, CommonKernel):
        tau, weight_tau = np.zeros(1), np.ones(1)
    frame["weight"], frame["shrinkage"] = weight_and_shrinkage(variance, tau, weight_tau)
    return frame


def _theta_row(fine: Effect, coarse: Effect, probabilities: FloatArray, existing: tuple[float, float]) -> list[float]:
    start = fine.theta, np.cumsum(fine.weight) - 0.5 * fine.weight
    moments = np.array(existing)
    at = Marginal("theta", fine.cdf_pdf, start, fine.moments()).base_ppf(probabilities)
    cdf, pdf = coarse.cdf_pdf(at)
    differences = np.where(np.isfinite(moments), np.abs(np.subtract(fine.moments(), coarse.moments())), 0.0)
    errors = np.r_[differences, np.abs(cdf - probabilities) / np.maximum(pdf, 1e-300)]
    return [*moments, *at, FLOOR + errors.max()]


def _rows(
    fine: Quantities, coarse: Quantities, names: tuple[str, ...], prob: float, *, shortest: bool
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Return per quantity the values in the order of COLUMNS and the error of each."""
    key = (names, prob, shortest, id(coarse))
    if key not in fine.summaries:
        tail = 0.5 * (1.0 - prob)
        probabilities = np.array([0.5]) if shortest else np.array([0.5, tail, 1.0 - tail])
        rows = {}
        for name in names:
            base = fine.base_name(name)
            marginal = fine.marginal(name)
            at, error = _base_quantiles(fine, marginal, coarse, base, probabilities)
            values = np.clip(marginal.scale.value(at), *marginal.scale.support)
            errors = error * marginal.scale.slope(values)
            if shortest:
                interval, wrong = _shortest(marginal, coarse.marginal(name), prob)
                values, errors = np.r_[values, interval], np.r_[errors, wrong]
            moments, others = np.array(marginal.moments), np.array(coarse.moments(name))
            with np.errstate(invalid="ignore"):
                difference = np.where(np.isfinite(moments), np.abs(moments - others), 0.0)
            rows[name] = np.r_[moments, values], np.r_[difference, errors]
        fine.summaries[key] = rows
    return fine.summaries[key]


def _base_quantiles(
    fine: Quantities, marginal: Marginal, coarse: Quantities, base: str, probabilities: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return quantiles on the base scale, and their errors by the coarser distribution function."""
    key = (base, tuple(probabilities), id(coarse))
    if key not in fine.quantiles:
        at = marginal.base_ppf(probabilities)
        cdf, pdf = coarse.base(base)(at)
        fine.quantiles[key] = at, np.abs(cdf - probabilities) / np.maximum(pdf, 1e-300)
    return fine.quantiles[key]


def _shortest(fine: Marginal, coarse: Marginal, prob: float) -> tuple[FloatArray, FloatArray]:
    interval = np.array(fine.hdi(prob))
    return interval, np.abs(interval - np.array(coarse.hdi(prob)))
