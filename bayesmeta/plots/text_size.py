"""How much room does a text need, and how is it made to fit?"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.textpath import text_to_path

ELLIPSIS: Final = "…"
RESOLUTIONS: Final = (72, 100, 150, 200, 300)
"""Dots per inch at which figures are shown or saved."""
SAMPLES: Final = (
    "0123456789 (0123–4567)",
    "The quick brown fox jumps over the lazy dog",
    "Study Events/n, 95 % CrI",
)


def text_width(text: str, size: float, *, weight: str = "normal") -> float:
    """Return the width of a line of text in points, at whatever resolution it will be drawn.

    Parameters
    ----------
    text : str
        One line; no mathematics in it.
    size : float
        Font size in points; the font is that of matplotlib's settings.
    weight : str
        ``"normal"`` or ``"bold"``.
    """
    if not text:
        return 0.0
    path = findfont(FontProperties(weight=weight))
    return size * _outline(text, path, weight) * _longest(path, size, weight)


@lru_cache(maxsize=8192)
def _outline(text: str, path: str, weight: str) -> float:
    """Return the width at 1 point; `path` is the font of matplotlib's settings, which `FontProperties` takes."""
    font = FontProperties(size=1.0, weight=weight)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


@lru_cache(maxsize=256)
def _longest(path: str, size: float, weight: str) -> float:
    """Return by how much pixels make texts longer than their outlines, at most: up to 13 % in small letters.

    Agg, which draws what is shown on screens and saved as PNG, moves each letter to a whole pixel.
    """
    font = FontProperties(fname=path, size=size, weight=weight)
    renderers: list[tuple[float, Any]] = [
        (72.0 / dpi, RendererAgg(1, 1, dpi))  # type: ignore[no-untyped-call]
        for dpi in RESOLUTIONS
    ]
    ratios = [
        scale * renderer.get_text_width_height_descent(text, font, False)[0] / (size * _outline(text, path, weight))
        for text in SAMPLES
        for scale, renderer in renderers
    ]
    return float(max(1.01, *ratios))


def widest(texts: Sequence[str], size: float, *, weight: str = "normal") -> float:
    """Return the width of the widest of some texts, in points."""
    return max((text_width(text, size, weight=weight) for text in texts), default=0.0)


def shorten(text: str, room: float, size: float, *, weight: str = "normal") -> str:
    """Return the text, or as much of its beginning as fits into `room` points, with an ellipsis."""
    fits = text_width(text, size, weight=weight) <= room
    return text if fits else _cut(text, room, size, weight, tail=0)


def shorten_all(texts: Sequence[str], room: float, size: float, *, weight: str = "normal") -> list[str]:
    """Return the texts shortened to `room` points; those that would look alike keep their ends instead.

    Parameters
    ----------
    texts : sequence of str
        One line each.
    room : float
        Width in points.
    size : float
        Font size in points.
    weight : str
        ``"normal"`` or ``"bold"``.

    Returns
    -------
    list of str
        In the same order. ``"... of Rome, cohort 1"`` and ``"... cohort 2"`` stay apart: where two texts have
        the same beginning, the middle is left out.
    """
    short = [shorten(text, room, size, weight=weight) for text in texts]
    times = Counter(short)
    return [
        _cut(text, room, size, weight, tail=max(1, len(cut) // 2)) if cut != text and times[cut] > 1 else cut
        for text, cut in zip(texts, short, strict=True)
    ]


def _cut(text: str, room: float, size: float, weight: str, *, tail: int) -> str:
    """Return the longest beginning that fits together with the last `tail` letters, or as many as fit."""
    while tail and text_width(ELLIPSIS + text[-tail:], size, weight=weight) > room:
        tail -= 1
    end = text[-tail:] if tail else ""
    few, many = 0, len(text) - tail
    while few < many:
        middle = (few + many + 1) // 2
        fits = text_width(text[:middle].rstrip() + ELLIPSIS + end, size, weight=weight) <= room
        few, many = (middle, many) if fits else (few, middle - 1)
    return text[:few].rstrip() + ELLIPSIS + end


def wrap(text: str, room: float, size: float, *, weight: str = "normal") -> list[str]:
    """Return the text in lines of at most `room` points, broken at blanks; a long word is shortened."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, weight=weight) <= room:
            lines[-1] = longer
        else:
            lines.append(shorten(word, room, size, weight=weight))
    return lines
