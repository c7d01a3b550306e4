"""How did the answer develop as studies came in? The summary after each of them."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from bayesmeta._arrays import IntArray
from bayesmeta._validate import did_you_mean
from bayesmeta.analyses.parts import PartFit, check_fit, check_prob, summarise_parts
from bayesmeta.analyses.sampled_parts import sample_parts
from bayesmeta.data.moderators import check_moderator
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.nuts.fit import NutsFit


def cumulative(
    fit: PartFit | NutsFit,
    *,
    by: str | Sequence[str] | None = None,
    ci_prob: float | None = None,
    quiet: bool = False,
) -> pd.DataFrame:
    """Return the summary after the first study, the first two, and so on.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit or GlmmFit
        The analysis of all k studies.
    by : str or sequence of str, optional
        A moderator, in whose ascending order the studies come (ties as in the data, and said in ``note``); or the
        labels of all studies in the order wanted. By default the order of the data.
    ci_prob : float, optional
        Probability of the intervals; by default the fit's own, 0.95 for a Bayesian one.
    quiet : bool
        For a NutsFit: whether to show no progress bar.

    Returns
    -------
    DataFrame
        A row per step and ``parameter``: ``k`` studies so far, ``study`` the one added last, ``by`` its value of the
        moderator (if one is given), then numbers and ``note`` as in `leave_one_out`.

    Raises
    ------
    SpecError
        If the fit cannot be repeated, the moderator is unknown or cannot be ordered, or the labels are not those of
        the studies.
    AccuracyError
        If sampling was interrupted before the first refit; later on the rows that there are are kept.

    Notes
    -----
    Cumulative meta-analysis [1]_. A Bayesian posterior may be looked at after every study without correction, as each
    row is what that much data say; repeated classical intervals do not keep their coverage.

    References
    ----------
    .. [1] J. Lau, E. M. Antman, J. Jimenez-Silva, B. Kupelnick, F. Mosteller, T. C. Chalmers. Cumulative meta-analysis
       of therapeutic trials for myocardial infarction. New England Journal of Medicine 327:248-254, 1992.
       doi:10.1056/NEJM199207233270406

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesmeta as bm
    >>> df = pd.DataFrame({"study": list("ABC"), "events": [3, 9, 6], "n": [10, 11, 12], "year": [2011, 2003, 2008]})
    >>> fit = bm.fit(bm.Studies.from_frame(df, moderators=["year"]))
    >>> table = cumulative(fit, by="year")
    >>> table.query("parameter == 'p_median'")[["k", "study", "by", "median"]].round(2)
        k study    by  median
    2   1     B  2003    0.75
    7   2     C  2008    0.64
    12  3     A  2011    0.54
    """
    checked = fit if isinstance(fit, NutsFit) else check_fit(fit, "cumulative")
    prob = check_prob(checked, ci_prob)
    studies = checked.studies
    order, values = _order(studies, by)
    include = np.zeros((studies.k, studies.k), dtype=np.bool_)
    include[:, order] = np.tri(studies.k, dtype=np.bool_)
    heads: list[dict[str, object]] = [{"k": i + 1, "study": studies.study[j]} for i, j in enumerate(order)]
    if isinstance(checked, NutsFit):
        rows = sample_parts(checked, include, prob, what="cumulative", quiet=quiet)
    else:
        rows = summarise_parts(checked, include, prob)
    if values is None:
        return rows.tidy(heads)
    heads = [{**head, "by": value} for head, value in zip(heads, values, strict=True)]
    table = rows.tidy(heads)
    tied = pd.Series(values).duplicated(keep=False).to_numpy()
    said = np.repeat(tied, len(table) // studies.k)
    text = f"tie in {by}: in the order of the data"
    table["note"] = [
        "; ".join(part for part in (note, text if tie else "") if part)
        for note, tie in zip(table["note"], said, strict=True)
    ]
    return table


def _order(studies: Studies, by: str | Sequence[str] | None) -> tuple[IntArray, list[object] | None]:
    """Return positions of the studies in the order wanted, and their values of a moderator if there is one."""
    if by is None:
        return np.arange(studies.k), None
    if not isinstance(by, str | Iterable):
        raise SpecError(f"by={by!r} must be the name of a moderator, or all labels in the order wanted.")
    if not isinstance(by, str):
        return _by_labels(studies.study, list(by)), None
    check_moderator(studies, by)
    column = studies.moderators[by].tolist()
    try:
        order = sorted(range(studies.k), key=column.__getitem__)
    except TypeError:
        raise SpecError(
            f"moderator {by!r} mixes kinds of values that have no order; give the labels instead."
        ) from None
    return np.array(order, dtype=np.intp), [column[i] for i in order]


def _by_labels(labels: tuple[str, ...], wanted: list[str]) -> IntArray:
    for label in wanted:
        if label not in labels:
            raise SpecError(f"there is no study {label!r}.{did_you_mean(label, labels)}")
    missing = [label for label in labels if label not in wanted]
    if missing or len(wanted) != len(labels):
        which = f"lacks {missing[0]!r}" if missing else "names a study twice"
        raise SpecError(f"by {which}; give the label of each of the {len(labels)} studies once.")
    return np.array([labels.index(label) for label in wanted], dtype=np.intp)
