"""What will the next study's effect be? theta_new ~ Normal(mu, tau^2), mixed over the posterior.

Where tau is wide against the steps of mu's nodes, the mixture is a sum of normal distributions over the nodes.
Where it is narrow, such a sum would be a comb; there the conditional distribution of mu, which is known
between the nodes, is averaged over z in theta_new = mu + tau z.
"""

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.exact.posterior import Posterior, is_narrow, row_cdf, row_pdf
from bayesmeta.surface.terms import hermite_rule

SQRT_2PI = float(np.sqrt(2.0 * np.pi))


def theta_new_cdf_pdf(posterior: Posterior, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the distribution function and density of theta_new at ``x``, shape (P,), link scale."""
    mu, weight = posterior.refined
    tau = posterior.surface.grid.tau[posterior.rows]
    narrow = is_narrow(tau, mu, weight)
    cdf, pdf = np.zeros(x.size), np.zeros(x.size)
    if not narrow.all():
        sd = np.repeat(tau[~narrow], mu.shape[1])
        mass = weight[~narrow].ravel()
        z = np.subtract.outer(x, mu[~narrow].ravel()) / sd
        cdf += special.ndtr(z) @ mass
        pdf += np.exp(-0.5 * z * z) @ (mass / sd) / SQRT_2PI
    if narrow.any():
        rows = posterior.rows[narrow]
        at, z_weight = shifted(posterior, x, rows)
        shape, mass = (rows.size, -1, x.size), posterior.weight[rows]
        cdf += np.einsum("rzp,z->p", row_cdf(posterior, mass, at, rows).reshape(shape), z_weight)
        pdf += np.einsum("rzp,z->p", row_pdf(posterior, mass, at, rows).reshape(shape), z_weight)
    return cdf, pdf


def shifted(posterior: Posterior, x: FloatArray, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the points x - tau z of narrow rows, shape (R, Z * P), and the weights of z, shape (Z,)."""
    z, weight = hermite_rule(posterior.surface.settings.hermite_nodes // 2 + 1)
    tau = posterior.surface.grid.tau[rows]
    at = x - tau[:, None, None] * z[:, None]
    return at.reshape(rows.size, -1), weight
