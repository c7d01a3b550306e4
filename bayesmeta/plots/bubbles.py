"""How large is a study's circle, and how is it drawn so that circles behind are seen?"""

from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bayesmeta._arrays import FloatArray
from bayesmeta.plots.looks import THIN, Look

LARGEST: Final = 1.5
"""Radius of the largest circle in font sizes, with few studies; with many it shrinks."""
MANY: Final = 20
"""Studies from which on circles shrink, so that their areas together stay the same."""
LEAST: Final = 0.15
"""Radius of the smallest circle, in font sizes: it must be seen."""


def bubble_radii(weight: FloatArray, size: float) -> FloatArray:
    """Return radii in points of circles whose areas are proportional to weights, shape (k,)."""
    largest = LARGEST * size * min(1.0, np.sqrt(MANY / max(weight.size, 1)))
    share = weight / max(float(weight.max()), 1e-300)
    return np.asarray(np.maximum(largest * np.sqrt(share), LEAST * size))


def draw_bubbles(ax: Axes, x: FloatArray, y: FloatArray, radius: FloatArray, look: Look, label: str) -> Line2D:
    """Draw circles, the largest first, with edges; return what the legend shows of them."""
    order = np.argsort(-radius, kind="stable")
    face = mpl.colors.to_rgba(look.color, 0.35)
    ax.scatter(
        x[order], y[order], s=(2.0 * radius[order]) ** 2, facecolors=[face], edgecolors=look.color, linewidths=THIN,
        zorder=3, label="_study",
    )  # fmt: skip
    return Line2D([], [], marker="o", mfc=face, mec=look.color, mew=THIN, ls="none", ms=4.0, label=label)
