"""Which draws are those of a quantity? Where a row of the summary lies in the PyMC model's variables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.nuts.structure import Structure
from bayesmeta.result.quantity import find_quantity, is_proportion
from bayesmeta.spec.observed import Estimates, Observed

if TYPE_CHECKING:
    from xarray import DataTree


def find_draws(
    name: object, structure: Structure, link: str, studies: Sequence[str], *, has_tau: bool
) -> tuple[str, int | None]:
    """Return the variable of a quantity, and its position in there if it has a dimension.

    Parameters
    ----------
    name : str
        A row of the summary, or one of a study: ``theta[label]``, ``p[label]``.
    structure : Structure
        What the studies share.
    link : str
        What the effects are a function of.
    studies : sequence of str
        The studies.
    has_tau : bool
        Whether the studies differ.

    Raises
    ------
    SpecError
        If there is no such quantity.
    """
    if name in structure.beyond.positions:
        return structure.beyond.positions[str(name)]
    if structure.design is None and not structure.beyond:
        return find_quantity(name, link, studies, has_tau=has_tau)
    rows = structure.rows(link, has_tau=has_tau)
    new = () if structure.beyond.scale is not None else ("theta_new",)
    of_new = (
        new if structure.design is None else tuple(f"{each}[{group}]" for each in new for group in structure.groups)
    )
    known = (*rows, *of_new)
    kind, _, label = str(name).removesuffix("]").partition("[")
    of_studies = ("theta", "p") if is_proportion(link) else ("theta",)
    if name not in known and not (kind in of_studies and label in studies):
        raise SpecError(f"{unknown_name('quantity', name, rows)[:-1]}; of studies {', '.join(of_studies)}[label].")
    if not label:
        return kind, None
    labels = {"beta": structure.coef, "theta": studies, "p": studies}.get(kind, structure.groups)
    return kind, list(labels).index(label)


def with_beta_effects(tree: "DataTree", data: Observed, labels: Sequence[str], seed: int) -> "DataTree":
    """Return the draws of a model with beta-distributed effects, with those effects, which it integrates out.

    Parameters
    ----------
    tree : xarray.DataTree
        Draws of the shapes ``a`` and ``b``, for all studies or each.
    data : Counts
        Events and patients.
    labels : sequence of str
        The studies.
    seed : int
        Source of randomness.

    Returns
    -------
    xarray.DataTree
        The posterior with ``theta`` and ``p``: p_i | a, b, data ~ Beta(a + events, b + n - events), whose logit is the
        difference of the logs of two gamma variables.
    """
    assert not isinstance(data, Estimates)
    posterior, rng = tree["posterior"].to_dataset(), np.random.default_rng(seed)
    a, b = (np.asarray(posterior[name]) for name in ("a", "b"))
    if a.ndim == 2:
        a, b = a[..., None], b[..., None]
    theta = _log_gamma(a + data.events, rng) - _log_gamma(b + (data.n - data.events), rng)
    dims = ("chain", "draw", "study")
    drawn = {"theta": (dims, theta), "p": (dims, special.expit(theta))}
    tree = tree.copy()
    tree["posterior"] = tree["posterior"].from_dict({"/": posterior.assign_coords(study=list(labels)).assign(drawn)})
    return tree


def _log_gamma(shape: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the log of a gamma variable; that of a small shape would underflow, so from shape + 1."""
    log_u = np.log1p(-rng.random(shape.shape))
    return np.asarray(np.log(rng.standard_gamma(shape + 1.0)) + log_u / shape)
