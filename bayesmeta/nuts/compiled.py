"""Has this model been compiled already? Then it takes new numbers: other studies, other parameters of its priors.

Compiling takes longer than sampling. What the compiled functions depend on is the model's form; its numbers are in
containers (`bayesmeta.nuts.numbers`), which the functions read when they run. So a model of the same form, with
containers of the same names, shapes and types, is sampled by the functions that are there already.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from threading import Lock
from typing import Any, Final, final

import numpy as np
import pymc as pm

from bayesmeta.nuts.build import build_model, coords_of
from bayesmeta.nuts.numbers import Number, numbers_of
from bayesmeta.nuts.settings import Settings
from bayesmeta.nuts.structure import Structure
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.moderators import Design
from bayesmeta.spec.observed import Observed
from bayesmeta.spec.priors import Prior

MOST: Final = 8  # compiled models that are kept, a few megabytes each
LARGEST: Final = 10_000_000  # bytes of data; a model of more is not kept
IN_CONTAINERS: Final = ("mu", "tau", "beta", "baseline", "omega", "design")
"""Fields of `ModelSpec` and `Structure` whose numbers are in containers."""
WORDS: Final = ("name", "title", "why", "sensitivity", "source", "by")
"""Fields that say nothing about the PyMC model."""


@final
@dataclass
class Ready:
    """A PyMC model, and what is compiled of it.

    Attributes
    ----------
    model : pymc.Model
        The model. One of the kind ``FrozenModel`` keeps its compiled functions itself.
    coords : dict
        Labels of the dimensions.
    for_nutpie : CompiledPyMCModel or None
        The functions that nutpie calls, once they are needed.
    """

    model: Any
    coords: Mapping[str, Any]
    for_nutpie: Any = None

    def fill(self, numbers: Mapping[str, Number], coords: Mapping[str, Any]) -> None:
        """Put other numbers, of the same shapes and types, into the containers."""
        held = {name: self.model[name] for name in numbers}
        values = {name: np.asarray(numbers[name].value, dtype=each.dtype) for name, each in held.items()}
        for name, value in values.items():
            held[name].set_value(value)  # starting points are made from them, for nutpie too
        self.coords = coords
        if self.for_nutpie is not None:
            used = {variable.name for variable in self.for_nutpie.shared_var_keys}
            self.for_nutpie = self.for_nutpie.with_data(**{name: values[name] for name in used & values.keys()})

    def compile_for_nutpie(self) -> Any:
        """Return the functions that nutpie calls, compiled if they are not yet."""
        if self.for_nutpie is None:
            import nutpie

            self.for_nutpie = nutpie.compile_pymc_model(self.model)
        return self.for_nutpie


@contextmanager
def ready_model(
    model: ModelSpec, data: Observed, labels: tuple[str, ...], structure: Structure, settings: Settings
) -> Iterator[Ready]:
    """Give the PyMC model of a specification and data, compiled already if one of the same form is kept.

    Parameters
    ----------
    model, data, labels, structure
        As in `build_model`.
    settings : Settings
        What will sample it, and in which form the study effects.

    Yields
    ------
    Ready
        Nobody else has it meanwhile, so that threads do not change each other's numbers. It is kept afterwards, unless
        an exception ended its use.
    """
    form = settings.parametrisation
    numbers, coords = numbers_of(model, data, structure, form=form), coords_of(labels, structure)
    key = (settings.sampler, form, *_form(model, data, structure, numbers))
    found = _KEPT.take(key)
    if found is None:
        found = Ready(_frozen(build_model(model, data, labels, structure, form=form, lean=True)), coords)
    else:
        found.fill(numbers, coords)
    yield found
    if sum(np.asarray(number.value).nbytes for number in numbers.values()) <= LARGEST:
        _KEPT.keep(key, found)


def forget() -> None:
    """Drop all compiled models that are kept."""
    _KEPT.clear()


def kept() -> int:
    """Return how many compiled models are kept."""
    return len(_KEPT)


def _form(
    model: ModelSpec, data: Observed, structure: Structure, numbers: Mapping[str, Number]
) -> tuple[Hashable, ...]:
    """Return what the compiled functions depend on: all there is but the numbers in containers.

    Fields are taken by their values unless they are known to be in containers, so that one more field of the
    specification makes one more form, never a wrong one.
    """
    of_priors = [*structure.priors(model), model.tau, model.baseline, structure.omega]
    return (
        data.link,
        len(structure.coef),
        len(structure.groups),
        *(_fields(part, without=(*IN_CONTAINERS, *WORDS)) for part in (model, structure)),
        tuple((one.name, tuple(one.parameters)) if isinstance(one, Prior) else one is None for one in of_priors),
        tuple((name, one.dims, np.shape(one.value), np.asarray(one.value).dtype.str) for name, one in numbers.items()),
    )


def _fields(record: Any, *, without: tuple[str, ...] = ()) -> tuple[Hashable, ...]:
    named = (field.name for field in fields(record) if field.name not in without)
    return (type(record), *((name, _value(getattr(record, name))) for name in named))


def _value(value: Any) -> Hashable:
    """Return what two values that are alike have in common; of what cannot be compared, the thing itself."""
    if isinstance(value, Design):
        return value.coef, value.matrix.shape, value.matrix.tobytes()
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, tuple | list):
        return tuple(_value(each) for each in value)
    if isinstance(value, Prior) or not is_dataclass(value):
        return value if isinstance(value, Hashable) else object()  # which is like no other
    return _fields(value)


def _frozen(model: pm.Model) -> Any:
    """Let a model keep its compiled functions.

    PyMC's own `freeze_model` makes constants of the data that free variables depend on, because their shapes might
    change; here they are those of the form, and `FrozenModel` hands them to its functions like other data.
    """
    model.__class__ = pm.FrozenModel
    return model


@final
class _Kept:
    """The compiled models that were used last, each for one user at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._models: OrderedDict[Hashable, Ready] = OrderedDict()
        self._lock = Lock()

    def take(self, key: Hashable) -> Ready | None:
        """Return the model of a form, which is not here any more then."""
        with self._lock:
            return self._models.pop(key, None)

    def keep(self, key: Hashable, model: Ready) -> None:
        """Keep a model; the one that was used longest ago goes where there are too many."""
        with self._lock:
            self._models[key] = model
            self._models.move_to_end(key)
            while len(self._models) > self._most:
                self._models.popitem(last=False)

    def clear(self) -> None:
        """Drop all."""
        with self._lock:
            self._models.clear()

    def __len__(self) -> int:
        return len(self._models)


_KEPT: Final = _Kept(MOST)
