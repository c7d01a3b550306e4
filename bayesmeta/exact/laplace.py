"""Where are the coefficients of a part of a regression most probable, given tau, and how sharply?"""

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.exact.nuisance import FIRST_REACH, MOST_TABLES, Conditional, IntegratedTerms
from bayesmeta.surface.quadrature import Level


def peaks(terms: IntegratedTerms, tau: FloatArray, settings: Level) -> tuple[FloatArray, FloatArray]:
    """Return the modes of the coefficients, and the inverse curvatures of their log density there.

    Parameters
    ----------
    terms : IntegratedTerms
        Studies, design and priors.
    tau : array, shape (J,)
        Nodes of tau.
    settings : Level
        The resolution of log m_i.

    Returns
    -------
    mode : array, shape (J, p)
        By Newton's method with step control; good enough to propose draws from.
    covariance : array, shape (J, p, p)
        Laplace's approximation of the covariance.
    """
    base = terms.terms.marginal(settings)
    found = [_peak(Conditional(terms, base, settings, tau[rows])) for rows in terms.blocks(tau, settings)]
    mode, covariance = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return mode, covariance


def _peak(conditional: Conditional) -> tuple[FloatArray, FloatArray]:
    design, start = conditional.design, conditional.mean[:, None, :]
    eta = conditional.mean @ design.T
    spread = np.einsum("ki,jil,kl->jk", design, conditional.covariance, design, optimize=True)
    reach = FIRST_REACH * np.sqrt(spread)
    low, high = (eta - reach).min(axis=1), (eta + reach).max(axis=1)
    for _ in range(MOST_TABLES):
        conditional.tabulate(low, high)
        mode, _, covariance = conditional.mode(start, 0)
        eta = mode[:, 0] @ design.T
        if (eta.min(axis=1) >= low).all() and (eta.max(axis=1) <= high).all():
            break
        width = high - low
        low, high = np.minimum(low, eta.min(axis=1) - width), np.maximum(high, eta.max(axis=1) + width)
    transform = conditional.transform
    return mode[:, 0] @ transform.T, transform @ covariance[:, 0] @ transform.T
