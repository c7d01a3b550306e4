"""Does the answer hold for all subsets of the studies? One row for each of them, or for a sample."""

from math import comb

import numpy as np
import pandas as pd

from bayesmeta._arrays import BoolArray
from bayesmeta._validate import check_counts
from bayesmeta.analyses.parts import HETEROGENEITY, PartFit, check_fit, check_prob, summarise_parts
from bayesmeta.errors import SpecError

MOST = 2**16 - 1  # all subsets of 16 studies
DEFAULT_SAMPLE = 10_000
LARGEST_SEED = 2**31


def subsets(
    fit: PartFit,
    *,
    size: int | None = None,
    sample: int = DEFAULT_SAMPLE,
    seed: int | np.random.Generator | None = None,
    ci_prob: float | None = None,
) -> pd.DataFrame:
    """Return the summary of every subset of the studies: the data of a GOSH plot.

    Parameters
    ----------
    fit : ExactFit, FrequentistFit or GlmmFit
        The analysis of all k studies.
    size : int, optional
        Only subsets of so many studies; by default of 1 to k.
    sample : int
        How many different subsets are drawn where there are more than 65 535 (k > 16); each has the same chance.
    seed : int or numpy.random.Generator, optional
        Source of randomness for the sample; by default one is drawn, and kept in the result.
    ci_prob : float, optional
        Probability of the intervals; by default the fit's own, 0.95 for a Bayesian one.

    Returns
    -------
    DataFrame
        A row per subset: ``subset``, k characters 1 (included) or 0 in the order of the data; ``k``, how many are
        included; then for each parameter its numbers, as ``mu_median`` or ``mu_estimate``; for a classical fit ``tau2
        i2 h2 q q_pvalue``; for a Bayesian one ``numerical_error``, the largest of the row. ``note``: why a row has no
        numbers (an improper posterior), else empty. Its ``attrs`` hold ``studies``, the number ``possible``, and for a
        sample its ``seed`` (else None).

    Raises
    ------
    SpecError
        If the fit cannot be repeated, or an option is not allowed.

    Notes
    -----
    Graphical display of study heterogeneity (GOSH [1]_): subsets that fall into separate clouds point to groups of
    studies. The empty subset is left out. Bayesian rows are a 0/1 matrix times the surface, each certified as a fit is.

    References
    ----------
    .. [1] I. Olkin, I. J. Dahabreh, T. A. Trikalinos. GOSH - a graphical display of study heterogeneity. Research
       Synthesis Methods 3:214-223, 2012. doi:10.1002/jrsm.1053

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesmeta as bm
    >>> df = pd.DataFrame({"study": list("ABC"), "events": [3, 9, 6], "n": [10, 11, 12]})
    >>> table = subsets(bm.fit(bm.Studies.from_frame(df)))
    >>> table.loc[3:, ["subset", "k", "p_median_median"]].round(2)
      subset  k  p_median_median
    3    100  1             0.35
    4    101  2             0.42
    5    110  2             0.56
    6    111  3             0.54
    """
    checked = check_fit(fit, "subsets")
    prob = check_prob(checked, ci_prob)
    k = checked.studies.k
    check_counts(sample=sample, **({} if size is None else {"size": size}))
    if size is not None and size > k:
        raise SpecError(f"size={size} is more than the {k} studies there are.")
    possible = 2**k - 1 if size is None else comb(k, size)
    used = _check_seed(seed) if possible > MOST else None
    include = _all(k, size) if used is None else _sample(k, size, min(sample, possible), used)
    rows = summarise_parts(checked, include, prob)
    table = pd.DataFrame({"subset": ["".join(row) for row in np.where(include, "1", "0")], "k": include.sum(axis=1)})
    names = [f"{parameter}_{column}" for parameter in rows.parameters for column in rows.columns]
    table[names] = rows.values.reshape(len(include), -1)
    if rows.heterogeneity is not None:
        table[list(HETEROGENEITY)] = rows.heterogeneity
    if rows.error is not None:
        table["numerical_error"] = rows.error.max(axis=1)
    table["note"] = rows.note
    table.attrs = {"studies": list(checked.studies.study), "possible": possible, "seed": used}
    return table


def _check_seed(seed: int | np.random.Generator | None) -> int:
    if seed is None or isinstance(seed, np.random.Generator):
        return int(np.random.default_rng(seed).integers(LARGEST_SEED))
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise SpecError(f"seed={seed!r} must be a whole number from 0, a numpy Generator, or None.")
    return int(seed)


def _all(k: int, size: int | None) -> BoolArray:
    """Return all subsets but the empty one, (R, k): in the order of their binary numbers."""
    if size is None:
        number = np.arange(1, 2**k)
        return np.asarray((number[:, None] >> np.arange(k)[::-1]) & 1, dtype=np.bool_)
    from itertools import combinations

    include = np.zeros((comb(k, size), k), dtype=np.bool_)
    for row, chosen in zip(include, combinations(range(k), size), strict=True):
        row[list(chosen)] = True
    return include[::-1]


def _sample(k: int, size: int | None, count: int, seed: int) -> BoolArray:
    """Return different subsets, (count, k), each with the same chance; in the order in which they were drawn."""
    rng = np.random.default_rng(seed)
    drawn: dict[bytes, BoolArray] = {}
    while len(drawn) < count:
        if size is None:
            rows = rng.random((count, k)) < 0.5
        else:
            rows = np.zeros((count, k), dtype=np.bool_)
            np.put_along_axis(rows, rng.random((count, k)).argsort(axis=1)[:, :size], True, axis=1)
        for row in rows[rows.any(axis=1)]:
            if len(drawn) < count:
                drawn.setdefault(row.tobytes(), row)
    return np.stack(list(drawn.values()))
