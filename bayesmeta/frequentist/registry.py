"""Which record stands behind an option's name, and what to say when there is none."""

from collections.abc import Collection, Mapping

from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError


def look_up[R](option: str, given: object, registry: Mapping[str, R], planned: Collection[str] = ()) -> R:
    """Return the record that the registry holds under a name.

    Parameters
    ----------
    option : str
        Name of the option, as the user writes it, such as ``"tau2_method"``.
    given : object
        What the user asked for.
    registry : mapping
        The records that exist, by name.
    planned : collection of str
        Valid names of the interface that have no record yet.

    Returns
    -------
    R
        ``registry[given]``.

    Raises
    ------
    SpecError
        If ``given`` is planned but not supported yet, or unknown; the message lists what is supported.
    """
    if isinstance(given, str) and given in registry:
        return registry[given]
    if isinstance(given, str) and given in planned:
        supported = ", ".join(registry)
        raise SpecError(f"{option}={given!r} is not supported yet; use one of the supported: {supported}.")
    raise SpecError(unknown_name(option, given, registry))
