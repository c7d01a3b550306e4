"""What are the posteriors of models with random effects, found by direct integration? References for NUTS.

With normal likelihoods everything is Gaussian given the heterogeneity (and, where there are any, the missing values):

y | tau ~ Normal(X m, V + X S X'),   beta | y, tau ~ Normal(m + S X' W (y - X m), S - S X' W X S),   W = (V + X S X')^-1

so that a sum over a grid of what is left, with at most three dimensions, is the posterior. Nothing here is
of bayesmeta.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

CHUNK = 2_000_000  # floats of the covariance matrices made at once


@dataclass(frozen=True, eq=False)
class Reference:
    """A posterior as a weighted sum of normal distributions of each parameter.

    Attributes
    ----------
    weight : array, shape (N,)
        Which sum to 1.
    mean, sd : dict
        By parameter, arrays of shape (N,); the SD of what the grid is of is 0, or half a step of it.
    """

    weight: np.ndarray
    mean: dict[str, np.ndarray]
    sd: dict[str, np.ndarray]

    def statistics(self, name: str) -> dict[str, float]:
        """Return mean, sd, median, lower and upper."""
        mean, sd = self.mean[name], self.sd[name]
        first = float(self.weight @ mean)
        second = float(self.weight @ ((mean - first) ** 2 + sd**2))
        found = {"mean": first, "sd": np.sqrt(second)}
        for key, p in (("median", 0.5), ("lower", 0.025), ("upper", 0.975)):
            found[key] = self._quantile(name, p)
        return found

    def _quantile(self, name: str, p: float) -> float:
        mean, sd = self.mean[name], self.sd[name]
        if not sd.any():
            return _grid_quantile(mean, self.weight, p)
        low, high = float((mean - 9 * sd).min()), float((mean + 9 * sd).max())
        return float(optimize.brentq(lambda x: self.weight @ special.ndtr((x - mean) / sd) - p, low, high, xtol=1e-9))


def _grid_quantile(values: np.ndarray, weight: np.ndarray, p: float) -> float:
    """Return the quantile of a parameter of the grid: its points carry the mass of a cell around them."""
    points, place = np.unique(values, return_inverse=True)
    mass = np.bincount(place, weight)
    below = np.concatenate([[0.0], np.cumsum(mass)])
    middle = 0.5 * (points[1:] + points[:-1])
    edges = np.concatenate([[points[0]], middle, [points[-1]]])
    return float(np.interp(p, below, edges))


def integrate(
    grid: dict[str, np.ndarray],
    covariance: Callable[[dict[str, np.ndarray]], np.ndarray],
    log_prior: Callable[[dict[str, np.ndarray]], np.ndarray],
    y: np.ndarray,
    design: Callable[[dict[str, np.ndarray]], np.ndarray],
    coef: list[str],
    prior: tuple[float, float],
) -> Reference:
    """Return the posterior on a product grid.

    Parameters
    ----------
    grid : dict
        Equally spaced points of each parameter; the weights of the sum are those of the trapezoid rule.
    covariance : callable
        From points of the grid, arrays of shape (n,), to V, shape (n, k, k).
    log_prior : callable
        From points of the grid to the log prior density, shape (n,), up to a constant.
    y : array, shape (k,)
        The estimates.
    design : callable
        From points of the grid to X, shape (k, p) or (n, k, p).
    coef : list of str
        Names of the coefficients.
    prior : (float, float)
        Mean and SD of the normal prior of each coefficient.
    """
    mesh = dict(zip(grid, (m.ravel() for m in np.meshgrid(*grid.values(), indexing="ij")), strict=True))
    ends = [np.where((v == v[0]) | (v == v[-1]), 0.5, 1.0) for v in grid.values()]
    rule = np.prod([m.ravel() for m in np.meshgrid(*ends, indexing="ij")], axis=0)
    size, k = rule.size, len(y)
    log_m, means, sds = np.empty(size), np.empty((size, len(coef))), np.empty((size, len(coef)))
    for part in np.array_split(np.arange(size), -(-size * k * k // CHUNK)):
        at = {name: values[part] for name, values in mesh.items()}
        log_m[part], means[part], sds[part] = _gaussian(covariance(at), np.asarray(design(at)), y, *prior)
    log_w = log_m + log_prior(mesh) + np.log(rule)
    weight = np.exp(log_w - log_w.max())
    mean = mesh | {name: means[:, i] for i, name in enumerate(coef)}
    zero = {name: np.zeros(size) for name in mesh}
    return Reference(weight / weight.sum(), mean, zero | {name: sds[:, i] for i, name in enumerate(coef)})


def _gaussian(v: np.ndarray, x: np.ndarray, y: np.ndarray, m: float, s: float) -> tuple[np.ndarray, ...]:
    """Return log p(y), and mean and SD of each coefficient."""
    x = np.broadcast_to(x, (*v.shape[:2], x.shape[-1]))
    total = v + s**2 * x @ np.swapaxes(x, 1, 2)
    rest = y - m * x.sum(axis=2)
    solved = np.linalg.solve(total, np.concatenate([rest[..., None], x], axis=2))
    log_p = -0.5 * np.linalg.slogdet(total)[1] - 0.5 * (rest * solved[..., 0]).sum(axis=1)
    mean = m + s**2 * np.einsum("nkp,nk->np", x, solved[..., 0])
    variance = s**2 - s**4 * np.einsum("nkp,nkp->np", x, solved[..., 1:])
    return log_p, mean, np.sqrt(variance)


def grouped(index: np.ndarray) -> np.ndarray:
    """Return the matrix that is 1 where two rows are of one group, shape (k, k)."""
    return (index[:, None] == index).astype(float)


def three_level(
    y: np.ndarray, se: np.ndarray, group: np.ndarray, *, name: str, top: float, nodes: int, prior: tuple[float, float]
) -> Reference:
    """Return the posterior of mu, tau and tau[name], with standard half-normal priors of both."""
    points = np.linspace(0.0, top, nodes)
    own, shared = np.eye(len(y)), grouped(group)
    other = f"tau[{name}]"

    def covariance(at: dict[str, np.ndarray]) -> np.ndarray:
        tau2, other2 = at["tau"][:, None, None] ** 2, at[other][:, None, None] ** 2
        return np.diag(se**2) + tau2 * own + other2 * shared

    return integrate(
        {"tau": points, other: points}, covariance, lambda at: -0.5 * (at["tau"] ** 2 + at[other] ** 2), y,
        lambda _: np.ones((len(y), 1)), ["mu"], prior,
    )  # fmt: skip


def two_outcomes(
    y: np.ndarray,
    se: np.ndarray,
    trial: np.ndarray,
    outcome: np.ndarray,
    names: tuple[str, str],
    *,
    lkj: float,
    scale: float,
) -> Reference:
    """Return the posterior of two outcomes' means, SDs (half-normal priors) and correlation (LKJ)."""
    first, second = (f"tau[{name}]" for name in names)
    rho = f"rho[{', '.join(names)}]"
    is_second = outcome == 1
    same = grouped(trial) - np.eye(len(y))

    def covariance(at: dict[str, np.ndarray]) -> np.ndarray:
        sd = np.where(is_second, at[second][:, None], at[first][:, None])
        between = sd[:, :, None] * sd[:, None, :]
        return np.diag(se**2) + between * (np.eye(len(y)) + at[rho][:, None, None] * same)

    def log_prior(at: dict[str, np.ndarray]) -> np.ndarray:
        return -0.5 * (at[first] ** 2 + at[second] ** 2) / scale**2 + (lkj - 1.0) * np.log1p(-(at[rho] ** 2))

    sds, correlation = np.linspace(0.0, 4.5 * scale, 55), np.linspace(-0.9999, 0.9999, 61)
    coef = [f"beta[outcome[{name}]]" for name in names]
    x = np.stack([~is_second, is_second], axis=1).astype(float)
    grid = {first: sds, second: sds, rho: correlation}
    return integrate(grid, covariance, log_prior, y, lambda _: x, coef, (0.0, 2.0))


