"""What does the chosen classical method say of these studies?"""

from typing import Final

import numpy as np

from bayesmeta._validate import check_probability, did_you_mean
from bayesmeta.data.studies import Studies
from bayesmeta.effects.links import LINKS
from bayesmeta.effects.measures import DEFAULT_MEASURES, MEASURES, Measure, effect_sizes, get_measure, measures_of
from bayesmeta.effects.sizes import EffectSizes, EmptyCellError
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.heterogeneity import h2_from_q, i2_from_q, q_pvalue, variance_ratio
from bayesmeta.frequentist.intervals import check_pair, ci_record, pi_record
from bayesmeta.frequentist.natural import BACK_TRANSFORMATIONS
from bayesmeta.frequentist.pooled import pool_arrays
from bayesmeta.frequentist.registry import look_up
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.frequentist.tau2 import tau2_record

_LARGEST: Final = 1e60
"""Bound on |y|, se and 1/se: within it all squares and products of two weights stay finite in float64."""


def fit_frequentist(
    studies: Studies,
    *,
    measure: str | None = None,
    tau2_method: str = "DL",
    ci_method: str = "wald",
    pi_method: str = "hts",
    ci_prob: float = 0.95,
    variance: str = "wald",
    add: float | None = None,
    to: str = "only0",
    back_transformation: str | None = None,
) -> FrequentistFit:
    """Pool the studies by inverse-variance weighting.

    Parameters
    ----------
    studies : Studies
        k studies, with counts or rates of one arm or two, or with estimates and standard errors.
    measure : str, optional
        Effect measure; the first is the default. For counts ``"PLO"`` (logit-transformed proportion), ``"PR"`` (raw
        proportion), ``"PLN"`` (log), ``"PAS"`` (arcsine of the root) or ``"PFT"`` (Freeman-Tukey double arcsine), in
        two arms ``"OR"``, ``"RR"`` (both logs), ``"RD"``, ``"AS"`` (arcsine difference) or ``"PETO"`` (Peto's log
        odds ratio); for rates ``"IRLN"`` (log) or ``"IR"``, in two arms ``"IRR"`` (log) or ``"IRD"``; for estimates
        the studies' own measure.
    tau2_method : str
        Estimator of the between-study variance: ``"DL"`` (DerSimonian-Laird), ``"EE"`` (common effect, tau2 = 0),
        ``"HE"`` (Hedges), ``"HS"``, ``"HSk"`` (Hunter-Schmidt, and corrected), ``"SJ"`` (Sidik-Jonkman), ``"ML"``,
        ``"REML"`` ((restricted) maximum likelihood), ``"EB"`` (empirical Bayes), ``"PM"``, ``"PMM"`` (Paule-Mandel,
        and its median-unbiased form) or ``"DL2"`` (two-step DerSimonian-Laird).
    ci_method : str
        Confidence interval of the mean: ``"wald"``; ``"t"`` (the same with k - 1 degrees of freedom);
        ``"hartung-knapp"``, and ``"hartung-knapp-adhoc"`` with a variance factor of at least 1 (both t with k - 1);
        ``"henmi-copas"`` (with DL only; `mu` becomes the common-effect mean, which small studies bias less);
        ``"profile"`` (profile likelihood, with ML only: the restricted likelihood has no mu in it).
    pi_method : str
        Prediction interval: ``"hts"`` (t with k - 2 degrees of freedom) or ``"metafor"`` (the quantile of the
        confidence interval).
    ci_prob : float
        Coverage of both intervals, between 0 and 1.
    variance : str
        Variance of a raw proportion: ``"wald"``, p (1 - p) / n, or ``"exact-ci"``, from the width of the
        exact (Clopper-Pearson) 95 % interval.
    add : float, optional
        What is added to all cells (events and non-events, of both arms if there are two; of rates the events) of the
        studies that `to` selects: by default 0.5, but 0 for PAS, PFT and AS, which need nothing.
    to : str
        ``"only0"`` (studies with a zero cell), ``"all"``, ``"if0all"`` (all, if any has a zero cell) or
        ``"none"``.
    back_transformation : str, optional
        For PFT, whose inverse needs a sample size: ``"harmonic"``, the harmonic mean of the sizes [3]_ (the default, as
        metafor's ``transf.ipft.hm``), or ``"variance"``, 1 / (4 se^2) of the pooled value [4]_. Values outside
        the range of proportions at that size are cut at 0 or 1. Both can mislead [5]_; `notes` says so.

    Returns
    -------
    FrequentistFit
        Estimate, heterogeneity and intervals; `notes` says what was corrected, cut or could not be given.

    Raises
    ------
    SpecError
        If an option is unknown, or does not fit the data or another option.
    DataError
        If a zero cell is left without a correction, or a standard error cannot be weighted.

    Notes
    -----
    ``mu = sum(w_i y_i) / sum(w_i)``, ``se_mu = sum(w_i)**(-1/2)``, ``w_i = 1 / (se_i**2 + tau2)`` [1]_. The
    values equal those of R's metafor [2]_ (``test`` "z", "t", "knha" and "adhoc"; `hc` for Henmi-Copas). One study
    gives itself, with tau2 = 0, Q = 0 and P = 1.

    References
    ----------
    .. [1] R. DerSimonian, N. Laird. Meta-analysis in clinical trials. Controlled Clinical Trials 7:177-188,
       1986. doi:10.1016/0197-2456(86)90046-2
    .. [2] W. Viechtbauer. Conducting meta-analyses in R with the metafor package. Journal of Statistical
       Software 36(3), 2010. doi:10.18637/jss.v036.i03
    .. [3] J. J. Miller. The inverse of the Freeman-Tukey double arcsine transformation. American Statistician 32:138,
       1978. doi:10.1080/00031305.1978.10479283
    .. [4] J. J. Barendregt, S. A. Doi, Y. Y. Lee, R. E. Norman, T. Vos. Meta-analysis of prevalence. Journal of
       Epidemiology and Community Health 67:974-978, 2013. doi:10.1136/jech-2013-203104
    .. [5] G. Schwarzer, H. Chemaitelly, L. J. Abu-Raddad, G. Rücker. Seriously misleading results using inverse of
       Freeman-Tukey double arcsine transformation in meta-analysis of single proportions. Research Synthesis Methods
       10:476-483, 2019. doi:10.1002/jrsm.1348

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesmeta.data.studies import Studies
    >>> counts = pd.DataFrame({"study": ["A", "B", "C"], "events": [3, 9, 6], "n": [10, 11, 12]})
    >>> fit = fit_frequentist(Studies.from_frame(counts, study="study", events="events", n="n"))
    >>> print(fit.summary().rename_axis(None).round(3))
               estimate     se  lower  upper
    mu            0.166  0.628 -1.065  1.398
    p_median      0.541  0.156  0.256  0.802
    """
    record = measure_record(studies, measure, variance)
    tau2_record(tau2_method), pi_record(pi_method)
    check_pair(ci_method, tau2_method)
    prob = check_probability("ci_prob", ci_prob)
    back = _back_transformation(record, back_transformation)
    added = record.add if add is None else add
    return pool(
        studies, record, observed_effects(studies, record, variance=variance, add=added, to=to), variance=variance,
        tau2_method=tau2_method, ci_method=ci_method, pi_method=pi_method, ci_prob=prob, add=added, to=to,
        back_transformation=back,
    )  # fmt: skip


