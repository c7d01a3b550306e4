"""How do the risks in both arms go together? L'Abbé's plot."""

from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bayesmeta._arrays import FloatArray
from bayesmeta.api import ENGINES
from bayesmeta.effects.measures import DEFAULT_MEASURES
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.plots.bubbles import bubble_radii, draw_bubbles
from bayesmeta.plots.forest_fits import is_reliable, noun_of
from bayesmeta.plots.forest_words import percent_words
from bayesmeta.plots.looks import GREY, LINE_WIDTH, LOOKS, THIN
from bayesmeta.plots.point_labels import label_points
from bayesmeta.plots.quantity_axis import proportion_unit, set_axis, set_label
from bayesmeta.plots.sheet import open_sheet, settle
from bayesmeta.plots.warning import warning_of
from bayesmeta.spec.coefficients import formula_of, refuse_formula

CURVES: Final = ("OR", "PETO", "RR", "RD")
POINTS: Final = 161
NAMED: Final = 8
"""Studies that are named: those farthest from equal risks, in units of their size."""


def labbe_frame(fit: Any) -> pd.DataFrame:
    """Return the risks of both arms, and the curve on which they would lie with the pooled effect.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit or GlmmFit
        A fit of studies with events in two arms.

    Returns
    -------
    DataFrame
        ``kind``: "study" or "curve". Of studies ``study``, ``control``, ``treatment``: the observed risks, and ``n``
        of both arms. Of the curve ``control``, ``treatment``, ``lower``, ``upper``: the risk under treatment by the
        pooled effect and by the limits of its 95 % interval; ``is_reliable``. No curve for a measure that is no
        function of the risks.

    Raises
    ------
    SpecError
        If the studies have no events in two arms.

    References
    ----------
    .. [1] K. A. L'Abbé, A. S. Detsky, K. O'Rourke. Meta-analysis in clinical research. Annals of Internal Medicine
       107:224-233, 1987. doi:10.7326/0003-4819-107-2-224

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesmeta as bm
    >>> data = {"a": [5, 9, 4], "na": [50, 80, 40], "c": [9, 15, 10], "nc": [50, 79, 41]}
    >>> df = pd.DataFrame({"study": list("ABC"), **data})
    >>> fit = bm.fit(bm.Studies.from_frame(df, events=("a", "c"), n=("na", "nc")), engine="frequentist")
    >>> labbe_frame(fit).head(3)[["study", "control", "treatment"]].round(2)
      study  control  treatment
    0     A     0.18       0.10
    1     B     0.19       0.11
    2     C     0.24       0.10
    """
    if getattr(fit, "engine", None) not in ENGINES or fit.studies.kind != "two-arm-counts":
        raise SpecError(
            "plot_labbe takes a fit of events in two arms: events=('a', 'c') and n=('na', 'nc') in Studies.from_frame."
        )
    refuse_formula(formula_of(fit), "plot_labbe")
    data = fit.studies.data
    control, treatment = (data[f"events_{arm}"] / data[f"n_{arm}"] for arm in ("control", "treatment"))
    n = data["n_control"] + data["n_treatment"]
    studies = {"kind": "study", "study": list(fit.studies.study), "control": control, "treatment": treatment, "n": n}
    frames = [pd.DataFrame(studies)]
    measure = fit.measure or DEFAULT_MEASURES["two-arm-counts"]
    if measure in CURVES:
        x = np.linspace(0.0, 1.0, POINTS)
        curves = {name: _treated(measure, x, value) for name, value in _effect(fit).items()}
        frames.append(pd.DataFrame({"kind": "curve", "control": x, **curves}))
    return pd.concat(frames, ignore_index=True).assign(is_reliable=is_reliable(fit))


def _effect(fit: Any) -> dict[str, float]:
    """Return the pooled effect and its 95 % limits, link scale."""
    row = fit.summary(ci_prob=0.95).loc["mu"]
    point = "estimate" if isinstance(fit, FrequentistFit | GlmmFit) else "median"
    return {"treatment": float(row[point]), "lower": float(row["lower"]), "upper": float(row["upper"])}


