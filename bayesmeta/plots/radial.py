"""Do the studies agree, whatever their precision? The radial (Galbraith) plot."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy import special

from bayesmeta._validate import check_probability
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.methods import not_pooled
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.plots.forest_fits import noun_of
from bayesmeta.plots.forest_words import percent_words
from bayesmeta.plots.looks import LINE_WIDTH, LOOKS, MARK, PALE, THIN
from bayesmeta.plots.natural_ticks import natural_unit, set_natural_axis
from bayesmeta.plots.point_labels import label_points
from bayesmeta.plots.quantity_axis import AS_IT_IS, set_axis, set_label
from bayesmeta.plots.sheet import open_sheet, settle


def radial_frame(fit: FrequentistFit) -> pd.DataFrame:
    """Return the points of a radial plot.

    Parameters
    ----------
    fit : FrequentistFit
        A classical analysis.

    Returns
    -------
    DataFrame
        ``study``; ``precision`` = 1 / s and ``standardised`` = y / s, where s^2 = se^2 + tau2 is the variance of the
        study about the pooled value; ``residual`` = (y - mu) / s.

    Raises
    ------
    SpecError
        If the fit is not classical, or pools counts.

    References
    ----------
    .. [1] R. F. Galbraith. A note on graphical presentation of estimated odds ratios from several clinical trials.
       Statistics in Medicine 7:889-894, 1988. doi:10.1002/sim.4780070807

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    >>> frame = radial_frame(bm.fit(studies, engine="frequentist", tau2_method="EE"))
    >>> frame.nlargest(2, "precision")[["study", "precision", "residual"]].round(2)
                study  precision  residual
    3  Kassell et al.       3.33      0.37
    8   Otsubo et al.       3.19     -2.54
    """
    if not isinstance(fit, FrequentistFit):
        raise not_pooled("plot_radial", fit, "see plot_shrinkage_trace.", with_formula=False)
    if not len(fit.y):
        raise SpecError("plot_radial needs studies; there are none.")
    s = np.sqrt(fit.se**2 + fit.tau2)
    columns = {
        "study": list(fit.studies.study),
        "precision": 1.0 / s,
        "standardised": fit.y / s,
        "residual": (fit.y - fit.mu) / s,
    }
    return pd.DataFrame(columns)


def plot_radial(
    fit: FrequentistFit,
    *,
    ax: Axes | None = None,
    ci_prob: float = 0.95,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw a radial (Galbraith) plot: the slope of the line from the origin to a point is the study's effect.

    Parameters
    ----------
    fit : FrequentistFit
        A classical analysis; one by ``tau2_method="EE"`` shows heterogeneity, others what is left of it.
    ax : Axes, optional
        Where to draw; by default a new figure.
    ci_prob : float
        Probability of the band in which a study is expected.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x is the precision 1 / sqrt(se^2 + tau2), y the effect times it; the axis on the right has the effects.

    Raises
    ------
    SpecError
        If the fit is not classical, or an option is not allowed.

    Notes
    -----
    `radial_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    >>> ax = plot_radial(bm.fit(studies, engine="frequentist", tau2_method="EE"))
    """
    prob = check_probability("ci_prob", ci_prob)
    frame = radial_frame(fit)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize)
    ax, look, z = sheet.ax, LOOKS[0], float(special.ndtri(0.5 + 0.5 * prob))
    x, y = (frame[name].to_numpy() for name in ("precision", "standardised"))
    far = 1.12 * float(x.max())
    ends = np.array([0.0, far])
    color = mpl.rcParams["text.color"]
    ax.fill_between(ends, fit.mu * ends - z, fit.mu * ends + z, color=PALE, lw=0.0, label="_band")
    ax.plot(ends, fit.mu * ends, color=color, lw=LINE_WIDTH, label="_pooled")
    ax.axhline(0.0, color=color, lw=THIN, ls=LOOKS[2].line, label="_zero")
    style: dict[str, Any] = {"marker": look.marker, "color": look.color, "ms": MARK * sheet.size, "ls": "none"}
    ax.plot(x, y, zorder=3, label="_study", **style)
    low, high = min(y.min(), -z, fit.mu * far - z), max(y.max(), z, fit.mu * far + z)
    pad = 0.06 * (high - low)
    ax.set_xlim(0.0, far)
    ax.set_ylim(low - pad, high + pad)
    for axis in (ax.xaxis, ax.yaxis):
        set_axis(axis, AS_IT_IS)
    set_label(ax, "x", "Precision, 1 / SE" if fit.tau2 == 0.0 else "Precision, 1 / √(SE² + τ²)", sheet.size)
    set_label(ax, "y", "Effect × precision", sheet.size)
    _effect_axis(ax, fit, far, sheet.size)
    handles = [
        Line2D([], [], label="Study", **style),
        Line2D([], [], color=color, lw=LINE_WIDTH, label="Pooled"),
        Patch(facecolor=PALE, label=f"{percent_words(prob)} of studies expected"),
    ]
    sheet.close(handles=handles)
    settle(ax)
    residual = frame["residual"].abs().to_numpy()
    order = np.argsort(-residual, kind="stable")
    names = [str(name) for name in frame["study"]]
    label_points(ax, x, y, names, sheet.size, radius=0.5 * MARK * sheet.size, order=order[residual[order] > z])
    return ax


def _effect_axis(ax: Axes, fit: FrequentistFit, far: float, size: float) -> None:
    """Add an axis on the right, at x = `far`, on which the effects stand that lines from the origin lead to."""
    right = ax.secondary_yaxis("right", functions=(lambda z: np.divide(z, far), lambda y: np.multiply(y, far)))
    low, high = (limit / far for limit in ax.get_ylim())
    set_natural_axis(right.yaxis, fit.record.link, low, high)
    right.tick_params(labelsize=size)
    unit = natural_unit(fit.record.link)
    label = unit.axis_label if unit is not AS_IT_IS else noun_of(fit).capitalize()
    right.set_ylabel(label, fontsize=size)
