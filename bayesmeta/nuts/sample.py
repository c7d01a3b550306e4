"""How are the draws made? By PyMC's NUTS or nutpie, and kept if the user stops it."""

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, final

import numpy as np
import pymc as pm

from bayesmeta.errors import AccuracyError
from bayesmeta.nuts.numbers import OBSERVED
from bayesmeta.nuts.settings import Settings

if TYPE_CHECKING:
    from xarray import DataTree


def sample(model: pm.Model, settings: Settings, *, quiet: bool) -> "DataTree":
    """Return the draws and what the sampler recorded of each.

    Parameters
    ----------
    model : pymc.Model
        The model.
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
    AccuracyError
        If sampling was interrupted before the first draws, or could not start.
    """
    options: dict[str, Any] = {
        "draws": settings.draws,
        "tune": settings.tune,
        "chains": settings.chains,
        "random_seed": settings.seed,
        "nuts_sampler": settings.sampler,
        "target_accept": settings.target_accept,
        "progressbar": not quiet,
        "quiet": quiet,
        "compute_convergence_checks": False,  # diagnose does more
    }
    with model, quiet_log(quiet), _stopped_by_interrupt() as stop:
        if settings.sampler == "pymc":
            options["callback"] = stop.check
        try:
            tree: DataTree = pm.sample(**options)
        except (ValueError, RuntimeError) as error:  # PyMC's SamplingError is a RuntimeError
            if stop.wanted:
                raise AccuracyError("sampling was interrupted before the first draws; there is no result.") from None
            raise AccuracyError(f"sampling failed: {' '.join(str(error).split())}") from error
    return _equal_chains(without_observed(tree))


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
            yield
    finally:
        log.setLevel(level)


def _equal_chains(tree: "DataTree") -> "DataTree":
    """Cut chains that ended early to one length, keeping as many draws as possible."""
    any_draw = np.asarray(next(iter(tree.posterior.data_vars.values())))
    any_draw = any_draw.reshape(*any_draw.shape[:2], -1)[..., 0]
    lengths = np.isfinite(any_draw).sum(axis=1)
    if lengths.min() == any_draw.shape[1]:
        return tree
    ascending = np.sort(lengths)
    kept = ascending * np.arange(lengths.size, 0, -1)
    length = int(ascending[int(np.argmax(kept))])
    if length == 0:
        raise AccuracyError("sampling was interrupted before the first draws; there is no result.")
    chains = np.flatnonzero(lengths >= length)
    return tree.isel(chain=chains, draw=slice(0, length), missing_dims="ignore")
