"""How do two groups differ? The exact distribution of a difference or ratio of their means or proportions.

Given what the groups are independent of one another (`groups.Mixture`, index h),

    P(A - B <= d) = sum over h of P(h) integral of F_A(d + b | h) f_B(b | h) db

F_A and f_B are mixtures over tau of distributions known between the nodes of the grid. The integral is a
Gauss-Legendre sum over panels laid by the quantiles of the sharper of the two.
"""

from dataclasses import dataclass
from functools import cached_property
from math import inf, nan
from typing import Literal, final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.proportion_links import PROPORTION_LINKS, ProportionLink
from bayesmeta.exact.groups import Groups
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.rows import invert
from bayesmeta.result.marginal import IDENTITY, Marginal, Scale

type Kind = Literal["difference", "ratio"]

PANEL_EDGES = special.ndtr(np.arange(-5.6, 5.7, 0.7))
MORE_PANELS = 5  # beyond the outermost edges, each 1.6 times as wide as the last
WIDENING = 1.6
GAUSS_FINE, GAUSS_COARSE = 9, 6  # nodes per panel
POINTS_AT_ONCE = 4000
START_POINTS = 41
RATIO = Scale(np.exp, np.log, lambda value: value, (0.0, np.inf))


@final
@dataclass(frozen=True, eq=False)
class Side:
    """One group's quantity, given each of what the groups are independent of.

    Parameters
    ----------
    quantities : Quantities
        The group's posterior.
    name : {"mu", "p_median", "p_mean"}
        The quantity.
    given : array, shape (H, J)
        Probabilities of the nodes of tau, given each h.
    logarithm : bool
        Whether the logarithm of a proportion is wanted.
    """

    quantities: Quantities
    name: str
    given: FloatArray
    logarithm: bool

    def base_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return distribution function and density at ``x`` (P,) on the scale of the link, shape (H, P)."""
        posterior = self.quantities.posterior
        rows = posterior.rows
        if self.name == "p_mean":
            values = self.quantities.mean_proportion.values
            position, slope = invert(values, x)
            cdf, pdf = posterior.given_tau.at_position(position)
            inner = (position > 0.0) & (position < values.shape[1] - 1)
            pdf = np.where(inner, pdf / np.maximum(slope, 1e-10), 0.0)
        else:
            cdf, pdf = posterior.given_tau.cdf_pdf(np.broadcast_to(x, (rows.size, x.size)))
        share = self.given[:, rows] / posterior.weight_tau[rows]
        return share @ cdf, share @ pdf

    def value(self, x: FloatArray) -> FloatArray:
        """Return the quantity at ``x`` on the scale of the link."""
        if self.name == "mu":
            return x
        log_p: FloatArray = np.asarray(self._link.log_p(x))
        return log_p if self.logarithm else np.exp(log_p)

    @property
    def _link(self) -> ProportionLink:
        """The link of the scale on which the distribution is computed: for p_mean always the logit."""
        return PROPORTION_LINKS["logit" if self.name == "p_mean" else self.quantities.posterior.surface.link]

    def cdf_pdf(self, value: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return distribution function and density of the quantity at ``value`` (P,), shape (H, P)."""
        if self.name == "mu":
            return self.base_cdf_pdf(value)
        lower, upper = (-np.inf, 0.0) if self.logarithm else (0.0, 1.0)
        inside = (value > lower) & (value < upper)
        used = value[inside]
        p, rest = (np.exp(used), -np.expm1(used)) if self.logarithm else (used, 1.0 - used)
        x = np.asarray(np.where(p < 0.5, self._link.from_p(p), self._link.from_q(rest)))
        slope = (p if self.logarithm else 1.0) * np.exp(-self._link.log_slope(x))
        cdf = np.repeat((value >= upper).astype(np.float64)[None], len(self.given), axis=0)
        pdf = np.zeros_like(cdf)
        if used.size:
            cdf[:, inside], density = self.base_cdf_pdf(x)
            pdf[:, inside] = density * slope
        return cdf, pdf

    def base(self, value: FloatArray) -> FloatArray:
        """Return where the quantity has these values, on the scale of the link; impossible ones are left out."""
        if self.name == "mu":
            return value
        if self.logarithm:
            value = value[value < 0.0]
            return np.asarray(value - np.log(-np.expm1(value)))
        inside = value[(value > 0.0) & (value < 1.0)]
        return np.asarray(special.logit(inside))

    def nodes(self, order: int, more: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Return nodes (P,) on the scale of the link, and each h's probabilities of them (H, P).

        Between the panels' own edges, and ``more`` edges if there are any.
        """
        edges = self.edges()
        if more is not None:
            edges = np.unique(np.r_[edges, more[(more > edges[0]) & (more < edges[-1])]])
        x, weight = gauss_panels(edges, order)
        return x, self.base_cdf_pdf(x)[1] * weight

    def edges(self) -> FloatArray:
        """Return edges of panels that resolve the quantity on the scale of the link, ascending."""
        return panel_edges(*self.quantities.start(self.name))

    @property
    def spread(self) -> float:
        """Return the width of the middle 80 % on the scale of the link, roughly."""
        points, rough = self.quantities.start(self.name)
        return float(np.diff(np.interp([0.1, 0.9], rough, points))[0])


@final
@dataclass(frozen=True, eq=False)
class Contrast:
    """The distribution of a difference of two groups' quantities; of a ratio, its logarithm.

    Parameters
    ----------
    first, second : Side
        The contrast is first - second.
    weight : array, shape (H,)
        Posterior probabilities of what the groups are independent of.
    order : int
        Gauss-Legendre nodes per panel.
    refined : bool
        Whether panels of the other quantity, moved by d, are used as well: needed where its density is steep, as that
        of a proportion near 0 is.
    """

    first: Side
    second: Side
    weight: FloatArray
    order: int
    refined: bool = False

    @cached_property
    def _swapped(self) -> bool:
        """Whether the first is the sharper, over which is summed."""
        return self.first.spread < self.second.spread

    @cached_property
    def _rule(self) -> tuple[FloatArray, FloatArray]:
        """Values of the sharper quantity at the nodes (P,), and their probabilities given h, times P(h); (H, P)."""
        sharper = self.first if self._swapped else self.second
        x, probability = sharper.nodes(self.order)
        return sharper.value(x), probability * self.weight[:, None]

    @cached_property
    def defect(self) -> float:
        """How far the probabilities of the rule are from 1 in all."""
        return abs(1.0 - float(self._rule[1].sum()))

    def cdf_pdf(self, d: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return distribution function and density at ``d``, shape (D,)."""
        values, probability = self._rule
        other, sign = (self.second, -1.0) if self._swapped else (self.first, 1.0)
        cdf, pdf = np.empty(d.size), np.empty(d.size)
        if self.refined:
            sharper = self.first if self._swapped else self.second
            for i, shift in enumerate(sign * d):
                x, probability = sharper.nodes(self.order, sharper.base(other.value(other.edges()) - shift))
                below, density = other.cdf_pdf(sharper.value(x) + shift)
                probability = probability * self.weight[:, None]
                cdf[i], pdf[i] = (below * probability).sum(), (density * probability).sum()
            return (1.0 - cdf if self._swapped else cdf), pdf
        for block in np.array_split(np.arange(d.size), -(-d.size * values.size // POINTS_AT_ONCE) or 1):
            at = (values + sign * d[block, None]).ravel()
            below, density = (part.reshape(len(self.weight), block.size, -1) for part in other.cdf_pdf(at))
            cdf[block] = np.einsum("hdp,hp->d", below, probability)
            pdf[block] = np.einsum("hdp,hp->d", density, probability)
        return (1.0 - cdf if self._swapped else cdf), pdf

    def moments(self) -> tuple[float, float]:
        """Return mean and SD of the difference; nan for a ratio, whose tail may be too heavy for either."""
        if self.first.logarithm:
            return nan, nan
        pairs = [side.quantities.moments(side.name) for side in (self.first, self.second)]
        if not np.isfinite(pairs).all():  # a difference has no more moments than its terms
            mean = pairs[0][0] - pairs[1][0] if np.isfinite([pairs[0][0], pairs[1][0]]).any() else nan
            return mean, inf
        means = [self._means(side) for side in (self.first, self.second)]
        centred = [mean - float(self.weight @ mean) for mean in means]
        covariance = float(self.weight @ (centred[0] * centred[1]))
        variance = pairs[0][1] ** 2 + pairs[1][1] ** 2 - 2.0 * covariance
        return pairs[0][0] - pairs[1][0], float(np.sqrt(max(variance, 0.0)))

    def _means(self, side: Side) -> FloatArray:
        """Return the mean of a quantity given each h, shape (H,)."""
        x, probability = side.nodes(self.order)
        return probability @ side.value(x) / probability.sum(axis=1)

    def start(self) -> tuple[FloatArray, FloatArray]:
        """Return where quantile searches start, as if the two were independent."""
        share = (np.arange(START_POINTS) + 0.5) / START_POINTS
        ends = []
        for side in (self.first, self.second):
            points, rough = side.quantities.start(side.name)
            ends.append(side.value(np.interp(share, rough, points)))
        differences = np.sort(np.subtract.outer(*ends).ravel())
        return differences, (np.arange(differences.size) + 0.5) / differences.size

    def marginal(self, name: str) -> Marginal:
        """Return the difference, or the ratio itself, as a distribution."""
        scale = RATIO if self.first.logarithm else IDENTITY
        return Marginal(name, self.cdf_pdf, self.start(), self.moments(), scale)


def panel_edges(points: FloatArray, rough: FloatArray) -> FloatArray:
    """Return edges of panels that resolve a distribution, ascending, from points and its rough cdf there."""
    edges = np.unique(np.interp(PANEL_EDGES, rough, points))
    steps = WIDENING ** np.arange(1, MORE_PANELS + 1)
    below = edges[0] - (edges[1] - edges[0]) * np.cumsum(steps)
    above = edges[-1] + (edges[-1] - edges[-2]) * np.cumsum(steps)
    return np.concatenate([below[::-1], edges, above])


def gauss_panels(edges: FloatArray, order: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of Gauss-Legendre rules on consecutive intervals."""
    gauss, weight = np.polynomial.legendre.leggauss(order)
    middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
    return (middle[:, None] + half[:, None] * gauss).ravel(), (half[:, None] * weight).ravel()


def contrast(
    groups: Groups, first: int, second: int, name: str, kind: Kind, *, refined: bool = False
) -> tuple[Contrast, Contrast]:
    """Return the contrast of two groups at the finer and the coarser resolution.

    Parameters
    ----------
    groups : Groups
        The groups.
    first, second : int
        Which two.
    name : {"mu", "p_median", "p_mean"}
        The quantity.
    kind : {"difference", "ratio"}
        Of it; a ratio is one of proportions.
    refined : bool
        As in `Contrast`.
    """
    made = []
    for parts, mixture, order in zip(
        (groups.fine, groups.coarse), groups.mixtures, (GAUSS_FINE, GAUSS_COARSE), strict=True
    ):
        sides = [Side(parts[i], name, mixture.given[i], kind == "ratio") for i in (first, second)]
        made.append(Contrast(sides[0], sides[1], mixture.weight, order, refined))
    return made[0], made[1]
