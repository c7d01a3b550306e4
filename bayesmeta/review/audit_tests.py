"""Which P-values does no test give: of two printed counts, and of Egger and Begg on the data?"""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, nan
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy.special import ndtr

from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import effect_sizes
from bayesmeta.frequentist.egger import egger
from bayesmeta.frequentist.rank_test import rank_test
from bayesmeta.frequentist.tau2 import tau2_record
from bayesmeta.review.audit_cells import Figure
from bayesmeta.review.audit_conventions import Transformation, transformations_for, usable_effects
from bayesmeta.review.audit_finding import Finding
from bayesmeta.review.audit_match import ENOUGH, FEWEST, Compared

_CONTINGENCY: Final[Mapping[str, tuple[bool, float]]] = MappingProxyType(
    {
        "chi-squared": (False, 1.0),
        "chi-squared with Yates's correction": (True, 1.0),
        "likelihood-ratio test": (False, 0.0),
        "likelihood-ratio test with Yates's correction": (True, 0.0),
    }
)
"""Whether a test of a 2 x 2 table is corrected, and its power of divergence (Cressie and Read)."""
TESTS: Final = (
    *_CONTINGENCY, "Fisher's exact test", "Wald test of the difference", "Wald test of the log odds ratio",
)  # fmt: skip
"""Tests of two counts."""
SHOWN_TESTS: Final = ("chi-squared", "chi-squared with Yates's correction", "Fisher's exact test")
"""Those whose P-values a message gives."""
BEGG_FORMS: Final = ("normal", "continuity-corrected", "exact")
"""How Begg's P-value may be got."""


def two_count_pvalues(events: tuple[int, int], n: tuple[int, int]) -> dict[str, float]:
    """Return the P-values of the usual tests of two proportions, by the test's name; nan where there is none.

    Parameters
    ----------
    events, n : tuple of int
        Of each group.

    Notes
    -----
    Pearson's chi-squared and the likelihood-ratio test, without and with Yates's correction, and Fisher's exact test,
    all of `scipy.stats`; Wald tests of the difference of proportions and of the log odds ratio.
    """
    from scipy.stats import chi2_contingency, fisher_exact

    table = np.array([events, np.subtract(n, events)]).T
    found = dict.fromkeys(TESTS, nan)
    found["Fisher's exact test"] = float(fisher_exact(table).pvalue)
    if (table.sum(axis=0) > 0).all():
        for name, (correction, power) in _CONTINGENCY.items():
            found[name] = float(chi2_contingency(table, correction=correction, lambda_=power).pvalue)
    difference = effect_sizes("RD", *np.array([[events[0]], [n[0]], [events[1]], [n[1]]], dtype=float))
    ratio = effect_sizes("OR", *np.array([[events[0]], [n[0]], [events[1]], [n[1]]], dtype=float))
    for name, effect in (("Wald test of the difference", difference), ("Wald test of the log odds ratio", ratio)):
        found[name] = 2.0 * float(ndtr(-abs(effect.y[0]) / effect.se[0]))
    return found


def wrong_pvalues(row: Compared) -> Iterator[Finding]:
    """Yield a P-value beside the counts of two arms that none of their tests gives."""
    figures, arms = row.row.figures, row.row.arms()
    counts = [(f"{arm}_events", f"{arm}_n") for arm in arms]
    counts = [pair for pair in counts if set(pair) <= figures.keys()]
    if len(counts) != 2 or "pvalue" not in figures:
        return
    events, n = (tuple(round(figures[pair[i]].value) for pair in counts) for i in (0, 1))
    if any(e < 0 or e > size or size < 1 for e, size in zip(events, n, strict=True)):
        return
    found = two_count_pvalues((events[0], events[1]), (n[0], n[1]))
    figure = figures["pvalue"]
    if not any(figure.holds(p) for p in found.values()):
        shown = {name: figure.printed_as(found[name]) for name in SHOWN_TESTS if isfinite(found[name])}
        listed = ", ".join(f"{name} {text}" for name, text in shown.items())
        against = f"{events[0]}/{n[0]} against {events[1]}/{n[1]}"
        yield Finding(row, ("pvalue",), "pvalue", f"{against} gives {listed}", shown.get("chi-squared", ""))


def small_study_pvalues(studies: Studies, way: Transformation) -> dict[str, float]:
    """Return the P-values of Egger's test (by standard error, weighted regression) and of Begg's in each form."""
    effects = usable_effects(studies, way) if studies.k >= 3 else None
    if effects is None:
        return {}
    y, se = effects
    ranks = rank_test(y, se)
    return {
        "egger": egger(y, se, se, model="lm", tau2_rule=tau2_record("DL")).pvalue,
        "normal": ranks.normal_pvalue(continuity=False),
        "continuity-corrected": ranks.normal_pvalue(continuity=True),
        "exact": ranks.exact_pvalue,
    }


def small_study_choice(rows: Sequence[Compared]) -> tuple[Transformation, str, int, int] | None:
    """Return effects and form of Begg's test that explain most printed P-values, with how many, of how many."""
    having = [row for row in rows if row.studies is not None and _small_study(row)]
    if not having:
        return None
    total = sum(len(_small_study(row)) for row in having)
    first = having[0].studies
    assert first is not None
    best: tuple[Transformation, str, int, int] | None = None
    for way in transformations_for(first):
        found = [small_study_pvalues(row.studies, way) for row in having if row.studies is not None]
        for form in BEGG_FORMS:
            hits = sum(
                figure.holds(pvalues.get(_of(role, form), nan))
                for row, pvalues in zip(having, found, strict=True)
                for role, figure in _small_study(row).items()
            )
            if best is None or hits > best[2]:
                best = (way, form, hits, total)
    return best


def wrong_small_study(rows: Sequence[Compared]) -> Iterator[Finding]:
    """Yield P-values of Egger's and Begg's test that the best choice does not give, if it gives most of them."""
    choice = small_study_choice(rows)
    if choice is None or choice[2] < max(ENOUGH * choice[3], FEWEST):
        return
    way, form, _, _ = choice
    for row in rows:
        if row.studies is None:
            continue
        pvalues = small_study_pvalues(row.studies, way)
        for role, figure in _small_study(row).items():
            value = pvalues.get(_of(role, form), nan)
            if isfinite(value) and not figure.holds(value):
                test = "Egger's test" if role == "egger_pvalue" else f"Begg's test ({form})"
                yield Finding(row, (role,), "small-study", f"{test} on {way.title}: {figure.printed_as(value)}",
                              figure.printed_as(value))  # fmt: skip


def _small_study(row: Compared) -> dict[str, Figure]:
    return {role: row.row.figures[role] for role in ("egger_pvalue", "begg_pvalue") if role in row.row.figures}


def _of(role: str, form: str) -> str:
    return "egger" if role == "egger_pvalue" else form
