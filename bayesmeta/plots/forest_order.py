"""In which order do the studies of a forest plot stand?"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesmeta._arrays import IntArray
from bayesmeta._validate import unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError


def arrange(rows: pd.DataFrame, studies: Studies, order: str | Sequence[str] | None) -> pd.DataFrame:
    """Return the rows of the studies in another order.

    Parameters
    ----------
    rows : DataFrame
        A row per study, in the order of `studies`, with its label in column ``label``.
    studies : Studies
        Their moderators can order the rows too.
    order : str or sequence of str, or None
        A column (descending with ``-`` before its name), or all labels in the order wanted; None: as they
        are.
        Equal values keep their order.

    Returns
    -------
    DataFrame
        The same rows, numbered from 0.

    Raises
    ------
    SpecError
        If there is no such column, or the labels are not those of the studies, each once.
    """
    if order is None:
        return rows
    at = _by_column(rows, studies, order) if isinstance(order, str) else _by_labels(studies.study, order)
    return rows.iloc[at].reset_index(drop=True)


def _by_column(rows: pd.DataFrame, studies: Studies, order: str) -> IntArray:
    columns = pd.concat([rows.rename(columns={"label": "study"}), studies.moderators], axis=1)
    columns = columns.loc[:, ~columns.columns.duplicated()].dropna(axis=1, how="all")
    allowed = [name for name in columns if columns[name].nunique() > 1 or name in studies.moderators]
    name = order.removeprefix("-")
    if name not in columns:
        raise SpecError(unknown_name("column for order", name, allowed))
    ranks = columns[name].rank(method="dense", na_option="bottom", ascending=not order.startswith("-"))
    return np.argsort(ranks.to_numpy(), kind="stable")


def _by_labels(labels: tuple[str, ...], order: Sequence[str]) -> IntArray:
    wanted = [str(label) for label in order]
    for label in wanted:
        if label not in labels:
            raise SpecError(unknown_name("study in order", label, labels))
    if Counter(wanted) != Counter(labels):
        times = "twice" if len(wanted) > len(set(wanted)) else "not at all"
        which = next(label for label in labels if wanted.count(label) != 1)
        raise SpecError(f"order names study {which!r} {times}; name each of the {len(labels)} studies once.")
    return np.array([labels.index(label) for label in wanted], dtype=np.intp)
