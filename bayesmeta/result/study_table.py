"""What is known of each study: observed beside shrunken, in one table."""

from typing import Protocol

import numpy as np
import pandas as pd
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import a_type, check_probability
from bayesmeta.data.studies import Studies
from bayesmeta.effects.links import LINKS
from bayesmeta.effects.measures import DEFAULT_MEASURES, DataKind, effect_sizes, get_measure
from bayesmeta.effects.rates import garwood
from bayesmeta.effects.study_intervals import DEFAULT_STUDY_INTERVAL, study_interval_record
from bayesmeta.errors import SpecError
from bayesmeta.spec.coefficients import formula_of, refuse_formula


class HasStudyEffects(Protocol):
    """A fit that knows the posterior of each study's own effect."""

    @property
    def studies(self) -> Studies:
        """The data."""
        ...

    @property
    def link(self) -> str:
        """What the effects are a function of."""
        ...

    @property
    def measure(self) -> str | None:
        """The effect measure whose estimates were modelled; None for a likelihood of counts."""
        ...

    def theta_table(self, *, ci_prob: float) -> pd.DataFrame:
        """Posterior of theta_i, by study: mean sd median lower upper weight shrinkage, and their accuracy."""
        ...


class HasStudyTable(Protocol):
    """A fit that makes the whole table by itself, without a posterior."""

    def study_table(self, *, ci_prob: float, study_interval: str | None) -> pd.DataFrame:
        """Return the table of `study_effects`."""
        ...


def study_effects(
    fit: HasStudyEffects | HasStudyTable, *, ci_prob: float = 0.95, study_interval: str | None = None
) -> pd.DataFrame:
    """Return each study's data, observed effect and posterior (shrunken) effect.

    Parameters
    ----------
    fit : ExactFit, NutsFit or FrequentistFit
        A fit.
    ci_prob : float
        Probability of all intervals.
    study_interval : str, optional
        Interval of the observed proportions: ``"clopper-pearson"`` (the default), ``"wilson"``, ``"agresti-coull"``,
        ``"jeffreys"`` or ``"wald"``.

    Returns
    -------
    DataFrame
        Indexed by ``study``. For counts and rates, the data by their names. ``observed``, ``observed_lower``,
        ``observed_upper``, on the natural scale: the raw proportion with its interval by `study_interval`; the
        raw rate with its exact (Garwood) interval; of two arms the effect by the fit's measure (or, if it models the
        counts themselves, odds ratio or rate ratio), after metafor's correction of empty cells, with its normal
        interval; or the estimate with its normal interval. ``mean sd median lower upper``: the posterior of the
        study's true effect theta_i, link scale, equal-tailed interval. For proportions ``proportion``,
        ``proportion_lower``, ``proportion_upper``: posterior median and interval of the study's true
        proportion; for ratios the same as ``ratio``, ``ratio_lower``, ``ratio_upper``, for rates as ``rate`` and so
        on. ``weight``: share of the study in the overall mean (sums to 1); ``shrinkage``: s^2 / (s^2 + tau^2), the
        share of the way from the study's own estimate to the overall mean, both averaged over the posterior of tau.
        The last columns tell the accuracy of the link-scale ones: ``numerical_error``, the largest absolute
        error; for a NUTS fit ``mcse_mean ess_bulk ess_tail r_hat``. For a classical fit ``observed`` of two arms is
        what was pooled, and instead of a posterior there is the best linear unbiased prediction (BLUP) of the study's
        true effect, ``estimate se lower upper`` with tau2 taken as known, and its ``proportion``, ``ratio`` or
        ``rate``.

    Raises
    ------
    SpecError
        If the fit has no study effects, `ci_prob` is not a probability, or `study_interval` is unknown or given for
        data that are no proportions.

    Notes
    -----
    For counts s^2 is the inverse of the Fisher information n p (1 - p) at the study's posterior median.
    Weight and shrinkage describe the fit; the exact engine does not use them.
    """
    prob = check_probability("ci_prob", ci_prob)
    if hasattr(fit, "study_table"):
        return fit.study_table(ci_prob=prob, study_interval=study_interval)
    if not hasattr(fit, "theta_table"):
        refuse_formula(formula_of(fit), "study_effects")
        raise SpecError(f"study_effects takes a fit made by bm.fit; got {a_type(fit)}.")
    table = fit.theta_table(ci_prob=prob)
    inverse = LINKS[fit.link].inverse
    frame = pd.DataFrame(
        shown_data(fit.studies)
        | observed_effects(
            fit.studies, link=fit.link, measure=fit.measure, ci_prob=prob, study_interval=study_interval
        ),
        index=pd.Index(fit.studies.study, name="study"),
    )
    shown = natural_name(fit.link, fit.studies.kind)
    columns = ["mean", "sd", "median", "lower", "upper"]
    frame[columns] = table[columns].to_numpy()
    if shown:
        frame[shown] = inverse(table["median"].to_numpy())
        frame[f"{shown}_lower"] = inverse(table["lower"].to_numpy())
        frame[f"{shown}_upper"] = inverse(table["upper"].to_numpy())
    rest = table.columns.difference(columns, sort=False)
    frame[rest] = table[rest].to_numpy()
    return frame


