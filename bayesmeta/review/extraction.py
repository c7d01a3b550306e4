"""What was taken from each study, in one table of long form, and is it consistent?"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import pandas as pd

from bayesmeta._validate import a_type, unknown_name
from bayesmeta.data.cells import is_missing, read_label, read_number
from bayesmeta.data.check import row_names
from bayesmeta.data.read import read_csv
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.review.extraction_cross import cross_faults
from bayesmeta.review.extraction_rows import NUMBERS, row_faults
from bayesmeta.review.extraction_schema import FIELDS
from bayesmeta.review.extraction_studies import select_studies
from bayesmeta.review.problems import Found, problem_frame, refuse_errors
from bayesmeta.review.texts import extraction_text


@final
@dataclass(frozen=True, eq=False, repr=False)
class Extraction:
    """Results taken from studies: one result of one arm, or of a contrast, a row.

    Attributes
    ----------
    table : DataFrame
        All columns of `extraction_fields` and ``row``; numbers as numbers, nan where there is none, texts "" where
        there is none, ``cohort`` the study's label where it is empty.
    problems : DataFrame
        What is wrong: ``row``, ``study``, ``column``, ``problem``, ``kind`` (error, warning).
    source : str
        The file.
    """

    table: pd.DataFrame
    problems: pd.DataFrame
    source: str

    def studies(
        self,
        endpoint: str,
        *,
        measure: str = "count",
        setting: str | Sequence[str] | None = None,
        arm: str | Sequence[str] | None = None,
        timepoint: str | None = None,
        denominator: str | None = None,
    ) -> Studies:
        """Return the preferred results of one endpoint as studies, ready to fit.

        Parameters
        ----------
        endpoint : str
            As in the table.
        measure : {"count", "percent", "HR", "OR", "RR"}
            Which numbers: events of n; percentages with limits, such as survival at a landmark, which become logits
            with standard errors; ratios with limits, which become logs.
        setting : str or sequence of str, optional
            Which settings; must be given if there are several, because results are pooled within a setting.
        arm : str or sequence of str, optional
            Of counts and percentages: ``"single"``, ``"treatment"`` or ``"control"``, or several, each a study of one
            arm; of counts also ``"both"``, treatment beside control. Must be given if there is any other choice.
        timepoint, denominator : str, optional
            Which; must be given if there are several.

        Returns
        -------
        Studies
            Counts of one arm or two, or estimates (measure "HR", or "GEN" for logits), with the moderators ``setting``,
            ``population``, ``timepoint``, ``denominator``, ``status`` and ``row``.

        Raises
        ------
        SpecError
            If there is no such result, or several settings, times or denominators to choose from.
        DataError
            If a row has an error, or a cohort several preferred rows.
        """
        chosen = {"setting": setting, "arm": arm, "timepoint": timepoint, "denominator": denominator}
        return select_studies(self.table, self.problems, self.source, endpoint, measure, chosen)

    def __repr__(self) -> str:
        return extraction_text(self)


def read_extraction(given: str | os.PathLike[str] | pd.DataFrame, *, on_bad: str = "raise") -> Extraction:
    """Return extracted results from a table with one result a row, checked.

    Parameters
    ----------
    given : path or DataFrame
        A CSV file or data frame with the columns of `extraction_fields`; those that are not required may be absent.
    on_bad : {"raise", "keep"}
        Whether a wrong row is an error, or kept as it is and listed in ``problems``; no study is made of such a row.

    Returns
    -------
    Extraction

    Raises
    ------
    DataError
        If a column is unknown or missing; or, naming row, study and column: a cell is missing or no number, a word is
        not among those allowed, events exceed n, a percentage is that of no count, an estimate lies outside its limits
        or off their (geometric) mean, limits are too narrow for so many patients or one SE apart, a ratio is turned
        round, one cohort is to be pooled several times, or an arm has several n of unknown kind.
    SpecError
        If `on_bad` is unknown.

    Notes
    -----
    A percentage with d decimals is that of a count r of n if 100 r / n rounds to it (GRIM [1]_). A ratio is held to be
    the geometric mean of its limits up to what their rounding allows: beyond it there is a warning, and an error from a
    tenth of the half-width on. Limits of a survival rate cannot be closer than those of n patients without censoring,
    and those of a log hazard ratio no closer than 4 / n allows for the variance.

    References
    ----------
    .. [1] N. J. L. Brown, J. A. J. Heathers. The GRIM test. Social Psychological and Personality Science 8:363-369,
       2017. doi:10.1177/1948550616673876

    Examples
    --------
    >>> import bayesmeta as bm
    >>> extraction = bm.read_extraction(bm.load_dataset("blinatumomab_extraction"))
    >>> extraction.studies("OS", measure="HR", setting="relapsed/refractory").study
    ('TOWER (Kantarjian)',)
    """
    if isinstance(given, pd.DataFrame):
        raw, source = given, "extraction table"
    elif isinstance(given, str | os.PathLike):
        texts = tuple(name for name in FIELDS if name != "year")
        raw, source = read_csv(given, text=texts), Path(given).name
    else:
        raise SpecError(f"extracted results are given as a CSV file or data frame, not as {a_type(given)}.")
    _check_columns(raw, source)
    if raw.empty:
        raise DataError(f"{source} has no rows; give one result a row.")
    rows = row_names(raw)
    raw = raw.reset_index(drop=True)
    raw = raw.assign(**{name: raw[name].map(_as_word) for name in ("preferred",) if name in raw.columns})
    found: list[Found] = []
    records: Any = raw.to_dict("records")
    for i, cells in enumerate(records):
        study = read_label(cells["study"])
        found += [(rows[i], study, column, text, kind) for column, text, kind in row_faults(cells)]
    table = _typed(raw, rows)
    bad = {row for row, *_, kind in found if kind == "error"}
    found += cross_faults(table[~table["row"].isin(bad)], raw)
    order = {row: i for i, row in enumerate(rows)}
    problems = problem_frame(sorted(found, key=lambda item: order[str(item[0])]))
    refuse_errors(problems, source, on_bad)
    return Extraction(table, problems, source)


def _check_columns(raw: pd.DataFrame, source: str) -> None:
    for name in raw.columns:
        if name not in FIELDS:
            raise DataError(f"{source}: {unknown_name('column', name, FIELDS)}")
    missing = [name for name, field in FIELDS.items() if field.required and name not in raw.columns]
    if missing:
        raise DataError(f"{source} has no column {missing[0]!r}; needed: {_required()}.")


def _required() -> str:
    return ", ".join(name for name, field in FIELDS.items() if field.required)


def _as_word(cell: Any) -> Any:
    """Return 1, 1.0 and "1.0" as the word "1"."""
    value = read_number(cell).value
    return str(int(value)) if value in (0.0, 1.0) else read_label(cell)


def _typed(raw: pd.DataFrame, rows: Sequence[str]) -> pd.DataFrame:
    """Return the table with all columns, numbers as numbers and texts as texts."""
    table = pd.DataFrame({"row": list(rows)})
    for name in FIELDS:
        cells = raw[name].tolist() if name in raw.columns else [None] * len(raw)
        if name in NUMBERS:
            table[name] = np.array([read_number(cell).value for cell in cells], dtype=np.float64)
        else:
            table[name] = ["" if is_missing(cell) else read_label(cell) for cell in cells]
    table["cohort"] = table["cohort"].where(table["cohort"] != "", table["study"])
    table["preferred"] = table["preferred"].map({"0": 0, "1": 1, "": -1}).fillna(-1).astype(int)
    return table
