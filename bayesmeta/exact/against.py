"""How does a pooled proportion differ from an independent rate that is known by itself? Exactly, by quadrature.

With x the logit of the control's rate and t_d(x) the logit of the pooled one at which the contrast is d,

    P(contrast <= d) = integral of F(t_d(x)) q(x) dx

for the pooled proportion's distribution function F and the control's density q, both of the logit. F is tabulated once,
as polynomials on panels; the integral is a Gauss-Legendre sum over panels that resolve both, wherever d puts them.
"""

from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import nan
from typing import Final, Literal, Self, final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.exact.contrast import GAUSS_COARSE, GAUSS_FINE, PANEL_EDGES, RATIO, gauss_panels, panel_edges
from bayesmeta.result.marginal import IDENTITY, PROPORTION_SCALES, CdfPdf, Marginal
from bayesmeta.result.mixture import on_scale
from bayesmeta.spec.control import Rate

type RateKind = Literal["difference", "ratio", "odds ratio"]

KINDS: Final[tuple[RateKind, ...]] = ("difference", "ratio", "odds ratio")
POINTS: Final = 14  # of the polynomial on each panel
FARTHEST: Final = 36.0  # beyond, 1 - expit(x) is below the spacing of doubles next to 1
START_QUANTILES: Final = special.ndtr(np.linspace(-5.6, 5.6, 57))
START_WEIGHTS: Final = np.diff(special.ndtr(np.r_[-np.inf, np.linspace(-5.5, 5.5, 56), np.inf]))
NARROW: Final = 1e-9  # panels narrower than this, in logits, are rounding


@final
@dataclass(frozen=True, eq=False)
class PanelTable:
    """A distribution function and its density, as polynomials on panels.

    Parameters
    ----------
    edges : array, shape (E,)
        Ascending.
    coefficients : array, shape (2, POINTS, E - 1)
        Chebyshev coefficients of distribution function and density.
    """

    edges: FloatArray
    coefficients: FloatArray

    @classmethod
    def of(cls, cdf_pdf: CdfPdf, edges: FloatArray) -> Self:
        """Return the table of a distribution on panels between ``edges``."""
        nodes = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
        x = 0.5 * (edges[1:] + edges[:-1]) + 0.5 * np.diff(edges) * nodes[:, None]
        values = np.stack(cdf_pdf(x.ravel())).reshape(2, *x.shape)
        to_coefficients = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes, POINTS - 1))
        return cls(edges, np.einsum("cn,tnp->tcp", to_coefficients, values))

    def cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return distribution function and density at ``x``, shape (P,); beyond the panels that of their end, and 0."""
        inside = (x >= self.edges[0]) & (x <= self.edges[-1])
        at = np.clip(x, self.edges[0], self.edges[-1])
        panel = np.clip(np.searchsorted(self.edges, at) - 1, 0, self.edges.size - 2)
        low, high = self.edges[panel], self.edges[panel + 1]
        local = np.clip((2.0 * at - low - high) / (high - low), -1.0, 1.0)
        values = np.polynomial.chebyshev.chebval(local, self.coefficients[:, :, panel].swapaxes(0, 1), tensor=False)
        return np.where(np.isfinite(x), values[0], x > 0.0), np.where(inside, values[1], 0.0)


def logit_table(marginal: Marginal) -> PanelTable:
    """Return the table of a proportion's logit."""
    points, rough = marginal.start
    logit = PROPORTION_SCALES["logit"]
    if marginal.scale is not logit:
        points = np.asarray(special.logit(marginal.scale.value(points)))
    edges = panel_edges(np.clip(points, -FARTHEST, FARTHEST), rough)
    return PanelTable.of(partial(on_scale, marginal, logit), edges[(edges > -FARTHEST) & (edges < FARTHEST)])


def tabulated(marginal: Marginal) -> Marginal:
    """Return a distribution by its table: for many quantiles of one that is costly to compute."""
    return replace(marginal, cdf_pdf=PanelTable.of(marginal.cdf_pdf, panel_edges(*marginal.start)).cdf_pdf)


