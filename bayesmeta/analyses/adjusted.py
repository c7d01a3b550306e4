"""What would the pooled effect be, by each method that adjusts for small-study effects?"""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from bayesmeta.analyses.pet_peese import DIRECTIONS, pet_peese
from bayesmeta.analyses.selection import selection_model
from bayesmeta.analyses.trim_fill import trim_fill
from bayesmeta.data.studies import Studies
from bayesmeta.errors import AccuracyError, DataError
from bayesmeta.frequentist.fit import fit_frequentist
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.spec.observed import check_studies

COLUMNS: Final = ("method", "parameter", "estimate", "se", "lower", "upper", "note")
_NUMBERS: Final = ("estimate", "se", "lower", "upper")


def adjusted_estimates(
    studies: Studies,
    *,
    measure: str | None = None,
    tau2_method: str = "DL",
    alternative: str | None = None,
    null: float = 0.0,
    variance: str = "wald",
    add: float | None = None,
    to: str = "only0",
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """Put the pooled effect beside its adjusted versions, as a sensitivity analysis.

    Parameters
    ----------
    studies : Studies
        The data, of any kind.
    measure, tau2_method, variance, add, to
        As in `fit` with ``engine="frequentist"``.
    alternative : {"greater", "less"}, optional
        Which effects are taken to be favoured, by PET-PEESE and selection; by default those on the pooled mean's side
        of `null`.
    null : float
        Effect that stands for no effect, link scale.
    ci_prob : float
        Coverage of all intervals.

    Returns
    -------
    DataFrame
        For "none", "trim and fill" (L0), "PET-PEESE" and the selection models "stepfun" (step at a one-sided P of
        0.025), "logistic" and "negexp" a row for ``mu`` and, for proportions, one on their scale. ``note``: what was
        added or chosen, or why there is no estimate.

    Raises
    ------
    SpecError
        If an option is unknown, or does not fit the data.

    Notes
    -----
    None of these is "the" corrected estimate: they rest on different assumptions, and where they disagree, the data do
    not tell. `trim_fill`, `pet_peese` and `selection_model` have the details and the options.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    >>> adjusted_estimates(studies).query("parameter == 'p_median'")[["method", "estimate"]].round(3)
               method  estimate
    1            none     0.757
    3   trim and fill     0.666
    5       PET-PEESE     0.567
    7         stepfun     0.665
    9        logistic     0.612
    11         negexp     0.590
    """
    check_studies(studies)
    effects = {"measure": measure, "variance": variance, "add": add, "to": to}
    fit = fit_frequentist(studies, tau2_method=tau2_method, ci_prob=ci_prob, **effects)  # type: ignore[arg-type]
    side = alternative or DIRECTIONS[int(fit.mu < null)]

    def selected(code: str) -> tuple[pd.DataFrame, str]:
        model = selection_model(studies, code, alternative=side, null=null, **effects)  # type: ignore[arg-type]
        test = f"no selection: P = {model.lrt_pvalue:.3g}"
        return model.summary(ci_prob=ci_prob).loc[list(fit.rows(ci_prob))], "; ".join([test, *model.notes])

    def filled() -> tuple[pd.DataFrame, str]:
        result = trim_fill(fit)
        return result.summary(), f"{result.k0} added on the {result.side}"

    def extrapolated() -> tuple[pd.DataFrame, str]:
        table = pet_peese(studies, alternative=side, null=null, ci_prob=ci_prob, **effects)  # type: ignore[arg-type]
        chosen = table[table["method"] == "PET-PEESE"].set_index("parameter")
        return chosen, str(chosen["note"].iloc[0])

    methods: dict[str, Callable[[], tuple[pd.DataFrame, str]]] = {
        "none": lambda: (fit.summary(), ""),
        "trim and fill": filled,
        "PET-PEESE": extrapolated,
        **{code: partial(selected, code) for code in ("stepfun", "logistic", "negexp")},
    }
    rows = [row for name, method in methods.items() for row in _rows(name, method, fit)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(name: str, method: Callable[[], tuple[pd.DataFrame, str]], fit: FrequentistFit) -> list[tuple[object, ...]]:
    try:
        table, note = method()
    except (DataError, AccuracyError) as error:
        return [(name, row, *[np.nan] * len(_NUMBERS), str(error)) for row in fit.rows(fit.ci_prob)]
    return [(name, row, *table.loc[row, list(_NUMBERS)], note) for row in table.index]