def location_scale(y: np.ndarray, se: np.ndarray, x: np.ndarray) -> Reference:
    """Return the posterior of mu, tau and alpha, where log tau_i = log tau + alpha (x_i - mean of x)."""
    centred = x - x.mean()

    def covariance(at: dict[str, np.ndarray]) -> np.ndarray:
        tau = at["tau"][:, None] * np.exp(at["alpha[x]"][:, None] * centred)
        return (se**2 + tau**2)[:, :, None] * np.eye(len(y))

    def log_prior(at: dict[str, np.ndarray]) -> np.ndarray:
        return -0.5 * at["tau"] ** 2 - 0.5 * (at["alpha[x]"] / 0.5) ** 2

    grid = {"tau": np.linspace(0.0, 3.0, 301), "alpha[x]": np.linspace(-2.5, 2.5, 201)}
    return integrate(grid, covariance, log_prior, y, lambda _: np.ones((len(y), 1)), ["mu"], (0.0, 2.0))


def one_missing(y: np.ndarray, se: np.ndarray, x: np.ndarray) -> Reference:
    """Return the posterior of coefficients, tau and the one missing x, with the priors of `ModelSpec`'s imputation."""
    known, gap = x[~np.isnan(x)], int(np.flatnonzero(np.isnan(x))[0])
    mean, sd = known.mean(), known.std(ddof=1)

    def covariance(at: dict[str, np.ndarray]) -> np.ndarray:
        return (se**2 + at["tau"][:, None] ** 2)[:, :, None] * np.eye(len(y))

    def design(at: dict[str, np.ndarray]) -> np.ndarray:
        columns = np.broadcast_to(np.nan_to_num(x - mean), (at["tau"].size, len(y))).copy()
        columns[:, gap] = at["x"] - mean
        return np.stack([np.ones_like(columns), columns], axis=2)

    points = mean + sd * np.linspace(-9.0, 9.0, 181)
    density = _next_normal(known, points, mean, sd)
    grid = {"tau": np.linspace(0.0, 3.0, 201), "x": points}
    return integrate(
        grid, covariance, lambda at: -0.5 * at["tau"] ** 2 + np.log(np.interp(at["x"], points, density)), y, design,
        ["beta[Intercept]", "beta[x]"], (0.0, 2.0),
    )  # fmt: skip


def _next_normal(known: np.ndarray, points: np.ndarray, mean: float, sd: float) -> np.ndarray:
    """Return p(x | known), with m ~ Normal(mean, 2.5 sd) and s ~ Exponential(1 / sd) integrated out."""
    m = mean + sd * np.linspace(-6.0, 6.0, 301)[:, None]
    s = sd * np.exp(np.linspace(-3.0, 3.0, 301))[None, :]
    log_w = stats.norm.logpdf(m, mean, 2.5 * sd) - s / sd + np.log(s)
    log_w = log_w + sum(stats.norm.logpdf(one, m, s) for one in known)
    weight = np.exp(log_w - log_w.max())
    return np.array([(weight * stats.norm.pdf(point, m, s)).sum() for point in points]) / weight.sum()
