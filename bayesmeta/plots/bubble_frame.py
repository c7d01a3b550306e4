"""What does a bubble plot of a meta-regression show: the studies, and the line with its intervals?"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import a_type, check_probability, unknown_name
from bayesmeta.analyses.predict import predict
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.exact.regression import RegressionFit
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.plots.classical_effects import classical_effects
from bayesmeta.plots.forest_fits import is_reliable, link_of
from bayesmeta.spec.moderators import Design

POINTS: Final = 25
"""Points of a line."""
NODES: Final = 7
"""Predictions of an exact fit, each of which is a posterior of its own and takes up to a second."""
BEYOND: Final = 0.03
"""How far beyond the studies the line goes, in parts of their range."""
HEADLINES: Final = ("p_median", "p_mean", "eta")


def bubble_frame(
    fit: Any,
    moderator: str | None = None,
    *,
    by: str | None = None,
    at: Mapping[str, object] | None = None,
    parameter: str | None = None,
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """Return the studies and the lines of a bubble plot.

    Parameters
    ----------
    fit : RegressionFit, NutsFit or FrequentistRegression
        A fit with a formula.
    moderator : str, optional
        The numeric moderator on the axis; needed if the formula has several.
    by : str, optional
        A moderator of levels: a line for each.
    at : mapping, optional
        Values at which the other moderators are held; by default numbers at their mean, levels at the first.
    parameter : str, optional
        What the line is of: a row of `predict`, by default ``p_median`` (of raw proportions ``p_mean``), else ``eta``.
    ci_prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        ``kind``: "study" or "line". Of studies ``study``, ``x``, ``y``: the observed effect, natural scale;
        ``weight``: 1 / (se^2 + tau2), scaled to sum to 1. Of lines ``x``, ``y``, ``lower``, ``upper``, and
        ``new_lower``, ``new_upper``: the interval of a new study. ``level`` of `by`, else empty; ``is_reliable``.
        ``attrs`` hold ``moderator``, ``parameter``, ``held``.

    Raises
    ------
    SpecError
        If the fit has no formula, the moderator is none of its numeric ones, or a value is missing.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["year"])
    >>> frame = bubble_frame(bm.fit(studies, engine="frequentist", formula="~ year"))
    >>> frame[frame["kind"] == "line"].iloc[[0, -1]][["x", "y"]].round(2).to_numpy().tolist()
    [[2016.76, 0.84], [2025.24, 0.86]]
    """
    design = _design(fit)
    prob = check_probability("ci_prob", ci_prob)
    chosen = _moderator(design, moderator)
    levels = _levels(design, by, chosen)
    moderators = fit.studies.moderators
    held = _held(design, moderators, {chosen, *([by] if by else [])}, at)
    x = moderators[chosen].to_numpy(dtype=np.float64)
    grid = _grid(x)
    lines = [_line(fit, chosen, grid, held | ({by: level} if by else {}), parameter, prob, level) for level in levels]
    effects = classical_effects(fit)
    se, tau = np.asarray(effects.se), _tau(fit)
    weight = 1.0 / (se**2 + tau**2)
    studies = pd.DataFrame(
        {
            "kind": "study",
            "study": list(fit.studies.study),
            "x": x,
            "y": _observed(fit, effects),
            "weight": weight / weight.sum(),
            "level": "" if by is None else moderators[by].astype(str).to_numpy(),
        }
    )
    frame = pd.concat([studies, *lines], ignore_index=True).assign(is_reliable=is_reliable(fit))
    frame.attrs = {"moderator": chosen, "parameter": lines[0].attrs["parameter"], "held": held}
    return frame


def _design(fit: Any) -> Design:
    design = getattr(fit, "design", None)
    if not isinstance(fit, RegressionFit | NutsFit | FrequentistRegression) or design is None:
        raise SpecError(
            f"plot_bubble takes a fit with a formula, such as bm.ModelSpec(formula='~ year', ...); got {a_type(fit)}."
        )
    assert isinstance(design, Design)
    return design


def _moderator(design: Design, moderator: str | None) -> str:
    numeric = [name for name in design.variables if name not in design.levels]
    if not numeric:
        raise SpecError(
            f"the formula {design.formula} has no numeric moderator for the axis; see plot_forest or compare."
        )
    if moderator is None and len(numeric) > 1:
        raise SpecError(
            f"the formula {design.formula} has several numeric moderators; name one of {', '.join(numeric)}."
        )
    chosen = numeric[0] if moderator is None else moderator
    if chosen not in numeric:
        raise SpecError(unknown_name("numeric moderator", chosen, numeric))
    return chosen


def _levels(design: Design, by: str | None, chosen: str) -> tuple[str, ...]:
    if by is None:
        return ("",)
    if by not in design.levels or by == chosen:
        raise SpecError(unknown_name("moderator of levels", by, list(design.levels) or ["(none)"]))
    return design.levels[by]


def _held(
    design: Design, moderators: pd.DataFrame, free: set[str], at: Mapping[str, object] | None
) -> dict[str, object]:
    """Return the values at which the moderators are held that are not on the axis."""
    given = dict(at or {})
    others = [name for name in design.variables if name not in free]
    for name in given:
        if name not in others:
            raise SpecError(unknown_name("moderator in at", name, others or ["(none)"]))
    typical = {
        name: design.levels[name][0] if name in design.levels else float(moderators[name].mean()) for name in others
    }
    return typical | given


def _grid(x: FloatArray) -> FloatArray:
    low, high = float(x.min()), float(x.max())
    reach = BEYOND * (high - low)
    return np.linspace(low - reach, high + reach, POINTS) if reach else np.array([low])


def _line(
    fit: Any, moderator: str, x: FloatArray, held: dict[str, object], parameter: str | None, prob: float, level: str
) -> pd.DataFrame:
    """Return a line and its intervals; of an exact fit interpolated between fewer predictions, on the link scale."""
    nodes = np.linspace(x[0], x[-1], NODES) if isinstance(fit, RegressionFit) and x.size > NODES else x
    table = predict(fit, [{**held, moderator: float(value)} for value in nodes], ci_prob=prob)
    names = list(dict.fromkeys(table["parameter"]))
    chosen = next(name for name in HEADLINES if name in names) if parameter is None else parameter
    if chosen not in names:
        raise SpecError(unknown_name("parameter", chosen, names))
    new = "p_new" if "p_new" in names else "theta_new"
    point = "median" if "median" in table else "estimate"
    link = LINKS[link_of(fit)]

    def natural(name: str, column: str) -> FloatArray:
        values = table.loc[table["parameter"] == name, column].to_numpy(dtype=np.float64)
        if not values.size:
            return np.full(x.size, np.nan)
        is_link = name in ("eta", "theta_new")
        if nodes.size == x.size:
            return np.asarray(link.inverse(values)) if is_link else values
        base = values if is_link else link.link(values)
        return np.asarray(link.inverse(_smooth(nodes, base, x)))

    columns = {"y": (chosen, point), "lower": (chosen, "lower"), "upper": (chosen, "upper")}
    columns |= {"new_lower": (new, "lower"), "new_upper": (new, "upper")}
    values = {name: natural(*source) for name, source in columns.items()}
    frame = pd.DataFrame({"kind": "line", "x": x, **values, "level": level})
    frame.attrs = {"parameter": chosen}
    return frame


def _smooth(nodes: FloatArray, values: FloatArray, x: FloatArray) -> FloatArray:
    from scipy.interpolate import CubicSpline

    return np.asarray(CubicSpline(nodes, values)(x))


def _tau(fit: Any) -> float:
    if isinstance(fit, FrequentistRegression):
        return float(fit.tau)
    return float(fit.marginal("tau").ppf([0.5])[0]) if fit.model.has_tau else 0.0


def _observed(fit: Any, effects: Any) -> FloatArray:
    """Return the observed effects, natural scale: raw proportions and rates, as they are before any correction."""
    studies = fit.studies
    if studies.kind == "counts":
        return np.asarray(studies.events / studies.n)
    if studies.kind == "rates" and link_of(fit) == "log":
        return np.asarray(studies.events / studies.time)
    return np.asarray(LINKS[effects.record.link].inverse(np.asarray(effects.y)))
