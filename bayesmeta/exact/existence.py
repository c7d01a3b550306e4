"""Is the posterior proper, and which of its moments exist? Decided from tail orders, never from a grid.

With r_i events of n_i, m_i(mu, tau) falls like 1/tau as tau grows if 0 < r_i < n_i (an *interior* study), as
it does for every normal likelihood; if r_i = 0 or n_i it tends to a constant. So the posterior density of tau
falls like tau**-(a + k_interior) where the prior's falls like tau**-a, one power less if mu is flat. The
density of mu falls like the slowest of two routes to infinity: at bounded tau, where each study that the
direction contradicts adds an exponential factor (a power where the study effects have such tails); and along
tau ~ |mu|.
"""

from dataclasses import dataclass
from math import floor, inf, nan
from typing import final

from bayesmeta._arrays import BoolArray
from bayesmeta.errors import ImproperPosteriorError
from bayesmeta.spec.priors import Prior


@final
@dataclass(frozen=True)
class TailOrders:
    """The powers with which densities fall: density ~ x**-order; inf for exponential tails.

    ``effects`` is that of a study effect given mu and tau; the others are posterior densities.

    The m-th moment exists when m < order - 1.
    """

    tau: float
    mu_left: float
    mu_right: float
    effects: float = inf

    @property
    def heavy_mu(self) -> bool:
        """Whether a tail of mu falls only like a power."""
        return min(self.mu_left, self.mu_right) < inf

    @property
    def heavy_tau(self) -> bool:
        """Whether the tail of tau falls only like a power."""
        return self.tau < inf

    def highest_moment(self, parameter: str) -> int:
        """Return how many of the first two moments of ``"tau"``, ``"mu"`` or ``"theta_new"`` exist."""
        order = {
            "tau": self.tau,
            "mu": min(self.mu_left, self.mu_right),
            "theta_new": min(self.mu_left, self.mu_right, self.tau, self.effects),
        }[parameter]
        return sum(m < order - 1.0 for m in (1, 2))

    def missing_mean(self, parameter: str) -> float:
        """Return inf or -inf where only one tail is too heavy for a mean, and nan where both are."""
        if parameter == "tau":
            return inf
        both = parameter == "theta_new" and min(self.tau, self.effects) <= 2.0
        left, right = self.mu_left <= 2.0 or both, self.mu_right <= 2.0 or both
        return nan if left and right else (inf if right else -inf)


def tail_orders(
    prior_mu: Prior, prior_tau: Prior, left: BoolArray, right: BoolArray, *, kernel_order: float = inf
) -> TailOrders:
    """Return the tail orders of a posterior, or raise if it is improper.

    Parameters
    ----------
    prior_mu, prior_tau : Prior
        Their ``tail_order`` is used; 0 means flat.
    left, right : array of bool, shape (k,)
        Whether each study's likelihood tends to a constant as its effect falls, or rises, without bound.
    kernel_order : float
        The power with which the density of the study effects falls; inf for exponential tails.

    Returns
    -------
    TailOrders

    Raises
    ------
    ImproperPosteriorError
        If the posterior cannot be normalised; the message states the rule and the way out.
    """
    interior = int((~(left | right)).sum())
    flat_mu = not prior_mu.is_proper
    along = prior_mu.tail_order + prior_tau.tail_order + interior - 1.0  # tau ~ |mu|
    orders = TailOrders(
        tau=prior_tau.tail_order + interior - flat_mu,
        mu_left=min(_at_bounded_tau(prior_mu, kernel_order, left), along),
        mu_right=min(_at_bounded_tau(prior_mu, kernel_order, right), along),
        effects=kernel_order,
    )
    if not orders.tau > 1.0:
        raise ImproperPosteriorError(_tau_message(prior_mu, prior_tau, len(left), interior))
    if not min(orders.mu_left, orders.mu_right) > 1.0:
        side = "0" if orders.mu_left <= 1.0 else "all"
        raise ImproperPosteriorError(
            f"the posterior of mu is improper: every study has {side} events and the prior of mu is "
            f"{prior_mu}; give a proper prior, such as Normal(0, 1.5)."
        )
    return orders


def _at_bounded_tau(prior_mu: Prior, kernel_order: float, constant: BoolArray) -> float:
    """Return the power with which the density of mu falls on one side, whose studies may be ``constant`` there."""
    contradicted = int((~constant).sum())
    return prior_mu.tail_order + (kernel_order * contradicted if contradicted else 0.0)


def _tau_message(prior_mu: Prior, prior_tau: Prior, k: int, interior: int) -> str:
    given = f"the prior of tau is {prior_tau}, the prior of mu is {prior_mu}"
    least = floor(1.0 - prior_tau.tail_order + (not prior_mu.is_proper)) + 1
    needed = f"at least {least} {'study' if least == 1 else 'studies'}"
    have = f"there {'is' if k == 1 else 'are'} {k}"
    if interior < k:
        needed += " with 0 < events < n"
        verb = "qualifies" if 1 in (interior, k) else "qualify"
        have = f"{interior} of {k} {'study' if k == 1 else 'studies'} {verb}"
    return (
        f"the posterior of tau is improper: {given}, which needs {needed}, and {have}; give a proper prior, such as "
        "HalfNormal(1) for tau or Normal(0, 1.5) for mu."
    )
