"""Where do mu and tau lie together? Regions of highest posterior density."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesmeta._validate import check_probability
from bayesmeta.analyses.joint_density import joint_density
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.plots.forest_fits import is_reliable
from bayesmeta.plots.forest_words import percent_words
from bayesmeta.plots.looks import LINE_WIDTH, LOOKS, THIN
from bayesmeta.plots.quantity_axis import AS_IT_IS, link_words, quantity_label, set_axis, set_label
from bayesmeta.plots.sheet import open_sheet
from bayesmeta.plots.warning import warning_of

PROBS = (0.5, 0.8, 0.95)
MOST_PROBS = 6
SHOWN = 0.995
"""The lattice is shown as far as the region of highest density with this probability reaches."""


def joint_frame(fit: ExactFit | NutsFit) -> pd.DataFrame:
    """Return the joint posterior density of mu and tau on a lattice.

    Parameters
    ----------
    fit : ExactFit or NutsFit
        A fit without moderators whose studies differ.

    Returns
    -------
    DataFrame
        As `bayesmeta.analyses.joint_density.joint_density` has it: ``mu``, ``tau``, ``density``, and ``prob``, the
        probability of the region in which the density is higher; and ``is_reliable``.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> frame = joint_frame(bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"))))
    >>> frame.loc[frame["prob"] < 0.5, "tau"].agg(["min", "max"]).round(1).tolist()
    [0.4, 1.1]
    """
    frame = joint_density(fit)
    return frame.assign(is_reliable=is_reliable(fit))


def plot_joint(
    fit: ExactFit | NutsFit,
    *,
    ax: Axes | None = None,
    prob: Sequence[float] = PROBS,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the regions of highest joint posterior density (HPD) of mu and tau.

    Parameters
    ----------
    fit : ExactFit or NutsFit
        A fit without moderators whose studies differ.
    ax : Axes, optional
        Where to draw; by default a new figure.
    prob : sequence of float
        Probabilities of the regions, at most 6.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x is mu and y is tau, both on the link scale.

    Raises
    ------
    SpecError
        If the fit is not Bayesian, has moderators or no tau, or an option is not allowed.

    Notes
    -----
    Each line is the border of the smallest region with its probability. `joint_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> ax = plot_joint(bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"))))
    """
    probs = _checked(prob)
    frame = joint_frame(fit)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize)
    ax = sheet.ax
    mu, tau = (np.unique(frame[name]) for name in ("mu", "tau"))
    mass = frame["prob"].to_numpy().reshape(tau.size, mu.size)
    shades = np.linspace(0.6, 0.12, len(probs))
    looks = [LOOKS[i] for i in range(len(probs))]
    handles: list[Artist] = []
    for i, each in reversed(list(enumerate(probs))):
        ax.contourf(mu, tau, mass, levels=[0.0, each], colors=[LOOKS[0].color], alpha=float(shades[i]))
    for each, shade, look in zip(probs, shades, looks, strict=True):
        ax.contour(mu, tau, mass, levels=[each], colors=[LOOKS[0].color], linewidths=THIN, linestyles=[look.line])
        face = mpl.colors.to_rgba(LOOKS[0].color, float(shade))
        style = {"edgecolor": LOOKS[0].color, "linestyle": look.line, "linewidth": THIN}
        handles.append(Patch(facecolor=face, label=f"{percent_words(each)} HPD", **style))
    at = [float(fit.marginal(name).ppf([0.5])[0]) for name in ("mu", "tau")]
    color = mpl.rcParams["text.color"]
    ax.plot(*at, marker="+", ms=sheet.size, mew=LINE_WIDTH, color=color, ls="none", label="_medians")
    handles.append(Line2D([], [], marker="+", ms=sheet.size, mew=LINE_WIDTH, color=color, ls="none", label="Medians"))
    seen = frame[frame["prob"] < max(SHOWN, probs[-1])]
    pad = 0.03 * np.ptp(seen["mu"])
    ax.set_xlim(seen["mu"].min() - pad, seen["mu"].max() + pad)
    ax.set_ylim(0.0, seen["tau"].max())
    for which, axis, name in (("x", ax.xaxis, "mu"), ("y", ax.yaxis, "tau")):
        set_axis(axis, AS_IT_IS)
        set_label(ax, which, quantity_label(name, AS_IT_IS, link_words(fit)), sheet.size)
    sheet.close(handles=handles, warning=warning_of(fit))
    return ax


def _checked(prob: object) -> list[float]:
    if isinstance(prob, str) or not isinstance(prob, Sequence) or not 1 <= len(prob) <= MOST_PROBS:
        raise SpecError(f"prob={prob!r} must be a list of 1 to {MOST_PROBS} probabilities, such as [0.5, 0.8, 0.95].")
    return sorted({check_probability("prob", each) for each in prob})
