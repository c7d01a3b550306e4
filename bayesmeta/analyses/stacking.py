"""Which mixture of models predicts studies best that it has not seen? Stacking weights."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.analyses.comparable import comparable_fits, model_labels
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.fit import ExactFit

LAST_BARRIER = 1e-12
BARRIER_STEP = 0.1
CENTRED = 1e-6  # Newton decrement at which a barrier's optimum is found
MOST_STEPS = 200  # for each barrier; some ten are needed
OPTIMAL = 1e-8  # how far the log score may lie below its maximum
NOTHING = 1e-10  # weights below this are 0


def stacking(fits: Sequence[ExactFit]) -> pd.DataFrame:
    """Find the weights with which the mixture of the models' predictions is best, leaving out each study in turn.

    Parameters
    ----------
    fits : sequence of ExactFit
        Fits of the same data on the same base measure. Improper priors are allowed if the posterior without any one
        study is proper.

    Returns
    -------
    DataFrame
        Indexed by ``model``, in the order given: ``elpd_loo``, the sum of `loo` over the studies, its standard error
        ``se``; ``elpd_diff`` to the best model and its standard error ``se_diff``; ``weight`` by stacking;
        ``numerical_error`` of ``elpd_loo``.

    Raises
    ------
    SpecError
        If a fit is not exact, or the fits' base measures differ.
    DataError
        If the fits are of different data.
    ImproperPosteriorError
        If a posterior without some study is improper.

    Notes
    -----
    The weights maximise sum_i log sum_m w_m p_m(data_i | other studies) over w >= 0, sum w = 1 (Yao, Vehtari, Simpson &
    Gelman 2018, doi:10.1214/17-BA1091), with exact densities in place of Pareto-smoothed ones. Unlike posterior
    probabilities (`average`), they depend on the priors only through the predictions, and may stay shared between
    models for ever. The problem is convex: the score reached is within 1e-8 of the maximum, which the largest entry of
    its gradient proves. Equal models share their weight equally; between nearly equal ones it is arbitrary.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    >>> table = bm.stacking([bm.fit(studies, bm.ModelSpec(tau=f"HalfNormal({scale})")) for scale in (0.01, 0.5, 1)])
    >>> table.reset_index()[["elpd_loo", "se", "weight"]].round(3)
       elpd_loo     se  weight
    0   -41.185  6.430   0.000
    1   -34.463  3.518   0.211
    2   -34.409  3.408   0.789
    """
    models = comparable_fits(fits, verb="stacking")
    tables = [fit.loo for fit in models]
    log_density = np.column_stack([table["elpd_loo"] for table in tables])
    total = log_density.sum(axis=0)
    difference = log_density - log_density[:, [total.argmax()]]
    root = np.sqrt(len(log_density))
    columns = {
        "elpd_loo": total,
        "se": root * log_density.std(axis=0),
        "elpd_diff": difference.sum(axis=0),
        "se_diff": root * difference.std(axis=0),
        "weight": stacking_weights(log_density),
        "numerical_error": [float(table["numerical_error"].sum()) for table in tables],
    }
    return pd.DataFrame(columns, index=pd.Index(model_labels(models), name="model"))


def stacking_weights(log_density: FloatArray) -> FloatArray:
    """Return the weights (M,) that maximise sum_i log sum_m w_m exp(log_density[i, m]) over the simplex.

    An interior-point method: w maximises the score plus barrier * sum_m log w_m, for barriers that fall to nothing.
    Models with the same densities share the weight of one.

    Raises
    ------
    AccuracyError
        If the score cannot be shown to lie within 1e-8 of its maximum.
    """
    distinct, copy_of, copies = np.unique(log_density, axis=1, return_inverse=True, return_counts=True)
    density = np.exp(distinct - distinct.max(axis=1, keepdims=True))
    weight = np.full(density.shape[1], 1.0 / density.shape[1])
    barrier = 1.0
    while barrier > LAST_BARRIER:
        barrier *= BARRIER_STEP
        weight = _centre(density, weight, barrier)
    weight = np.where(weight < NOTHING, 0.0, weight)
    weight /= weight.sum()
    if not optimality_gap(density, weight) <= OPTIMAL:
        raise AccuracyError("the stacking weights could not be found to 1e-8; leave out models that are nearly alike.")
    return np.asarray((weight / copies)[copy_of])


def optimality_gap(density: FloatArray, weight: FloatArray) -> float:
    """Return a bound on how far the score of ``weight`` lies below the maximum.

    The score is concave, so that score(v) - score(w) <= gradient(w) (v - w) <= max_m gradient_m(w) - k for every v. It
    is 0 exactly where the Karush-Kuhn-Tucker conditions hold.
    """
    gradient = (density / (density @ weight)[:, None]).sum(axis=0)
    return float(gradient.max()) - len(density)


def _centre(density: FloatArray, weight: FloatArray, barrier: float) -> FloatArray:
    """Maximise the score plus the barrier by damped Newton steps u = dw / w with sum_m w_m u_m = 0."""
    for _ in range(MOST_STEPS):
        share = density * weight / (density @ weight)[:, None]
        gradient = share.sum(axis=0) + barrier
        curvature = share.T @ share + barrier * np.eye(weight.size)
        free, along = np.linalg.solve(curvature, np.column_stack([gradient, weight])).T
        step = free - (weight @ free) / (weight @ along) * along
        # divided by the barrier the function is self-concordant: such steps stay inside and converge from anywhere
        decrement = float(np.sqrt(max(step @ curvature @ step, 0.0) / barrier))
        weight = weight * (1.0 + step / (1.0 + decrement if decrement > 0.25 else 1.0))
        weight /= weight.sum()
        if decrement < CENTRED:
            break
    return weight
