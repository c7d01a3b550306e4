"""How far is each study drawn to the others as tau grows? The trace of conditional means over the posterior of tau."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesmeta._validate import check_probability
from bayesmeta.analyses.conditional_means import OVERALL, conditional_means
from bayesmeta.effects.links import LINKS
from bayesmeta.exact.fit import ExactFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.plots.forest_fits import is_reliable
from bayesmeta.plots.forest_words import percent_words
from bayesmeta.plots.looks import INTERVAL, LINE_WIDTH, LOOKS, PALE, THIN, look
from bayesmeta.plots.point_labels import label_lines
from bayesmeta.plots.quantity_axis import AS_IT_IS, link_words, quantity_label, set_axis, set_label
from bayesmeta.plots.sheet import open_sheet, settle
from bayesmeta.plots.warning import warning_of

HEIGHT = 0.22
"""Part of the figure's height that the posterior of tau takes."""
LABEL_ROOM = 0.3
"""Part of the width that the labels may take."""


def shrinkage_frame(fit: ExactFit | NutsFit, *, seed: int | np.random.Generator | None = 1) -> pd.DataFrame:
    """Return the posterior mean of each study's effect given tau, for values of tau.

    Parameters
    ----------
    fit : ExactFit or NutsFit
        A fit without moderators whose studies differ.
    seed : int or numpy.random.Generator, optional
        Used only where study effects must be drawn.

    Returns
    -------
    DataFrame
        As `bayesmeta.analyses.conditional_means.conditional_means` has it: ``tau``, ``density``, ``study`` (the empty
        label is mu), ``mean``; and ``natural``: the mean through the inverse link, a proportion or a ratio, or the
        same; and ``is_reliable``.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> frame = shrinkage_frame(bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"))))
    >>> frame.query("study == 'Shimoda et al.'")["natural"].iloc[[0, -1]].round(2).tolist()
    [0.75, 0.86]
    """
    frame = conditional_means(fit, seed=seed)
    natural = LINKS[fit.link].inverse(frame["mean"].to_numpy())
    return frame.assign(natural=natural, is_reliable=is_reliable(fit))


def plot_shrinkage_trace(
    fit: ExactFit | NutsFit,
    *,
    ax: Axes | None = None,
    ci_prob: float = 0.95,
    seed: int | np.random.Generator | None = 1,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw how the studies' effects spread as tau grows, above the posterior of tau.

    Parameters
    ----------
    fit : ExactFit or NutsFit
        A fit without moderators whose studies differ.
    ax : Axes, optional
        Where to draw; by default a new figure.
    ci_prob : float
        Probability of the interval of tau.
    seed : int or numpy.random.Generator, optional
        Used only where study effects must be drawn.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x is tau, y the effects, both on the link scale.

    Raises
    ------
    SpecError
        If the fit is not Bayesian, has moderators, or no tau.

    Notes
    -----
    At tau = 0 all studies have one effect; as tau grows each comes to its own estimate. The area below is the posterior
    density of tau, its dark part the interval: between its limits the lines tell how much the studies borrow.
    `shrinkage_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> ax = plot_shrinkage_trace(bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"))))
    """
    prob = check_probability("ci_prob", ci_prob)
    frame = shrinkage_frame(fit, seed=seed)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize)
    ax = sheet.ax
    values = frame[frame["tau"] == frame["tau"].max()]
    _draw_tau(ax, frame, fit.marginal("tau").eti(prob))
    studies = [name for name in values["study"] if name != OVERALL]
    order = values.set_index("study").loc[studies, "mean"].sort_values(ascending=False)
    for i, name in enumerate(order.index):
        rows, style = frame[frame["study"] == name], look(i)
        ax.plot(rows["tau"], rows["mean"], color=style.color, ls=style.line, lw=THIN, label=f"_{name}")
    rows = frame[frame["study"] == OVERALL]
    ax.plot(rows["tau"], rows["mean"], color=mpl.rcParams["text.color"], lw=2.0 * LINE_WIDTH, label="_mu")
    _limits(ax, frame)
    for axis in (ax.xaxis, ax.yaxis):
        set_axis(axis, AS_IT_IS)
    words = link_words(fit)
    set_label(ax, "x", quantity_label("tau", AS_IT_IS, words), sheet.size)
    set_label(ax, "y", f"Mean given tau, {words}" if words else "Mean given tau", sheet.size)
    interval = f"{percent_words(prob)} CrI"
    handles = [
        Line2D([], [], color=LOOKS[0].color, ls=LOOKS[0].line, lw=THIN, label="Study"),
        Line2D([], [], color=mpl.rcParams["text.color"], lw=2.0 * LINE_WIDTH, label="Mean effect (mu)"),
        Patch(facecolor=INTERVAL, label=f"Posterior of tau, {interval} dark"),
    ]
    sheet.close(handles=handles, warning=warning_of(fit))
    settle(ax)
    room = LABEL_ROOM * sheet.width
    named = label_lines(
        ax, float(frame["tau"].max()), order.to_numpy(), [str(n) for n in order.index], room, sheet.size
    )
    if named < len(order):
        ax.set_title(f"{named} of {len(order)} studies are named", fontsize=sheet.size, loc="right")
    return ax


def _draw_tau(ax: Axes, frame: pd.DataFrame, limits: tuple[float, float]) -> None:
    """Draw the posterior of tau at the foot of the axes, with its interval in a darker grey."""
    rows = frame.drop_duplicates("tau")
    x, height = rows["tau"].to_numpy(), rows["density"].to_numpy()
    height = HEIGHT * height / height[np.isfinite(height)].max()
    foot = ax.get_xaxis_transform()
    inside = (x >= limits[0]) & (x <= limits[1])
    ax.fill_between(x, height, color=PALE, lw=0.0, transform=foot, zorder=0.5, label="_tau")
    ax.fill_between(x[inside], height[inside], color=INTERVAL, lw=0.0, transform=foot, zorder=0.6, label="_interval")


def _limits(ax: Axes, frame: pd.DataFrame) -> None:
    """Give the axes limits with which the lines stand above the posterior of tau."""
    low, high = float(frame["mean"].min()), float(frame["mean"].max())
    width = (high - low) or 1.0
    ax.set_ylim(low - (HEIGHT + 0.05) / (1.0 - HEIGHT - 0.1) * width, high + 0.05 * width)
    ax.set_xlim(0.0, float(frame["tau"].max()))
