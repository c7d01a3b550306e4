"""How is a mixed model told in words: its one-line notes, and the block that is printed."""

from typing import TYPE_CHECKING

import numpy as np

from bayesmeta.effects.sizes import has_empty_cell
from bayesmeta.frequentist.describe import prediction_text, pvalue_text
from bayesmeta.frequentist.intervals import pi_record
from bayesmeta.frequentist.natural import natural_value

if TYPE_CHECKING:
    from bayesmeta.frequentist.glmm_result import GlmmFit


def glmm_notes(fit: "GlmmFit") -> tuple[str, ...]:
    """Return what a reader must know of data and estimates, one line each."""
    notes = (_zero_note(fit), _unused_note(fit), _tau_note(fit), _maxima_note(fit), _k_note(fit), _prediction_note(fit))
    return tuple(filter(None, notes))


def glmm_text(fit: "GlmmFit") -> str:
    """Return the printed form of a fit: model, heterogeneity, estimates, prediction interval, notes."""
    percent = f"{100 * fit.ci_prob:g} %"
    low, high = fit.tau2_interval
    lines = [
        f"Mixed model by maximum likelihood ({fit.glmm_model}: {fit.model_record.title}), "
        f"{fit.record.title} ({fit.measure}), k = {fit.k}",
        f"tau2 {fit.tau2:.4f} ({percent} profile CI {low:.4f} to {high:.4f}), tau {fit.tau:.4f}, "
        f"I2 {100 * fit.i2_tau2:.1f} %, H2 {fit.h2:.2f}",
        f"tau2 = 0: LR = {fit.lrt:.2f}, {pvalue_text(fit.lrt_pvalue)} (half of chi-squared, at the boundary)",
        f"equal effects (df = {fit.df}): LR = {fit.q:.2f}, {pvalue_text(fit.q_pvalue)}; "
        f"Wald = {fit.q_wald:.2f}, {pvalue_text(fit.q_wald_pvalue)}",
        fit.summary().to_string(float_format="{:.4f}".format, index_names=False),
        f"lower, upper: {percent} CI ({fit.interval_record.title}){_ratio_text(fit)}",
    ]
    if not np.isnan(fit.prediction_interval[0]):
        limits = prediction_text(fit.record, fit.prediction_interval, fit.prediction_interval_natural)
        lines.append(f"{percent} PI ({pi_record(fit.pi_method).title}): {limits}")
    lines.append(f"log likelihood {fit.log_likelihood:.4f}; numerical error at most {fit.numerical_error:.0e}")
    return "\n".join(lines + [f"note: {note}" for note in fit.notes])


def _ratio_text(fit: "GlmmFit") -> str:
    """Return mu on the natural scale where the table has no row for it."""
    if fit.record.estimand is not None:
        return ""
    value, lower, upper = (natural_value(fit.record, limit) for limit in (fit.mu, fit.lower, fit.upper))
    return f"; back-transformed {value:.4f} ({lower:.4f} to {upper:.4f})"


def _zero_note(fit: "GlmmFit") -> str:
    count = int(has_empty_cell(fit.studies.data).sum())
    if not count:
        return ""
    have = "has" if count == 1 else "have"
    return f"{count} of {fit.k} studies {have} a zero cell; the model takes it as it is, without a correction"


def _unused_note(fit: "GlmmFit") -> str:
    count = int((~fit.used).sum())
    if not count:
        return ""
    say = "says" if count == 1 else "say"
    return f"{count} of {fit.k} studies {say} nothing of the effect (no events in either arm, or only events): weight 0"


def _tau_note(fit: "GlmmFit") -> str:
    if fit.tau > 0.0 or fit.k == 1:
        return ""
    return "tau2 is estimated as 0, at its boundary; see its interval for the values that the data allow"


def _maxima_note(fit: "GlmmFit") -> str:
    if fit.maximum.n_maxima == 1:
        return ""
    return f"the profile likelihood of tau has {fit.maximum.n_maxima} maxima; this is the highest"


def _k_note(fit: "GlmmFit") -> str:
    if fit.k > 1:
        return ""
    text = "k = 1: the estimate is that of the one study, and tau2, which it says nothing of, is 0"
    return f"{text}; t with k - 1 = 0 df does not exist" if fit.interval_record.has_t else text


def _prediction_note(fit: "GlmmFit") -> str:
    record = pi_record(fit.pi_method)
    return f"k = {fit.k}: {record.reason.format(df=fit.k - 2)}" if fit.k < record.min_k else ""
