"""How are the estimates of a classical fit put into a table, whatever its method?"""

from collections.abc import Mapping

import pandas as pd

from bayesmeta._validate import check_probability
from bayesmeta.errors import SpecError

type Row = tuple[float, float, float, float]
"""Estimate, standard error, lower and upper limit."""


def check_summary(ci_prob: float | None, ci_kind: str, *, own: float) -> float:
    """Return the coverage that is asked for, ``own`` by default; raise `SpecError` for what no such interval has."""
    if ci_kind != "eti":
        raise SpecError(f"ci_kind={ci_kind!r} is not defined for a confidence interval; use ci_kind='eti'.")
    return own if ci_prob is None else check_probability("ci_prob", ci_prob)


def estimates_frame(rows: Mapping[str, Row]) -> pd.DataFrame:
    """Return one row per parameter: parameter, estimand, estimate, se, lower, upper."""
    listed = [(name, name, *values) for name, values in rows.items()]
    return pd.DataFrame(listed, columns=["parameter", "estimand", "estimate", "se", "lower", "upper"])


def summary_frame(rows: Mapping[str, Row]) -> pd.DataFrame:
    """Return the same indexed by ``parameter``, without the estimand."""
    return estimates_frame(rows).drop(columns="estimand").set_index("parameter")
