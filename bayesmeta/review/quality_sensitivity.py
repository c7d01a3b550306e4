"""Does the answer depend on studies of low quality: without them, and with less weight?"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from bayesmeta._validate import a_type, unknown_name
from bayesmeta.api import fit
from bayesmeta.data.cells import is_missing
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.review.quality_tools import JUDGEMENTS
from bayesmeta.spec.model import ModelSpec

type Judged = Mapping[str, str] | str

NOBODY: Final = "no study is judged so"
COLUMNS: Final = ("mean", "sd", "median", "lower", "upper", "numerical_error")


def judgement_weights(studies: Studies, judgements: Judged, weights: Mapping[str, float]) -> dict[str, float]:
    """Return the power of each study's likelihood by its judgement, for ``power_weights`` of `fit`.

    Parameters
    ----------
    studies : Studies
        The data.
    judgements : mapping or str
        From study to judgement, as `Quality.judgements` returns it, or the moderator that holds them.
    weights : mapping
        From judgement to power, above 0 and up to 1: ``{"high": 0.5, "some concerns": 0.8}``. Studies judged otherwise
        keep 1. Nothing in the data says how large a power is right; it is yours to state, and to vary.

    Returns
    -------
    dict
        From study to power, all k.

    Raises
    ------
    SpecError
        If a judgement is unknown, or a power is none.
    DataError
        If a study has no judgement.

    Notes
    -----
    A study's likelihood to the power a counts as a times as many patients: a power prior [1]_ whose discount is fixed.

    References
    ----------
    .. [1] J. G. Ibrahim, M.-H. Chen. Power prior distributions for regression models. Statistical Science 15:46-60,
       2000. doi:10.1214/ss/1009212673

    Examples
    --------
    >>> df = pd.DataFrame({"study": ["Lee", "Kim"], "events": [7, 3], "n": [15, 10], "bias": ["low", "high"]})
    >>> studies = Studies.from_frame(df, moderators=["bias"])
    >>> judgement_weights(studies, "bias", {"high": 0.5})
    {'Lee': 1.0, 'Kim': 0.5}
    """
    if not isinstance(weights, Mapping):
        raise SpecError(f"weights is {a_type(weights)}; give powers by judgement, such as {{'high': 0.5}}.")
    powers = {_word(word, "weights"): value for word, value in weights.items()}
    for word, value in powers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value <= 1.0:
            raise SpecError(f"weights of {word!r} is {value!r}; a power lies above 0 and up to 1.")
    words = _judgements_of(studies, judgements)
    return {label: float(powers.get(words[label], 1.0)) for label in studies.study}


def quality_sensitivity(
    studies: Studies,
    judgements: Judged,
    model: ModelSpec | None = None,
    *,
    exclude: Sequence[str] | str = ("high",),
    weights: Mapping[str, float] | None = None,
    measure: str | None = None,
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """Return the answer from all studies, without those of low quality, and with less weight for them.

    Parameters
    ----------
    studies : Studies
        The data.
    judgements : mapping or str
        From study to judgement, as `Quality.judgements` returns it, or the moderator that holds them.
    model : ModelSpec, optional
        As in `fit`; fitted exactly.
    exclude : sequence of str
        Judgements whose studies are left out; none for no such analysis.
    weights : mapping, optional
        Powers by judgement, as in `judgement_weights`; by default 0.5 for each judgement of `exclude`;
        empty for no such analysis.
    measure : str, optional
        As in `fit`.
    ci_prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        A row per ``analysis`` ("all studies", "without high", "weighted: high 0.5") and ``parameter``: of proportions
        ``tau``, ``p_median``, ``p_mean`` and ``p_new``, else all rows of the summary. ``k`` studies; ``mean sd median
        lower upper numerical_error``; ``shift``: by how much the median differs from that of all studies, in SDs that
        it has there; ``note``: why there are no numbers, or no difference.

    Raises
    ------
    SpecError
        If a judgement or an option is unknown, or model and data do not go together.
    DataError
        If a study has no judgement.

    Examples
    --------
    >>> df = pd.DataFrame({"study": ["Lee", "Kim", "Ali"], "events": [7, 3, 19], "n": [15, 10, 20]})
    >>> table = quality_sensitivity(Studies.from_frame(df), {"Lee": "low", "Kim": "low", "Ali": "high"})
    >>> table.query("parameter == 'p_mean'")[["analysis", "k", "median", "shift"]].round(2)
                  analysis  k  median  shift
    2          all studies  3    0.58   0.00
    6         without high  2    0.41  -1.35
    10  weighted: high 0.5  3    0.56  -0.17
    """
    left_out = tuple(_word(word, "exclude") for word in ([exclude] if isinstance(exclude, str) else exclude))
    chosen = dict.fromkeys(left_out, 0.5) if weights is None else weights
    words = _judgements_of(studies, judgements)
    powers = judgement_weights(studies, words, chosen)
    options: dict[str, Any] = {} if measure is None else {"measure": measure}
    keep = np.flatnonzero([words[label] not in left_out for label in studies.study])
    whole = _summary(studies, model, options, ci_prob)
    parts = [_rows("all studies", studies.k, whole, "")]
    if left_out:
        name = f"without {' or '.join(left_out)}"
        some = 0 < keep.size < studies.k
        part = _summary(studies.take(keep), model, options, ci_prob) if some else whole if keep.size else whole * np.nan
        parts.append(_rows(name, keep.size, part, "" if some else NOBODY if keep.size else "no study is left"))
    if chosen:
        name = f"weighted: {', '.join(f'{word} {power:g}' for word, power in chosen.items())}"
        moved = any(power < 1.0 for power in powers.values())
        part = _summary(studies, model, {**options, "power_weights": powers}, ci_prob) if moved else whole
        parts.append(_rows(name, studies.k, part, "" if moved else NOBODY))
    table = pd.concat(parts, ignore_index=True)
    first = whole.loc[table["parameter"]]
    table["shift"] = (table["median"].to_numpy() - first["median"].to_numpy()) / first["sd"].to_numpy()
    return table[["analysis", "parameter", "k", *COLUMNS, "shift", "note"]]


def _summary(studies: Studies, model: ModelSpec | None, options: dict[str, Any], ci_prob: float) -> pd.DataFrame:
    found: pd.DataFrame = fit(studies, model, **options).summary(ci_prob=ci_prob)
    return found.drop(index="mu") if "p_median" in found.index else found


def _rows(analysis: str, k: int, summary: pd.DataFrame, note: str) -> pd.DataFrame:
    frame = summary[list(COLUMNS)].rename_axis("parameter").reset_index()
    return frame.assign(analysis=analysis, k=k, note=note)


def _word(word: object, where: str) -> str:
    """Return a judgement as it is written in `JUDGEMENTS`; raise `SpecError` if it is none."""
    known = " ".join(str(word).replace("_", " ").split()).casefold()
    if known not in JUDGEMENTS:
        raise SpecError(f"{where}: {unknown_name('judgement', word, JUDGEMENTS)}")
    return known


def _judgements_of(studies: Studies, judgements: Judged) -> dict[str, str]:
    """Return the judgement of each study."""
    if isinstance(judgements, str):
        if judgements not in studies.moderators.columns:
            raise SpecError(unknown_name("moderator with judgements", judgements, studies.moderators.columns))
        found = dict(zip(studies.study, studies.moderators[judgements], strict=True))
    elif isinstance(judgements, Mapping):
        found = {label: judgements.get(label) for label in studies.study}
    else:
        raise SpecError(f"judgements is {a_type(judgements)}; give judgements by study, or the moderator's name.")
    for label, word in found.items():
        if is_missing(word):
            raise DataError(f"study {label!r} has no judgement; give one of {', '.join(JUDGEMENTS)}.")
    return {label: _word(word, f"study {label!r}") for label, word in found.items()}
