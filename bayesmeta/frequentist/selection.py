"""What were the effects before significance decided which studies are seen: selection models by maximum likelihood.

log L = sum_i [ log w(p_i; delta) + log phi(y_i; mu, se_i^2 + tau2) - log A_i(mu, tau2, delta) ]
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np
from scipy.special import chdtrc

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.errors import AccuracyError
from bayesmeta.frequentist.selection_weights import Weighting, p_values
from bayesmeta.frequentist.tau2 import TAU2_METHODS

GRID_DELTA: Final = np.array([0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0])
GRID_TAU2: Final = np.array([1e-3, 0.03, 0.1, 0.3, 1.0, 3.0])
GRID_MU: Final = np.linspace(-3.0, 3.0, 13)
"""The grid on which climbs begin: all deltas alike, tau2 and mu in units of the variance and SD of the effects."""
CLIMBS: Final = 4
"""Values of delta from which the likelihood is climbed: it may have several maxima."""
DIFFERENCE: Final = 1e-5
"""Step of the central differences, relative: about the cube root of rounding."""
LARGEST_COST: Final = 1e300
FLAT: Final = 1e-8
"""A delta by a tenth of which the log-likelihood changes less than this is not estimated."""
AT_BOUND: Final = 1e-6
"""A parameter this near its bound, in units of its scale, is taken to lie on it."""


@final
@dataclass(frozen=True, eq=False)
class Selected:
    """The maximum-likelihood estimates of a selection model.

    Attributes
    ----------
    mu, se_mu : float
        Mean before selection and its standard error, from the observed information; nan where that is not positive
        definite.
    tau2, se_tau2 : float
        Between-study variance; the error is nan if it lies at 0 or is not estimated.
    delta, se_delta : array, shape (n_delta,)
        Parameters of the weight function.
    log_likelihood, log_likelihood_unselected : float
        With selection, and of the same model without.
    at_bound : array of bool, shape (n_delta,)
        Which deltas lie at a bound.
    df : int
        Number of deltas that were estimated.
    """

    mu: float
    se_mu: float
    tau2: float
    se_tau2: float
    delta: FloatArray
    se_delta: FloatArray
    log_likelihood: float
    log_likelihood_unselected: float
    at_bound: BoolArray
    df: int

    @property
    def lrt(self) -> float:
        """Twice the difference of the log-likelihoods, not below 0."""
        return max(0.0, 2.0 * (self.log_likelihood - self.log_likelihood_unselected))

    @property
    def lrt_pvalue(self) -> float:
        """P-value of no selection: chi-squared with `df` degrees of freedom; nan if no delta was estimated."""
        return float(chdtrc(self.df, self.lrt)) if self.df else float("nan")


@final
@dataclass(frozen=True, eq=False)
class SelectionProblem:
    """The data of a selection model, with effects turned so that the alternative is "greater".

    Attributes
    ----------
    y, se : array, shape (k,)
        Effects and standard errors.
    weighting : Weighting
        The weight function.
    """

    y: FloatArray
    se: FloatArray
    weighting: Weighting

    @cached_property
    def p(self) -> FloatArray:
        """P-values of the studies, shape (k,)."""
        return p_values(self.y / self.se, two_sided=self.weighting.two_sided)

    def log_likelihood(self, mu: FloatArray, tau2: FloatArray, delta: FloatArray) -> FloatArray:
        """Return the log-likelihood, shape (...), for mu and tau2 (...), delta (..., n_delta)."""
        total = self.se**2 + np.asarray(tau2)[..., None]
        centre = np.asarray(mu)[..., None]
        log_density = -0.5 * (np.log(2.0 * np.pi * total) + (self.y - centre) ** 2 / total)
        log_mean = self.weighting.log_mean(centre, np.sqrt(total), self.se, delta)
        return np.asarray((self.weighting.log_weight(self.p, delta) + log_density - log_mean).sum(axis=-1))


def maximise(problem: SelectionProblem, *, fixed_delta: FloatArray | None, random: bool, delta_max: float) -> Selected:
    """Maximise the likelihood of a selection model.

    Parameters
    ----------
    problem : SelectionProblem
        The data.
    fixed_delta : array, shape (n_delta,), or None
        Known weights, or None to estimate them.
    random : bool
        Whether tau2 is estimated, or 0.
    delta_max : float
        Largest delta that is considered.

    Raises
    ------
    AccuracyError
        If the likelihood grows until the mean is far outside the data: there is no estimate.

    Notes
    -----
    Parameters are scaled, mu = mean + s a, tau2 = s^2 b, delta = sinh(c), and bounded. From the best points of a grid
    for the best four values of delta the likelihood is climbed by L-BFGS-B; the best end is polished by Nelder and
    Mead's simplex.
    """
    space = _Space.of(problem, fixed_delta, random=random, delta_max=delta_max)
    best = _search(space)
    if abs(best[0]) >= 0.999 * space.upper[0]:
        raise AccuracyError(
            "the likelihood of the selection model grows until the mean is far outside the data, so that there is no "
            "estimate; use fewer steps, fixed delta, or another weight function."
        )
    mu, tau2, delta = space.natural(best)
    free = space.free(best)
    errors = _standard_errors(problem, np.concatenate([[mu, tau2], delta]), free)
    code = "ML" if random else "EE"
    unselected = TAU2_METHODS[code].estimate(problem.y, problem.se)
    plain = _unselected_log_likelihood(problem, float(unselected))
    value = float(problem.log_likelihood(np.asarray(mu), np.asarray(tau2), delta))
    n_estimated = 0 if fixed_delta is not None else len(delta)
    at_bound = np.zeros(len(delta), dtype=np.bool_) if fixed_delta is not None else ~free[2:]
    return Selected(
        mu, float(errors[0]), tau2, float(errors[1]), delta, errors[2:], value, plain, at_bound, n_estimated
    )


def _unselected_log_likelihood(problem: SelectionProblem, tau2: float) -> float:
    total = problem.se**2 + tau2
    mu = float((problem.y / total).sum() / (1.0 / total).sum())
    return float(-0.5 * (np.log(2.0 * np.pi * total) + (problem.y - mu) ** 2 / total).sum())


@final
@dataclass(frozen=True, eq=False)
class _Space:
    """The scaled, bounded parameters (a, b, c...) of a problem; shapes (2 + n_delta,)."""

    problem: SelectionProblem
    centre: float
    scale: float
    lower: FloatArray
    upper: FloatArray

    @classmethod
    def of(
        cls, problem: SelectionProblem, fixed_delta: FloatArray | None, *, random: bool, delta_max: float
    ) -> "_Space":
        y, se = problem.y, problem.se
        scale = float(np.sqrt(y.var() + np.median(se**2)))
        n = problem.weighting.n_delta
        low, high = np.zeros(n), np.full(n, np.arcsinh(delta_max))
        if fixed_delta is not None:
            low = high = np.arcsinh(fixed_delta)
        far = 20.0 + float(np.abs(y - y.mean()).max()) / scale
        tau2_high = 100.0 if random else 0.0
        return cls(
            problem,
            float(y.mean()),
            scale,
            np.concatenate([[-far, 0.0], low]),
            np.concatenate([[far, tau2_high], high]),
        )

    def natural(self, scaled: FloatArray) -> tuple[float, float, FloatArray]:
        """Return mu, tau2 and delta."""
        return self.centre + self.scale * float(scaled[0]), self.scale**2 * float(scaled[1]), np.sinh(scaled[2:])

    def costs(self, scaled: FloatArray) -> FloatArray:
        """Return minus the log-likelihood, large and finite where that is not finite; (R, 2 + n_delta) to (R,)."""
        mu, tau2 = self.centre + self.scale * scaled[:, 0], self.scale**2 * scaled[:, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            values = -self.problem.log_likelihood(mu, tau2, np.sinh(scaled[:, 2:]))
        return np.where(np.isfinite(values), values, LARGEST_COST)

    def cost(self, scaled: FloatArray) -> float:
        """Return the cost of one set of scaled parameters."""
        return float(self.costs(scaled[None])[0])

    def free(self, scaled: FloatArray) -> BoolArray:
        """Return which parameters lie inside their bounds."""
        inside = (scaled - self.lower > AT_BOUND) & (self.upper - scaled > AT_BOUND)
        return np.asarray(inside)


def _search(space: _Space) -> FloatArray:
    """Return the scaled parameters with the largest likelihood."""
    starts = np.clip(np.arcsinh(GRID_DELTA)[:, None], space.lower[2:], space.upper[2:])
    grid = [_best_of_grid(space, delta) for delta in np.unique(starts, axis=0)]
    grid.sort(key=space.cost)
    best = min((_climb(space, start) for start in grid[:CLIMBS]), key=space.cost)
    return min(best, _polish(space, best), grid[0], key=space.cost)


def _best_of_grid(space: _Space, delta: FloatArray) -> FloatArray:
    """Return the best of the grid of mu and tau2 for one scaled delta (n_delta,)."""
    between = np.unique(np.clip(GRID_TAU2, space.lower[1], space.upper[1]))
    points = [np.array([a, b, *delta]) for b in between for a in GRID_MU]
    rows = [space.costs(np.array(points[i : i + len(GRID_MU)])) for i in range(0, len(points), len(GRID_MU))]
    return points[int(np.argmin(np.concatenate(rows)))]


def _climb(space: _Space, start: FloatArray) -> FloatArray:
    """Return the end of a climb by L-BFGS-B, with central differences."""
    from scipy.optimize import minimize

    def cost_and_slope(at: FloatArray) -> tuple[float, FloatArray]:
        step = np.diag(DIFFERENCE * (1.0 + np.abs(at)))
        ahead, behind = (np.clip(at + move, space.lower, space.upper) for move in (step, -step))
        values = space.costs(np.concatenate([at[None], ahead, behind]))
        gap = np.diag(ahead - behind)
        up, down = np.split(values[1:], 2)
        return float(values[0]), np.where(gap > 0.0, (up - down) / np.where(gap > 0.0, gap, 1.0), 0.0)

    bounds = list(zip(space.lower, space.upper, strict=True))
    return np.asarray(minimize(cost_and_slope, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def _polish(space: _Space, start: FloatArray) -> FloatArray:
    """Return the end of a search by a simplex, which needs no derivatives and so ends within rounding."""
    from scipy.optimize import minimize

    moving = space.upper > space.lower

    def cost(part: FloatArray) -> float:
        at = start.copy()
        at[moving] = part
        return space.cost(at)

    bounds = list(zip(space.lower[moving], space.upper[moving], strict=True))
    options: dict[str, Any] = {"xatol": 1e-8, "fatol": 1e-12, "maxfev": 1000 * int(moving.sum()), "adaptive": True}
    found = minimize(cost, start[moving], method="Nelder-Mead", bounds=bounds, options=options)  # type: ignore[call-overload]
    end = start.copy()
    end[moving] = found.x
    return end


def _standard_errors(problem: SelectionProblem, at: FloatArray, free: BoolArray) -> FloatArray:
    """Return the standard errors of (mu, tau2, delta) from the observed information.

    nan for parameters at a bound, for deltas of which the data say nothing, which then are as good as fixed, and for
    all where the information is not positive definite.
    """
    errors = np.full(len(at), np.nan)
    step = _steps(problem, at)[free]
    information = -_hessian(problem, at, free)
    told = (np.arange(len(at))[free] < 2) | (np.diag(information) * step**2 > FLAT)
    information = information[np.ix_(told, told)]
    if np.isfinite(information).all() and (np.linalg.eigvalsh(information) > 0.0).all():
        errors[np.flatnonzero(free)[told]] = np.sqrt(np.diag(np.linalg.inv(information)))
    return errors


def _steps(problem: SelectionProblem, at: FloatArray) -> FloatArray:
    """Return a tenth of the size of each parameter, or less where a bound is near, shape (2 + n_delta,)."""
    spread = float(np.sqrt(problem.y.var() + np.median(problem.se**2)))
    size = np.concatenate([[spread, spread**2], np.maximum(at[2:], 0.1)])
    room = np.concatenate([[np.inf], at[1:]])  # tau2 and delta stay above 0
    return np.asarray(np.minimum(0.1 * size, 0.4 * room))


def _hessian(problem: SelectionProblem, at: FloatArray, free: BoolArray) -> FloatArray:
    """Return the second derivatives of the log-likelihood by the free parameters, shape (m, m)."""
    from scipy.differentiate import hessian

    step = _steps(problem, at)[free]

    def function(u: FloatArray) -> FloatArray:
        trailing = (-1, *[1] * (u.ndim - 1))
        whole = np.empty((len(at), *u.shape[1:]))
        whole[:] = at.reshape(trailing)
        whole[free] += step.reshape(trailing) * u
        return problem.log_likelihood(whole[0], whole[1], np.moveaxis(whole[2:], 0, -1))

    scaled = hessian(function, np.zeros(len(step)), initial_step=1.0).ddf
    return np.asarray(scaled / np.outer(step, step))
