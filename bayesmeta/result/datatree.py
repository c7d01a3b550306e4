"""How does ArviZ see a fit? The standard groups, with named dimensions."""

from typing import TYPE_CHECKING

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.data.studies import Studies
from bayesmeta.result.draws import Draws

if TYPE_CHECKING:
    from xarray import DataTree


def to_datatree(
    draws: Draws, derived: dict[str, FloatArray], studies: Studies, *, chains: int, attrs: dict[str, object]
) -> "DataTree":
    """Return draws as an ArviZ DataTree.

    Parameters
    ----------
    draws : Draws
        Of all parameters; ``chains`` must divide their number.
    derived : dict
        Further scalar quantities, arrays of shape (size,), such as ``p_median``.
    studies : Studies
        The data.
    chains : int
        Into how many chains independent draws are split, so that tools which compare chains work.
    attrs : dict
        Attributes of the posterior group.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior`` (``mu``, ``tau``, ``theta`` by study, ``theta_new``, and the derived quantities),
        ``log_likelihood``, ``observed_data``, ``constant_data``. Dimensions ``chain``, ``draw``, ``study``.
    """
    from arviz_base import from_dict

    def by_chain(values: FloatArray) -> FloatArray:
        return values.reshape(*values.shape[:-1], chains, -1)

    def by_study(values: FloatArray) -> FloatArray:
        return np.moveaxis(by_chain(values), 0, -1)

    name, observed, constant = _data(studies)
    tree: DataTree = from_dict(
        {
            "posterior": {
                "mu": by_chain(draws.mu),
                "tau": by_chain(draws.tau),
                "theta": by_study(draws.theta),
                "theta_new": by_chain(draws.theta_new),
                **{key: by_chain(values) for key, values in derived.items()},
            },
            "log_likelihood": {name: by_study(draws.log_likelihood)},
            "observed_data": observed,
            "constant_data": constant,
        },
        dims={key: ["study"] for key in ("theta", *observed, *constant)},
        coords={"study": list(studies.study)},
        attrs={"posterior": attrs},
    )
    return tree


def _data(studies: Studies) -> tuple[str, dict[str, FloatArray], dict[str, FloatArray]]:
    """Return the name of the observed variable, the observed data and the constants.

    A likelihood of two arms has one value per study, which is named after the treatment arm's events.
    """
    data = studies.data
    observed = {role: values for role, values in data.items() if role.startswith(("events", "y"))}
    constant = {role: values for role, values in data.items() if role not in observed}
    return next(iter(observed)), observed, constant
