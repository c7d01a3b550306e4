"""Which priors are those of the parameters that all studies share?"""

from bayesmeta.nuts.structure import Structure
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.priors import Prior


def hyperpriors(model: ModelSpec, structure: Structure) -> dict[str, Prior]:
    """Return the priors of ``mu`` or of each ``beta[...]``, of ``tau``, and of what ties taus of groups together."""
    means = structure.priors(model)
    names = ("mu",) if structure.design is None else tuple(f"beta[{name}]" for name in structure.coef)
    found = dict(zip(names, means, strict=True))
    if model.has_tau and structure.beyond.correlated is None:
        found["tau0" if structure.is_hierarchical else "tau"] = model.tau
    found |= structure.beyond.priors(model)
    return found | ({"omega": structure.omega} if isinstance(structure.omega, Prior) else {})
