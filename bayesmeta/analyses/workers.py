"""How is a long list worked through by several processes, in order, and stopped at once when asked to?"""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from types import MappingProxyType, ModuleType
from typing import Final

from bayesmeta.errors import BayesmetaError

AHEAD: Final = 3  # parts per process that wait for a free one; so a generator is read only as fast as needed
ENVIRONMENT: Final = MappingProxyType(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")
    # glibc keeps what is freed, as the next part needs as much: handing it back and forth takes a twentieth of the time
    | {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
)
"""Environment variables of the processes: one thread each, and memory that is kept."""


def available_processes() -> int:
    """Return how many processes can run at once."""
    count: int | None = getattr(os, "process_cpu_count", os.cpu_count)()  # the first is new in Python 3.13
    return count or 1


def in_order[T, R](task: Callable[[T], R], parts: Iterable[T], *, processes: int) -> Generator[R, None, None]:
    """Yield ``task(part)`` for each part, in the order of the parts.

    Parameters
    ----------
    task : callable
        A function of a module, or a `functools.partial` of one: it is sent to the processes.
    parts : iterable
        What it is called with; each should take at most a second or so, as none is broken off.
    processes : int
        With 1, everything runs in this process.

    Raises
    ------
    BayesmetaError
        If a process ends by itself, as for want of memory.

    Notes
    -----
    The processes are new ones (not forked, which breaks with threads), do not run the caller's script again, and use
    one thread each. When the generator is closed, as after Ctrl-C, the parts that wait are dropped, and the processes
    end after those that they are at.
    """
    if processes == 1:
        yield from map(task, parts)
        return
    context = get_context("spawn")
    stop = context.Event()
    waiting: deque[Future[R]] = deque()
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_prepare, initargs=(stop,))
    try:
        for part in parts:
            with _clean_start():
                waiting.append(pool.submit(_unless_stopped, task, part))
            if len(waiting) > AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise BayesmetaError(
            "a process ended by itself, perhaps for want of memory; use fewer processes, or processes=1."
        ) from None
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


_stop: Event | None = None


def _prepare(stop: Event) -> None:
    """Let the first process decide what an interrupt means."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _unless_stopped[T, R](task: Callable[[T], R], part: T) -> R:
    if _stop is not None and _stop.is_set():
        raise InterruptedError
    return task(part)


@contextmanager
def _clean_start() -> Iterator[None]:
    """Let a process that starts meanwhile use one thread, not hear Ctrl-C, and not run the caller's script.

    With that script, which `multiprocessing` would run, it would come to this very call again, unless the user had
    guarded it. This process hears an interrupt a moment later.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if sys.platform != "win32" else None
    main, environment = sys.modules["__main__"], {name: os.environ.get(name) for name in ENVIRONMENT}
    sys.modules["__main__"] = ModuleType("__main__")
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name, value in environment.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if blocked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