def shown_data(studies: Studies) -> dict[str, FloatArray]:
    """Return the counts and times of the studies by their names, counts as integers; nothing for estimates."""
    if studies.kind == "estimates":
        return {}
    return {role: values.astype(np.int64) if _is_count(role) else values for role, values in studies.data.items()}


def weight_and_shrinkage(
    variance: FloatArray, tau: FloatArray, probability: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the weight and the shrinkage of each study, averaged over the posterior of tau.

    Parameters
    ----------
    variance : array, shape (k,)
        Variance of each study's estimate, link scale.
    tau, probability : array, shape (m,)
        Values of tau and their posterior probabilities, which sum to 1.

    Returns
    -------
    weight, shrinkage : array, shape (k,)
        Means of w_i / sum(w) and of s_i^2 w_i, where w_i = 1 / (s_i^2 + tau^2).
    """
    precision = 1.0 / (variance[:, None] + tau**2)
    return (precision / precision.sum(axis=0)) @ probability, (variance[:, None] * precision) @ probability


def natural_name(link: str, kind: DataKind) -> str:
    """Return what an effect is called on the natural scale: proportion, ratio or rate; "" if it is none of these."""
    return "rate" if kind == "rates" and link == "log" else LINKS[link].natural


def observed_effects(
    studies: Studies, *, link: str, measure: str | None, ci_prob: float, study_interval: str | None = None
) -> dict[str, FloatArray]:
    """Return ``observed``, ``observed_lower`` and ``observed_upper`` of each study, as `study_effects` describes them.

    Parameters
    ----------
    studies : Studies
        The data.
    link : str
        What given estimates are a function of.
    measure : str or None
        The measure of two arms; None for the default one.
    ci_prob : float
        Probability of the intervals.
    study_interval : str, optional
        Interval of proportions, a key of `STUDY_INTERVALS`; only for studies with counts of one arm.

    Returns
    -------
    dict of arrays, shape (k,)
        Natural scale.
    """
    record = study_interval_record(DEFAULT_STUDY_INTERVAL if study_interval is None else study_interval)
    if study_interval is not None and not studies.has_counts:
        raise SpecError(
            f"study_interval={study_interval!r} is for proportions, but the studies hold {studies.kind}; leave it out."
        )
    if studies.events is not None:
        size, interval = (studies.n, record.limits) if studies.n is not None else (studies.time, garwood)
        lower, upper = interval(studies.events, np.asarray(size), ci_prob=ci_prob)
        return {"observed": studies.events / np.asarray(size), "observed_lower": lower, "observed_upper": upper}
    if studies.kind == "estimates":
        y, se = np.asarray(studies.y), np.asarray(studies.se)
    else:
        used = measure or DEFAULT_MEASURES[studies.kind]
        sizes = effect_sizes(used, *studies.data.values())
        y, se, link = sizes.y, sizes.se, get_measure(used).link
    inverse, half = LINKS[link].inverse, special.ndtri(0.5 + 0.5 * ci_prob) * se
    return {"observed": inverse(y), "observed_lower": inverse(y - half), "observed_upper": inverse(y + half)}


def _is_count(role: str) -> bool:
    return role.startswith(("events", "n"))
