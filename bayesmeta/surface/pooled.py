"""What are the sums over studies of log m_i of several problems, each at points of its own?

The quadratures are those of `bands`, problem by problem. What the points need, whatever the studies, is computed for
those of all problems at once.

Axes of the arrays: B problems, P points of all of them, N nodes.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.surface.bands import (
    BLOCK,
    FAR,
    LARGEST_LOG_RATIO,
    LOG_SQRT_2PI,
    SMALLEST,
    NarrowRange,
    blocks,
    half_outside,
    hermite,
    lattice_sums,
    narrow_ranges,
    trapezoid,
)
from bayesmeta.surface.binomial import FEW_PATIENTS, BinomialTerms, joined, logit_change
from bayesmeta.surface.kernels import hermite_rule
from bayesmeta.surface.lattices import Band, bands_of
from bayesmeta.surface.quadrature import Level

type PooledRule = Callable[[IntArray, FloatArray, FloatArray], FloatArray]
"""``rule(owner, eta, tau)`` returns the sums over the studies of problem ``owner`` of log m_i, shape (P,), at points
(P,) of one problem after another, tau ascending within each."""
type NarrowPart = tuple[slice, NarrowRange[BinomialTerms]]
"""Points of a problem, and the studies for which their tau is narrow."""


def pooled_marginals(every: Sequence[BinomialTerms], settings: Level) -> PooledRule:
    """Return the sums over studies of log m_i of several problems.

    They have the same link, no offsets, and patients in all studies.
    """
    bands = bands_of(joined(every), [one.k for one in every], settings, widest=True)
    narrow = [narrow_ranges(one, own, settings) for one, own in zip(every, bands, strict=True)]

    def rule(owner: IntArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        if (np.diff(owner + tau / (tau.max() + 1.0)) < 0.0).any():
            raise ValueError("tau must ascend among the points of a problem.")
        out, log_tau = np.zeros(eta.size), np.log(tau)
        parts: dict[int, list[NarrowPart]] = {}
        ends = pairwise(np.searchsorted(owner, np.arange(len(every) + 1)).tolist())
        for (first, end), own, ranges in zip(ends, bands, narrow, strict=True):
            if first < end:
                below = (first + np.searchsorted(tau[first:end], [one.high for one in ranges])).tolist()
                for band, start in zip(own, below, strict=False):
                    if start < end:
                        wide = slice(start, end)
                        out[wide] += _over_lattice(band, eta[wide], tau[wide], log_tau[wide])
                for one, (stop, start) in zip(ranges, pairwise([*below, first]), strict=True):
                    if start < stop:
                        parts.setdefault(one.nodes, []).append((slice(start, stop), one))
        for some in parts.values():
            _add_narrow(out, eta, tau, some)
        return out

    return rule


def _over_lattice(band: Band, eta: FloatArray, tau: FloatArray, log_tau: FloatArray) -> FloatArray:
    """Return the sum over a band's studies of log m, shape (P,), as `trapezoid` does, mostly in fewer steps."""
    far = FAR * tau[0]
    if (
        not (band.flat.size or band.has_holes)
        and band.theta[0] - far <= eta.min()
        and eta.max() <= band.theta[-1] + far
    ):
        outside = half_outside(band, eta, tau)
        total = lattice_sums(band, eta, tau, outside)
        if total.min() >= SMALLEST:
            constant = len(total) * (float(np.log(band.step)) - LOG_SQRT_2PI) + float(band.log_scale.sum())
            return np.asarray(np.log(total).sum(axis=0) - len(total) * (log_tau + outside) + constant)
    return np.asarray(trapezoid(band, eta, tau).sum(axis=0))


def _add_narrow(out: FloatArray, eta: FloatArray, tau: FloatArray, parts: Sequence[NarrowPart]) -> None:
    """Add the sums over studies of log m at some points, as `hermite` does, all with the same number of nodes."""
    pooled, nodes = [], parts[0][1].nodes
    for points, one in parts:
        terms, count = one.terms, points.stop - points.start
        if terms.link == "logit" and terms.n.max() <= FEW_PATIENTS and terms.k * count * nodes <= BLOCK:
            pooled.append((points, one))
        else:
            for block in blocks(np.arange(points.start, points.stop), BLOCK // (terms.k * nodes)):
                out[block] += hermite(terms, eta[block], tau[block], nodes).sum(axis=0)
    if not pooled:
        return
    z, weight = hermite_rule(nodes)
    every = np.concatenate([np.arange(points.start, points.stop) for points, _ in pooled])
    step = tau[every, None] * z
    change = logit_change(eta[every], step)
    base = np.array([eta[every], np.logaddexp(0.0, eta[every])])
    last = 0
    for points, one in pooled:
        first, last = last, last + points.stop - points.start
        log_ratio = one.terms.slopes @ change[:, first:last].reshape(2, -1)
        if one.terms.n.max() * step[last - 1, -1] > LARGEST_LOG_RATIO:  # the widest tau's last node
            np.minimum(log_ratio, LARGEST_LOG_RATIO, out=log_ratio)
        mean = np.exp(log_ratio, out=log_ratio).reshape(one.terms.k, -1, nodes) @ weight
        out[points] += np.log(np.maximum(mean, SMALLEST)).sum(axis=0)
        out[points] += one.terms.slopes.sum(axis=0) @ base[:, first:last] + one.terms.log_coefficients.sum()
