"""What do the tables of two arms say together, pooled as counts: by Mantel and Haenszel, or by Peto?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta._validate import check_probability
from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import Measure, get_measure
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.fit import measure_record, observed_effects
from bayesmeta.frequentist.heterogeneity import h2_from_q, i2_from_q, q_pvalue
from bayesmeta.frequentist.result import FrequentistFit

_CORRECTED: Final = "use method='inverse-variance', which corrects the cells, or engine='exact'."
_ROUNDING: Final = 1e-12
"""What is left of a difference of equal sums of a thousand terms, as a fraction of them."""


@final
@dataclass(frozen=True)
class _Pooled:
    """The pooled effect, scale of the measure, its standard error, the studies' weights, and Q if it takes no effects.

    The weights sum to 1.
    """

    mu: float
    se_mu: float
    weights: FloatArray
    q: float | None = None


def fit_mantel_haenszel(
    studies: Studies, *, measure: str | None = None, ci_prob: float = 0.95, add: float | None = None, to: str = "only0"
) -> FrequentistFit:
    """Pool two arms by Mantel and Haenszel's weights.

    Parameters
    ----------
    studies : Studies
        k studies with counts or rates of two arms.
    measure : str, optional
        ``"OR"`` (the default for counts), ``"RR"``, ``"RD"``; ``"IRR"`` (the default for rates), ``"IRD"``.
    ci_prob : float
        Coverage of the interval, between 0 and 1.
    add, to
        The zero-cell rule of the studies' own effects and, through them, of Q; see `fit_frequentist`. The pooled
        effect takes the counts as they are.

    Returns
    -------
    FrequentistFit
        With tau2 = 0, no prediction interval, and the Wald interval.

    Raises
    ------
    SpecError
        If the measure has no such weights, or does not fit the data.
    DataError
        If the pooled effect is infinite or undefined, or a zero cell is left without a correction.

    Notes
    -----
    With the cells a, b (treatment), c, d (control), the arms' sizes n, m and N = n + m: OR = sum(a d/N) / sum(b c/N),
    RR = sum(a m/N) / sum(c n/N), RD = sum((a m - c n)/N) / sum(n m/N); of events x, x' in times t, t' with T = t + t',
    IRR = sum(x t'/T) / sum(x' t/T), IRD = sum((x t' - x' t)/T) / sum(t t'/T). The variances are those of Robins,
    Breslow and Greenland [1]_ for log OR, of Greenland and Robins [2]_ for log RR, log IRR and IRD, and of Sato,
    Greenland and Robins [3]_ for RD. Q sums (y - mu)^2 / se^2 over the studies whose arms have both events and
    non-events between them (of rates, events); its df are one less than their number. All as in metafor's ``rma.mh``.

    References
    ----------
    .. [1] J. Robins, N. Breslow, S. Greenland. Estimators of the Mantel-Haenszel variance consistent in both sparse
       data and large-strata limiting models. Biometrics 42:311-323, 1986. doi:10.2307/2531052
    .. [2] S. Greenland, J. M. Robins. Estimation of a common effect parameter from sparse follow-up data. Biometrics
       41:55-68, 1985. doi:10.2307/2530643
    .. [3] T. Sato, S. Greenland, J. M. Robins. On the variance estimator for the Mantel-Haenszel risk difference.
       Biometrics 45:1323-1324, 1989.

    Examples
    --------
    >>> import pandas as pd
    >>> arms = pd.DataFrame({"study": ["A", "B"], "ai": [4, 0], "n1i": [123, 30], "ci": [11, 2], "n2i": [139, 31]})
    >>> studies = Studies.from_frame(arms, events=("ai", "ci"), n=("n1i", "n2i"))
    >>> print(fit_mantel_haenszel(studies).summary().rename_axis(None).round(3))
        estimate     se  lower  upper
    mu    -1.118  0.583 -2.261  0.024
    """
    record = _record_for("mantel-haenszel", studies, measure)
    return _fit("mantel-haenszel", studies, record, _POOLS[record.code](studies.data), ci_prob=ci_prob, add=add, to=to)


def fit_peto(
    studies: Studies, *, measure: str | None = None, ci_prob: float = 0.95, add: float | None = None, to: str = "only0"
) -> FrequentistFit:
    """Pool odds ratios by Peto's one-step method.

    Parameters
    ----------
    studies : Studies
        k studies with counts of two arms.
    measure : str, optional
        ``"PETO"``, the only one.
    ci_prob, add, to
        As in `fit_mantel_haenszel`.

    Returns
    -------
    FrequentistFit
        With tau2 = 0, no prediction interval, and the Wald interval.

    Raises
    ------
    SpecError
        If measure or data are others.
    DataError
        If no study has both events and non-events, or a zero cell is left without a correction.

    Notes
    -----
    mu = sum(a - E) / sum(V), se_mu = sum(V)^(-1/2), Q = sum((a - E - mu V)^2 / V) [1]_, E and V being the
    hypergeometric mean and variance of `peto_odds_ratio`, of the counts as they are; `add` and `to` are for the
    studies' own effects alone. It is biased where the effect is large or the arms' sizes differ much. As in metafor's
    ``rma.peto``.

    References
    ----------
    .. [1] S. Yusuf, R. Peto, J. Lewis, R. Collins, P. Sleight. Beta blockade during and after myocardial infarction.
       Progress in Cardiovascular Diseases 27:335-371, 1985. doi:10.1016/S0033-0620(85)80003-7

    Examples
    --------
    >>> import pandas as pd
    >>> arms = pd.DataFrame({"study": ["A", "B"], "ai": [4, 0], "n1i": [123, 30], "ci": [11, 2], "n2i": [139, 31]})
    >>> studies = Studies.from_frame(arms, events=("ai", "ci"), n=("n1i", "n2i"))
    >>> print(fit_peto(studies).summary().rename_axis(None).round(3))
        estimate     se  lower  upper
    mu      -1.0  0.498 -1.976 -0.023
    """
    record = _record_for("peto", studies, measure)
    return _fit("peto", studies, record, _pool_peto(studies.data), ci_prob=ci_prob, add=add, to=to)


def is_informative(data: Mapping[str, FloatArray]) -> BoolArray:
    """Return which studies have events and, where patients are counted, others too in the two arms together."""
    events = data["events_treatment"] + data["events_control"]
    if "n_treatment" not in data:
        return np.asarray(events > 0.0)
    return np.asarray((events > 0.0) & (events < data["n_treatment"] + data["n_control"]))


def _record_for(method: str, studies: Studies, measure: str | None) -> Measure:
    """Return the measure to pool, or say which the method pools, and of what."""
    pooled = {code: get_measure(code).data for code in _MEASURES[method]}
    of_these = [code for code, kind in pooled.items() if kind == studies.kind]
    if not of_these:
        needed = " or ".join(dict.fromkeys(pooled.values()))
        raise SpecError(
            f"method={method!r} needs {needed}, but the studies hold {studies.kind}; use method='inverse-variance'."
        )
    record = measure_record(studies, of_these[0] if measure is None else measure, "wald")
    if record.code not in of_these:
        raise SpecError(
            f"method={method!r} does not pool measure {record.code}; use measure={' or '.join(map(repr, of_these))}, "
            "or method='inverse-variance'."
        )
    return record


def _fit(
    method: str, studies: Studies, record: Measure, pooled: _Pooled, *, ci_prob: float, add: float | None, to: str
) -> FrequentistFit:
    added = record.add if add is None else add
    effects = observed_effects(studies, record, variance="wald", add=added, to=to)
    used = is_informative(studies.data)
    df = max(int(used.sum()) - 1, 0)
    q = pooled.q if pooled.q is not None else float((((effects.y - pooled.mu) / effects.se)[used] ** 2).sum())
    q = q if df else 0.0  # of one study, whose effect is the pooled one, all but rounding
    return FrequentistFit(
        studies=studies,
        measure=record.code,
        variance="wald",
        tau2_method="EE",
        ci_method="wald",
        pi_method="hts",
        ci_prob=check_probability("ci_prob", ci_prob),
        add=added,
        to=to,
        y=effects.y,
        se=effects.se,
        corrected=effects.corrected,
        mu=pooled.mu,
        se_mu=pooled.se_mu,
        tau2=0.0,
        q=q,
        df=df,
        q_pvalue=float(q_pvalue(q, df)),
        i2=float(i2_from_q(q, df)),
        i2_tau2=0.0,
        h2=float(h2_from_q(q, df)),
        weights=pooled.weights,
        method=method,
    )


def _pool_peto(data: Mapping[str, FloatArray]) -> _Pooled:
    _, n, _, m, events, total = _margins(data)
    used = is_informative(data)
    if not used.any():
        raise DataError(
            "Peto's odds ratio does not exist, because no study has both patients with the event and patients without; "
            f"{_CORRECTED}"
        )
    excess, v = np.zeros_like(total), np.zeros_like(total)
    excess[used] = (data["events_treatment"] - n * events / total)[used]
    v[used] = (n / total * (m / total) * events * (total - events))[used] / (total[used] - 1.0)
    mu = excess.sum() / v.sum()
    q = ((excess - mu * v)[used] ** 2 / v[used]).sum()
    return _Pooled(float(mu), float(v.sum() ** -0.5), v / v.sum(), float(q))


def _pool_odds_ratio(data: Mapping[str, FloatArray]) -> _Pooled:
    a, n, c, m, _, total = _margins(data)
    b, d = n - a, m - c
    r, s = a * d / total, b * c / total
    p, q = (a + d) / total, (b + c) / total
    ratio = _ratio("odds ratio", r, s)
    big_r, big_s = r.sum(), s.sum()
    variance = (p * r).sum() / big_r**2 + (p * s + q * r).sum() / (big_r * big_s) + (q * s).sum() / big_s**2
    return _Pooled(ratio, float(np.sqrt(0.5 * variance)), s / big_s)


def _pool_risk_ratio(data: Mapping[str, FloatArray]) -> _Pooled:
    a, n, c, m, events, total = _margins(data)
    r, s = a * m / total, c * n / total
    ratio = _ratio("risk ratio", r, s)
    if not is_informative(data).any():
        raise DataError(f"every patient has the event, so Mantel-Haenszel's risk ratio has no variance; {_CORRECTED}")
    variance = (n * m * events / total**2 - a * c / total).sum() / (r.sum() * s.sum())
    return _Pooled(ratio, float(np.sqrt(variance)), s / s.sum())


def _pool_risk_difference(data: Mapping[str, FloatArray]) -> _Pooled:
    a, n, c, m, _, total = _margins(data)
    w = n * m / total
    difference = ((a * m - c * n) / total).sum() / w.sum()
    p = (n**2 * c - m**2 * a + 0.5 * n * m * (m - n)) / total**2
    q = 0.5 * (a * (m - c) + c * (n - a)) / total
    spread = difference * p.sum() + q.sum()
    if spread <= _ROUNDING * q.sum():
        raise DataError(
            "the arms have only events, or none, so Mantel-Haenszel's risk difference has no variance; " + _CORRECTED
        )
    variance = spread / w.sum() ** 2
    return _Pooled(float(difference), float(np.sqrt(variance)), w / w.sum())


def _pool_rate_ratio(data: Mapping[str, FloatArray]) -> _Pooled:
    x, t, x_control, t_control = _of_rates(data)
    total = t + t_control
    r, s = x * t_control / total, x_control * t / total
    ratio = _ratio("rate ratio", r, s)
    variance = (t / total * (t_control / total) * (x + x_control)).sum() / (r.sum() * s.sum())
    return _Pooled(ratio, float(np.sqrt(variance)), s / s.sum())


def _pool_rate_difference(data: Mapping[str, FloatArray]) -> _Pooled:
    x, t, x_control, t_control = _of_rates(data)
    total = t + t_control
    w = t * t_control / total
    variance = (x * (t_control / total) ** 2 + x_control * (t / total) ** 2).sum() / w.sum() ** 2
    if variance <= 0.0:
        raise DataError(f"no study has events, so Mantel-Haenszel's rate difference has no variance; {_CORRECTED}")
    difference = ((x * t_control - x_control * t) / total).sum() / w.sum()
    return _Pooled(float(difference), float(np.sqrt(variance)), w / w.sum())


def _ratio(noun: str, r: FloatArray, s: FloatArray) -> float:
    """Return the log of sum(r) / sum(s), or say that it is not finite, and what can be done."""
    if r.any() and s.any():
        return float(np.log(r.sum()) - np.log(s.sum()))
    value = "is infinite" if r.any() else "is 0" if s.any() else "does not exist"
    other = "IRD" if noun == "rate ratio" else "RD"
    raise DataError(
        f"Mantel-Haenszel's {noun} {value}, because its {'numerator' if s.any() else 'denominator'} is 0 in every "
        f"study; use measure={other!r}, or {_CORRECTED}"
    )


def _margins(data: Mapping[str, FloatArray]) -> tuple[FloatArray, ...]:
    """Return events and patients with treatment, those of the control, and both of the arms together."""
    a, n, c, m = (data[role] for role in ("events_treatment", "n_treatment", "events_control", "n_control"))
    return a, n, c, m, a + c, n + m


def _of_rates(data: Mapping[str, FloatArray]) -> tuple[FloatArray, ...]:
    return tuple(data[role] for role in ("events_treatment", "time_treatment", "events_control", "time_control"))


_POOLS: Final[Mapping[str, Callable[[Mapping[str, FloatArray]], _Pooled]]] = MappingProxyType(
    {
        "OR": _pool_odds_ratio,
        "RR": _pool_risk_ratio,
        "RD": _pool_risk_difference,
        "IRR": _pool_rate_ratio,
        "IRD": _pool_rate_difference,
    }
)
_MEASURES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"mantel-haenszel": tuple(_POOLS), "peto": ("PETO",)}
)
