"""How does the time of a fit grow: with many meta-analyses, and with many studies?"""

import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import bayesmeta as bm

KS = (14, 100, 1000, 10_000)
MANY = 200
IN_CHILD = "import sys; sys.path.insert(0, {folder!r}); import many; print(many.peak_bytes({k}))"


def simulated(k: int, rng: np.random.Generator) -> bm.Studies:
    """Return k studies, nearly all with (events, n) of their own."""
    n = rng.integers(10, 120 if k < 100 else 50 * k, k)
    theta = rng.normal(rng.normal(0.0, 1.0), abs(rng.normal(0.0, 0.7)), k)
    events = rng.binomial(n, 1.0 / (1.0 + np.exp(-theta)))
    return bm.Studies(tuple(f"s{i}" for i in range(k)), events=events, n=n)


def cpu_seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the least processor time of some calls in this process: other work on the machine only adds to it."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def bench_many(report: Callable[..., dict[str, object]], repeats: int) -> list[dict[str, object]]:
    """Time `fit_many`, per meta-analysis of 14 studies, against single fits and their summaries."""
    rng = np.random.default_rng(1)
    every = [simulated(14, rng) for _ in range(MANY)]

    def single() -> None:
        for studies in every[:40]:
            bm.fit(studies).summary()

    one = cpu_seconds(single, repeats) / 40
    together = cpu_seconds(lambda: bm.fit_many(every, processes=1), repeats) / MANY
    start = time.perf_counter()
    bm.fit_many(every * 50, processes=2)
    two = (time.perf_counter() - start) / (50 * MANY)
    return [
        report("fit_many, processor time per meta-analysis / 6 ms", together, 6e-3, "<= 1"),
        report("fit_many, 2 processes, wall time per meta-analysis / 3 ms", two, 3e-3, "<= 1"),
        report("fit_many per meta-analysis / one fit with its summary", together, one, "(shown beside it)"),
    ]


def wall_seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the least wall time of some calls: other work on the machine only adds to it."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def bench_k(report: Callable[..., dict[str, object]], repeats: int) -> list[dict[str, object]]:
    """Time fits of 14 to 10 000 studies, and print the curve with its slope.

    By wall time, which is what a user waits for: processor time counts the threads of matrix products that only wait.
    """
    rng = np.random.default_rng(2)
    seconds = {}
    for k in KS:
        studies = simulated(k, rng)
        seconds[k] = wall_seconds(lambda studies=studies: bm.fit(studies).summary(), repeats if k < 1000 else 3)  # type: ignore[misc]
        print(f"k = {k:>6}: {1e3 * seconds[k]:>9.1f} ms, {1e6 * seconds[k] / k:>8.1f} us per study")
    slope = math.log(seconds[KS[-1]] / seconds[KS[-2]]) / math.log(KS[-1] / KS[-2])
    print(f"slope of log time in log k from {KS[-2]} to {KS[-1]}: {slope:.2f} (1 is linear)   wanted <= 1.1")
    row = report("k = 10 000 studies / k = 14", seconds[KS[-1]], seconds[KS[0]], "<= 100")
    return [row, {"what": "slope of log time in log k", "ratio": slope, "wanted": "<= 1.1"}]


def bench_memory() -> list[dict[str, object]]:
    """Measure the largest memory of a process that fits 10 000 studies."""
    code = IN_CHILD.format(folder=str(Path(__file__).parent), k=KS[-1])
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    share = int(done.stdout) / 2**31
    print(f"largest memory of k = 10 000: {int(done.stdout) / 2**20:.0f} MiB / 2048 MiB = {share:.2f}   wanted <= 1")
    return [{"what": "largest memory of k = 10 000 / 2 GiB", "ratio": share, "wanted": "<= 1"}]


def peak_bytes(k: int) -> int:
    """Fit k studies, and return the largest resident memory of this process so far."""
    bm.fit(simulated(k, np.random.default_rng(2))).summary()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
