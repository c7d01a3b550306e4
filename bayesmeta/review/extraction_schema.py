"""Which columns has a table of extracted results, and what may stand in each?"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, final

import pandas as pd

type Kind = Literal["text", "word", "count", "number"]

OUTCOMES: Final = (
    "survival", "complete remission", "MRD negativity", "relapse", "transplantation", "adverse event",
    "treatment-related mortality",
)  # fmt: skip
ARMS: Final = ("single", "treatment", "control", "contrast")
DENOMINATORS: Final = ("all", "treated", "evaluable", "other")
RATIOS: Final = ("HR", "OR", "RR")
MEASURES: Final = ("count", "percent", *RATIOS, "median", "rate", "difference")
SE_LIMITS: Final = "+/-1 SE"
INTERVALS: Final[Mapping[str, float]] = MappingProxyType({"95% CI": 0.95, "90% CI": 0.9, "99% CI": 0.99})
"""Kinds of limits, with their probability; further there is `SE_LIMITS`."""


@final
@dataclass(frozen=True)
class Field:
    """One column of the table.

    Attributes
    ----------
    name, meaning : str
        What it is called and holds.
    kind : {"text", "word", "count", "number"}
        What its cells are.
    words : tuple of str
        Those allowed, of kind "word".
    required : bool
        Whether each row needs it.
    variable : str
        Which of the nine variables it belongs to; "" for what identifies a row.
    """

    name: str
    meaning: str
    kind: Kind = "text"
    words: tuple[str, ...] = ()
    required: bool = False
    variable: str = ""


_RESULT: Final = "4 to 9"
FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        field.name: field
        for field in (
            Field("study", "label of the study", required=True),
            Field("cohort", "whose patients: the same for all reports of one cohort; the study's label if empty"),
            Field("publication", "DOI or citation of the report"),
            Field("year", "of the report", "number"),
            Field("design", "such as randomised trial, single-arm study, retrospective cohort", variable="1 design"),
            Field("setting", "clinical setting; results are pooled within one only", required=True),
            Field("population", "who was treated", variable="2 population"),
            Field("arm", "whose result: of one arm, or of treatment against control", "word", ARMS, required=True),
            Field("regimen", "what the arm was given", variable="3 regimens and comparator"),
            Field("outcome", "which variable the result belongs to", "word", OUTCOMES, True, f"{_RESULT} outcomes"),
            Field("endpoint", "short name: OS, EFS, CR, CRS grade>=3", required=True, variable=_RESULT),
            Field("definition", "how the study defines it, or of which subgroup it is", variable=_RESULT),
            Field("timepoint", "such as 12 wk, 3 y, cycle 1", variable=_RESULT),
            Field(
                "denominator",
                "who is counted: all enrolled or randomised, the treated, the evaluable (assessed, or a subset), other",
                "word",
                DENOMINATORS,
                variable=_RESULT,
            ),
            Field("measure", "what kind of number it is", "word", MEASURES, True, _RESULT),
            Field("events", "patients with the event; survival: who died, relapsed, ...", "count", variable=_RESULT),
            Field("n", "patients counted; of a contrast those of both arms", "count", variable=_RESULT),
            Field("percent", "percentage printed beside a count, or in its place", "number", variable=_RESULT),
            Field("estimate", "of any measure but count; per cent for percent", "number", variable=_RESULT),
            Field("lower", "lower limit", "number", variable=_RESULT),
            Field("upper", "upper limit", "number", variable=_RESULT),
            Field("interval", "what the limits are", "word", (*INTERVALS, SE_LIMITS), variable=_RESULT),
            Field("unit", "of medians, rates and differences", variable=_RESULT),
            Field(
                "reference",
                "of a ratio: in whose terms it is given; control if empty",
                "word",
                ("control", "treatment"),
            ),
            Field("preferred", "1: the row to pool of several about one cohort; 0: not that one", "word", ("0", "1")),
            Field("status", "such as reported, verified, derived, reconstructed"),
            Field("source", "page, table or figure"),
            Field("note", "anything else"),
        )
    }
)
"""The columns: nine variables (design; population; regimens and comparator; survival; complete remission; MRD
negativity; relapse; transplantation; adverse events and treatment-related mortality) in long form, one result of one
arm a row."""

EXAMPLE: Final = (
    {"study": "Lee 2019", "design": "randomised trial", "setting": "relapsed/refractory", "arm": "contrast",
     "outcome": "survival", "endpoint": "OS", "measure": "HR", "n": "405", "estimate": "0.71", "lower": "0.55",
     "upper": "0.93", "interval": "95% CI", "status": "reported"},
    {"study": "Lee 2019", "design": "randomised trial", "setting": "relapsed/refractory", "arm": "treatment",
     "regimen": "new drug", "outcome": "complete remission", "endpoint": "CR", "timepoint": "12 wk",
     "denominator": "all", "measure": "count", "events": "92", "n": "271", "percent": "34", "status": "reported"},
    {"study": "Lee 2019", "design": "randomised trial", "setting": "relapsed/refractory", "arm": "control",
     "regimen": "chemotherapy", "outcome": "complete remission", "endpoint": "CR", "timepoint": "12 wk",
     "denominator": "all", "measure": "count", "events": "21", "n": "134", "percent": "16", "status": "reported"},
)  # fmt: skip
"""Made-up rows of the template."""


def extraction_fields() -> pd.DataFrame:
    """Return the columns of the extraction table, one a row.

    Returns
    -------
    DataFrame
        ``column``, ``meaning``, ``kind``, ``allowed`` words, ``required``, ``variable``.

    Examples
    --------
    >>> fields = extraction_fields().set_index("column")
    >>> fields.loc["denominator", "allowed"]
    'all, treated, evaluable, other'
    """
    rows = [
        (field.name, field.meaning, field.kind, ", ".join(field.words), field.required, field.variable)
        for field in FIELDS.values()
    ]
    return pd.DataFrame(rows, columns=["column", "meaning", "kind", "allowed", "required", "variable"])
