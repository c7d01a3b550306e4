"""Which quantities does a fit answer, and what is the distribution of each?"""

from functools import cached_property
from math import inf

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import SpecError
from bayesmeta.exact.average import AverageProportion, median_proportion_moments
from bayesmeta.exact.existence import TailOrders
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.predict import NextEffect
from bayesmeta.result.marginal import IDENTITY, POSITIVE, PROPORTION, CdfPdf, Marginal, Scale
from bayesmeta.surface.bands import hermite_rule


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

    @cached_property
    def average(self) -> AverageProportion:
        """The machinery of p_mean."""
        return AverageProportion(self.posterior)

    @cached_property
    def next_effect(self) -> NextEffect:
        """The machinery of theta_new and p_new."""
        return NextEffect(self.posterior)

    def base(self, name: str) -> CdfPdf:
        """Return distribution function and density of a quantity on its base scale."""
        functions: dict[str, CdfPdf] = {
            "mu": self.posterior.mu_cdf_pdf,
            "p_median": self.posterior.mu_cdf_pdf,
            "tau": self.posterior.tau_cdf_pdf,
            "theta_new": self.next_effect.cdf_pdf,
            "p_new": self.next_effect.cdf_pdf,
            "p_mean": lambda x: self.average.cdf_pdf(x),
        }
        return functions[name]

    def moments(self, name: str) -> tuple[float, float]:
        """Return mean and SD of a quantity; inf or nan where they do not exist."""
        grid = self.posterior.surface.grid
        match name:
            case "mu":
                return self._existing(name, *self.posterior.moments(grid.mu))
            case "tau":
                return self._existing(name, *self.posterior.moments(grid.tau[:, None]))
            case "theta_new":
                mean, sd = self.posterior.moments(grid.mu)
                return self._existing(name, mean, np.sqrt(sd**2 + self.posterior.mean(grid.tau[:, None] ** 2)))
            case "p_median":
                return median_proportion_moments(self.posterior)
            case "p_mean":
                return self.average.moments()
            case "p_new":
                return self.average.p_new_moments()
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
        orders = TailOrders(
            inf,
            min(self.orders.mu_left, self.orders.tau) if left else inf,
            min(self.orders.mu_right, self.orders.tau) if right else inf,
        )
        return Quantities(self.posterior, orders)._existing("mu", *moments)

    def note(self, name: str) -> str:
        """Return why a moment of the quantity is not finite, or an empty string."""
        if name not in ("mu", "tau", "theta_new") or self.orders.highest_moment(name) == 2:
            return ""
        missing = "mean and sd" if self.orders.highest_moment(name) == 0 else "sd"
        verb = "do" if missing.startswith("mean") else "does"
        return (
            f"the {missing} of {name} {verb} not exist: the posterior falls too slowly "
            f"(a prior with a heavy tail and few studies with 0 < events < n); quantiles remain."
        )

    def start(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Return where searches for quantiles of the quantity start: ascending points and their rough cdf."""
        posterior, grid = self.posterior, self.posterior.surface.grid
        if name == "tau":
            points, weight = grid.tau, posterior.weight_tau
        elif name in ("theta_new", "p_new"):
            z, z_weight = hermite_rule(5)
            points = (grid.mu[:, :, None] + grid.tau[:, None, None] * z).ravel()
            weight = (posterior.weight[:, :, None] * z_weight).ravel()
        elif name == "p_mean":
            points, weight = self.average.logit_at_nodes.ravel(), posterior.weight[posterior.rows].ravel()
        else:
            points, weight = grid.mu.ravel(), posterior.weight.ravel()
        keep = np.flatnonzero(weight > 1e-9)
        order = keep[np.argsort(points[keep])]
        cdf = np.cumsum(weight[order])
        return points[order], cdf - 0.5 * weight[order]

    def marginal(self, name: str) -> Marginal:
        """Return the marginal distribution of a quantity."""
        return Marginal(name, self.base(name), self.start(name), self.moments(name), scale_of(name), self.note(name))


def scale_of(name: str) -> Scale:
    """Return how a quantity follows from its base scale."""
    return {"tau": POSITIVE, "mu": IDENTITY, "theta_new": IDENTITY}.get(name, PROPORTION)
