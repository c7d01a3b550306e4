"""How is a classical fit told in words: its one-line notes, and the block that is printed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from bayesmeta.effects.measures import Measure
from bayesmeta.effects.sizes import has_empty_cell
from bayesmeta.frequentist.interval_notes import interval_notes
from bayesmeta.frequentist.intervals import ci_record, pi_record
from bayesmeta.frequentist.natural import BACK_TRANSFORMATIONS, natural_interval, natural_value, range_of_proportions
from bayesmeta.frequentist.numbers import number_text
from bayesmeta.frequentist.tau2 import tau2_record

if TYPE_CHECKING:
    from bayesmeta.frequentist.result import FrequentistFit

_UNCORRECTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mantel-haenszel": " for their own effects, and in Q where it takes them; the pooled effect has none of it",
        "peto": " for their own effects; the pooled effect and Q have none of it",
    }
)
"""Where no correction goes, by method."""
_NOTABLE: Final = 0.01
"""Difference of two back-transformations that is worth a note: a point."""


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
    notes = (*effect_notes(fit), _uninformative_note(fit), _single_study_note(fit))
    return (*filter(None, notes), *interval_notes(fit), *_back_transformation_notes(fit), *_cut_notes(fit))


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
        f"{method.model.capitalize()} ({fit.estimator}), {fit.record.title} ({fit.measure}), k = {fit.k}",
        f"tau2 {number_text(fit.tau2)} (tau {number_text(fit.tau)}), {i2_h2_text(fit, f'{fit.h2:.2f}')}",
        f"Q(df = {fit.df}) = {fit.q:.2f}, {pvalue_text(fit.q_pvalue)}",
        fit.summary().to_string(float_format=number_text, index_names=False),
        f"lower, upper: {percent} CI ({ci_record(fit.ci_method).title}){_ratio_text(fit)}",
    ]
    if not np.isnan(fit.prediction_interval[0]):
        limits = prediction_text(fit.record, fit.prediction_interval, fit.prediction_interval_natural)
        lines.append(f"{percent} PI ({pi_record(fit.pi_method).title}): {limits}")
    return "\n".join(lines + [f"note: {note}" for note in fit.notes])


def effect_notes(fit: "FrequentistFit") -> tuple[str, ...]:
    """Return how the effects and standard errors were made, where that needs saying: the first of the fit's notes."""
    return tuple(filter(None, (_variance_note(fit), _correction_note(fit))))


def i2_h2_text(fit: "FrequentistFit", h2: str, *, sign: str = " ") -> str:
    """Return I2 and H2, and of what they are functions where I2 by Q and by tau2 print differently.

    Examples
    --------
    ``I2 63.1 %, H2 2.71``, or ``I2 92.1 % (from Q), 92.2 % (from tau2), H2 12.86 (from tau2)``.
    """
    from_q, from_tau2 = (f"{100 * value:.1f} %" for value in (fit.i2, fit.i2_tau2))
    if from_q == from_tau2 or not tau2_record(fit.tau2_method).is_random:
        return f"I2{sign}{from_q}, H2{sign}{h2}"
    return f"I2{sign}{from_q} (from Q), {from_tau2} (from tau2), H2{sign}{h2} (from tau2)"


def of_studies(count: int, k: int, singular: str, plural: str) -> str:
    """Return so many of the studies and a verb: ``1 of 3 studies has``, ``2 of 3 studies have``, ``the study has``."""
    verb = singular if count == 1 else plural
    return f"the study {verb}" if k == 1 else f"{count} of {k} studies {verb}"


def pvalue_text(pvalue: float) -> str:
    """Return ``P = 0.0123``, or ``P < 0.0001``."""
    return "P < 0.0001" if pvalue < 0.0001 else f"P = {pvalue:.4f}"


def _ratio_text(fit: "FrequentistFit") -> str:
    """Return the back-transformed mean of a measure for which the table has no row of its own."""
    if fit.record.estimand is not None or fit.record.link == "identity":
        return ""
    value, lower, upper = (natural_value(fit.record, limit) for limit in (fit.mu, fit.lower, fit.upper))
    return f"; back-transformed {number_text(value)} ({number_text(lower)} to {number_text(upper)})"


def prediction_text(measure: Measure, link: tuple[float, float], natural: tuple[float, float]) -> str:
    """Return a prediction interval as text, on the link scale and, if it is another, on the natural one."""
    text = f"{number_text(link[0])} to {number_text(link[1])}"
    if measure.link == "identity":
        return text
    return f"{text}, back-transformed {number_text(natural[0])} to {number_text(natural[1])}"


