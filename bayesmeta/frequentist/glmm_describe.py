"""How is a mixed model told in words: its one-line notes, and the block that is printed."""

from typing import TYPE_CHECKING, Final

import numpy as np

from bayesmeta.data.studies import Studies
from bayesmeta.effects.sizes import has_empty_cell
from bayesmeta.frequentist.describe import of_studies, prediction_text, pvalue_text
from bayesmeta.frequentist.intervals import pi_record
from bayesmeta.frequentist.natural import natural_value
from bayesmeta.frequentist.numbers import number_text

if TYPE_CHECKING:
    from bayesmeta.frequentist.glmm_result import GlmmFit

_RARE: Final = 0.1
"""Up to this share of patients with events an odds ratio is about a risk ratio."""


def glmm_notes(fit: "GlmmFit") -> tuple[str, ...]:
    """Return what a reader must know of data and estimates, one line each."""
    notes = (_zero_note, _rare_note, _unused_note, _tau_note, _maxima_note, _k_note, _mean_note, _prediction_note)
    return tuple(filter(None, (note(fit) for note in notes)))


def glmm_text(fit: "GlmmFit") -> str:
    """Return the printed form of a fit: model, heterogeneity, estimates, prediction interval, notes."""
    percent = f"{100 * fit.ci_prob:g} %"
    low, high = fit.tau2_interval
    lines = [
        f"Mixed model by maximum likelihood ({fit.glmm_model}: {fit.model_record.title}), "
        f"{fit.record.title} ({fit.measure}), k = {fit.k}",
        f"tau2 {number_text(fit.tau2)} ({percent} profile CI {number_text(low)} to {number_text(high)}), "
        f"tau {number_text(fit.tau)}, I2 {100 * fit.i2_tau2:.1f} %, H2 {fit.h2:.2f}{study_sd_text(fit)}",
        f"tau2 = 0: LR = {fit.lrt:.2f}, {pvalue_text(fit.lrt_pvalue)} (half of chi-squared, at the boundary)",
        f"equal effects (df = {fit.df}): LR = {fit.q:.2f}, {pvalue_text(fit.q_pvalue)}; "
        f"Wald = {fit.q_wald:.2f}, {pvalue_text(fit.q_wald_pvalue)}",
        fit.summary().to_string(float_format=number_text, index_names=False),
        f"lower, upper: {percent} CI ({interval_title(fit)}){_ratio_text(fit)}",
    ]
    if not np.isnan(fit.prediction_interval[0]):
        limits = prediction_text(fit.record, fit.prediction_interval, fit.prediction_interval_natural)
        lines.append(f"{percent} PI ({pi_record(fit.pi_method).title}): {limits}")
    lines.append(f"log likelihood {fit.log_likelihood:.4f}; numerical error at most {fit.numerical_error:.0e}")
    return "\n".join(lines + [f"note: {note}" for note in fit.notes])


def study_sd_text(fit: "GlmmFit") -> str:
    """Return the SD of the study effects, where these are random."""
    return "" if np.isnan(fit.study_sd) else f"; SD of the study effects (baselines) {number_text(fit.study_sd)}"


def interval_title(fit: "GlmmFit") -> str:
    """Return how the limits were got, in print; p_mean has Wald's where those of mu are by profile likelihood."""
    title = fit.interval_record.title
    return f"{title}; p_mean: Wald, on the logit scale" if _has_other_limits_of_mean(fit) else title


def _has_other_limits_of_mean(fit: "GlmmFit") -> bool:
    return fit.record.estimand is not None and fit.interval_record.scale is None


def _ratio_text(fit: "GlmmFit") -> str:
    """Return mu on the natural scale where the table has no row for it."""
    if fit.record.estimand is not None:
        return ""
    value, lower, upper = (natural_value(fit.record, limit) for limit in (fit.mu, fit.lower, fit.upper))
    return f"; back-transformed {number_text(value)} ({number_text(lower)} to {number_text(upper)})"


def _zero_note(fit: "GlmmFit") -> str:
    count = int(has_empty_cell(fit.studies.data).sum())
    if not count:
        return ""
    return f"{of_studies(count, fit.k, 'has', 'have')} a zero cell; the model takes it as it is, without a correction"


def _rare_note(fit: "GlmmFit") -> str:
    """Warn of the binomial approximation where events are frequent."""
    if fit.glmm_model != "CM.AL" or (share := event_share(fit.studies)) <= _RARE:
        return ""
    return (
        f"{100 * share:.0f} % of the patients have the event, which is not rare: CM.AL then estimates the risk ratio "
        "rather than the odds ratio; use glmm_model='CM.EL'"
    )


def event_share(studies: Studies) -> float:
    """Return which fraction of the patients in both arms has the event."""
    data = studies.data
    events, n = ((data[f"{role}_treatment"] + data[f"{role}_control"]).sum() for role in ("events", "n"))
    return float(events / n)


def _unused_note(fit: "GlmmFit") -> str:
    count = int((~fit.used).sum())
    if not count:
        return ""
    who = of_studies(count, fit.k, "says", "say")
    return f"{who} nothing of the effect (no events in either arm, or only events): weight 0"


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


def _mean_note(fit: "GlmmFit") -> str:
    if not _has_other_limits_of_mean(fit):
        return ""
    return "the limits of p_mean are Wald's, on the logit scale; those by profile likelihood are of mu and p_median"


def _prediction_note(fit: "GlmmFit") -> str:
    record = pi_record(fit.pi_method)
    return f"k = {fit.k}: {record.reason.format(df=fit.k - 2)}" if fit.k < record.min_k else ""
