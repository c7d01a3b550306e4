"""How is a figure written to a file, the same bytes on every run?"""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesmeta._validate import a_type, check_counts, unknown_name
from bayesmeta.errors import BayesmetaError, SpecError

# Without the date of writing, which would be the only difference between two runs.
METADATA: Final[Mapping[str, Mapping[str, None]]] = MappingProxyType(
    {
        "png": MappingProxyType({}),
        "svg": MappingProxyType({"Date": None}),
        "pdf": MappingProxyType({"CreationDate": None}),
    }
)
"""What `save_figure` writes, by suffix, and what is left out of each."""

PNG_DPI: Final = 300
"""The least that journals ask for."""


def save_figure(
    figure: "Axes | Figure | np.ndarray[Any, Any]", path: str | os.PathLike[str], *, dpi: int = PNG_DPI
) -> Path:
    """Write a figure as PNG, SVG or PDF, with the same bytes on every run.

    Parameters
    ----------
    figure : Axes, array of Axes or Figure
        What a plot function returned, or its figure.
    path : str or path
        The file; its suffix, ``.png``, ``.svg`` or ``.pdf``, is the format. A file of that name is replaced.
    dpi : int
        Dots per inch of a PNG.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    SpecError
        If the suffix is another one, or `figure` is no figure.
    BayesmetaError
        If the file cannot be written.

    Notes
    -----
    The figure keeps its size, such as ``plot_forest(fit, width_mm=85)``. The text of a PDF is text (TrueType),
    that of an SVG is outlines, which look alike everywhere. The file appears whole or not at all. The bytes are
    the same with the same versions of matplotlib and of its fonts.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> ax = bm.plot_forest(fit)
    >>> save_figure(ax, "forest.pdf")  # doctest: +SKIP
    """
    if isinstance(figure, np.ndarray) and figure.size and isinstance(figure.flat[0], Axes):
        figure = figure.flat[0]
    if not isinstance(figure, Axes | Figure):
        raise SpecError(f"figure is {a_type(figure)}; give the Axes of a plot, or a matplotlib Figure.")
    check_counts(dpi=dpi)
    target = Path(path)
    kind = target.suffix.removeprefix(".").lower()
    if kind not in METADATA:
        raise SpecError(unknown_name(f"format of the figure {target.name!r}:", kind, METADATA))
    _replace(target, _drawn(figure, kind, dpi))
    return target


def _drawn(figure: Axes | Figure, kind: str, dpi: int) -> bytes:
    whole = figure if isinstance(figure, Figure) else figure.figure.canvas.figure
    file = io.BytesIO()
    with mpl.rc_context(
        {
            "pdf.fonttype": 42,  # letters as letters, which an editor can change and a reader can search
            "svg.fonttype": "path",  # letters as outlines: another font in their place would cover the marks
            "svg.hashsalt": "bayesmeta",  # else random names of parts
            "savefig.bbox": None,  # the whole figure: cut to its content it would have another width
        }
    ):
        whole.savefig(file, format=kind, dpi=dpi, metadata=dict(METADATA[kind]))
    return file.getvalue()


def _replace(target: Path, content: bytes) -> None:
    """Write a file aside and put it in its place, so that nobody ever sees half of it."""
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        try:
            aside.write_bytes(content)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BayesmetaError(f"the figure {target} cannot be written: {reason}; name another file.") from None
