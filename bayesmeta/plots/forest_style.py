"""How does a forest plot look? A style is one frozen record of columns, letters and marks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, final

from bayesmeta._validate import a_type, unknown_name
from bayesmeta.errors import SpecError


@final
@dataclass(frozen=True)
class Look:
    """How the estimates of one fit are drawn: colour, and lines across it (matplotlib's ``hatch``)."""

    color: str
    hatch: str = ""


LOOKS: Final = tuple(Look(color, hatch) for hatch in ("", "//////") for color in ("#004488", "#BB5566", "#DDAA33"))
"""Of the fits, in turn. The colours are the high-contrast set of P. Tol (2021, Colour schemes, SRON technical note
EPS/TN/09-002): the colour-blind tell them apart, and in grey they are dark, medium and light."""
GREYS: Final = tuple(Look(color, hatch) for hatch in ("", "//////") for color in ("#1A1A1A", "#808080", "#C8C8C8"))


@final
@dataclass(frozen=True)
class Judgement:
    """How a judgement of the risk of bias is drawn.

    Attributes
    ----------
    mark : str
        In the circle: ``"+"``, ``"-"``, ``"x"``, ``"?"`` or ``"!"``. It alone tells the judgement in grey.
    color : str
        Of the circle.
    ink : str
        Of the mark.
    """

    mark: str
    color: str
    ink: str = "#000000"


MARKS: Final = ("+", "-", "x", "?", "!")
_LOW, _SOME = Judgement("+", "#7CC6A4"), Judgement("-", "#F7DF8B")
_HIGH, _CRITICAL = Judgement("x", "#B2353C", "#FFFFFF"), Judgement("!", "#4A0D12", "#FFFFFF")
_UNCLEAR = Judgement("?", "#FFFFFF")
JUDGEMENTS: Final[Mapping[str, Judgement]] = MappingProxyType(
    {
        "low": _LOW,
        "some concerns": _SOME,
        "moderate": _SOME,
        "high": _HIGH,
        "serious": _HIGH,
        "critical": _CRITICAL,
        "unclear": _UNCLEAR,
        "no information": _UNCLEAR,
    }
)
"""The judgements of RoB 1, RoB 2, ROBINS-I and QUADAS-2, with the marks that robvis and Cochrane reviews give them. The
greens and reds differ in lightness, too, so that the colour-blind tell them apart, and so does each mark."""


PREDICTIONS: Final = ("bar", "density")


def check_prediction(prediction: object) -> None:
    """Raise `SpecError` unless it is a way to draw predictions."""
    if prediction not in PREDICTIONS:
        raise SpecError(unknown_name("prediction", prediction, PREDICTIONS))


@final
@dataclass(frozen=True)
class ForestStyle:
    """How a forest plot looks. Make your own with ``dataclasses.replace(FOREST_STYLES["classic"], fontsize=8)``.

    Attributes
    ----------
    columns, narrow_columns : tuple of str
        Columns of text unless others are chosen: at widths of 120 mm or more, and below.
    font : str or None
        Family of letters that matplotlib finds, such as ``"DejaVu Serif"``; None for that of its settings.
    fontsize : float
        Points.
    row : float
        Font sizes from row to row where there is room, at least 1.25.
    looks : tuple of Look
        Of the fits' estimates, in turn.
    study_color : str or None
        Of squares; None for the colour of the text.
    shrunken : bool
        Whether circles show the studies' own values in a Bayesian model below the squares.
    square : float
        Side of the largest square, in parts of the row's height.
    line_width, rule_width : float
        Points, of intervals; of the axis and of the rules above and below the studies.
    prediction : str
        How the next study is drawn: ``"bar"``, its interval, or ``"density"``.
    judgements : mapping
        How judgements of the risk of bias are drawn, by their words in lower case.
    """

    columns: tuple[str, ...] = ("data", "estimate", "shrunken")
    narrow_columns: tuple[str, ...] = ("estimate",)
    font: str | None = None
    fontsize: float = 7.0
    row: float = 1.75
    looks: tuple[Look, ...] = LOOKS
    study_color: str | None = None
    shrunken: bool = True
    square: float = 0.66
    line_width: float = 0.9
    rule_width: float = 0.6
    prediction: str = "bar"
    judgements: Mapping[str, Judgement] = field(default_factory=lambda: JUDGEMENTS)

    def __post_init__(self) -> None:
        if not self.looks or not all(isinstance(look, Look) for look in self.looks):
            raise SpecError(f"looks={self.looks!r} of a style must be Looks, at least one: (Look('#004488'),).")
        for name in ("fontsize", "row", "square", "line_width", "rule_width"):
            if not getattr(self, name) > 0.0:
                raise SpecError(f"{name}={getattr(self, name)!r} of a style must be a positive number.")
        check_prediction(self.prediction)
        for words, judgement in self.judgements.items():
            if not isinstance(judgement, Judgement) or judgement.mark not in MARKS:
                raise SpecError(
                    f"the judgement {words!r} of a style must be a Judgement with the mark {', '.join(MARKS)}."
                )

    def look(self, position: int) -> Look:
        """Return the look of the fit at a position; after the last they begin anew."""
        return self.looks[position % len(self.looks)]


FOREST_STYLES: Final[Mapping[str, ForestStyle]] = MappingProxyType(
    {
        "default": ForestStyle(),
        "compact": ForestStyle(
            columns=("estimate",), fontsize=6.0, row=1.3, shrunken=False, square=0.6, line_width=0.7, rule_width=0.4
        ),
        "classic": ForestStyle(
            columns=("data", "weight", "estimate"), looks=GREYS, study_color="#707070", shrunken=False, square=0.9,
            line_width=0.7,
        ),
    }
)  # fmt: skip
"""``"default"``: observed and shrunken studies, in colours. ``"compact"``: small letters and tight rows, observed
studies only, for many of them. ``"classic"``: data, weights and observed studies in shades of grey."""


def forest_style(style: object) -> ForestStyle:
    """Return the style of that name, or the style itself; raise `SpecError` for anything else."""
    if isinstance(style, ForestStyle):
        return style
    if not isinstance(style, str):
        raise SpecError(f"style is {a_type(style)}; give a ForestStyle, or a name: {', '.join(FOREST_STYLES)}.")
    if style not in FOREST_STYLES:
        raise SpecError(unknown_name("style", style, FOREST_STYLES))
    return FOREST_STYLES[style]