def _variance_note(fit: "FrequentistFit") -> str:
    if fit.variance != "exact-ci":
        return ""
    return "standard errors are the widths of the exact (Clopper-Pearson) 95 % intervals over 2 × 1.96"


def _correction_note(fit: "FrequentistFit") -> str:
    corrected = int(fit.corrected.sum())
    if corrected == 0:
        return ""
    zero = int(has_empty_cell(fit.studies.data).sum())
    to_whom = "its" if zero == corrected == 1 else "their" if zero == corrected else "all studies'"
    rule = "metafor's rule" if fit.to == "only0" and fit.add == 0.5 else f"to={fit.to!r}"
    cells = "events" if fit.studies.kind.endswith("rates") else "events and non-events"
    where = " in both arms" if fit.studies.kind.startswith("two-arm") else ""
    added = f"{fit.add:g} was added to {to_whom} {cells}{where} ({rule})"
    return f"{of_studies(zero, fit.k, 'has', 'have')} a zero cell; {added}{_UNCORRECTED.get(fit.method, '')}"


def _uninformative_note(fit: "FrequentistFit") -> str:
    """Say which studies a pool of counts leaves out of Q, or altogether."""
    left_out = 0 if fit.method == "inverse-variance" else fit.k - fit.df - 1
    if not left_out:
        return ""
    only = "no events" if fit.studies.kind.endswith("rates") else "only events, or none,"
    weightless = int((fit.weights == 0.0).sum())
    lacks = "has" if weightless == 1 else "have"
    weight = f"; {weightless} of {fit.k} {lacks} no weight in the pooled effect" if weightless else ""
    have, is_left = ("has", "is") if left_out == 1 else ("have", "are")
    return f"{left_out} of {fit.k} studies {have} {only} in both arms, and {is_left} left out of Q{weight}"


def _single_study_note(fit: "FrequentistFit") -> str:
    if fit.k > 1 or not tau2_record(fit.tau2_method).is_random:
        return ""
    return "k = 1: the estimate is that of the one study, and tau2, which it says nothing of, is set to 0"


def _back_transformation_notes(fit: "FrequentistFit") -> list[str]:
    """Warn of the double arcsine, whose inverse needs one sample size, unless all studies have it."""
    if fit.back_transformation is None or (fit.back_transformation == "harmonic" and np.ptp(fit.se) == 0.0):
        return []
    said: dict[str | None, tuple[tuple[float, ...], str]] = {}
    for code, record in BACK_TRANSFORMATIONS.items():
        n = fit.typical_n_by(code)
        values = natural_value(fit.record, fit.mu, n), *natural_interval(fit.record, (fit.lower, fit.upper), n)
        said[code] = values, f"n = {n:.4g}, {record.title}"
    (chosen, size), (other, other_size) = sorted(
        said.values(), key=lambda each: each is not said[fit.back_transformation]
    )
    notes = [
        f"PFT is transformed back as if all studies had one size, {size}, which can mislead where sizes differ "
        "(Schwarzer et al. 2019, doi:10.1002/jrsm.1348); PLO and PAS need no size"
    ]
    if max(abs(one - two) for one, two in zip(chosen, other, strict=True)) > _NOTABLE:
        texts = ["{} ({} to {})".format(*map(number_text, values)) for values in (chosen, other)]
        notes.append(f"the back-transformations of PFT differ: {texts[0]} at {size}; {texts[1]} at {other_size}")
    return notes


def _cut_notes(fit: "FrequentistFit") -> list[str]:
    """Say which values of a proportion fell outside [0, 1] on its own scale, and were cut there."""
    if fit.record.estimand is None:
        return []
    low, high = range_of_proportions(fit.record, fit.typical_n)
    bent = fit.record.link.endswith("arcsine")  # the sine turns round there, and has no value to show
    notes = []
    for name, value in _named_limits(fit):
        if value < low or value > high:
            own = f"{number_text(value)} on the scale of {fit.measure}"
            shown = own if bent else number_text(natural_value(fit.record, value))
            notes.append(f"{name}, {shown}, is cut at {int(value > high)} as a proportion")
    return notes


def _named_limits(fit: "FrequentistFit") -> list[tuple[str, float]]:
    named = [("the estimate", fit.mu)]
    for label, limits in {"CI": (fit.lower, fit.upper), "PI": fit.prediction_interval}.items():
        named += zip((f"the lower limit of the {label}", f"the upper limit of the {label}"), limits, strict=True)
    return named