def pool(
    studies: Studies, record: Measure, effects: EffectSizes, *, variance: str, tau2_method: str, ci_method: str,
    pi_method: str, ci_prob: float, add: float, to: str, back_transformation: str | None = None,
) -> FrequentistFit:  # fmt: skip
    """Pool effects by options that have been checked; the options are those of `fit_frequentist`.

    ``studies`` is kept with the result, and not looked at.
    """
    y, se, df = effects.y, effects.se, len(effects.y) - 1
    tau2_rule = tau2_record(tau2_method)
    pooled = pool_arrays(y, se, tau2_rule, ci_record(ci_method))
    q, ratio = float(pooled.q), float(variance_ratio(pooled.tau2, se))
    return FrequentistFit(
        studies=studies,
        measure=record.code,
        variance=variance,
        tau2_method=tau2_method,
        ci_method=ci_method,
        pi_method=pi_method,
        ci_prob=ci_prob,
        add=add,
        to=to,
        y=y,
        se=se,
        corrected=effects.corrected,
        mu=float(pooled.mu),
        se_mu=float(pooled.se_mu),
        tau2=float(pooled.tau2),
        q=q,
        df=df,
        q_pvalue=float(q_pvalue(q, df)),
        i2=float(i2_from_q(q, df)),
        i2_tau2=ratio / (1.0 + ratio),
        h2=1.0 + ratio if tau2_rule.is_random else float(h2_from_q(q, df)),
        weights=pooled.weights,
        back_transformation=back_transformation,
    )


