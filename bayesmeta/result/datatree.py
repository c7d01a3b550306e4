"""How does ArviZ see draws? The standard groups, with named dimensions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from xarray import DataTree

WITHOUT_DRAWS: Final = ("observed_data", "constant_data", "predictions_constant_data")


@final
@dataclass(frozen=True, eq=False)
class Variable:
    """One variable of a group.

    Parameters
    ----------
    values : array, shape (..., size)
        Draws along the last axis, of which there is none in the groups of data.
    dims : tuple of str
        Names of the other axes.
    """

    values: FloatArray | IntArray
    dims: tuple[str, ...] = ()


type Groups = Mapping[str, Mapping[str, Variable]]


def to_datatree(
    groups: Groups,
    *,
    coords: Mapping[str, Sequence[str]],
    chains: int,
    attrs: Mapping[str, object],
) -> "DataTree":
    """Return groups of variables as an ArviZ DataTree.

    Parameters
    ----------
    groups : mapping
        From the names of groups, such as ``"posterior"``, to their variables by name.
    coords : mapping
        Labels along each dimension.
    chains : int
        Into how many chains independent draws are split, so that tools which compare chains work; it must divide
        their number.
    attrs : mapping
        Attributes of the posterior group.

    Returns
    -------
    xarray.DataTree
        Dimensions ``chain``, ``draw`` and those of the variables.
    """
    from arviz_base import from_dict

    def dressed(group: str, variable: Variable) -> FloatArray | IntArray:
        if group in WITHOUT_DRAWS:
            return variable.values
        by_chain = variable.values.reshape(*variable.values.shape[:-1], chains, -1)
        return np.moveaxis(by_chain, (-2, -1), (0, 1))

    dims = {key: list(each.dims) for group in groups.values() for key, each in group.items()}
    labels = {name: list(each) for name, each in coords.items()}
    tree: DataTree = from_dict(
        {name: {key: dressed(name, each) for key, each in group.items()} for name, group in groups.items()},
        dims=dims,
        coords=labels,
        pred_dims=dims,
        pred_coords=labels,
        attrs={"posterior": dict(attrs)},
    )
    return tree


def by_study(role: str, values: FloatArray) -> Variable:
    """Return data of the studies: counts as whole numbers, for which some of ArviZ's plots ask."""
    is_count = role.startswith(("events", "n"))
    return Variable(values.astype(np.int64) if is_count else values, ("study",))
