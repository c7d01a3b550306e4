"""Clean printed tables made from the reference data sets, for `audit_faults.py`.

The figures come from `bayesmeta.fit` and `bayesmeta.small_study_tests`, not from the audit's own recomputation, and are
rounded as a journal would.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

import bayesmeta as bm

CONVENTIONS: dict[str, dict[str, object]] = {
    "raw-exact DL": {"measure": "PR", "variance": "exact-ci"},
    "raw-wald DL": {"measure": "PR"},
    "logit DL": {"measure": "PLO"},
    "logit REML Hartung-Knapp": {"measure": "PLO", "tau2_method": "REML", "ci_method": "hartung-knapp"},
    "Freeman-Tukey DL": {"measure": "PFT"},
    "arcsine EE": {"measure": "PAS", "tau2_method": "EE"},
}
"""How the clean tables are pooled: options of `bayesmeta.fit`."""
DECIMALS = {"debruin2009": (0, 1), "pritz1997": (0, 1), "crisafulli2020": (4, 5), "blinatumomab": (0, 1)}
"""Decimals of printed per cents; those of the rare disease show its prevalence."""
MODERATORS = {
    "debruin2009": ["ethnicity", "patients", "select"],
    "pritz1997": ["part"],
    "crisafulli2020": ["period"],
    "blinatumomab": ["design", "regimen", "setting"],
}
SUBGROUPED = ("suppressed", "improved", "prevalence", "CR", "MRD response", "CMR", "All-grade AE all")
"""Outcomes that are printed by subgroup too."""

type Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Setting:
    """One clean print: data set, convention and decimals."""

    data: str
    convention: str
    decimals: int


def settings() -> list[Setting]:
    """Return all prints."""
    return [Setting(d, c, decimals) for d, choices in DECIMALS.items() for c in CONVENTIONS for decimals in choices]


@cache
def counts(data: str) -> pd.DataFrame:
    """Return a reference data set in long form: outcome, study, events, n and its moderators."""
    if data == "blinatumomab":
        outcomes = bm.load_dataset("blinatumomab_outcomes").dropna(subset=["events"])
        grade = outcomes["grade"].fillna("")
        named = outcomes.assign(outcome=(outcomes["outcome"] + " " + grade).str.strip())
        covariates = bm.load_dataset("blinatumomab_studies")[["study", *MODERATORS[data]]]
        return named[["outcome", "study", "events", "n"]].merge(covariates, on="study", how="left")
    frame = bm.load_dataset(data)
    name = {"debruin2009": "suppressed", "pritz1997": "improved", "crisafulli2020": "prevalence"}[data]
    if data == "pritz1997":
        frame["part"] = ["abc"[i % 3] for i in range(len(frame))]
    if data == "crisafulli2020":
        frame["period"] = np.where(frame["year"] < 1995, "before 1995", "since 1995")
    return frame.assign(outcome=name)[["outcome", "study", "events", "n", *MODERATORS[data]]]


def studies_of(frame: pd.DataFrame) -> bm.Studies:
    """Return the studies of some rows."""
    return bm.Studies.from_frame(frame, events="events", n="n")


@cache
def _clean(setting: Setting) -> Tables:
    frame = counts(setting.data)
    made: Tables = {"results": _results(frame, setting)}
    if (bias := _bias(frame, setting)) is not None:
        made["bias"] = bias
    made["arms"] = _arms(frame, setting)
    made["scores"] = _scores(len(frame))
    return made


def clean_tables(setting: Setting) -> Tables:
    """Return the printed tables of a setting, all cells as text."""
    return {name: table.copy() for name, table in _clean(setting).items()}


def _results(frame: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    rows = []
    for outcome, part in frame.groupby("outcome", sort=False):
        place = {"outcome": outcome, "subgroup_variable": "overall", "subgroup_level": "all"}
        rows.append(place | _pooled(part, setting))
        if outcome not in SUBGROUPED:
            continue
        for variable in MODERATORS[setting.data]:
            for level, members in part.groupby(variable):
                place = {"outcome": outcome, "subgroup_variable": variable, "subgroup_level": level}
                rows.append(place | _pooled(members, setting))
    return pd.DataFrame(rows).fillna("")


def _pooled(part: pd.DataFrame, setting: Setting) -> dict[str, str]:
    studies = studies_of(part)
    fit = bm.fit(studies, engine="frequentist", **CONVENTIONS[setting.convention])
    pooled = fit.summary().iloc[1][["estimate", "lower", "upper"]]
    values = zip(("estimate", "lower", "upper"), _of_one(studies) if studies.k == 1 else pooled, strict=True)
    texts = {f"{name}_pct": f"{100 * value:.{setting.decimals}f}" for name, value in values}
    sums = {"k": f"{studies.k}", "events": f"{part['events'].sum():.0f}", "n": f"{part['n'].sum():.0f}"}
    if studies.k == 1:
        return sums | texts
    pvalue = "<0.001" if fit.q_pvalue < 0.001 else f"{fit.q_pvalue:.3f}"
    return sums | texts | {"i2_pct": f"{100 * fit.i2:.1f}", "q_pvalue": pvalue}


def _of_one(studies: bm.Studies) -> tuple[float, float, float]:
    from scipy.stats import binomtest

    result = binomtest(int(studies.events[0]), int(studies.n[0]))
    low, high = result.proportion_ci(method="exact")
    return float(result.statistic), float(low), float(high)


def _bias(frame: pd.DataFrame, setting: Setting) -> pd.DataFrame | None:
    """Return the P-values of Egger and Begg (with continuity correction) of each outcome with four studies or more."""
    options = {k: v for k, v in CONVENTIONS[setting.convention].items() if k in ("measure", "variance")}
    rows = []
    for outcome, part in frame.groupby("outcome", sort=False):
        if len(part) < 4:
            continue
        table = bm.small_study_tests(studies_of(part), ["egger", "begg"], predictors="sei", **options)
        pvalues = table.set_index("model")["pvalue"]
        both = pvalues["lm"], pvalues["continuity-corrected"]
        if np.isfinite(both).all():
            rows.append({"outcome": outcome, "egger_p": f"{both[0]:.2f}", "begg_p": f"{both[1]:.2f}"})
    return pd.DataFrame(rows) if len(rows) > 1 else None


def _arms(frame: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """Return comparisons of neighbouring studies: counts, per cents, and P-values by turns of three tests."""
    from scipy.stats import chi2_contingency, fisher_exact

    rows = []
    for i in range(0, len(frame) - 1, 2):
        first, second = (frame.iloc[j][["events", "n"]].astype(int).tolist() for j in (i, i + 1))
        table = np.array([[first[0], first[1] - first[0]], [second[0], second[1] - second[0]]])
        if (table.sum(axis=0) == 0).any():
            continue
        tests = (
            chi2_contingency(table, correction=False).pvalue,
            chi2_contingency(table).pvalue,
            fisher_exact(table).pvalue,
        )
        row = {"comparison": f"{i}", "p_value": f"{tests[i // 2 % 3]:.2f}"}
        for arm, (events, n) in (("a", first), ("b", second)):
            percent = f"{100 * events / n:.{setting.decimals}f}"
            row |= {f"{arm}_events": f"{events}", f"{arm}_n": f"{n}", f"{arm}_pct": percent}
        rows.append(row)
    return pd.DataFrame(rows)


def _scores(k: int) -> pd.DataFrame:
    """Return quality scores with their totals."""
    items = np.random.default_rng(k).integers(0, 3, size=(min(k, 15), 8))
    frame = pd.DataFrame(items, columns=[f"q{i + 1}" for i in range(8)])
    return frame.assign(total=items.sum(axis=1)).astype(str)
