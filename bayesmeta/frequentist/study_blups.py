"""What does a classical fit say of each study's own true effect: its best linear unbiased prediction (BLUP)."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.links import LINKS
from bayesmeta.frequentist.intervals import ci_record, normal_quantile
from bayesmeta.result.study_table import natural_name, observed_effects, shown_data

if TYPE_CHECKING:
    from bayesmeta.frequentist.result import FrequentistFit


def blups(
    y: FloatArray, se: FloatArray, *, mu: float, se_mu: float, tau2: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the predicted true effects, their standard errors and the shrinkage.

    Parameters
    ----------
    y, se : array, shape (k,)
        Observed effects and their standard errors, link scale.
    mu, se_mu, tau2 : float
        The pooled effect, its standard error and the between-study variance.

    Returns
    -------
    estimate, error, shrinkage : array, shape (k,)
        ``(1 - b) y + b mu``, ``sqrt((1 - b) se^2 + b^2 se_mu^2)`` and ``b = se^2 / (se^2 + tau2)`` [1]_, with tau2
        taken as known.

    References
    ----------
    .. [1] S. W. Raudenbush, A. S. Bryk. Empirical Bayes meta-analysis. Journal of Educational Statistics 10:75-98,
       1985. doi:10.3102/10769986010002075
    """
    shrinkage = se**2 / (se**2 + tau2)
    estimate = (1.0 - shrinkage) * y + shrinkage * mu
    return estimate, np.sqrt((1.0 - shrinkage) * se**2 + (shrinkage * se_mu) ** 2), shrinkage


def study_table(fit: "FrequentistFit", *, ci_prob: float, study_interval: str | None = None) -> pd.DataFrame:
    """Return the table of `bayesmeta.study_effects` for a classical fit: data, observed effects and BLUPs by study."""
    estimate, error, shrinkage = blups(fit.y, fit.se, mu=fit.mu, se_mu=fit.se_mu, tau2=fit.tau2)
    quantile = ci_record(fit.ci_method).quantile(ci_prob, fit.k)
    half = (normal_quantile(ci_prob) if ci_record(fit.ci_method).inversion else quantile) * error
    columns = shown_data(fit.studies) | _observed(fit, ci_prob, study_interval)
    columns |= {"estimate": estimate, "se": error, "lower": estimate - half, "upper": estimate + half}
    shown = natural_name(fit.record.link, fit.studies.kind)
    if shown:
        link = LINKS[fit.record.link]
        size = {"n": fit.studies.n} if link.takes_n else {}
        names = {"estimate": shown, "lower": f"{shown}_lower", "upper": f"{shown}_upper"}
        columns |= {name: link.inverse(columns[column], **size) for column, name in names.items()}
    columns |= {"weight": fit.weights, "shrinkage": shrinkage}
    return pd.DataFrame(columns, index=pd.Index(fit.studies.study, name="study"))


def _observed(fit: "FrequentistFit", ci_prob: float, study_interval: str | None) -> dict[str, FloatArray]:
    """Return the observed effects: raw proportions and rates, or the effects that were pooled, natural scale."""
    if fit.studies.events is not None:
        return observed_effects(
            fit.studies, link=fit.record.link, measure=fit.measure, ci_prob=ci_prob, study_interval=study_interval
        )
    inverse, half = LINKS[fit.record.link].inverse, normal_quantile(ci_prob) * fit.se
    limits = {"observed": fit.y, "observed_lower": fit.y - half, "observed_upper": fit.y + half}
    return {name: inverse(values) for name, values in limits.items()}
