"""What do many meta-analyses of the same number of studies say, pooled in one call: `pool_many`, for simulation."""

from dataclasses import dataclass
from functools import cached_property
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
COLUMNS: Final = ("mu", "se_mu", "lower", "upper", "tau2", "q", "q_pvalue", "i2", "i2_tau2")
"""The columns of the frame."""
BLOCK: Final = 2**14
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
    q : ndarray, shape (...)
        Cochran's Q.
    se : ndarray, shape (..., k)
        Standard errors of the studies, as they were given.
    """

    mu: FloatArray
    se_mu: FloatArray
    lower: FloatArray
    upper: FloatArray
    tau2: FloatArray
    q: FloatArray
    se: FloatArray

    @property
    def df(self) -> int:
        """Degrees of freedom of Q, k - 1."""
        return int(self.se.shape[-1]) - 1

    @cached_property
    def q_pvalue(self) -> FloatArray:
        """P-value of Q under homogeneity, shape (...)."""
        return q_pvalue(self.q, self.df)

    @cached_property
    def i2(self) -> FloatArray:
        """I2 from Q, max(0, (Q - df) / Q), a fraction, shape (...)."""
        return i2_from_q(self.q, self.df)

    @cached_property
    def i2_tau2(self) -> FloatArray:
        """I2 from tau2, tau2 / (tau2 + s2), a fraction, shape (...)."""
        return i2_from_tau2(self.tau2, self.se)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per meta-analysis, indexed by its position along the leading axes."""
        shape = self.mu.shape
        columns = {name: getattr(self, name).ravel() for name in COLUMNS}
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
    parts = [
        _pool(np.asfortranarray(flat[0][block]), np.asfortranarray(flat[1][block]), tau2_rule, ci_rule, prob)
        for block in blocks
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return PooledMany(**{name: values.reshape(ys.shape[:-1]) for name, values in columns.items()}, se=ses)


def _pool(
    y: FloatArray, se: FloatArray, tau2_rule: Tau2Method, ci_rule: CiMethod, ci_prob: float
) -> dict[str, FloatArray]:
    """Return the arrays of `PooledMany` for effects of shape (B, k)."""
    pooled = pool_arrays(y, se, tau2_rule, ci_rule)
    half = ci_rule.quantile(ci_prob, y.shape[-1]) * pooled.se_mu
    return {
        "mu": pooled.mu,
        "se_mu": pooled.se_mu,
        "lower": pooled.mu - half,
        "upper": pooled.mu + half,
        "tau2": pooled.tau2,
        "q": pooled.q,
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
    smallest, largest = 1.0 / LARGEST, LARGEST
    if not (-largest <= ys.min() <= ys.max() <= largest and smallest <= ses.min() <= ses.max() <= largest):
        good = (np.abs(ys) <= largest) & (ses >= smallest) & (ses <= largest)
        at = tuple(int(i) for i in np.argwhere(~good)[0])
        raise DataError(
            f"y{list(at)}={ys[at]:g}, se{list(at)}={ses[at]:g}: inverse-variance weights need |y| up to 1e60 and a "
            f"positive se from 1e-60 to 1e60; {int((~good).sum())} of {prod(good.shape)} values are not usable."
        )
    return ys, ses