@final
@dataclass(frozen=True, eq=False)
class Against:
    """The distribution of a contrast; of ratios, its logarithm.

    Parameters
    ----------
    pooled : PanelTable
        The pooled proportion's logit.
    control : Rate
        The control's rate, independent of it.
    kind : {"difference", "ratio", "odds ratio"}
        Pooled minus control, or over it.
    order : int
        Gauss-Legendre nodes per panel.
    means, sds : tuple of float
        Of both proportions.
    """

    pooled: PanelTable
    control: Rate
    kind: RateKind
    order: int
    means: tuple[float, float]
    sds: tuple[float, float]

    @cached_property
    def _control_edges(self) -> FloatArray:
        return panel_edges(self.control.logit_ppf(PANEL_EDGES), PANEL_EDGES)

    @cached_property
    def defect(self) -> float:
        """How far the probabilities of the rule are from 1 in all."""
        x, weight = gauss_panels(self._control_edges, self.order)
        return abs(1.0 - float(np.exp(self.control.logpdf(x)) @ weight))

    def cdf_pdf(self, d: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return distribution function and density at ``d``, shape (D,)."""
        own = self._control_edges
        cdf, pdf = np.empty(d.size), np.empty(d.size)
        for i, value in enumerate(d):
            others = logit_at(self.pooled.edges, -value, self.kind)[0]
            edges = np.unique(np.r_[own, others[(others > own[0]) & (others < own[-1])]])
            x, weight = gauss_panels(edges[np.r_[True, np.diff(edges) > NARROW]], self.order)
            at, slope = logit_at(x, value, self.kind)
            below, density = self.pooled.cdf_pdf(at)
            probability = np.exp(self.control.logpdf(x)) * weight
            cdf[i] = below @ probability
            pdf[i] = np.where(density > 0.0, density * slope, 0.0) @ probability
        return cdf, pdf

    def moments(self) -> tuple[float, float]:
        """Return mean and SD of the difference; nan for a ratio, whose tail may be too heavy for either."""
        if self.kind != "difference":
            return nan, nan
        return self.means[0] - self.means[1], float(np.hypot(*self.sds))

    def marginal(self, name: str) -> Marginal:
        """Return the difference, or the ratio itself, as a distribution."""
        scale = IDENTITY if self.kind == "difference" else RATIO
        return Marginal(name, self.cdf_pdf, self._start(), self.moments(), scale)

    def _start(self) -> tuple[FloatArray, FloatArray]:
        """Return where quantile searches start: contrasts of quantiles of both, far into their tails."""
        at_edges = self.pooled.cdf_pdf(self.pooled.edges)[0]
        pooled = np.interp(START_QUANTILES, at_edges, self.pooled.edges)
        ends = [on_kind(x, self.kind) for x in (pooled, self.control.logit_ppf(START_QUANTILES))]
        contrasts, weight = np.subtract.outer(*ends).ravel(), np.multiply.outer(START_WEIGHTS, START_WEIGHTS).ravel()
        order = np.argsort(contrasts)
        return contrasts[order], np.cumsum(weight[order]) - 0.5 * weight[order]


def on_kind(x: FloatArray, kind: RateKind) -> FloatArray:
    """Return p, log p, or logit p: that of which a contrast is a difference."""
    if kind == "odds ratio":
        return x
    return np.asarray(special.expit(x) if kind == "difference" else special.log_expit(x))


def logit_at(x: FloatArray, d: float | FloatArray, kind: RateKind) -> tuple[FloatArray, FloatArray]:
    """Return the logit t at which the contrast with the rate of logit ``x`` is ``d``, and dt/dd.

    Infinite, with slope 0, where no proportion is.
    """
    if kind == "odds ratio":
        return x + d, np.ones(np.broadcast_shapes(x.shape, np.shape(d)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if kind == "difference":
            p, rest = special.expit(x) + d, special.expit(-x) - d
            t, slope = np.log(p) - np.log(rest), 1.0 / (p * rest)
        else:
            log_p = special.log_expit(x) + d
            p, rest = np.exp(log_p), -np.expm1(log_p)
            t, slope = log_p - np.log(rest), 1.0 / rest
    inside = (p > 0.0) & (rest > 0.0)
    return np.where(inside, t, np.where(p <= 0.0, -np.inf, np.inf)), np.where(inside, slope, 0.0)


def against(pair: tuple[Marginal, Marginal], control: Rate, kind: RateKind) -> tuple[Against, Against]:
    """Return the contrast of a proportion, at two resolutions, with a control, at two resolutions."""
    made = []
    for marginal, order in zip(pair, (GAUSS_FINE, GAUSS_COARSE), strict=True):
        (mean, sd), (other, spread) = marginal.moments, control.moments()
        table = logit_table(marginal)
        made.append(Against(table, control, kind, order, (mean, other), (sd, spread)))
    return made[0], made[1]
