"""What is the distribution of a quantity over several models? A mixture of marginal distributions."""

from collections.abc import Sequence

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.result.marginal import Marginal, Scale

SMALLEST_SLOPE = 1e-300


def mixture(marginals: Sequence[Marginal], weights: FloatArray) -> Marginal:
    """Return the mixture of distributions of one quantity.

    Parameters
    ----------
    marginals : sequence of Marginal
        Distributions of the same quantity; they may be computed on different base scales.
    weights : array, shape (M,)
        Probabilities that sum to 1. A distribution of weight 0 is left out, moments that do not exist included.

    Returns
    -------
    Marginal
        On the base scale of the first distribution of positive weight; F = sum_m w_m F_m.
    """
    parts = [(float(w), m) for w, m in zip(weights, marginals, strict=True) if w > 0.0]
    first = parts[0][1]
    if len(parts) == 1:
        return first

    def cdf_pdf(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        cdf, pdf = np.zeros(x.shape), np.zeros(x.shape)
        for weight, marginal in parts:
            below, density = on_scale(marginal, first.scale, x)
            cdf += weight * np.clip(below, 0.0, 1.0)
            pdf += weight * density
        return cdf, pdf

    notes = dict.fromkeys(marginal.note for _, marginal in parts if marginal.note)
    return Marginal(first.name, cdf_pdf, _start(parts, first.scale), _moments(parts), first.scale, "; ".join(notes))


def on_scale(marginal: Marginal, scale: Scale, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return distribution function and density of a quantity at points of another base scale."""
    if marginal.scale is scale:
        return marginal.cdf_pdf(x)
    value = scale.value(x)
    lower, upper = scale.support
    inside = (value > lower) & (value < upper)  # elsewhere the value is rounded to an end of the support
    cdf, pdf = np.where(value >= upper, 1.0, 0.0), np.zeros(x.shape)
    at = value[inside]
    cdf[inside], density = marginal.cdf_pdf(marginal.scale.base(at))
    pdf[inside] = density * scale.slope(at) / np.maximum(marginal.scale.slope(at), SMALLEST_SLOPE)
    return cdf, pdf


def _start(parts: Sequence[tuple[float, Marginal]], scale: Scale) -> tuple[FloatArray, FloatArray]:
    """Return where searches for quantiles start: all knots on the common scale, and the mixed rough cdf there."""
    lower, upper = scale.support
    inside = np.nextafter(lower, upper), np.nextafter(upper, lower)
    knots = [
        marginal.start[0]
        if marginal.scale is scale
        else scale.base(np.clip(marginal.scale.value(marginal.start[0]), *inside))
        for _, marginal in parts
    ]
    points = np.unique(np.concatenate(knots))
    rough = np.zeros(points.size)
    for (weight, marginal), own in zip(parts, knots, strict=True):
        rough += weight * np.interp(points, own, marginal.start[1], left=0.0, right=1.0)
    return points, rough


def _moments(parts: Sequence[tuple[float, Marginal]]) -> tuple[float, float]:
    """Return mean and SD of the mixture; inf or nan where those of a part do not exist."""
    weight = np.array([w for w, _ in parts])
    mean, sd = (np.array(values) for values in zip(*(m.moments for _, m in parts), strict=True))
    with np.errstate(invalid="ignore"):
        total = float(weight @ mean)
        if not np.isfinite(total) or not np.isfinite(sd).all():
            return total, np.inf
    return total, float(np.sqrt(weight @ (sd**2 + (mean - total) ** 2)))
