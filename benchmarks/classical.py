"""How fast is a classical meta-analysis, beside those Python packages that make one: statsmodels and PyMARE?

    pip install '.[bench]'

installs both. They are no part of what bayesmeta needs: where one is absent, its rows are left out and that is said.
"""

import importlib
import statistics
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

import bayesmeta as bm

K = 14
MANY = 10_000


def peer(module: str) -> ModuleType | None:
    """Return a package to compare with, or None, said in print, if it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        print(f"{module.partition('.')[0]} is not installed (pip install '.[bench]'): its rows are left out")
        return None


def alternating(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int, calls: int
) -> tuple[float, float]:
    """Return median seconds per call of two functions, called in turn, so that a busy spell meets both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for function, found in zip((ours, theirs), times, strict=True):
            function()
            start = time.perf_counter()
            for _ in range(calls):
                function()
            found.append((time.perf_counter() - start) / calls)
    return statistics.median(times[0]), statistics.median(times[1])


def bench_classical(report: Callable[..., dict[str, object]], repeats: int) -> list[dict[str, object]]:
    """Time one DerSimonian-Laird fit against statsmodels, and 10 000 at once against PyMARE."""
    rng = np.random.default_rng(1)
    se = rng.uniform(0.1, 0.6, (MANY, K))
    y = rng.normal(0.3, np.sqrt(0.1 + se**2))
    return bench_one(report, y[0], se[0], repeats) + bench_batch(report, y, se, repeats)


def bench_one(
    report: Callable[..., dict[str, object]], y: np.ndarray, se: np.ndarray, repeats: int
) -> list[dict[str, object]]:
    """Time one fit of 14 studies: estimate, tau2, Q, I2 and weights."""
    module = peer("statsmodels.stats.meta_analysis")
    if module is None:
        return []
    studies = bm.Studies(tuple(f"s{i}" for i in range(K)), y=y, se=se)
    ours, theirs = alternating(
        lambda: bm.fit(studies, engine="frequentist"),
        lambda: module.combine_effects(y, se**2, method_re="chi2"),
        3 * repeats,
        50,
    )
    return [report("1000 single DL fits of 14 studies / statsmodels'", 1e3 * ours, 1e3 * theirs, "<= 1")]


def bench_batch(
    report: Callable[..., dict[str, object]], y: np.ndarray, se: np.ndarray, repeats: int
) -> list[dict[str, object]]:
    """Time 10 000 fits of 14 studies: with intervals and heterogeneity, against the estimates alone and with theirs."""
    pymare = peer("pymare")
    if pymare is None:
        return []
    data = pymare.Dataset(y=y.T.copy(), v=(se**2).T.copy())

    def estimates() -> Any:
        return pymare.estimators.DerSimonianLaird().fit_dataset(data)

    ours, theirs = alternating(lambda: bm.pool_many(y, se), estimates, repeats, 1)
    whole = alternating(lambda: bm.pool_many(y, se), lambda: estimates().summary().get_fe_stats(), repeats, 1)
    return [
        report("pool_many, 10 000 DL of 14 studies / PyMARE's estimates alone", ours, theirs, "<= 1"),
        report("pool_many, the same / PyMARE's estimates and intervals", *whole, "<= 1"),
    ]
