"""Which of the extracted results are pooled, and as what kind of data?"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import logit, ndtri

from bayesmeta._validate import listed, unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.review.extraction_schema import INTERVALS, RATIOS, SE_LIMITS

KEPT: Final = ["setting", "population", "timepoint", "denominator", "status", "row"]
NOT_REPORTED: Final = "not reported"
"""A text that is missing."""
BOTH: Final = ("treatment", "control")
POOLED: Final = ("count", "percent", *RATIOS)
SAY_WHICH: Final = {
    "setting": "results are pooled within one setting",
    "timepoint": "results are pooled at one time",
    "denominator": "results are pooled among one kind of patients",
}


def select_studies(
    table: pd.DataFrame, problems: pd.DataFrame, source: str, endpoint: str, measure: str, chosen: Mapping[str, Any]
) -> Studies:
    """Return the preferred results of one endpoint as studies; see `Extraction.studies`."""
    if measure not in POOLED:
        raise SpecError(unknown_name("measure", measure, POOLED))
    rows = table[table["preferred"] != 0]
    rows = _where(rows, "endpoint", endpoint)
    rows = _where(rows, "measure", measure)
    if chosen["setting"] is not None:
        wanted = [chosen["setting"]] if isinstance(chosen["setting"], str) else list(chosen["setting"])
        if not wanted:
            raise SpecError(f"setting=[] names no setting. Allowed: {listed(dict.fromkeys(rows['setting']))}.")
        rows = pd.concat([_where(rows, "setting", name) for name in wanted])
    arms = _arms(rows, measure, chosen["arm"])
    rows = rows[rows["arm"].isin(arms)]
    for name in ("timepoint", "denominator"):
        if chosen[name] is not None:
            rows = _where(rows, name, chosen[name])
    for name, why in SAY_WHICH.items():
        given = list(dict.fromkeys(rows[name]))
        if len(given) > 1 and chosen[name] is None:
            raise SpecError(
                f"{endpoint} has several values of {name}: {', '.join(map(repr, given))}; {why}: {name}=..."
            )
    _refuse_faulty(rows, problems, source)
    rows = rows.assign(**{name: rows[name].replace("", NOT_REPORTED) for name in KEPT})
    if measure == "count":
        return _two_arms(rows, source) if arms == BOTH else _counts(rows, source)
    return _ratios(rows, source, measure) if measure in RATIOS else _logits(rows, source)


def _where(rows: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    given = list(dict.fromkeys(rows[column]))
    if value not in given:
        raise SpecError(unknown_name(column, value, given))
    return rows[rows[column] == value]


def _arms(rows: pd.DataFrame, measure: str, arm: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the arms whose rows are taken: `BOTH`, or those that are pooled as one arm each."""
    given = list(dict.fromkeys(rows["arm"]))
    if measure in RATIOS:
        return ("contrast",)
    if arm == "both" and measure == "count":
        return BOTH
    if arm is not None:
        chosen = (arm,) if isinstance(arm, str) else tuple(arm)
        for name in chosen or ("",):
            if name not in given:
                raise SpecError(unknown_name("arm", name, given))
        return chosen
    if measure == "count" and set(given) == set(BOTH):
        return BOTH
    if len(given) > 1:
        raise SpecError(f"there are several arms, {', '.join(given)}; say which: arm={given[0]!r}.")
    return (given[0],)


def _refuse_faulty(rows: pd.DataFrame, problems: pd.DataFrame, source: str) -> None:
    errors = problems[(problems["kind"] == "error") & problems["row"].isin(set(rows["row"]))]
    if len(errors):
        first = errors.iloc[0]
        where = f"{source}, {first['row']}, study {first['study']!r}, column {first['column']!r}"
        raise DataError(f"{where}: {first['problem']}; no study is made of a wrong row.")
    for (cohort, arm), same in rows.groupby(["cohort", "arm"], sort=False):
        if len(same) > 1:
            raise DataError(
                f"{source}: {', '.join(same['row'])} are all of the cohort {cohort!r} (arm {arm}); "
                "set preferred to 1 in one and 0 in the others."
            )


def _counts(rows: pd.DataFrame, source: str) -> Studies:
    return Studies.from_frame(rows, events="events", n="n", moderators=KEPT, source=source)


def _two_arms(rows: pd.DataFrame, source: str) -> Studies:
    """Return the two arms of each cohort side by side; both must be there."""
    treatment, control = (rows[rows["arm"] == arm].set_index("cohort") for arm in BOTH)
    alone = list(treatment.index.symmetric_difference(control.index))
    if alone:
        arm = "control" if alone[0] in treatment.index else "treatment"
        raise DataError(
            f"{source}: cohort {alone[0]!r} has no row of the {arm} arm; add it, or choose arm='treatment'."
        )
    both = treatment.rename(columns={"events": "events_treatment", "n": "n_treatment"})
    both = both.assign(events_control=control["events"], n_control=control["n"])
    events, n = (tuple(f"{name}_{arm}" for arm in BOTH) for name in ("events", "n"))
    return Studies.from_frame(both.reset_index(), events=events, n=n, moderators=KEPT, source=source)


def _ratios(rows: pd.DataFrame, source: str, measure: str) -> Studies:
    """Return log ratios with the standard errors that their limits give."""
    y = np.log(rows["estimate"])
    se = (np.log(rows["upper"]) - np.log(rows["lower"])) / (2.0 * _deviates(rows, source))
    frame = rows.assign(y=y, se=se)
    kept = "HR" if measure == "HR" else "GEN"
    return Studies.from_frame(frame, y="y", se="se", measure=kept, moderators=KEPT, source=source)


def _logits(rows: pd.DataFrame, source: str) -> Studies:
    """Return logits of percentages; of limits one SE apart by the delta method, se / (p (1 - p))."""
    p, low, high = (rows[name] / 100.0 for name in ("estimate", "lower", "upper"))
    z = _deviates(rows, source)
    inside = (low > 0.0) & (high < 1.0)
    if not inside.all():
        first = rows[~inside].iloc[0]
        raise DataError(
            f"{source}, {first['row']}, study {first['study']!r}: limits {first['lower']:g} to {first['upper']:g} %; "
            "a logit needs both between 0 and 100; pool counts instead."
        )
    wide = (logit(high) - logit(low)) / (2.0 * z)
    se = np.where(rows["interval"] == SE_LIMITS, 0.5 * (high - low) / (p * (1.0 - p)), wide)
    frame = rows.assign(y=logit(p), se=se)
    return Studies.from_frame(frame, y="y", se="se", moderators=KEPT, source=source)


def _deviates(rows: pd.DataFrame, source: str) -> Any:
    """Return the normal deviates of the rows' limits, 1 for an SE."""
    without = rows[rows["interval"] == ""]
    if len(without):
        first = without.iloc[0]
        where = f"{source}, {first['row']}, study {first['study']!r}, column 'lower'"
        raise DataError(
            f"{where}: the estimate has no limits, so its weight is not known; add them or set preferred to 0."
        )
    return rows["interval"].map({SE_LIMITS: 1.0} | {name: float(ndtri(0.5 + 0.5 * p)) for name, p in INTERVALS.items()})
