"""How is a weighted sum of squared normal variables distributed: P(sum of a_i Z_i^2 <= q)."""

from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import AccuracyError

STEPS: Final = 8
"""Steps of the trapezoidal rule in one standard deviation of the integrand's bell."""
WIDTHS: Final = 36.0
"""Least length of the half contour, in such standard deviations; on it exp(s) has to fall by exp(-300), too."""
BENDS: Final = (*(0.7**i for i in range(14)), 0.0)
"""Curvatures of the contour that are tried."""
NEGLIGIBLE: Final = -32.0
"""Logarithm of the integrand where the sum stops, over that at the saddle point; what is left out is below it."""
ROUNDING: Final = 1e-9
"""By which a logarithm that is a sum over thousands of weights may be off."""


def weighted_chi2_cdf(q: float, a: FloatArray) -> float:
    """Return P(sum of a_i Z_i^2 <= q) with Z_i independent standard normal.

    Parameters
    ----------
    q : float
        Value of the sum.
    a : array, shape (m,)
        Weights, positive, at least one.

    Returns
    -------
    float
        The probability; its absolute error is below 1e-10 for up to hundreds of weights, and below 1e-8 for any number.

    Raises
    ------
    AccuracyError
        If no contour was found on which the integrand falls.

    Notes
    -----
    The distribution function is the inverse Laplace transform of L(s) / s, L(s) = prod (1 + 2 a_i s)^(-1/2) [1]_,
    which has a pole at 0 and a cut on the real line below -1 / (2 max(a)). The contour runs through the saddle point s0
    of exp(sq) L(s) / s: that on the right of the pole if q is below the mean, and else that between cut and pole, which
    gives the upper tail. It is a parabola about the cut (and, on the right, the pole), s = s0 + b (2iw - c w^2) with b
    the distance to what it goes about. There the integrand is a bell in w, which the trapezoidal rule integrates
    to rounding. With c = 1 it falls fast even for one weight; for hundreds, whose product is large near its
    singularities, c is lessened until the integrand falls far enough before it rises.

    References
    ----------
    .. [1] J. P. Imhof. Computing the distribution of quadratic forms in normal variables. Biometrika 48:419-426, 1961.
       doi:10.1093/biomet/48.3-4.419
    """
    if q <= 0.0:
        return 0.0
    r = 2.0 * a / q  # s is in units of 1 / q
    is_upper = 0.5 * r.sum() < 1.0
    tip = -1.0 / r.max() if is_upper else 0.0
    gap = 1.0 - r / r.max() if is_upper else np.ones_like(r)  # 1 + r tip: 0 for the largest
    b = _distance(r, gap, tip)
    s0 = tip + b
    width = 0.5 / (b * np.sqrt(0.5 * ((r / (gap + r * b)) ** 2).sum() + 1.0 / s0**2))
    end = max(WIDTHS * width, np.sqrt(300.0 / b))
    w = np.linspace(0.0, end, int(STEPS * end / width) + 1)
    for bend in BENDS:
        z = b * (1.0 + 2j * w - bend * w**2)
        s = tip + z
        # ds / (2 pi i) = b (1 + i bend w) dw / pi; both halves of the contour together are twice the real part
        log_value = (
            s
            - 0.5 * np.log(gap[:, np.newaxis] + r[:, np.newaxis] * z).sum(axis=0)
            + np.log((1.0 + 1j * bend * w) * s0 / s)
        )
        size = log_value.real - log_value[0].real
        stop = int(np.argmax(size < NEGLIGIBLE))  # from there on straight up, where |L| only falls
        if stop > 0 and size[:stop].max() <= ROUNDING:
            values = np.exp(log_value[: stop + 1]).real
            part = 2.0 * b / (np.pi * s0) * (w[1] - w[0]) * (values.sum() - 0.5 * (values[0] + values[-1]))
            return float(np.clip(part + is_upper, 0.0, 1.0))
    raise AccuracyError(f"P(Q <= {q:g}) was not found for {len(a)} weights; use another method for tau2.")


def _distance(r: FloatArray, gap: FloatArray, tip: float) -> float:
    """Return the b at which 1 = 1 / s + sum of r_i / (2 (1 + r_i s)), s = tip + b: the saddle point."""
    from scipy.optimize import brentq

    def excess(log_b: float) -> float:
        b = np.exp(log_b)
        s = tip + b
        return float(1.0 / s + 0.5 * (r / (gap + r * b)).sum() - 1.0)

    # right of the pole: at s = 1 the excess is positive, at s = 1 + m / 2 not; between cut and pole 1 / s is above
    # 2 / tip for b up to |tip| / 2, and the largest weight's own term 1 / (2b)
    low, high = (0.5 * tip / (tip - 2.0), -tip * (1.0 - 1e-13)) if tip < 0.0 else (1.0, 1.0 + 0.5 * len(r) + 1e-9)
    return float(np.exp(brentq(excess, np.log(low), np.log(high), xtol=1e-13)))
