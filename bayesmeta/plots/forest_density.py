"""How is the true value of the next study distributed, as a forest plot draws it?"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from bayesmeta.api import AnyFit
from bayesmeta.effects.links import LINKS
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.plots.forest_fits import Compared, labelled_fits
from bayesmeta.plots.forest_groups import Groups, is_regression
from bayesmeta.result.quantity import is_proportion

TAIL: Final = 0.001
"""Probability beyond each end of a curve."""
POINTS: Final = 301
"""Of a curve: more than the pixels of its width in print."""


def forest_densities(fit: AnyFit, *, compare: Compared = (), groups: Groups | None = None) -> pd.DataFrame:
    """Return the curves of ``plot_forest(fit, prediction="density")``.

    Parameters
    ----------
    fit, compare, groups
        As in `forest_frame`.

    Returns
    -------
    DataFrame
        Columns ``method``, ``group`` and ``parameter`` as in `forest_frame`, ``x`` on the natural scale, and
        ``density``: that of the next study's true value, per unit of the axis (of log x for ratios and rates, whose
        axis is logarithmic). Frequentist fits have none, as their prediction is an interval, and a table of
        `subgroups` holds none.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> curve = forest_densities(fit)
    >>> round(float(np.trapezoid(curve["density"], curve["x"])), 3)
    0.998
    """
    parts = []
    for title, each in labelled_fits(fit, compare).items():
        if not is_regression(each):
            parts += list(_curves(each, title, "", ""))
    regression: Any = fit if groups is None else groups
    if isinstance(groups, Mapping):
        for label, each in groups.items():
            parts += list(_curves(each, "Groups", str(label), ""))
    elif not isinstance(groups, pd.DataFrame) and is_regression(regression):
        for label in regression.design.groups:
            parts += list(_curves(regression, f"Groups, {regression.design.formula}", str(label), f"[{label}]"))
    columns = ["method", "group", "parameter", "x", "density"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _curves(fit: Any, method: str, group: str, suffix: str) -> Iterator[pd.DataFrame]:
    if isinstance(fit, FrequentistFit | GlmmFit | FrequentistRegression) or not fit.model.has_tau:
        return
    of_proportions = is_proportion(fit.link)
    parameter = "p_new" if of_proportions else "theta_new"
    marginal = fit.marginal(parameter + suffix)
    ends = marginal.ppf(np.array([TAIL, 1.0 - TAIL]))
    at = np.linspace(ends[0], ends[1], POINTS)
    x = at if of_proportions else LINKS[fit.link].inverse(at)
    named = {"method": method, "group": group, "parameter": parameter}
    yield pd.DataFrame({**named, "x": x, "density": marginal.pdf(at)})
