"""Where do mu and tau lie together? Their joint density, and the regions of highest density."""

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.analyses.bayesian import check_bayesian
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.exact.posterior import Posterior
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.spec.coefficients import formula_of, refuse_formula

SIZE = 128  # points of the lattice on each axis: contours are straight lines between them, finer than print
TAIL = 5e-5  # of the posterior beyond each end of the lattice
REACH = 3.0  # widths of the kernel beyond the outermost draws
FLOOR = 60.0  # how far the log density is followed below its peak
TINY = 1e-300


def joint_density(fit: ExactFit | NutsFit) -> pd.DataFrame:
    """Return the joint posterior density of mu and tau on a lattice.

    Parameters
    ----------
    fit : ExactFit or NutsFit
        A fit without moderators whose studies differ.

    Returns
    -------
    DataFrame
        A row per point of the lattice, tau changing slowest: ``mu`` and ``tau`` (link scale), ``density``, and
        ``prob``: the posterior probability of the region in which the density is higher than there, so that ``prob``
        = 0.95 is the border of the 95 % region of highest density (HPD).

    Raises
    ------
    SpecError
        If the fit is not Bayesian, has moderators, or assumes a common effect.

    Notes
    -----
    Exact fits: the density at the nodes of quadrature, interpolated on its logarithm. NUTS: a normal kernel
    estimate from the draws by Scott's rule, reflected at tau = 0.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> table = joint_density(fit)
    >>> table.loc[table["density"].idxmax(), ["mu", "tau"]].round(1).tolist()
    [1.3, 0.7]
    """
    checked = check_bayesian(fit, "joint_density")
    refuse_formula(formula_of(checked), "joint_density")
    if not checked.model.has_tau:
        raise SpecError(
            "effects='none' gives all studies one effect, so there is no tau to draw; see the posterior of mu."
        )
    assert isinstance(checked, ExactFit | NutsFit)
    mu, tau, density = (
        _by_kernels(checked) if isinstance(checked, NutsFit) else _by_nodes(checked.solution.fine.posterior)
    )
    grid_tau, grid_mu = np.meshgrid(tau, mu, indexing="ij")
    columns = {"mu": grid_mu, "tau": grid_tau, "density": density, "prob": _mass_above(density)}
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


def _by_nodes(posterior: Posterior) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mu (M,), tau (T,) and the density (T, M): from rows of nodes, each with its own nodes of mu."""
    from scipy.interpolate import CubicSpline

    grid, rows = posterior.surface.grid, posterior.rows
    ends = [_quantile(posterior.mu_cdf_pdf, *_range(grid.mu), q) for q in (TAIL, 1.0 - TAIL)]
    mu = np.linspace(ends[0], ends[1], SIZE)
    far = float(np.interp(1.0 - TAIL, np.cumsum(posterior.weight_tau), grid.tau))
    tau = np.linspace(far / SIZE, far, SIZE)
    density = posterior.given_tau.cdf_pdf(np.broadcast_to(mu, (rows.size, SIZE)))[1]
    log_density = np.log(np.maximum(density, TINY)) - grid.log_weight_tau[rows, None]
    log_density = np.maximum(log_density, log_density.max() - FLOOR)
    inside = np.clip(grid.tau_coordinate.coordinate(tau), grid.q[rows[0]], grid.q[rows[-1]])
    return mu, tau, np.exp(CubicSpline(grid.q[rows], log_density)(inside))


def _range(mu: FloatArray) -> tuple[float, float]:
    return float(mu.min()), float(mu.max())


def _quantile(cdf_pdf: object, low: float, high: float, q: float) -> float:
    from scipy.optimize import brentq

    assert callable(cdf_pdf)
    return float(brentq(lambda x: float(cdf_pdf(np.array([x]))[0][0]) - q, low, high, xtol=1e-6 * (high - low)))


def _by_kernels(fit: NutsFit) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mu (M,), tau (T,) and the density (T, M): draws on a lattice, reflected at tau = 0, smoothed."""
    from scipy import ndimage

    drawn = [fit.draws_of(name).ravel() for name in ("mu", "tau")]
    width = [values.std() * values.size ** (-1.0 / 6.0) for values in drawn]  # Scott's rule in two dimensions
    (mu, tau), (h_mu, h_tau) = drawn, width
    ends = mu.min() - REACH * h_mu, mu.max() + REACH * h_mu
    far = tau.max() + REACH * h_tau
    counts, edges_mu, edges_tau = np.histogram2d(
        np.tile(mu, 2), np.concatenate([tau, -tau]), bins=(SIZE, 2 * SIZE), range=(ends, (-far, far))
    )
    steps = np.diff(edges_mu)[0], np.diff(edges_tau)[0]
    smooth = ndimage.gaussian_filter(counts, (h_mu / steps[0], h_tau / steps[1]), mode="constant", truncate=8.0)
    middle_mu, middle_tau = (0.5 * (edges[1:] + edges[:-1]) for edges in (edges_mu, edges_tau))
    density = smooth.T[SIZE:] / (mu.size * steps[0] * steps[1])
    return middle_mu, middle_tau[SIZE:], np.asarray(density)


def _mass_above(density: FloatArray) -> FloatArray:
    """Return the share of the mass that lies where the density is higher, at each point of an even lattice."""
    order = np.argsort(-density, axis=None)
    share = density.ravel()[order]
    mass = np.empty(density.size)
    mass[order] = (np.cumsum(share) - 0.5 * share) / share.sum()
    return mass.reshape(density.shape)
