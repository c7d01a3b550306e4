"""How far is each study drawn to the others, if tau were this or that? E(theta_i | tau) as a function of tau."""

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.analyses.bayesian import check_bayesian
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.exact.posterior import Posterior
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.spec.coefficients import formula_of, refuse_formula
from bayesmeta.surface.kernels import NormalKernel

OVERALL = ""
"""What stands for mu in the column ``study``."""
POINTS = 60
TAIL = 0.005  # of the posterior of tau beyond the last point
STEP = 1e-4  # of the SD of mu given tau, for slopes
ORDER = 5  # of the spline between nodes of tau
BELOW = 24  # nodes of tau from 0 to where its posterior begins
BANDWIDTH = 0.35  # of the SD of log tau, for the smooth through draws
DRAWS = 4000


def conditional_means(fit: ExactFit | NutsFit, *, seed: int | np.random.Generator | None = None) -> pd.DataFrame:
    """Return the posterior mean of each study's effect given tau, for values of tau.

    Parameters
    ----------
    fit : ExactFit or NutsFit
        A fit without moderators whose studies differ.
    seed : int or numpy.random.Generator, optional
        Source of randomness for the draws of an exact fit whose study effects are not normal.

    Returns
    -------
    DataFrame
        A row per value of tau and study: ``tau``, ``density`` (its posterior), ``study`` (the empty label is the
        overall mean mu), ``mean`` (link scale). The values of tau run from near 0 to the 99.5 % quantile.

    Raises
    ------
    SpecError
        If the fit is not Bayesian, has moderators, or assumes a common effect.

    Notes
    -----
    With normal study effects the mean of theta_i given mu, tau and the data is that of Tweedie's formula,

        E(theta_i | mu, tau) = mu + tau^2 d/dmu log m_i(mu, tau),

    averaged over the posterior of mu given tau; it needs nothing but the surface. For NUTS, and for other study
    effects, it is a local linear smooth through the draws of (tau, theta_i) on log tau.

    References
    ----------
    .. [1] B. Efron. Tweedie's formula and selection bias. JASA 106:1602-1614, 2011. doi:10.1198/jasa.2011.tm11181
    .. [2] D. B. Rubin. Estimation in parallel randomized experiments. Journal of Educational Statistics 6:377-401,
       1981. doi:10.3102/10769986006004377, for the figure.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> table = conditional_means(fit)
    >>> ends = table[table["tau"].isin([table["tau"].min(), table["tau"].max()])]
    >>> ends.groupby("tau")["mean"].std().round(2).tolist()
    [0.0, 1.07]
    """
    checked = check_bayesian(fit, "conditional_means")
    refuse_formula(formula_of(checked), "conditional_means")
    if not checked.model.has_tau:
        raise SpecError("effects='none' gives all studies one effect, so that nothing shrinks; give a model with tau.")
    assert isinstance(checked, ExactFit | NutsFit)
    of_tau = checked.marginal("tau")
    far = float(of_tau.ppf([1.0 - TAIL])[0])
    if isinstance(checked, ExactFit) and isinstance(checked.solution.fine.kernel, NormalKernel):
        tau, means = _by_tweedie(checked.solution.fine.posterior, np.linspace(far / POINTS / 4.0, far, POINTS))
    else:
        start = float(of_tau.ppf([TAIL])[0])
        tau = np.geomspace(start, far, POINTS)
        means = _by_draws(*_drawn(checked, seed), tau)
    labels = [OVERALL, *checked.studies.study]
    return pd.DataFrame(
        {
            "tau": np.repeat(tau, len(labels)),
            "density": np.repeat(of_tau.pdf(tau), len(labels)),
            "study": np.tile(np.array(labels, dtype=object), tau.size),
            "mean": means.ravel(),
        }
    )


