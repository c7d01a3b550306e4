"""Which quantities does a fit answer, and what is the distribution of each?"""

from functools import cached_property
from math import inf

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.exact.average import (
    Increasing,
    logit_mean_proportion,
    mean_proportion_moments,
    median_proportion_moments,
    next_proportion_moments,
)
from bayesmeta.exact.existence import TailOrders
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.predict import NextEffect
from bayesmeta.result.marginal import IDENTITY, POSITIVE, PROPORTION_SCALES, CdfPdf, Marginal, Scale
from bayesmeta.surface.kernels import CommonKernel, Kernel, hermite_rule


class Quantities:
    """The marginal distributions of one posterior; each is computed when it is first asked for.

    Parameters
    ----------
    posterior : Posterior
        The joint posterior of (mu, tau).
    orders : TailOrders
        Which moments exist.
    """

    def __init__(self, posterior: Posterior, orders: TailOrders) -> None:
        self.posterior = posterior
        self.orders = orders
        self.quantiles: dict[object, tuple[FloatArray, FloatArray]] = {}
        self.summaries: dict[object, dict[str, tuple[FloatArray, FloatArray]]] = {}

    @property
    def kernel(self) -> Kernel:
        """Distribution of the study effects."""
        return self.posterior.surface.terms.kernel

    @cached_property
    def next_effect(self) -> NextEffect:
        """The machinery of theta_new and p_new."""
        return NextEffect(self.posterior)

    @cached_property
    def mean_proportion(self) -> Increasing:
        """The machinery of p_mean, on the logit scale."""
        return Increasing(self.posterior, logit_mean_proportion(self.posterior.surface, self.posterior.rows))

    @cached_property
    def median_effect(self) -> Increasing:
        """The machinery of p_median where mu is not the median of the study effects, link scale."""
        return Increasing(self.posterior, self._median_at_nodes[self.posterior.rows])

    @cached_property
    def _median_at_nodes(self) -> FloatArray:
        grid = self.posterior.surface.grid
        return self.kernel.median(grid.mu, grid.tau[:, None])

    def base_name(self, name: str) -> str:
        """Return the quantity whose distribution function serves."""
        return base_name(name, self.kernel)

    def base(self, name: str) -> CdfPdf:
        """Return distribution function and density of a quantity on its base scale."""
        match self.base_name(name):
            case "mu":
                return self.posterior.mu_cdf_pdf
            case "tau":
                return self.posterior.tau_cdf_pdf
            case "theta_new":
                return self.next_effect.cdf_pdf
            case "p_mean":
                return self.mean_proportion.cdf_pdf
            case "p_median":
                return self.median_effect.cdf_pdf
        raise SpecError(f"unknown quantity {name!r}.")

    def moments(self, name: str) -> tuple[float, float]:
        """Return mean and SD of a quantity; inf or nan where they do not exist."""
        posterior = self.posterior
        grid = posterior.surface.grid
        if name == "tau":
            return self._existing(name, *posterior.moments(grid.tau[:, None]))
        common = isinstance(self.kernel, CommonKernel)
        match name:
            case "mu":
                return self._existing(name, *posterior.moments(grid.mu))
            case "theta_new":
                mean, sd = posterior.moments(grid.mu)
                within = 0.0 if common else self.kernel.variance * posterior.mean(grid.tau[:, None] ** 2)
                return self._existing(name, mean, float(np.sqrt(sd**2 + within)))
            case "p_median" | "p_mean" | "p_new" if common:
                return median_proportion_moments(posterior)
            case "p_median" if not self.kernel.is_symmetric:
                return posterior.moments(LINKS[posterior.surface.link].inverse(self._median_at_nodes))
            case "p_median":
                return median_proportion_moments(posterior)
            case "p_mean":
                return mean_proportion_moments(posterior)
            case "p_new":
                return next_proportion_moments(posterior)
        raise SpecError(f"unknown quantity {name!r}.")

    def _existing(self, name: str, mean: float, sd: float) -> tuple[float, float]:
        exist = self.orders.highest_moment(name)
        if exist == 2:
            return mean, float(sd)
        if exist == 1:
            return mean, inf
        return self.orders.missing_mean(name), inf

    def study_moments(self, moments: tuple[float, float], *, left: bool, right: bool) -> tuple[float, float]:
        """Return mean and SD of a theta_i as they are, or inf or nan where they do not exist.

        The density of theta_i falls exponentially, unless its likelihood tends to a constant on a side; there
        it falls like that of theta_new.
        """
        of_new = min(self.orders.tau, self.orders.effects)
        orders = TailOrders(
            inf,
            min(self.orders.mu_left, of_new) if left else inf,
            min(self.orders.mu_right, of_new) if right else inf,
        )
        return Quantities(self.posterior, orders)._existing("mu", *moments)

    def note(self, name: str) -> str:
        """Return why a moment of the quantity is not finite, or an empty string."""
        exist = 2 if name not in ("mu", "tau", "theta_new") else self.orders.highest_moment(name)
        if exist == 2:
            return ""
        missing = "mean and sd" if exist == 0 else "sd"
        verb = "do" if missing.startswith("mean") else "does"
        why = "a prior with a heavy tail and few studies with 0 < events < n"
        if name == "theta_new" and self.orders.effects < min(
            self.orders.tau, self.orders.mu_left, self.orders.mu_right
        ):
            why = "study effects with heavy tails"
        return f"the {missing} of {name} {verb} not exist: the posterior falls too slowly ({why}); quantiles remain."

    def start(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Return where searches for quantiles of the quantity start: ascending points and their rough cdf."""
        posterior, grid = self.posterior, self.posterior.surface.grid
        if name == "tau":
            points, weight = grid.tau, posterior.weight_tau
        elif self.base_name(name) == "theta_new":
            z, z_weight = hermite_rule(5)
            points = (grid.mu[:, :, None] + grid.tau[:, None, None] * z).ravel()
            weight = (posterior.weight[:, :, None] * z_weight).ravel()
        elif self.base_name(name) in ("p_mean", "p_median"):
            increasing = self.mean_proportion if name == "p_mean" else self.median_effect
            points, weight = increasing.values.ravel(), posterior.weight[posterior.rows].ravel()
        else:
            points, weight = grid.mu.ravel(), posterior.weight.ravel()
        keep = np.flatnonzero(weight > 1e-9)
        order = keep[np.argsort(points[keep])]
        cdf = np.cumsum(weight[order])
        return points[order], cdf - 0.5 * weight[order]

    def marginal(self, name: str) -> Marginal:
        """Return the marginal distribution of a quantity."""
        scale = scale_of(name, self.posterior.surface.link, self.kernel)
        return Marginal(name, self.base(name), self.start(name), self.moments(name), scale, self.note(name))


def base_name(name: str, kernel: Kernel) -> str:
    """Return the quantity whose distribution function serves: p_new is a function of theta_new, and so on."""
    if isinstance(kernel, CommonKernel) and name != "tau":
        return "mu"
    if name == "p_median" and kernel.is_symmetric:
        return "mu"
    return {"p_new": "theta_new"}.get(name, name)


def scale_of(name: str, link: str, kernel: Kernel) -> Scale:
    """Return how a quantity follows from its base scale."""
    if not name.startswith("p_"):
        return POSITIVE if name == "tau" else IDENTITY
    return PROPORTION_SCALES["logit" if base_name(name, kernel) == "p_mean" else link]
