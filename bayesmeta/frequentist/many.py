"""What do many meta-analyses of the same number of studies say, pooled in one call: `pool_many`, for simulation."""

from dataclasses import dataclass, fields
from math import prod
from typing import Final, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_probability
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.heterogeneity import i2_from_q, i2_from_tau2, q_pvalue
from bayesmeta.frequentist.intervals import CI_METHODS, CiMethod, check_pair, ci_record
from bayesmeta.frequentist.pooled import pool_arrays
from bayesmeta.frequentist.tau2 import Tau2Method, tau2_record

LARGEST: Final = 1e60
"""Bound on |y|, se and 1/se, within which all squares and products of two weights stay finite in float64."""
BLOCK: Final = 2**13
"""Effects that are pooled at a time, so that the arrays of a step stay in the processor's cache."""


@final
@dataclass(frozen=True, eq=False)
class PooledMany:
    """Many classical meta-analyses; every array has the leading axes of the effects.

    Attributes
    ----------
    mu, se_mu, lower, upper : ndarray, shape (...)
        Pooled effect, its standard error and confidence limits.
    tau2 : ndarray, shape (...)
        Between-study variance.
    q, q_pvalue : ndarray, shape (...)
        Cochran's Q and its P-value.
    i2, i2_tau2 : ndarray, shape (...)
        I2 as a fraction, from Q and from tau2.
    """

    mu: FloatArray
    se_mu: FloatArray
    lower: FloatArray
    upper: FloatArray
    tau2: FloatArray
    q: FloatArray
    q_pvalue: FloatArray
    i2: FloatArray
    i2_tau2: FloatArray

    def to_frame(self) -> pd.DataFrame:
        """Return one row per meta-analysis, indexed by its position along the leading axes."""
        shape = self.mu.shape
        columns = {field.name: getattr(self, field.name).ravel() for field in fields(self)}
        if len(shape) == 1:
            return pd.DataFrame(columns)
        index = pd.MultiIndex.from_product([range(size) for size in shape]) if shape else None
        return pd.DataFrame(columns, index=index)


def pool_many(
    y: npt.ArrayLike,
    se: npt.ArrayLike,
    *,
    tau2_method: str = "DL",
    ci_method: str = "wald",
    ci_prob: float = 0.95,
) -> PooledMany:
    """Pool many meta-analyses of k studies each, all at once.

    Parameters
    ----------
    y, se : array, shape (..., k)
        Observed effects and their standard errors, link scale; studies along the last axis. They are broadcast.
    tau2_method : str
        Estimator of the between-study variance, as for `fit_frequentist`. All work on whole batches; ML, REML, EB, PM
        and PMM iterate.
    ci_method : str
        ``"wald"``, ``"t"``, ``"hartung-knapp"`` or ``"hartung-knapp-adhoc"``, as for `fit_frequentist`.
    ci_prob : float
        Coverage, between 0 and 1.

    Returns
    -------
    PooledMany
        Arrays of shape (...): ``mu, se_mu, lower, upper, tau2, q, q_pvalue, i2, i2_tau2``; ``to_frame()`` makes a
        table. Each is what a single fit would give; nan where there is no interval (k = 1 with Student's t, or all
        effects equal with "hartung-knapp").

    Raises
    ------
    SpecError
        If an option is unknown, or has no batched form.
    DataError
        If shapes do not fit, or a value cannot be weighted; the message gives its position.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> se = rng.uniform(0.1, 0.6, size=(1000, 14))
    >>> many = pool_many(rng.normal(0.5, np.sqrt(0.1 + se**2)), se, ci_method="hartung-knapp")
    >>> coverage = ((many.lower < 0.5) & (many.upper > 0.5)).mean()
    >>> bool(0.93 < coverage < 0.97)
    True
    """
    tau2_rule, ci_rule = tau2_record(tau2_method), ci_record(ci_method)
    check_pair(ci_method, tau2_method)
    _check_batched(ci_rule)
    prob = check_probability("ci_prob", ci_prob)
    ys, ses = _effects(y, se)
    k = ys.shape[-1]
    rows = max(1, BLOCK // k)
    flat = ys.reshape(-1, k), ses.reshape(-1, k)
    blocks = [slice(start, start + rows) for start in range(0, len(flat[0]), rows)]
    # each study's values side by side: a sum over few studies then adds long rows
    parts = [_pool(*(np.asfortranarray(a[block]) for a in flat), tau2_rule, ci_rule, prob) for block in blocks]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return PooledMany(**{name: values.reshape(ys.shape[:-1]) for name, values in columns.items()})


def _pool(
    y: FloatArray, se: FloatArray, tau2_rule: Tau2Method, ci_rule: CiMethod, ci_prob: float
) -> dict[str, FloatArray]:
    """Return the columns of `PooledMany` for effects of shape (B, k)."""
    k = y.shape[-1]
    pooled = pool_arrays(y, se, tau2_rule, ci_rule)
    half = ci_rule.quantile(ci_prob, k) * pooled.se_mu
    return {
        "mu": pooled.mu,
        "se_mu": pooled.se_mu,
        "lower": pooled.mu - half,
        "upper": pooled.mu + half,
        "tau2": pooled.tau2,
        "q": pooled.q,
        "q_pvalue": q_pvalue(pooled.q, k - 1),
        "i2": i2_from_q(pooled.q, k - 1),
        "i2_tau2": i2_from_tau2(pooled.tau2, se),
    }


def _check_batched(ci_rule: CiMethod) -> None:
    if ci_rule.inversion is not None:
        batched = ", ".join(code for code, record in CI_METHODS.items() if record.inversion is None)
        raise SpecError(
            f"pool_many has no ci_method={ci_rule.code!r}, which is searched for one meta-analysis at a time; use "
            f"bm.fit, or one of {batched}."
        )


def _effects(y: npt.ArrayLike, se: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return effects and standard errors of one shape (..., k), all of which can be weighted."""
    try:
        ys, ses = np.broadcast_arrays(np.asarray(y, dtype=np.float64), np.asarray(se, dtype=np.float64))
    except (TypeError, ValueError):
        raise DataError("y and se must be arrays of numbers of the same shape, studies along the last axis.") from None
    if ys.size == 0 or ys.ndim == 0:
        raise DataError(f"y and se need at least one study along the last axis; got shape {ys.shape}.")
    good = (np.abs(ys) <= LARGEST) & (ses >= 1.0 / LARGEST) & (ses <= LARGEST)
    if not good.all():
        at = tuple(int(i) for i in np.argwhere(~good)[0])
        raise DataError(
            f"y{list(at)}={ys[at]:g}, se{list(at)}={ses[at]:g}: inverse-variance weights need |y| up to 1e60 and a "
            f"positive se from 1e-60 to 1e60; {int((~good).sum())} of {prod(good.shape)} values are not usable."
        )
    return ys, ses
