"""Which texts of a figure are drawn, and which of them overlap or leave it?"""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

TOUCH = 0.5
"""Pixels by which boxes may overlap: those of letters are rounded to whole pixels."""


def drawn_texts(ax: Axes) -> list[Text]:
    return [text for text in ax.findobj(Text) if text.get_visible() and text.get_text().strip()]


def boxes(texts: list[Text]) -> np.ndarray:
    return np.array([text.get_window_extent().extents for text in texts])


def overlaps(extents: np.ndarray) -> Iterator[tuple[int, int]]:
    x0, y0, x1, y1 = extents.T
    across = np.minimum.outer(x1, x1) - np.maximum.outer(x0, x0) > TOUCH
    along = np.minimum.outer(y1, y1) - np.maximum.outer(y0, y0) > TOUCH
    yield from ((i, j) for i, j in np.argwhere(across & along) if i < j)


def unseen_labels(axis: Axis) -> list[Text]:
    """Return the labels of ticks beyond the ends of an axis, which are not drawn."""
    low, high = sorted(axis.get_view_interval())
    pad = 1e-9 * (high - low)
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    beyond = [tick for tick in ticks if not low - pad <= tick.get_loc() <= high + pad]
    return [label for tick in beyond for label in (tick.label1, tick.label2)]


def texts_of(figure: Figure) -> list[Text]:
    every = [ax for parent in figure.axes for ax in (parent, *parent.child_axes)]
    unseen = {id(label) for ax in every for axis in (ax.xaxis, ax.yaxis) for label in unseen_labels(axis)}
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in found if id(text) not in unseen]


def check_figure(figure: Figure) -> None:
    """Assert that no texts of a figure overlap, and that none leaves it."""
    figure.draw_without_rendering()
    texts = texts_of(figure)
    extents = np.array([Text.get_window_extent(text).extents for text in texts])
    assert [(texts[i].get_text(), texts[j].get_text()) for i, j in overlaps(extents)] == []
    box = figure.bbox
    outside = (extents[:, :2] < [box.x0 - TOUCH, box.y0 - TOUCH]).any(axis=1)
    outside |= (extents[:, 2:] > [box.x1 + TOUCH, box.y1 + TOUCH]).any(axis=1)
    assert [text.get_text() for text, out in zip(texts, outside, strict=True) if out] == []
