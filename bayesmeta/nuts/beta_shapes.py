"""Which beta distribution has logits of given mean and standard deviation? Newton's method, as an expression of PyMC.

p ~ Beta(a, b),  E logit p = psi(a) - psi(b) = eta,  Var logit p = psi'(a) + psi'(b) = tau^2

with the digamma function psi. `bayesmeta.nuts.code` prints this module, so that it needs no other of the package.
"""

from typing import Any, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.compile.builders import OpFromGraph
from pytensor.gradient import DisconnectedType

STEPS: Final = 4  # from the first guess below to 15 digits, for |eta| < 12 and tau between 1e-4 and 30
SMALLEST_TAU: Final = 1e-5  # below it tau changes no likelihood of fewer than 1e8 patients
LITTLE: Final = 2.0  # a tau for which the first of the guesses serves
SHIFT: Final = 12


def beta_shapes(eta: Any, tau: Any) -> tuple[Any, Any]:
    """Return a and b.

    Parameters
    ----------
    eta, tau : TensorVariable
        Mean and standard deviation of the logits, broadcast.

    Notes
    -----
    The derivatives with respect to eta and tau are those of the solution (implicit function theorem), not those of
    the steps that lead to it.
    """
    inputs = pt.broadcast_arrays(eta, pt.log(pt.maximum(tau, SMALLEST_TAU)))
    inside = [one.type() for one in inputs]
    solve = OpFromGraph(inside, list(_solve(*inside)), pullback=_pullback, name="beta_shapes")
    solved: Any = solve(*inputs)
    log_a, log_b = solved
    return pt.exp(log_a), pt.exp(log_b)


def _solve(eta: Any, log_tau: Any) -> tuple[Any, Any]:
    """Return log a and log b: Newton's method for psi(a) - psi(b) = eta, log SD = log tau."""
    tau = pt.exp(log_tau)
    log_a, log_b = _guess(-eta, tau), _guess(eta, tau)
    for _ in range(STEPS):
        a, b = pt.exp(log_a), pt.exp(log_b)
        log_sd, (mean_a, mean_b, sd_a, sd_b) = _slopes(a, b)
        wrong_mean, wrong_sd = pt.digamma(a) - pt.digamma(b) - eta, log_sd - log_tau
        determinant = mean_a * sd_b - mean_b * sd_a
        log_a = log_a - pt.clip((wrong_mean * sd_b - mean_b * wrong_sd) / determinant, -1.0, 1.0)
        log_b = log_b - pt.clip((mean_a * wrong_sd - wrong_mean * sd_a) / determinant, -1.0, 1.0)
    return log_a, log_b


def _pullback(_inputs: Any, outputs: Any, gradients: Any) -> list[Any]:
    """Return the gradient with respect to eta and log tau, of that with respect to log a and log b."""
    _, (mean_a, mean_b, sd_a, sd_b) = _slopes(*(pt.exp(one) for one in outputs))
    of_a, of_b = (0.0 if isinstance(one.type, DisconnectedType) else one for one in gradients)
    determinant = mean_a * sd_b - mean_b * sd_a
    return [(of_a * sd_b - of_b * sd_a) / determinant, (of_b * mean_a - of_a * mean_b) / determinant]


def _slopes(a: Any, b: Any) -> tuple[Any, tuple[Any, Any, Any, Any]]:
    """Return the log SD, and the derivatives of mean and log SD with respect to log a and log b."""
    (first_a, second_a), (first_b, second_b) = _trigamma(a), _trigamma(b)
    variance = first_a + first_b
    slopes = a * first_a, -b * first_b, 0.5 * a * second_a / variance, 0.5 * b * second_b / variance
    return 0.5 * pt.log(variance), slopes


def _trigamma(x: Any) -> tuple[Any, Any]:
    """Return the trigamma function and its derivative: Abramowitz & Stegun (1964), 6.4.6 and 6.4.12, at x + 12.

    PyTensor's own call SciPy, number by number: 100 times as slow.
    """
    r = 1.0 / (x[..., None] + np.arange(float(SHIFT)))
    y = 1.0 / (x + SHIFT) ** 2
    series = 1.0 / 6.0 - y * (1.0 / 30.0 - y * (1.0 / 42.0 - y * (1.0 / 30.0 - y * np.float64(5.0 / 66.0))))
    slope = 0.5 - y * (1.0 / 6.0 - y * (1.0 / 6.0 - y * (np.float64(0.3) - y * np.float64(5.0 / 6.0))))
    first = (r**2).sum(axis=-1) + 1.0 / (x + SHIFT) + 0.5 * y + y / (x + SHIFT) * series
    second = -2.0 * (r**3).sum(axis=-1) - y - y / (x + SHIFT) - y * y * slope
    return first, second


def _guess(eta: Any, tau: Any) -> Any:
    """Return roughly the log of b; that of a is the same for -eta.

    If p varies little, tau^2 is about 1 / (b p). If much, psi is about -1/x and the two equations are quadratic, or
    one shape is 1 / tau and the other as large as the mean needs it.
    """
    little = pt.log(1.0 / (tau**2 * pt.sigmoid(eta)) + np.float64(0.7) / tau)
    inverse = 0.5 * (eta + pt.sqrt(pt.maximum(2.0 * tau**2 - eta**2, 0.0)))
    larger = pt.switch(eta > 0.0, -pt.log(tau), pm.math.logaddexp(-eta - tau, np.float64(-0.7)))
    much = pt.switch((inverse > 1.0) & (abs(eta) < tau), -pt.log(pt.maximum(inverse, 1.0)), larger)
    return pt.switch(tau < LITTLE, little, much)


def logit_quantile(a: Any, b: Any, u: Any) -> Any:
    """Return the logit of the u-quantile of Beta(a, b), from the smaller of p and 1 - p."""
    small, other = pt.betaincinv(a, b, u), pt.betaincinv(b, a, 1.0 - u)
    of_small, of_other = pt.log(small) - pt.log1p(-small), pt.log1p(-other) - pt.log(other)
    return pt.switch(small < other, of_small, of_other)
