"""What should a reader know of the confidence and the prediction interval of a classical fit, or why is there none?"""

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from bayesmeta.frequentist.intervals import ci_record, pi_record
from bayesmeta.frequentist.mean_error import hartung_knapp_error
from bayesmeta.frequentist.pool import precision
from bayesmeta.frequentist.tau2 import tau2_record

if TYPE_CHECKING:
    from bayesmeta.frequentist.result import FrequentistFit


def interval_notes(fit: "FrequentistFit") -> tuple[str, ...]:
    """Return the notes on the intervals, one line each.

    Parameters
    ----------
    fit : FrequentistFit
        The fit.

    Returns
    -------
    tuple of str
        Empty if there is nothing to say.
    """
    return tuple(filter(None, (_centre_note(fit), _confidence_note(fit), _prediction_note(fit))))


def _centre_note(fit: "FrequentistFit") -> str:
    if not ci_record(fit.ci_method).has_common_weights or fit.k < 2:
        return ""
    return (
        "Henmi-Copas: mu is the common-effect mean, which weighs small studies least; tau2 enters only its standard "
        "error and interval"
    )


def _confidence_note(fit: "FrequentistFit") -> str:
    """Say why there is no interval, or how one by Student's t compares with Wald's."""
    method = ci_record(fit.ci_method)
    none = f"no confidence interval by ci_method={fit.ci_method!r}"
    if fit.k == 1 and fit.df_mu != np.inf:
        reason = "t with k - 1 = 0 degrees of freedom does not exist" if fit.df_mu == 0.0 else "it needs two studies"
        return f"k = 1: {none}, because {reason}; ci_method='wald' gives that of the one study"
    if np.isnan(fit.se_mu):
        return f"{none}, because all effects are equal and its width would be 0; use ci_method='hartung-knapp-adhoc'"
    if method.standard_error is hartung_knapp_error and _is_short(fit):
        return (
            "the Hartung-Knapp interval is shorter than Wald's, because the effects vary less than their standard "
            "errors let expect; ci_method='hartung-knapp-adhoc' allows for that"
        )
    if fit.k == 2 and fit.df_mu == 1.0:
        quantile = method.quantile(fit.ci_prob, fit.k)
        return f"k = 2: t has 1 degree of freedom, so that the interval is {quantile:.1f} standard errors to each side"
    return ""


def _is_short(fit: "FrequentistFit") -> bool:
    half = ci_record("wald").quantile(fit.ci_prob, fit.k) / sqrt(precision(fit.se, fit.tau2).sum())
    return ci_record(fit.ci_method).quantile(fit.ci_prob, fit.k) * fit.se_mu < half


def _no_prediction(fit: "FrequentistFit") -> str:
    none = f"no prediction interval by pi_method={fit.pi_method!r}, because ci_method={fit.ci_method!r} has no"
    if np.isnan(fit.se_mu) and fit.k > 1:
        return f"{none} standard error where all effects are equal; use ci_method='hartung-knapp-adhoc'"
    instead = "pi_method='hts'" if fit.k >= pi_record("hts").min_k else "ci_method='wald'"
    return f"{none} quantile or standard error to take over; use {instead}"


def _prediction_note(fit: "FrequentistFit") -> str:
    method, record = tau2_record(fit.tau2_method), pi_record(fit.pi_method)
    if not method.is_random:
        return f"no prediction interval: in the {method.model} model all studies share one true effect"
    if fit.k < record.min_k:
        return f"k = {fit.k}: {record.reason.format(df=fit.k - 2)}"
    if np.isnan(fit.prediction_interval[0]):
        return _no_prediction(fit)
    if fit.tau2 == 0.0:
        return "tau2 is estimated as 0, so the prediction interval says nothing of heterogeneity"
    return ""
