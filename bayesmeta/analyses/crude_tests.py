"""Do crude totals of two groups differ? Fisher's and chi-squared tests, adjusted for how many were made."""

import numpy as np
import pandas as pd
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.analyses.calibrate_uniformity import holm
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError


def crude_tests(studies: Studies) -> pd.DataFrame:
    """Return tests of each row's 2 x 2 table, with adjusted P-values.

    Parameters
    ----------
    studies : Studies
        With two arms: ``events`` and ``n`` of each; a row is a study, or one outcome of a comparison.

    Returns
    -------
    DataFrame
        Indexed by ``study``: ``p_treatment``, ``p_control``; two-sided P-values ``fisher`` (Fisher's exact test),
        ``chi_squared`` (Pearson), ``yates`` (with continuity correction); and of each the same with ``_holm`` and
        ``_bh``, adjusted over all rows by Holm (family-wise error) and Benjamini-Hochberg (false discovery rate). Where
        nobody or everybody had the event the tests have P = 1.

    Raises
    ------
    SpecError
        If the data are not counts of two arms.

    Notes
    -----
    Totals over studies as if they were one: the tests ignore that studies differ, and nobody was randomised between a
    pool and its control. They answer which P-values a table of such counts can have, not whether a treatment does harm;
    for that see `compare_control`, `compare_outcomes`.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70. Benjamini and Hochberg (1995), Journal of the Royal
    Statistical Society B 57, 289-300, doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    The printed P-value of neutropenia, 67/160 against 53/267, is 0.87:

    >>> import bayesmeta as bm
    >>> table = bm.load_dataset("blinatumomab_tower").query("adverse_event in ['CRS', 'Neutropenia']")
    >>> counts = {"events": ("combination_events", "tower_events"), "n": ("combination_n", "tower_n")}
    >>> studies = bm.Studies.from_frame(table, study="adverse_event", **counts)
    >>> print(crude_tests(studies)[["fisher", "chi_squared", "fisher_holm"]].map("{:.2g}".format))
                  fisher chi_squared fisher_holm
    study
    CRS             0.79        0.72        0.79
    Neutropenia  1.5e-06     9.5e-07     2.9e-06
    """
    if studies.kind != "two-arm-counts":
        raise SpecError(f"crude_tests needs events and n of two arms; the studies hold {studies.kind}.")
    from scipy import stats

    data = studies.data
    roles = "events_treatment", "n_treatment", "events_control", "n_control"
    x1, n1, x0, n0 = (np.asarray(data[role], dtype=np.float64) for role in roles)
    tables = np.stack([x1, n1 - x1, x0, n0 - x0], axis=-1).astype(np.int64).reshape(-1, 2, 2)
    fisher = np.array([stats.fisher_exact(table).pvalue for table in tables])
    tests = {"fisher": fisher, "chi_squared": _chi_squared(tables, 0.0), "yates": _chi_squared(tables, 0.5)}
    frame = pd.DataFrame({"p_treatment": x1 / n1, "p_control": x0 / n0, **tests})
    for name, pvalues in tests.items():
        frame[f"{name}_holm"] = holm(pvalues)
        frame[f"{name}_bh"] = stats.false_discovery_control(pvalues, method="bh")
    return frame.set_axis(pd.Index(studies.study, name="study"))


def _chi_squared(tables: np.ndarray, correction: float) -> FloatArray:
    """Return P-values of N (max(|ad - bc| - c N, 0))^2 / (product of margins), c = 1/2 with Yates's correction."""
    (a, b), (c, d) = tables.astype(np.float64).transpose(1, 2, 0)
    total, margins = a + b + c + d, (a + b) * (c + d) * (a + c) * (b + d)
    excess = np.maximum(np.abs(a * d - b * c) - correction * total, 0.0)
    return np.asarray(special.chdtrc(1.0, total * excess**2 / np.where(margins > 0.0, margins, 1.0)))