def _by_tweedie(posterior: Posterior, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the values of tau and the means (T, 1 + k), interpolated between nodes of tau."""
    from scipy.interpolate import make_interp_spline

    grid, rows = posterior.surface.grid, posterior.rows
    weight = posterior.weight[rows] / posterior.weight_tau[rows, None]
    means = _means(posterior, grid.mu[rows], grid.tau[rows], weight, grid.local_sd[rows])
    q, first = grid.q[rows], grid.tau[rows[0]]
    if tau[0] < first:  # where the posterior of tau has no weight there are no nodes
        lower = np.linspace(float(grid.tau_coordinate.coordinate(tau[:1])[0]), q[0], BELOW, endpoint=False)
        below = _means(posterior, *_nodes_of_mu(posterior, grid.tau_coordinate.value(lower)))
        q, means = np.concatenate([lower, q]), np.vstack([below, means])
    inside = np.clip(grid.tau_coordinate.coordinate(tau), q[0], q[-1])
    return tau, np.asarray(make_interp_spline(q, means, k=ORDER)(inside))


def _means(posterior: Posterior, mu: FloatArray, tau: FloatArray, weight: FloatArray, sd: FloatArray) -> FloatArray:
    """Return the means of mu and of each theta_i given tau, (R, 1 + k): from nodes of mu (R, U) and their weights."""
    surface = posterior.surface
    at, step = np.repeat(tau, mu.shape[1]), STEP * np.repeat(sd, mu.shape[1])
    rule = surface.terms.marginal(surface.settings)
    slope = (rule(mu.ravel() + step, at) - rule(mu.ravel() - step, at)) / (2.0 * step)
    own = mu + tau[:, None] ** 2 * slope.reshape(surface.terms.k, *mu.shape)
    return np.vstack([(weight * mu).sum(axis=1), (weight * own).sum(axis=2)]).T


def _nodes_of_mu(posterior: Posterior, tau: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return nodes of mu (T, U) given tau, tau, the nodes' weights (T, U), and the SD of mu (T,)."""
    surface = posterior.surface
    y, variance = surface.terms.rough()
    precision = 1.0 / (variance[:, None] + tau**2)
    centre, sd = (precision * y[:, None]).sum(axis=0) / precision.sum(axis=0), precision.sum(axis=0) ** -0.5
    rule = surface.terms.marginal(surface.settings)
    for reach, count in ((12.0, 97), (8.0, 65)):  # the second time about the mean that the first has found
        mu = centre[:, None] + sd[:, None] * np.linspace(-reach, reach, count)
        log_weight = rule(mu.ravel(), np.repeat(tau, count)).sum(axis=0).reshape(mu.shape) + posterior.prior_mu.logpdf(
            mu
        )
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        centre = (weight * mu).sum(axis=1)
        sd = np.sqrt((weight * (mu - centre[:, None]) ** 2).sum(axis=1))
    return mu, tau, weight, sd


def _drawn(fit: ExactFit | NutsFit, seed: int | np.random.Generator | None) -> tuple[FloatArray, FloatArray]:
    """Return draws of tau (S,) and of mu and each theta_i (S, 1 + k)."""
    if isinstance(fit, NutsFit):
        mu, tau, theta = (fit.draws_of(name) for name in ("mu", "tau", "theta"))
        return tau.ravel(), np.column_stack([mu.ravel(), theta.reshape(tau.size, -1)])
    drawn = fit.drawable.posterior(DRAWS, np.random.default_rng(seed))
    return drawn.tau, np.vstack([drawn.beta[0], drawn.theta]).T


def _by_draws(tau: FloatArray, values: FloatArray, at: FloatArray) -> FloatArray:
    """Return local linear means of values (S, C) at points of tau, with normal weights on log tau; (T, C)."""
    x = np.log(np.maximum(tau, at[0] / 10.0))
    width = BANDWIDTH * x.std()
    out = np.empty((at.size, values.shape[1]))
    for row, point in enumerate(np.log(at)):
        offset = x - point
        weight = np.exp(-0.5 * (offset / width) ** 2)
        centre = weight @ offset / weight.sum()
        slope = ((offset - centre) * weight) @ values / max(float(weight @ (offset - centre) ** 2), 1e-300)
        out[row] = weight @ values / weight.sum() - slope * centre
    return out
