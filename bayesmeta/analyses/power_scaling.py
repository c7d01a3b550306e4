"""Do prior and data pull apart? The posterior as the prior, or the likelihood, counts a little more or less."""

from collections.abc import Iterable, Sequence
from math import log2
from typing import Any

import numpy as np
import pandas as pd

from bayesmeta.analyses.sensitivity import check_exact
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.exact.power import COMPONENTS, cumulative_distance, solve_powered
from bayesmeta.exact.solve import Solution
from bayesmeta.exact.summary import summary_rows
from bayesmeta.result.summary import COLUMNS

STEP = 0.01  # of alpha on each side of 1, as in priorsense
THRESHOLD = 0.05
NODES = (200, 150)  # of the integrals over a quantity, at the finer and the coarser resolution
CONFLICT = "prior-data conflict"
STRONG_PRIOR = "strong prior or weak likelihood"
NO_SIGN = "no sign of either"


def power_scale(fit: ExactFit, *, alpha: Sequence[float] = (0.5, 0.8, 1.0, 1.25, 2.0)) -> pd.DataFrame:
    """Return the estimates as the prior, or the likelihood, is raised to a power.

    Parameters
    ----------
    fit : ExactFit
        The analysis.
    alpha : sequence of float
        The powers, above 0; 1 is the analysis itself.

    Returns
    -------
    DataFrame
        A row per ``component`` ("prior" or "likelihood"), ``alpha`` and ``parameter``, with
        ``mean sd median lower upper numerical_error``.

    Raises
    ------
    SpecError
        If the fit is none by quadrature, or a power is not above 0.
    ImproperPosteriorError
        If a power makes the posterior improper.

    Notes
    -----
    p(mu)^alpha p(tau)^alpha prod_i p(data_i | mu, tau), or p(mu) p(tau) prod_i integral of
    p(data_i | theta_i)^alpha p(theta_i | mu, tau) dtheta_i: the priors scaled are those of mu and tau, and the
    likelihoods those given the true effects (Kallioinen et al. 2023, doi:10.1007/s11222-023-10366-5). Every row is a
    posterior by quadrature; there are no weights to fail.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> table = power_scale(fit, alpha=[0.5, 2])
    >>> table.query("parameter == 'p_mean'")[["component", "alpha", "median"]].round(3)
         component  alpha  median
    3        prior    0.5   0.766
    8        prior    2.0   0.758
    13  likelihood    0.5   0.755
    18  likelihood    2.0   0.767
    """
    check_exact(fit, "power_scale")
    if not isinstance(alpha, Iterable):
        raise SpecError(f"alpha={alpha!r} must be a list of powers, such as [0.8, 1.25].")
    powers = [_checked(value) for value in alpha]
    frames = []
    for component in COMPONENTS:
        for power in powers:
            solution = _solved(fit, component, power)
            rows = summary_rows(solution.fine, solution.coarse, fit.parameters, ci_prob=0.95, ci_kind="eti")
            frames.append(rows.reset_index().assign(component=component, alpha=power))
    table = pd.concat(frames, ignore_index=True)
    return table[["component", "alpha", "parameter", *COLUMNS, "numerical_error"]]


def power_sensitivity(fit: ExactFit) -> pd.DataFrame:
    """Return how sensitive each parameter is to the power of the prior and of the likelihood, with a verdict.

    Parameters
    ----------
    fit : ExactFit
        The analysis.

    Returns
    -------
    DataFrame
        Indexed by ``parameter``: ``prior``, ``likelihood``, the sensitivities; ``numerical_error``, the larger of
        their errors; and ``verdict``: "prior-data conflict" if both are at least 0.05, "strong prior or weak
        likelihood" if only that to the prior is, else "no sign of either".

    Raises
    ------
    SpecError
        If the fit is none by quadrature.

    Notes
    -----
    The sensitivity is the derivative of the cumulative Jensen-Shannon distance between the posterior and its
    power-scaled form with respect to log2 alpha at alpha = 1, as in Kallioinen et al. (2023,
    doi:10.1007/s11222-023-10366-5), taken as they do from alpha = 0.99 and 1.01:

        (distance(1.01) / log2(1.01) - distance(0.99) / log2(0.99)) / 2

    with the distance of `bayesmeta.exact.power.cumulative_distance`. It depends on the scale of a parameter (mu and
    p_median differ), and 0.05 is their rule of thumb.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> table = power_sensitivity(fit)
    >>> print(table.loc["tau", ["prior", "likelihood"]].astype(float).round(3).tolist(), table.loc["tau", "verdict"])
    [0.075, 0.186] prior-data conflict
    """
    check_exact(fit, "power_sensitivity")
    names = fit.parameters
    columns: dict[str, Any] = {}
    errors = []
    for component in COMPONENTS:
        scaled = {power: _solved(fit, component, power) for power in (1.0 - STEP, 1.0 + STEP)}
        both = np.array([[_derivative(fit, scaled, name, coarse=coarse) for name in names] for coarse in (False, True)])
        columns[component] = both[0]
        errors.append(np.abs(both[0] - both[1]))
    columns["numerical_error"] = np.maximum(*errors)
    columns["verdict"] = [
        verdict(prior, likelihood) for prior, likelihood in zip(*(columns[c] for c in COMPONENTS), strict=True)
    ]
    return pd.DataFrame(columns, index=pd.Index(names, name="parameter"))


def verdict(prior: float, likelihood: float) -> str:
    """Return what the two sensitivities say of a parameter."""
    if prior < THRESHOLD:
        return NO_SIGN
    return CONFLICT if likelihood >= THRESHOLD else STRONG_PRIOR


def _derivative(fit: ExactFit, scaled: dict[float, Solution], name: str, *, coarse: bool) -> float:
    base = fit.solution.coarse if coarse else fit.solution.fine
    slopes = []
    for power, solution in scaled.items():
        other = solution.coarse if coarse else solution.fine
        slopes.append(cumulative_distance(base, other, name, NODES[coarse]) / abs(log2(power)))
    return float(np.mean(slopes))


def _solved(fit: ExactFit, component: str, power: float) -> Solution:
    return fit.solution if power == 1.0 else solve_powered(fit.solution.problem, component, power, fit.parameters)


def _checked(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < np.inf:
        raise SpecError(f"alpha={value!r} must be a number above 0, such as 0.8 or 1.25.")
    return float(value)
