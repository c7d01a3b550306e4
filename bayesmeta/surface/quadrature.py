"""How finely is everything integrated: one record of settings per level, each level finer than the last."""

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Level:
    """Settings of one resolution; results at two levels are compared to certify both.

    Parameters
    ----------
    step_mu : float
        Trapezoid step of the conditional of mu given tau, in the sinh coordinate whose unit is
        `WIDTH` conditional standard deviations.
    step_tau : float
        Largest trapezoid step in the coordinate of tau.
    steps_per_sd : float
        Trapezoid nodes per standard deviation of the marginal of tau's coordinate.
    step_theta : float
        Largest trapezoid step in theta (link scale).
    theta_steps_per_sd : float
        Least number of steps in theta per standard deviation of a likelihood.
    hermite_nodes : int
        Gauss-Hermite nodes where tau is narrow against the likelihood.
    cut : float
        A likelihood is cut where its log has fallen by this much from its maximum.
    drop : float
        The posterior is cut where its log has fallen by this much from its maximum.
    """

    step_mu: float
    step_tau: float
    steps_per_sd: float
    step_theta: float
    theta_steps_per_sd: float
    hermite_nodes: int
    cut: float
    drop: float


WIDTH = 4.0
"""Conditional standard deviations of mu per unit of its sinh coordinate."""


PILOT = Level(
    step_mu=0.3,
    step_tau=0.4,
    steps_per_sd=1.2,
    step_theta=0.5,
    theta_steps_per_sd=1.3,
    hermite_nodes=8,
    cut=32.0,
    drop=30.0,
)
"""Coarse settings, mostly good to about 1e-3, that only find out where the posterior lives; `find_region` checks it."""


def level(index: int) -> Level:
    """Return the settings of level ``index`` = 0, 1, 2, ...; each finer than the last.

    Sums converge like exp(-2 pi d / step), interpolated quantities (quantiles, densities) like its square
    root; on ordinary data level 0 is good to about 1e-6 and level 1 to 1e-8 in the worst quantile.
    """
    finer = 0.8 ** max(index - 0.4, 0.0)
    return Level(
        step_mu=0.14 * finer,
        step_tau=0.27 * finer,
        steps_per_sd=1.45 / finer,
        step_theta=0.25 * finer,
        theta_steps_per_sd=2.2 / finer,
        hermite_nodes=14 + 4 * index,
        cut=36.0 * 1.25**index,
        drop=30.0 + 2.0 * index,
    )
