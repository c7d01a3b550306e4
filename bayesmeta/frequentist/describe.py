"""How is a classical fit told in words: its one-line notes, and the block that is printed."""

from typing import TYPE_CHECKING

import numpy as np

from bayesmeta.effects.sizes import has_empty_cell
from bayesmeta.frequentist.interval_notes import interval_notes
from bayesmeta.frequentist.intervals import ci_record, pi_record
from bayesmeta.frequentist.natural import natural_value
from bayesmeta.frequentist.tau2 import tau2_record

if TYPE_CHECKING:
    from bayesmeta.frequentist.result import FrequentistFit


def fit_notes(fit: "FrequentistFit") -> tuple[str, ...]:
    """Return what was corrected, cut or could not be given, one line each.

    Parameters
    ----------
    fit : FrequentistFit
        The fit.

    Returns
    -------
    tuple of str
        In the order of the analysis; empty if there is nothing to say.
    """
    notes = (_variance_note(fit), _correction_note(fit), _single_study_note(fit))
    return (*filter(None, notes), *interval_notes(fit), *_cut_notes(fit))


def fit_text(fit: "FrequentistFit") -> str:
    """Return the printed form of a fit: model, heterogeneity, estimates, prediction interval, notes.

    Parameters
    ----------
    fit : FrequentistFit
        The fit.

    Returns
    -------
    str
        Several lines without a final line break.
    """
    method, percent = tau2_record(fit.tau2_method), f"{100 * fit.ci_prob:g} %"
    lines = [
        f"{method.model.capitalize()} ({method.title}), {fit.record.title} ({fit.measure}), k = {fit.k}",
        f"tau2 {fit.tau2:.4f} (tau {fit.tau:.4f}), I2 {100 * fit.i2:.1f} %, H2 {fit.h2:.2f}",
        f"Q(df = {fit.df}) = {fit.q:.2f}, {_pvalue_text(fit.q_pvalue)}",
        fit.summary().to_string(float_format="{:.4f}".format, index_names=False),
        f"lower, upper: {percent} CI ({ci_record(fit.ci_method).title}){_ratio_text(fit)}",
    ]
    if not np.isnan(fit.prediction_interval[0]):
        lines.append(f"{percent} PI ({pi_record(fit.pi_method).title}): {_prediction_text(fit)}")
    return "\n".join(lines + [f"note: {note}" for note in fit.notes])


def _pvalue_text(pvalue: float) -> str:
    return "P < 0.0001" if pvalue < 0.0001 else f"P = {pvalue:.4f}"


def _ratio_text(fit: "FrequentistFit") -> str:
    """Return the back-transformed mean of a measure for which the table has no row of its own."""
    if fit.record.estimand is not None or fit.record.link == "identity":
        return ""
    value, lower, upper = (natural_value(fit.record, limit) for limit in (fit.mu, fit.lower, fit.upper))
    return f"; back-transformed {value:.4f} ({lower:.4f} to {upper:.4f})"


def _prediction_text(fit: "FrequentistFit") -> str:
    link, natural = fit.prediction_interval, fit.prediction_interval_natural
    text = f"{link[0]:.4f} to {link[1]:.4f}"
    if fit.record.link == "identity":
        return text
    return f"{text}, back-transformed {natural[0]:.4f} to {natural[1]:.4f}"


def _variance_note(fit: "FrequentistFit") -> str:
    if fit.variance != "exact-ci":
        return ""
    return "standard errors are the widths of the exact (Clopper-Pearson) 95 % intervals over 2 × 1.96"


def _correction_note(fit: "FrequentistFit") -> str:
    corrected = int(fit.corrected.sum())
    if corrected == 0:
        return ""
    zero = int(has_empty_cell(fit.studies.data).sum())
    have = "has" if zero == 1 else "have"
    to_whom = "its" if zero == corrected == 1 else "their" if zero == corrected else "all studies'"
    rule = "metafor's rule" if fit.to == "only0" and fit.add == 0.5 else f"to={fit.to!r}"
    cells = "events" if fit.studies.kind.endswith("rates") else "events and non-events"
    where = " in both arms" if fit.studies.kind.startswith("two-arm") else ""
    added = f"{fit.add:g} was added to {to_whom} {cells}{where} ({rule})"
    return f"{zero} of {fit.k} studies {have} a zero cell; {added}"


def _single_study_note(fit: "FrequentistFit") -> str:
    if fit.k > 1 or not tau2_record(fit.tau2_method).is_random:
        return ""
    return "k = 1: the estimate is that of the one study, and tau2, which it says nothing of, is set to 0"


def _cut_notes(fit: "FrequentistFit") -> list[str]:
    """Say which limits of a proportion on its own scale fell outside [0, 1] and were cut there."""
    if fit.record.estimand is None:
        return []
    intervals = {"CI": (fit.lower, fit.upper), "PI": fit.prediction_interval}
    notes = []
    for label, limits in intervals.items():
        for side, limit in zip(("lower", "upper"), limits, strict=True):
            value = natural_value(fit.record, limit)
            if value < 0.0 or value > 1.0:
                bound = int(value > 1.0)
                notes.append(f"the {side} limit of the {label}, {value:.4f}, is cut at {bound} as a proportion")
    return notes
