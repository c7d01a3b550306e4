"""How much room does a text need, and how is it made to fit?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, final

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.textpath import text_to_path

ELLIPSIS: Final = "…"
RESOLUTIONS: Final = (72, 100, 150, 200, 300)
"""Dots per inch at which figures are shown or saved."""
DIFFERENCES: Final = 3
"""How often a group of texts is parted where they differ: the parts may differ further on."""
NEAR: Final = 8
"""Letters back to the beginning of a word, at most, where texts part within it."""
REST: Final = 0.65
"""Part of the room for what follows where texts part."""
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
    return Room(room, size, weight).shortened(text)


def shorten_all(texts: Sequence[str], room: float, size: float, *, weight: str = "normal") -> list[str]:
    """Return the texts shortened to `room` points, so that different texts stay different.

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
        In the same order. Of those whose beginnings would look alike the end is kept too (``"Group of…cohort 1"``);
        where that does not tell them apart, the place where they differ (``"Trial of…Alder group…"``); and where
        there is no room for that, their number among the texts.

    Examples
    --------
    >>> shorten_all(["The Northern trial of Ash", "The Northern trial of Oak", "Kim 2020"], 45.0, 7.0)
    ['The N…Ash', 'The N…Oak', 'Kim 2020']
    """
    number = {text: i for i, text in reversed(list(enumerate(texts, start=1)))}
    place = Room(room, size, weight)
    short = {text: place.shortened(text) for text in number}
    for cut in (place.with_ends, *[place.with_differences] * DIFFERENCES):
        for alike in _look_alike(short):
            short |= zip(alike, cut(alike), strict=True)
    for alike in _look_alike(short):
        short |= {text: place.ending(text, f"#{number[text]}") for text in alike}
    return [short[text] for text in texts]


def _look_alike(short: Mapping[str, str]) -> list[list[str]]:
    """Return the groups of texts that were shortened to the same."""
    groups: dict[str, list[str]] = {}
    for text, cut in short.items():
        if cut != text:
            groups.setdefault(cut, []).append(text)
    return [group for cut, group in groups.items() if len(group) > 1 or cut in short]


@final
@dataclass(frozen=True)
class Room:
    """The room for a line of text.

    Attributes
    ----------
    points : float
        Its width.
    size : float
        Font size in points.
    weight : str
        ``"normal"`` or ``"bold"``.
    """

    points: float
    size: float
    weight: str

    def fits(self, text: str) -> bool:
        """Return whether a text has room."""
        return text_width(text, self.size, weight=self.weight) <= self.points

    def shortened(self, text: str) -> str:
        """Return a text, or as much of its beginning as fits."""
        return text if self.fits(text) else self.ending(text, "")

    def ending(self, text: str, end: str) -> str:
        """Return the longest beginning of a text that fits together with an ellipsis and this end."""
        few, many = 0, len(text)
        while few < many:
            middle = (few + many + 1) // 2
            fits = self.fits(text[:middle].rstrip() + ELLIPSIS + end)
            few, many = (middle, many) if fits else (few, middle - 1)
        return text[:few].rstrip() + ELLIPSIS + end

    def with_ends(self, alike: list[str]) -> list[str]:
        """Return texts that begin alike with as much of their ends as of their beginnings."""
        half = max(1, len(self.shortened(alike[0])) // 2)
        found = []
        for text in alike:
            tail = half
            while tail and not self.fits(ELLIPSIS + text[-tail:]):
                tail -= 1
            found.append(self.ending(text[: len(text) - tail], text[len(text) - tail :].lstrip()))
        return found

    def with_differences(self, alike: list[str]) -> list[str]:
        """Return texts that begin and end alike with what follows where the first of them part."""
        letters = enumerate(zip(*alike, strict=False))
        part = next((i for i, each in letters if len(set(each)) > 1), min(map(len, alike)))
        word = alike[0].rfind(" ", 0, part) + 1
        at = word if part - word <= NEAR else part
        rest = Room(REST * self.points, self.size, self.weight)
        return [self.ending(text[:at], rest.shortened(text[at:])) if at else self.shortened(text) for text in alike]


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