def _treated(measure: str, control: FloatArray, effect: float) -> FloatArray:
    """Return the risk under treatment; nan where the effect leads out of 0 to 1."""
    if not np.isfinite(effect):
        return np.full(control.size, np.nan)
    if measure in ("OR", "PETO"):
        return np.asarray(control * np.exp(effect) / (1.0 + control * np.expm1(effect)))
    risk = control * np.exp(effect) if measure == "RR" else control + effect
    return np.asarray(np.where((risk >= 0.0) & (risk <= 1.0), risk, np.nan))


def plot_labbe(
    fit: Any,
    *,
    ax: Axes | None = None,
    scale: str | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the risk under treatment against that under control (L'Abbé's plot).

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit or GlmmFit
        A fit of studies with events in two arms.
    ax : Axes, optional
        Where to draw; by default a new figure.
    scale : {"percent", "proportion", "per 1000", "per 100000"}, optional
        Unit in which risks are printed.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x and y are proportions.

    Raises
    ------
    SpecError
        If the studies have no events in two arms, or the scale is unknown.

    Notes
    -----
    The areas of the circles are proportional to n; on the dashed line both risks are equal; the curve is the pooled
    effect with its 95 % interval. `labbe_frame` returns the numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesmeta as bm
    >>> data = {"a": [5, 9, 4], "na": [50, 80, 40], "c": [9, 15, 10], "nc": [50, 79, 41]}
    >>> df = pd.DataFrame({"study": list("ABC"), **data})
    >>> ax = plot_labbe(bm.fit(bm.Studies.from_frame(df, events=("a", "c"), n=("na", "nc")), engine="frequentist"))
    """
    frame = labbe_frame(fit)
    studies, curve = (frame[frame["kind"] == kind] for kind in ("study", "curve"))
    x, y, n = (studies[name].to_numpy(dtype=np.float64) for name in ("control", "treatment", "n"))
    unit = proportion_unit(float(np.median(np.concatenate([x, y]))), scale)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize, default_mm=100.0, height=250.0)
    ax, color, look = sheet.ax, mpl.rcParams["text.color"], LOOKS[0]
    top = min(1.0, 1.1 * max(float(x.max()), float(y.max()), 1e-6))
    ends = -0.03 * top, top * 1.03
    ax.plot(ends, ends, color=GREY, ls=LOOKS[1].line, lw=THIN, label="_equal")
    handles: list[Any] = [Line2D([], [], color=GREY, ls=LOOKS[1].line, lw=THIN, label="Equal risks")]
    if len(curve):
        ax.fill_between(
            curve["control"], curve["lower"], curve["upper"], color=GREY, alpha=0.25, lw=0.0, label="_interval"
        )
        ax.plot(curve["control"], curve["treatment"], color=color, lw=LINE_WIDTH, label="_pooled")
        interval = f"{percent_words(0.95)} {'CI' if isinstance(fit, FrequentistFit | GlmmFit) else 'CrI'}"
        handles.append(Line2D([], [], color=color, lw=LINE_WIDTH, label=f"Pooled {noun_of(fit)} with {interval}"))
    radius = bubble_radii(n, sheet.size)
    handles.append(draw_bubbles(ax, x, y, radius, look, "Study; area proportional to n"))
    ax.set_xlim(*ends)
    ax.set_ylim(*ends)
    for which, axis, arm in (("x", ax.xaxis, "control"), ("y", ax.yaxis, "treatment")):
        set_axis(axis, unit)
        set_label(ax, which, f"Risk under {arm}{f', {unit.sign}' if unit.sign else ''}", sheet.size)
    sheet.close(handles=handles, warning=warning_of(fit))
    settle(ax)
    order = np.argsort(-np.abs(x - y) * np.sqrt(n), kind="stable")[:NAMED]
    diagonal = np.linspace(*ends, POINTS)
    lines = np.vstack(
        [np.column_stack([diagonal, diagonal]), curve[["control", "treatment"]].to_numpy(dtype=np.float64)]
    )
    names = [str(name) for name in studies["study"]]
    label_points(ax, x, y, names, sheet.size, radius=radius, order=order, lines=lines[np.isfinite(lines).all(axis=1)])
    return ax
