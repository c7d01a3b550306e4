"""Which figures does an analysis leave, and under which names?"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesmeta.api import AnyFit
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.inputs import located

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def figure_names(analysis: Analysis) -> list[str]:
    """Return the names of the figure files, the widest figure first in each format.

    Parameters
    ----------
    analysis : Analysis
        The analysis.

    Examples
    --------
    >>> from bayesmeta.report.choices import DataChoice, EngineChoice, OutputChoice
    >>> output = OutputChoice(figures=("png",), widths_mm=(85, 170))
    >>> figure_names(Analysis("T", DataChoice(dataset="pritz1997"), (EngineChoice("frequentist"),), output=output))
    ['forest-170mm.png', 'forest-85mm.png']
    """
    return [_name(width, suffix) for width in _widths(analysis) for suffix in dict.fromkeys(analysis.output.figures)]


def write_figures(analysis: Analysis, fits: Mapping[str, AnyFit], folder: Path) -> None:
    """Draw the forest plot with all fits and write it in each width and format.

    Parameters
    ----------
    analysis : Analysis
        The analysis.
    fits : mapping
        Its fits by name.
    folder : pathlib.Path
        Where to write.

    Raises
    ------
    SpecError
        If order, columns, scale or width are not possible; the message names the section.
    """
    from bayesmeta.plots.save import save_figure

    for width in _widths(analysis):
        with _drawn(analysis, fits, width) as axes:
            for suffix in dict.fromkeys(analysis.output.figures):
                save_figure(axes, folder / _name(width, suffix))


def check_figures(analysis: Analysis, fits: Mapping[str, AnyFit]) -> None:
    """Raise the error that `write_figures` would raise, before more fits are made; without fits do nothing."""
    for width in _widths(analysis) if fits and analysis.output.figures else ():
        with _drawn(analysis, fits, width):
            pass


@contextmanager
def _drawn(analysis: Analysis, fits: Mapping[str, AnyFit], width: float) -> "Iterator[Axes]":
    """Lend the forest plot, drawn in the same way whatever style the user has set; close it afterwards."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    from bayesmeta.plots.forest import plot_forest
    from bayesmeta.plots.forest_columns import NARROW_MM

    output = analysis.output
    options: dict[str, Any] = {name: getattr(output, name) for name in ("order", "scale", "columns", "xlim")}
    if width < NARROW_MM:
        options["columns"] = None  # those chosen for the width of a page would not fit
    main = next(iter(fits.values()))
    with mpl.rc_context():
        mpl.rcdefaults()
        with located(analysis, "output"):
            axes = plot_forest(
                main,
                compare=labelled(fits),
                ci_prob=output.ci_prob,
                xlabel=analysis.outcome,
                notes=output.figure_notes,
                width_mm=width,
                **options,
            )
        try:
            yield axes
        finally:
            plt.close(axes.figure.canvas.figure)


def labelled(fits: Mapping[str, AnyFit]) -> list[AnyFit] | dict[str, AnyFit]:
    """Return all fits but the first as `plot_forest` compares them, with names where titles would not tell them apart.

    Parameters
    ----------
    fits : mapping
        The fits by name.
    """
    from bayesmeta.plots.forest_fits import method_title

    given = list(fits.values())
    titles = [method_title(each, beside=given) for each in given]
    if max(Counter(titles).values()) == 1:
        return given[1:]
    rest = list(zip(titles, fits.items(), strict=True))[1:]
    return {f"{title} ({name})": each for title, (name, each) in rest}


def _widths(analysis: Analysis) -> list[float]:
    return sorted(set(analysis.output.widths_mm), reverse=True)


def _name(width: float, suffix: str) -> str:
    return f"forest-{width:g}mm.{suffix}"
