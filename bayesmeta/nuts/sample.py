"""How are the draws made? By PyMC's NUTS or nutpie, and kept if the user stops it."""

import logging
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
import pymc as pm
from pytensor.configdefaults import config

from bayesmeta.errors import AccuracyError
from bayesmeta.nuts.compiled import Ready, ready_model
from bayesmeta.nuts.numbers import OBSERVED
from bayesmeta.nuts.settings import Settings
from bayesmeta.nuts.structure import Structure
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Observed

if TYPE_CHECKING:
    from xarray import DataTree

_COMPILING: Final = threading.RLock()
NO_DRAWS: Final = "sampling was interrupted before the first draws; there is no result."


@final
class NoDraws(AccuracyError):
    """Sampling was interrupted before the first draws."""


def sample_model(
    model: ModelSpec, data: Observed, labels: tuple[str, ...], structure: Structure, settings: Settings, *, quiet: bool
) -> "DataTree":
    """Return the draws of the PyMC model of a specification and data; see `build_model` and `sample`."""
    with ready_model(model, data, labels, structure, settings) as ready:
        return sample(ready, settings, quiet=quiet)


def sample(ready: Ready, settings: Settings, *, quiet: bool) -> "DataTree":
    """Return the draws and what the sampler recorded of each.

    Parameters
    ----------
    ready : Ready
        The model; what it needs is compiled if it is not yet.
    settings : Settings
        How to sample.
    quiet : bool
        Whether to show no progress bar and no message.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior``, ``sample_stats``, ``observed_data``, ``constant_data``. If sampling was
        interrupted, it holds the chains and draws there were, the same number in each chain.

    Raises
    ------
    NoDraws
        If sampling was interrupted before the first draws.
    AccuracyError
        If it could not start.

    Notes
    -----
    Of one seed the draws are the same on one machine, whether a model is compiled for them, was compiled before, or
    comes from the files of an earlier process. Numba's reordering of sums (``fastmath``) is off for that: it depends on
    what is compiled together, and differs in the last digit between these cases.
    """
    draw = _by_nutpie if settings.sampler == "nutpie" else _by_pymc
    with ready.model, quiet_log(quiet), _stopped_by_interrupt() as stop:
        try:
            tree = draw(ready, settings, stop, quiet=quiet)
        except KeyboardInterrupt:
            raise NoDraws(NO_DRAWS) from None
        except (ValueError, RuntimeError) as error:  # PyMC's SamplingError is a RuntimeError
            if stop.wanted:
                raise NoDraws(NO_DRAWS) from None
            raise AccuracyError(f"sampling failed: {' '.join(str(error).split())}") from error
    return _labelled(_equal_chains(without_observed(tree)), ready.coords)


@contextmanager
def _compiling() -> Iterator[None]:
    """Compile without reordering of sums; one thread at a time, because PyTensor's settings are those of all."""
    with _COMPILING, config.change_flags(numba__fastmath=False):
        yield


def _by_pymc(ready: Ready, settings: Settings, stop: "_Stop", *, quiet: bool) -> "DataTree":
    with _compiling():  # which happens in there, if it has not yet
        tree: DataTree = pm.sample(
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            random_seed=settings.seed,
            nuts_sampler="pymc",
            target_accept=settings.target_accept,
            progressbar=not quiet,
            quiet=quiet,
            compute_convergence_checks=False,  # diagnose does more
            callback=stop.check,
        )
    return tree


def _by_nutpie(ready: Ready, settings: Settings, _: "_Stop", *, quiet: bool) -> "DataTree":
    """Sample as `pm.sample` does by nutpie, with functions that may be compiled already, which it does not take."""
    import nutpie
    from pymc.backends.arviz import patch_nutpie_idata
    from pymc.progress_bar import NutpieProgressBarManager

    with _compiling():
        compiled = ready.compile_for_nutpie()
    bars = NutpieProgressBarManager(chains=settings.chains, draws=settings.draws, progressbar=not quiet)
    start = perf_counter()
    with bars:
        tree: DataTree = nutpie.sample(
            compiled,
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            seed=int(np.random.default_rng(settings.seed).spawn(1)[0].integers(2**30)),
            target_accept=settings.target_accept,
            save_warmup=False,
            progress_bar=False,
            progress_callback=bars.update,
        )
    patch_nutpie_idata(tree, ready.model, sampling_time=perf_counter() - start)
    return tree


def _labelled(tree: "DataTree", coords: Mapping[str, Any]) -> "DataTree":
    """Name what the dimensions hold: a model that was compiled before still knows other studies."""
    labelled = {}
    for name, group in tree.children.items():
        dataset = group.to_dataset()
        known = {str(dim): coords[str(dim)] for dim in dataset.dims if dim in coords}
        labelled[name] = dataset.assign_coords(known)
    return type(tree).from_dict(labelled)


def without_observed(tree: "DataTree") -> "DataTree":
    """Take the containers of observed data, which `observed_data` has, out of the constants."""
    if "constant_data" in tree.children:
        constant = tree["constant_data"].to_dataset()
        held = [name for name in constant.data_vars if str(name).endswith(OBSERVED)]
        tree["constant_data"] = tree["constant_data"].from_dict({"/": constant.drop_vars(held)})
    return tree


@final
class _Stop:
    """A wish to stop, which every chain obeys: PyMC by itself would only end the chain that runs."""

    wanted = False

    def check(self, **_: object) -> None:
        if self.wanted:
            raise KeyboardInterrupt

    def ask(self, _signal: int, _frame: FrameType | None) -> None:
        self.wanted = True
        raise KeyboardInterrupt


@contextmanager
def _stopped_by_interrupt() -> Iterator[_Stop]:
    """Remember that the user pressed Ctrl-C; signals can be handled in the main thread only."""
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, stop.ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def quiet_log(quiet: bool = True) -> Iterator[None]:
    """Keep PyMC's messages back, and warnings of the programs below it about themselves."""
    log = logging.getLogger("pymc")
    level = log.level
    if quiet:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Of programs below PyMC, about themselves; what concerns the result is checked by diagnose.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.filterwarnings("ignore", message="Numba will use object mode", category=UserWarning)
            warnings.filterwarnings("ignore", message="Found chain dimension to be longer", category=UserWarning)
            yield
    finally:
        log.setLevel(level)


def _equal_chains(tree: "DataTree") -> "DataTree":
    """Cut chains that ended early to one length, keeping as many draws as possible."""
    any_draw = np.asarray(next(iter(tree.posterior.data_vars.values())))
    if any_draw.size == 0:
        raise NoDraws(NO_DRAWS)
    any_draw = any_draw.reshape(*any_draw.shape[:2], -1)[..., 0]
    lengths = np.isfinite(any_draw).sum(axis=1)
    if lengths.max() == 0:
        raise NoDraws(NO_DRAWS)
    if lengths.min() == any_draw.shape[1]:
        return tree
    ascending = np.sort(lengths)
    kept = ascending * np.arange(lengths.size, 0, -1)
    length = int(ascending[int(np.argmax(kept))])
    chains = np.flatnonzero(lengths >= length)
    return tree.isel(chain=chains, draw=slice(0, length), missing_dims="ignore")
