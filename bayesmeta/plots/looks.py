"""How are things told apart, in colour, in grey and by the colour-blind: hue, mark, line and lines across?"""

from dataclasses import dataclass
from typing import Any, Final, final


@final
@dataclass(frozen=True)
class Look:
    """The look of one thing among several.

    Attributes
    ----------
    color : str
        One of the eight colours of M. Okabe and K. Ito (2008, Color universal design), which the colour-blind tell
        apart.
    marker : str
        matplotlib's code of its mark.
    line : str or tuple
        Style of its lines.
    hatch : str
        Lines across its areas.
    """

    color: str
    marker: str
    line: Any
    hatch: str


LOOKS: Final = (
    Look("#0072B2", "o", "-", ""),
    Look("#D55E00", "s", (0.0, (5.0, 1.6)), "/////"),
    Look("#009E73", "D", (0.0, (1.2, 1.2)), "....."),
    Look("#E69F00", "^", (0.0, (5.0, 1.4, 1.2, 1.4)), "\\\\\\\\\\"),
    Look("#56B4E9", "v", (0.0, (8.0, 2.0)), "-----"),
    Look("#CC79A7", "P", (0.0, (3.0, 1.0, 1.0, 1.0, 1.0, 1.0)), "xxxxx"),
    Look("#000000", "X", (0.0, (2.5, 1.0)), "+++++"),
)
"""In turn; beyond the last they begin again."""
GREY: Final = "0.55"
"""Of reference lines and of what lies behind: visible on white, and lighter than every mark."""
PALE: Final = "0.85"
"""Of areas behind."""
INTERVAL: Final = "0.7"
"""Of the part of such an area that is an interval."""
LINE_WIDTH: Final = 1.1
"""Points, of curves."""
MARK: Final = 0.6
"""Size of a mark in font sizes."""
THIN: Final = 0.7
"""Points, of reference lines and of intervals."""


def look(i: int) -> Look:
    """Return the look of the i-th thing, counted from 0."""
    return LOOKS[i % len(LOOKS)]
