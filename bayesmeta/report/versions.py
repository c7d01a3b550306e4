"""With which versions of which programs was a result made?"""

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

ALWAYS = ("bayesmeta", "numpy", "scipy", "pandas")
WITH_NUTS = ("pymc", "arviz")


def program_versions(samplers: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions of Python and of the programs that take part in the computation.

    Parameters
    ----------
    samplers : iterable of str
        The samplers that were used: "pymc", "nutpie".

    Returns
    -------
    dict
        Name to version, bayesmeta first.
    """
    used = list(samplers)
    names = dict.fromkeys((*ALWAYS, *(WITH_NUTS if used else ()), *used))
    found = {name: _version(name) for name in names}
    return {"bayesmeta": found.pop("bayesmeta"), "python": platform.python_version(), **found}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
