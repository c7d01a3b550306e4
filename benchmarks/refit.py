"""How long does a refit take that compiles nothing? Against the first fit of a fresh process.

The first fit of a process compiles its model, with PyTensor's compiled functions of earlier processes on disk: the
shortest first fit there is. Both by `bayesmeta.fit` with its defaults, 14 studies, 4 chains x 1000 draws.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable

SCRIPT = """
import json, sys, time
import bayesmeta as bm, pymc
studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
sampler, seconds, sampling = sys.argv[1], [], []
def timed(call):
    start = time.perf_counter()
    made = call()
    seconds.append(time.perf_counter() - start)
    sampling.append(made.tree["posterior"].attrs["sampling_time"] if hasattr(made, "tree") else 0.0)
    return made
def fit(**priors):
    return bm.fit(studies, bm.ModelSpec(**priors), engine="nuts", seed=1, sampler=sampler, quiet=True)
first = timed(fit)
for sigma in (0.5, 2.0, 0.8):
    timed(lambda: fit(tau=f"HalfNormal({sigma})", mu=f"Normal(0, {2 * sigma})"))
if sampler == "nutpie":
    timed(lambda: bm.leave_one_out(first, quiet=True))
print(json.dumps([seconds, sampling]))
"""


def bench_refit(report: Callable[..., dict[str, object]], repeats: int) -> list[dict[str, object]]:
    """Time refits with new priors by both samplers, and leave-one-out."""
    rows = []
    for sampler in ("nutpie", "pymc"):
        _measure(sampler)  # fills the files of compiled functions
        runs = [_measure(sampler) for _ in range(max(1, repeats // 2))]
        parts = zip(*map(_split, runs), strict=True)
        first, refit, own_first, own_refit = (statistics.median(values) for values in parts)
        what = f"{sampler}: NUTS refit with new priors / first fit"
        if sampler == "nutpie":
            rows.append(report(what, refit, first, "<= 0.2"))
            alone = statistics.median(seconds[-1] for seconds, _ in runs)
            rows.append(report("nutpie: leave-one-out of 14 studies / first fit", alone, first, "(shown beside it)"))
        else:
            rows.append(report(what, refit, first, "(its sampling alone is more)"))
            rows.append(report(f"{sampler}: the same without the sampling", own_refit, own_first, "<= 0.2"))
    return rows


def _split(run: tuple[list[float], list[float]]) -> tuple[float, float, float, float]:
    """Return the times of the first fit and of a refit, with and without what the sampler itself took."""
    seconds, sampling = run
    rest = [all_ - own for all_, own in zip(seconds, sampling, strict=True)]
    return seconds[0], statistics.median(seconds[1:4]), rest[0], statistics.median(rest[1:4])


def _measure(sampler: str) -> tuple[list[float], list[float]]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, sampler], check=True, capture_output=True, text=True)
    seconds, sampling = json.loads(done.stdout)
    return seconds, sampling
