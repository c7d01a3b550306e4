"""What do the counts of one arm look like once they are checked, and once their empty cells are corrected?"""

import numpy.typing as npt
from numpy import isfinite

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.effects.sizes import columns_of, corrected_studies, refuse_impossible, refuse_undefined


def counts_of(events: npt.ArrayLike, n: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return both as float arrays of one shape (k,), or say which study makes that impossible."""
    given = columns_of({"events": events, "n": n})
    r, size = given.values()
    good = isfinite(r) & isfinite(size) & (size > 0) & (r >= 0) & (r <= size)
    refuse_impossible(good, given, "0 <= events <= n, n > 0")
    return r, size


def add_to_cells(r: FloatArray, size: FloatArray, add: float, to: str) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return events and n with `add` in both cells of the studies that `to` selects, and which these are."""
    corrected = corrected_studies((r == 0.0) | (r == size), add=add, to=to)
    return r + add * corrected, size + 2.0 * add * corrected, corrected


def refuse_empty_cells(r: FloatArray, size: FloatArray, consequence: str) -> None:
    """Raise `EmptyCellError` for the first study with no events, or nothing but events."""
    refuse_undefined((r == 0.0) | (r == size), {"events": r, "n": size}, consequence)
