"""How does a frozen record hold named values? In a mapping that is read-only, hashable and picklable."""

from collections.abc import Iterator, Mapping
from typing import final


@final
class FrozenMapping[V](Mapping[str, V]):
    """Read-only mapping from names to values that keeps its order.

    `types.MappingProxyType` is read-only too, but can be neither hashed nor sent to another process.

    Parameters
    ----------
    items : mapping
        The names and their values; copied.

    Examples
    --------
    >>> FrozenMapping({"mu": 0.0, "sigma": 1.5})["sigma"]
    1.5
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, V]) -> None:
        self._items = dict(items)

    def __getitem__(self, name: str) -> V:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)
