"""How probable is it, given mu and tau, that a study like this one would show less than it did?

    below_i(eta, tau) = P(replicate < data_i | eta, tau) + 1/2 P(replicate = data_i | eta, tau)

A replicate has the study's own size and a true effect from Normal(eta, tau^2). For a binomial study the
conditional probability G(theta) = P(R < events) + P(R = events) / 2 falls from its left to its right limit, and its
slope is a density times a constant,

    -G'(theta) = (1/2) likelihood(theta) p'(theta) ((n - events) / (1 - p) + events / p),

so that below = G(inf) - integral of G'(t) Phi((t - eta) / tau) dt: a trapezoid sum where tau is wide against the
lattice, at a cost that does not grow with n. Where tau is narrow, G is averaged by Gauss-Hermite quadrature.
"""

from collections.abc import Iterator
from functools import singledispatch

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.effects.proportion_links import PROPORTION_LINKS
from bayesmeta.errors import SpecError
from bayesmeta.surface.bands import BLOCK, TRAPEZOID_FROM
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.kernels import NORMAL
from bayesmeta.surface.normal import NormalTerms
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import MarginalRule

LOG_HALF = float(np.log(0.5))
NOT_DEFINED = (
    "conflict p-values are not defined yet for this likelihood and distribution of effects; use leave_one_out, whose "
    "elpd_loo tells how well each study is predicted."
)


@singledispatch
def below_rule(terms: object, settings: Level) -> MarginalRule:
    """Return ``rule(eta, tau)``, which gives below_i at points (P,), shape (k, P).

    Parameters
    ----------
    terms : NormalTerms or BinomialTerms
        The k studies. Another kind of likelihood registers its own rule.
    settings : Level
        The resolution.

    Raises
    ------
    SpecError
        If no rule is registered for the likelihood.
    """
    del settings
    raise SpecError(NOT_DEFINED)


@below_rule.register
def _normal(terms: NormalTerms, settings: Level) -> MarginalRule:
    """y_i replicates as Normal(eta, se_i^2 + tau^2), so that below is Phi, in closed form."""
    del settings

    def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
        z = (terms.y[:, None] - eta) / np.sqrt(terms.se[:, None] ** 2 + tau**2)
        return np.asarray(special.ndtr(z))

    return rule


@below_rule.register
def _binomial(terms: BinomialTerms, settings: Level) -> MarginalRule:
    """Return the rule for counts.

    Raises
    ------
    SpecError
        If a study is discounted by a power weight: a replicate of a part of a study is not defined.
    """
    if terms.offset is not None:
        raise SpecError(NOT_DEFINED)
    if terms.log_coefficient is not None:
        raise SpecError("conflict p-values are not defined for studies with power weights; fit without them.")
    steps = np.minimum(settings.step_theta, np.sqrt(terms.rough()[1]) / settings.theta_steps_per_sd)
    lower, upper = _support(terms, settings.cut)

    def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
        out = np.empty((terms.k, eta.size))
        for i, step in enumerate(steps):
            study = terms.take(np.array([i]))
            theta = np.arange(np.floor(lower[i] / step), np.ceil(upper[i] / step) + 1.0) * step
            mass = step * np.exp(_log_slope(study, theta[None])[0])
            wide = tau >= TRAPEZOID_FROM * step
            for block in _split(np.flatnonzero(wide), theta.size):
                beyond = special.ndtr((theta - eta[block, None]) / tau[block, None])
                out[i, block] = 0.5 * (study.events[0] == study.n[0]) + beyond @ mass
            z, weight = NORMAL.rule(settings.hermite_nodes)
            for block in _split(np.flatnonzero(~wide), z.size):
                at = eta[block, None] + tau[block, None] * z
                out[i, block] = _given_theta(study, at) @ weight
        return out

    return rule


def _log_slope(terms: BinomialTerms, theta: FloatArray) -> FloatArray:
    """Return log -G'(theta_i), shape of ``theta`` (k, P)."""
    link = PROPORTION_LINKS[terms.link]
    with np.errstate(divide="ignore"):  # no events, or no others
        log_events, log_rest = np.log(terms.events)[:, None], np.log(terms.n - terms.events)[:, None]
    either = np.logaddexp(log_rest - link.log_q(theta), log_events - link.log_p(theta))
    return np.asarray(terms.log_likelihood_at(theta) + link.log_slope(theta) + either + LOG_HALF)


def _split(points: IntArray, nodes: int) -> Iterator[IntArray]:
    """Yield points in blocks whose temporary arrays, ``nodes`` values for each point, stay below `BLOCK`."""
    size = max(1, BLOCK // nodes)
    for i in range(0, points.size, size):
        yield points[i : i + size]


def _given_theta(study: BinomialTerms, theta: FloatArray) -> FloatArray:
    """Return G(theta) = P(R < events) + P(R = events) / 2 of one study; each is an incomplete beta function."""
    events, n = float(study.events[0]), float(study.n[0])
    q = np.exp(PROPORTION_LINKS[study.link].log_q(theta))
    at_most = special.betainc(n - events, events + 1.0, q) if events < n else np.ones_like(q)
    less = special.betainc(n - events + 1.0, events, q) if events > 0 else np.zeros_like(q)
    return np.asarray(0.5 * (at_most + less))


def _support(terms: BinomialTerms, cut: float) -> tuple[FloatArray, FloatArray]:
    """Return limits beyond which -G' is below exp(-cut) of its value at the centre, by bisection; (k,) each."""
    centre, variance = terms.rough()
    top = _log_slope(terms, centre[:, None])[:, 0]
    ends = []
    for sign in (-1.0, 1.0):
        near, far = np.zeros(terms.k), terms.far(cut)
        while (far - near > np.sqrt(variance)).any():
            middle = 0.5 * (near + far)
            inside = _log_slope(terms, (centre + sign * middle)[:, None])[:, 0] > top - cut
            near, far = np.where(inside, middle, near), np.where(inside, far, middle)
        ends.append(centre + sign * far)
    return ends[0], ends[1]
