"""Which record stands behind an option's name, and what to say when there is none."""

from collections.abc import Mapping

from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError


def look_up[R](option: str, given: object, registry: Mapping[str, R]) -> R:
    """Return the record that the registry holds under a name.

    Parameters
    ----------
    option : str
        Name of the option, as the user writes it, such as ``"tau2_method"``.
    given : object
        What the user asked for.
    registry : mapping
        The records that exist, by name.

    Returns
    -------
    R
        ``registry[given]``.

    Raises
    ------
    SpecError
        If ``given`` is unknown; the message lists what is allowed.
    """
    if isinstance(given, str) and given in registry:
        return registry[given]
    raise SpecError(unknown_name(option, given, registry))