def measure_record(studies: Studies, measure: str | None, variance: str) -> Measure:
    """Return the record of the measure, or raise where it does not fit the data or the variance."""
    kind = studies.kind
    given = studies.measure or DEFAULT_MEASURES[kind]
    record = get_measure(given if measure is None else measure)
    if record.data != kind:
        allowed = ", ".join(measures_of(kind))
        raise SpecError(f"measure={measure!r} needs {record.data}, but the studies hold {kind}; allowed: {allowed}.")
    if kind == "estimates" and record.code != given:
        raise SpecError(f"measure={measure!r} contradicts the studies, whose estimates are {given}; leave it out.")
    _check_variance(record, variance)
    return record


def _check_variance(record: Measure, variance: str) -> None:
    if variance in record.variances:
        return
    takers = [code for code, other in MEASURES.items() if variance in other.variances]
    if takers:
        of_these_data = [code for code in takers if MEASURES[code].data == record.data]
        use = f"use it with measure={' or '.join(map(repr, of_these_data))}, or leave it out" if of_these_data else ""
        raise SpecError(
            f"variance={variance!r} does not go with measure {record.code} ({', '.join(record.variances)}); "
            f"{use or 'leave it out'}."
        )
    takers_of = {
        name: [code for code in measures_of(record.data) if name in MEASURES[code].variances]
        for name in dict.fromkeys(name for code in measures_of(record.data) for name in MEASURES[code].variances)
    }
    near = did_you_mean(variance, takers_of)
    listed = "; ".join(f"{name} (measure {', '.join(codes)})" for name, codes in takers_of.items())
    raise SpecError(f"unknown variance {variance!r}.{near} Allowed: {listed}.")


def _back_transformation(record: Measure, given: str | None) -> str | None:
    """Return the back-transformation of a measure that needs one, None for the others, or raise `SpecError`."""
    if not LINKS[record.link].takes_n:
        if given is not None:
            raise SpecError(
                f"back_transformation={given!r} is for measure='PFT'; measure {record.code} has one only: leave it out."
            )
        return None
    return look_up("back_transformation", "harmonic" if given is None else given, BACK_TRANSFORMATIONS).code


def observed_effects(studies: Studies, record: Measure, *, variance: str, add: float, to: str) -> EffectSizes:
    """Return the effects and standard errors to pool, all of them fit to be weighted."""
    if studies.kind == "estimates":
        effects = EffectSizes(np.asarray(studies.y), np.asarray(studies.se), np.zeros(studies.k, dtype=np.bool_))
    else:
        try:
            effects = effect_sizes(record.code, *studies.data.values(), variance=variance, add=add, to=to)
        except EmptyCellError as error:
            other = ", or measure='PR', variance='exact-ci'" if studies.has_counts else ""
            raise DataError(
                f"study {studies.study[error.position]!r} has {error.data}, a zero cell, which add={add!r}, to={to!r} "
                f"leaves without a usable variance; use add=0.5, to='only0'{other}."
            ) from None
    _refuse_unweightable(studies, effects)
    return effects


def _refuse_unweightable(studies: Studies, effects: EffectSizes) -> None:
    good = (np.abs(effects.y) <= _LARGEST) & (effects.se >= 1.0 / _LARGEST) & (effects.se <= _LARGEST)
    if not good.all():
        i = int(np.argmin(good))
        raise DataError(
            f"study {studies.study[i]!r} has y={effects.y[i]:g}, se={effects.se[i]:g}; inverse-variance "
            "weights need |y| up to 1e60 and se from 1e-60 to 1e60: correct the study or leave it out."
        )
