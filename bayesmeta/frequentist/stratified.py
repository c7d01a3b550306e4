"""Do two arms differ at all, and does their odds ratio differ between studies: tests of tables stratified by study."""

from typing import Final

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from bayesmeta._arrays import FloatArray
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.mantel_haenszel import fit_mantel_haenszel, is_informative

_CORRECTION: Final = 0.5
"""Half the distance of two neighbouring values of the sum of events."""


def stratified_tests(studies: Studies) -> pd.DataFrame:
    """Test that the arms do not differ and, for counts, that all studies have the same odds ratio.

    Parameters
    ----------
    studies : Studies
        k studies with counts or rates of two arms.

    Returns
    -------
    DataFrame
        Indexed by ``test``, columns ``statistic``, ``df``, ``pvalue``. ``"cochran-mantel-haenszel"`` (for rates
        ``"mantel-haenszel"``): that the odds ratio, or the rate ratio, is 1 in all studies. For counts also
        ``"breslow-day"`` and ``"tarone"``: that the odds ratio is the same in all. nan where there is no test.

    Raises
    ------
    SpecError
        If the studies do not have two arms.

    Notes
    -----
    Given the events e = a + c of a study with arms of n and m patients, N in all, a has mean E = n e/N and variance
    V = n m e (N - e)/(N^2 (N - 1)) (of rates E = e t/T, V = e t t'/T^2), and the first statistic is
    max(0, |sum(a - E)| - 1/2)^2 / sum(V), chi-squared with 1 df. (metafor's lacks the maximum, so that with equal
    arms it is not 0; the two are the same where |sum(a - E)| >= 1/2.) At Mantel-Haenszel's odds ratio a has the mean
    A with A (m - e + A) / ((n - A)(e - A)) = OR, and the variance W = 1/(1/A + 1/(n - A) + 1/(e - A) + 1/(m - e + A)).
    Breslow and Day's statistic is sum((a - A)^2 / W); Tarone's is less by sum(a - A)^2 / sum(W), which is what its
    chi-squared distribution takes. Studies with only events, or none, count in neither.

    References
    ----------
    Mantel and Haenszel (1959), Journal of the National Cancer Institute 22, 719-748.
    Tarone (1985), Biometrika 72, 91-95. https://doi.org/10.1093/biomet/72.1.91

    Examples
    --------
    >>> arms = pd.DataFrame({"study": ["A", "B"], "ai": [4, 6], "n1i": [123, 306], "ci": [11, 29], "n2i": [139, 303]})
    >>> studies = Studies.from_frame(arms, events=("ai", "ci"), n=("n1i", "n2i"))
    >>> stratified_tests(studies).round(3)["statistic"].tolist()
    [16.921, 0.953, 0.953]
    """
    if studies.kind not in ("two-arm-counts", "two-arm-rates"):
        raise SpecError(f"stratified_tests compares two arms, but the studies hold {studies.kind}; give both arms.")
    used = is_informative(studies.data)
    data = [values[used] for values in studies.data.values()]
    if studies.kind == "two-arm-rates":
        rows = {"mantel-haenszel": _no_difference(*_null_of_rates(*data))}
    else:
        rows = {"cochran-mantel-haenszel": _no_difference(*_null_of_counts(*data)), **_one_odds_ratio(studies, *data)}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["statistic", "df"]).rename_axis("test")
    return frame.assign(pvalue=[float(chdtrc(df, x)) if df else np.nan for x, df in rows.values()])


def _null_of_counts(a: FloatArray, n: FloatArray, c: FloatArray, m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a - E and V of each study."""
    events, total = a + c, n + m
    return a - n * events / total, n / total * (m / total) * events * (total - events) / (total - 1.0)


def _null_of_rates(x: FloatArray, t: FloatArray, y: FloatArray, s: FloatArray) -> tuple[FloatArray, FloatArray]:
    events, total = x + y, t + s
    return x - events * t / total, events * (t / total) * (s / total)


def _no_difference(excess: FloatArray, variance: FloatArray) -> tuple[float, int]:
    if not variance.size:
        return np.nan, 0
    return float(max(abs(excess.sum()) - _CORRECTION, 0.0) ** 2 / variance.sum()), 1


def _one_odds_ratio(
    studies: Studies, a: FloatArray, n: FloatArray, c: FloatArray, m: FloatArray
) -> dict[str, tuple[float, int]]:
    products = (a * (m - c)).sum(), (c * (n - a)).sum()
    df = len(a) - 1
    if df < 1 or not all(products):
        return dict.fromkeys(("breslow-day", "tarone"), (np.nan, 0))
    mean = _mean_at(float(np.exp(fit_mantel_haenszel(studies, measure="OR").mu)), n, m, a + c)
    variance = 1.0 / (1.0 / mean + 1.0 / (n - mean) + 1.0 / (a + c - mean) + 1.0 / (m - a - c + mean))
    statistic = float(((a - mean) ** 2 / variance).sum())
    return {
        "breslow-day": (statistic, df),
        "tarone": (statistic - float((a - mean).sum() ** 2 / variance.sum()), df),
    }


def _mean_at(ratio: float, n: FloatArray, m: FloatArray, events: FloatArray) -> FloatArray:
    """Return the A of each study with A (m - e + A) = OR (n - A)(e - A), by the root that does not cancel."""
    q = m - events + ratio * (n + events)
    root = np.sqrt(q**2 + 4.0 * (1.0 - ratio) * ratio * n * events)
    with np.errstate(divide="ignore", invalid="ignore"):  # in the branch that is not taken
        return np.where(q >= 0.0, 2.0 * ratio * n * events / (q + root), 0.5 * (root - q) / (1.0 - ratio))
