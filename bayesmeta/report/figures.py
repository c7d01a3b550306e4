"""Which figures does an analysis leave, and under which names?"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from bayesmeta.api import AnyFit
from bayesmeta.errors import BayesmetaError
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.choices import DEFAULT_PLOTS
from bayesmeta.report.inputs import located
from bayesmeta.report.plots import PLOTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayesmeta.report.compute import Results

FOREST: Final = "forest"
FOREST_TITLE: Final = "forest plot: each study and the estimates of all fits"


@final
@dataclass(frozen=True)
class Figures:
    """The figures that were written.

    Attributes
    ----------
    files : dict
        What each file shows, by its name.
    missing : tuple of str
        Which figures are not possible, and why: sentences.
    """

    files: dict[str, str]
    missing: tuple[str, ...] = ()


def wanted_plots(analysis: Analysis) -> tuple[str, ...]:
    """Return the names of the figures that an analysis asks for, or has by default."""
    if not analysis.output.figures:
        return ()
    chosen = analysis.output.plots
    return tuple(dict.fromkeys(DEFAULT_PLOTS if chosen is None else chosen))


def figure_names(analysis: Analysis) -> list[str]:
    """Return the names of the files of the forest plot, the widest first in each format.

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
    if FOREST not in wanted_plots(analysis):
        return []
    return [figure_file(FOREST, width, suffix) for width in widths_of(analysis) for suffix in _suffixes(analysis)]


def write_forest(analysis: Analysis, fits: Mapping[str, AnyFit], folder: Path) -> None:
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
    for width in widths_of(analysis):
        with lent(lambda width=width: forest(analysis, fits, width)) as axes:
            save(axes, folder, FOREST, width, analysis)


def write_figures(results: "Results", folder: Path) -> Figures:
    """Write all figures of an analysis, each in every width and format.

    Parameters
    ----------
    results : Results
        The answers.
    folder : pathlib.Path
        Where to write.

    Raises
    ------
    BayesmetaError
        If the forest plot, or another figure that the analysis names, is not possible. What it does not name is left
        out with a reason.
    """
    analysis, missing = results.analysis, []
    files = dict.fromkeys(figure_names(analysis), FOREST_TITLE)
    if files:
        write_forest(analysis, results.fits, folder)
    for name in wanted_plots(analysis):
        if name == FOREST:
            continue
        try:
            for width in widths_of(analysis):
                with (
                    located(analysis, "output"),
                    lent(lambda name=name, width=width: PLOTS[name].draw(results, width)) as axes,
                ):
                    save(axes, folder, name, width, analysis)
                title = PLOTS[name].title_of(results)
                files |= {figure_file(name, width, suffix): title for suffix in _suffixes(analysis)}
        except BayesmetaError as error:
            if analysis.output.plots is not None:
                raise
            missing.append(f"Figure {name}: {str(error).partition('[output] ')[2]}")
    return Figures(files, tuple(missing))


def check_figures(analysis: Analysis, fits: Mapping[str, AnyFit]) -> None:
    """Raise the error that `write_forest` would raise, before more fits are made; without fits do nothing."""
    for width in widths_of(analysis) if fits and figure_names(analysis) else ():
        with lent(lambda width=width: forest(analysis, fits, width)):
            pass


@contextmanager
def lent(draw: Any) -> Iterator[Any]:
    """Lend a figure, drawn in the same way whatever style the user has set; close it afterwards."""
    import matplotlib as mpl
    import numpy as np
    from matplotlib import pyplot as plt

    before = set(plt.get_fignums())
    try:
        with mpl.rc_context():
            mpl.rcdefaults()
            axes = draw()
            yield np.ravel(np.array(axes, dtype=object))[0]
    finally:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)


def save(axes: "Axes", folder: Path, name: str, width: float, analysis: Analysis) -> None:
    """Write a figure in each format that an analysis asks for."""
    from bayesmeta.plots.save import save_figure

    for suffix in _suffixes(analysis):
        save_figure(axes, folder / figure_file(name, width, suffix))


def forest(analysis: Analysis, fits: Mapping[str, AnyFit], width: float) -> "Axes":
    """Draw the forest plot of an analysis.

    Parameters
    ----------
    analysis : Analysis
        The analysis.
    fits : mapping
        Its fits by name.
    width : float
        Millimetres.
    """
    from bayesmeta.plots.forest import plot_forest
    from bayesmeta.plots.forest_columns import NARROW_MM

    output = analysis.output
    options: dict[str, Any] = {name: getattr(output, name) for name in ("order", "scale", "columns", "xlim")}
    if width < NARROW_MM:
        options["columns"] = None  # those chosen for the width of a page would not fit
    with located(analysis, "output"):
        return plot_forest(
            next(iter(fits.values())),
            compare=labelled(fits),
            ci_prob=output.ci_prob,
            xlabel=analysis.outcome,
            notes=output.figure_notes,
            width_mm=width,
            **options,
        )


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


def widths_of(analysis: Analysis) -> list[float]:
    """Return the widths of the forest plot in millimetres, the largest first."""
    return sorted(set(analysis.output.widths_mm), reverse=True)


def _suffixes(analysis: Analysis) -> list[str]:
    return list(dict.fromkeys(analysis.output.figures))


def figure_file(plot: str, width: float, suffix: str) -> str:
    """Return the name of a figure's file."""
    return f"{plot}-{width:g}mm.{suffix}"


def shown_files(folder: Path, name: str) -> list[Path]:
    """Return the files of a figure that a browser shows, one of each width, the widest first.

    Parameters
    ----------
    folder : pathlib.Path
        Where they are.
    name : str
        One of them.

    Notes
    -----
    SVG rather than PNG: it is half as large, and sharp on every screen.
    """
    plot = name.rpartition("-")[0]
    found: dict[float, Path] = {}
    for suffix in ("png", "svg"):
        for path in folder.glob(f"{plot}-*mm.{suffix}"):
            found[float(path.stem.rpartition("-")[2].removesuffix("mm"))] = path
    return [found[width] for width in sorted(found, reverse=True)]
