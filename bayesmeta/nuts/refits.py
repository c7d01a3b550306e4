"""How are fits sampled one after another? With one progress bar; and if the user stops it, what there is stays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from bayesmeta.errors import AccuracyError, BayesmetaError
from bayesmeta.nuts.fit import NutsFit

STOPPED: Final = "not sampled: interrupted"

type Refit = Callable[[int], NutsFit] | NutsFit | str
"""A function of a seed that samples, a fit that is there already, or why there is none."""


@final
@dataclass(frozen=True)
class Refitted:
    """What became of one refit.

    Attributes
    ----------
    fit : NutsFit or None
        None if there is none.
    note : str
        Why there is none, or what a reader of it must know; else empty.
    """

    fit: NutsFit | None
    note: str


def sample_each(refits: Sequence[Refit], *, seed: int, what: str, quiet: bool) -> list[Refitted]:
    """Return the fits, each with a seed of its own.

    Parameters
    ----------
    refits : sequence
        What to sample.
    seed : int
        Where their seeds come from.
    what : str
        What is done, for the progress bar.
    quiet : bool
        Whether to show none.

    Raises
    ------
    AccuracyError
        If it was interrupted before the first of them.
    """
    from pymc.progress_bar import create_simple_progress

    seeds = np.random.SeedSequence(seed).generate_state(len(refits))
    done: list[Refitted] = []
    bar: Any = create_simple_progress(progressbar=not quiet)
    with bar:
        task = bar.add_task(what, completed=0, total=len(refits))
        try:
            for one, own in zip(refits, seeds, strict=True):
                done.append(_sample(one, int(own)))
                bar.update(task, advance=1)
                if callable(one) and (made := done[-1].fit) is not None and made.interrupted:
                    break
        except KeyboardInterrupt:
            if not any(one.fit for one in done):
                raise AccuracyError(f"{what} was interrupted before the first refit; there is no result.") from None
    return done + [Refitted(None, STOPPED)] * (len(refits) - len(done))


def _sample(refit: Refit, seed: int) -> Refitted:
    from bayesmeta.nuts.sample import NoDraws

    if isinstance(refit, str):
        return Refitted(None, refit)
    try:
        fit = refit if isinstance(refit, NutsFit) else refit(seed)
    except NoDraws:
        raise KeyboardInterrupt from None
    except BayesmetaError as error:
        return Refitted(None, str(error))
    return Refitted(fit, "; ".join(fit.warnings))
