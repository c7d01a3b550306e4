"""Are both Bayesian engines calibrated, and what do intervals cover? The full run, with its results stored.

    make calibration                       runs everything, and writes benchmarks/results/calibration_*
    make calibration ARGS=--show           prints what is stored
    make calibration ARGS="--only sbc"     runs one part: sbc, coverage or nuts

Designs: k studies of n patients each; mu ~ Normal(logit p, 1.5), tau ~ HalfNormal(1). Simulation-based calibration of
the exact engine has 1000 replicates of each of 36 designs; of NUTS 200 of six. Coverage is that of the default model,
mu ~ Normal(0, 1.5), at the true mu = logit p and fixed tau, beside DerSimonian-Laird, Hartung-Knapp and the GLMM.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from math import log
from pathlib import Path

import numpy as np
import pandas as pd

import bayesmeta as bm
from bayesmeta.analyses.calibrate import parts_of, run_parts
from bayesmeta.analyses.calibrate_coverage import METHODS, CoveragePart, coverage_frame, failures_frame
from bayesmeta.analyses.calibrate_sbc import FAMILY_WISE, SbcPart, sbc_frame, with_verdicts
from bayesmeta.analyses.calibrate_simulate import Design

RESULTS = Path(__file__).parent / "results"
KS, NS, PS = (3, 5, 8, 15), (5, 20, 200), (0.02, 0.2, 0.5)
TAUS = (0.0, 0.25, 0.5, 1.0)
SEED = 20_261_121
PROGRAMS = ("numpy", "scipy", "pandas")

type Cell = tuple[int, int, float]


def cells() -> Iterator[Cell]:
    """Yield (k, n, p) of the 36 designs."""
    yield from product(KS, NS, PS)


def studies_of(k: int, n: int) -> bm.Studies:
    """Return k studies of n patients; their events are replaced."""
    return bm.Studies(tuple(f"s{i + 1}" for i in range(k)), events=np.zeros(k), n=np.full(k, float(n)))


def model_at(p: float) -> bm.ModelSpec:
    """Return the model whose prior of mu is centred at logit p."""
    return bm.ModelSpec("binomial", mu=bm.Prior("Normal", log(p / (1.0 - p)), 1.5), tau="HalfNormal(1)")


def design_at(cell: Cell) -> Design:
    """Return a design by (k, n, p)."""
    k, n, p = cell
    return Design(studies_of(k, n), model_at(p))


def labelled(frame: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """Put k, n and p before the other columns."""
    k, n, p = cell
    return frame.assign(k=k, n=n, p=p)[["k", "n", "p", *frame.columns]]


def run_sbc(replicates: int, processes: int | None) -> dict[str, object]:
    """Calibrate the exact engine; return what goes into the record."""
    parts = list(parts_of(replicates))
    designs = {cell: design_at(cell) for cell in cells()}
    jobs = [
        SbcPart(design, design.model, SEED + i, part, size)
        for i, design in enumerate(designs.values())
        for part, size in parts
    ]
    results = run_parts(jobs, processes=processes, progress=True)
    frames, reasons, first = [], [], {}
    for i, cell in enumerate(designs):
        own = results[i * len(parts) : (i + 1) * len(parts)]
        pit = pd.concat([part for part, _ in own], ignore_index=True)
        reasons += [reason for _, failed in own for reason in failed]
        first["{}, {}, {}".format(*cell)] = own[0][0].mean().round(9).to_dict()
        frames.append(labelled(sbc_frame(pit).drop(columns=["pvalue_holm", "verdict"]), cell))
    table = with_verdicts(pd.concat(frames, ignore_index=True))
    write(table.drop(columns=["verdict"]), "sbc")
    return {
        "replicates": replicates,
        "fits": len(designs) * replicates,
        "failed": len(reasons),
        "reasons": sorted(set(reasons)),
        "family_wise_pvalue": float(table["pvalue_holm"].min()),
        "mean_probability_of_first_part": first,
    }


def run_coverage(replicates: int, processes: int | None) -> dict[str, object]:
    """Compare the intervals of all methods; return what goes into the record."""
    parts, methods = list(parts_of(replicates)), tuple(METHODS.values())
    jobs = [
        CoveragePart(
            Design(studies_of(k, n), bm.ModelSpec("binomial")), methods, log(p / (1.0 - p)), tau, 0.95, SEED,
            len(TAUS) * i + t, part, size,
        )
        for i, (k, n, p) in enumerate(cells())
        for t, tau in enumerate(TAUS)
        for part, size in parts
    ]  # fmt: skip
    results = run_parts(jobs, processes=processes, progress=True)
    failures = [failure for _, failed in results for failure in failed]
    frames, count = [], len(TAUS) * len(parts)
    for i, cell in enumerate(cells()):
        own = slice(i * count, (i + 1) * count)
        table = coverage_frame(jobs[own], [values for values, _ in results[own]]).query("target != 'mu'")
        frames.append(labelled(table.drop(columns="mu"), cell))
    write(pd.concat(frames, ignore_index=True), "coverage")
    counted = failures_frame(failures).groupby(["method", "reason"])["count"].sum()
    return {
        "replicates": replicates,
        "fits_per_method": len(jobs) // len(parts) * replicates,
        "failures": [{"method": m, "reason": r, "count": int(c)} for (m, r), c in counted.items()],
    }


def run_nuts(replicates: int, processes: int | None) -> dict[str, object]:
    """Calibrate NUTS; return what goes into the record."""
    from calibration_nuts import calibrate_nuts

    table, record = calibrate_nuts(replicates, design_at, SEED)
    write(table, "nuts")
    return record


def write(table: pd.DataFrame, name: str) -> None:
    """Store a table with six significant digits."""
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / f"calibration_{name}.csv", index=False, float_format="%.6g")


def show() -> None:
    """Print what is stored."""
    record = json.loads((RESULTS / "calibration.json").read_text(encoding="utf-8"))
    for name, summarise in {"sbc": show_sbc, "nuts": show_nuts, "coverage": show_coverage}.items():
        path = RESULTS / f"calibration_{name}.csv"
        if path.exists():
            print(summarise(pd.read_csv(path), record[name]), end="\n\n")


def made(record: dict[str, object]) -> str:
    """Return when and with what a part was made."""
    return f"seed {record['seed']}, {record['date']}, bayesmeta {record['versions']['bayesmeta']}"  # type: ignore[index]


def show_sbc(table: pd.DataFrame, record: dict[str, object]) -> str:
    """Return the summary of the exact engine's calibration."""
    tests, designs = len(table), len(table[["k", "n", "p"]].drop_duplicates())
    head = (
        f"Simulation-based calibration, exact engine: {designs} designs x {record['replicates']} replicates "
        f"({record['failed']} without an answer), {made(record)}"
    )
    share = (table["pvalue"] < 0.05).mean()
    told = (
        f"{tests} tests: family-wise P = {table['pvalue_holm'].min():.2g} (Holm; limit {FAMILY_WISE:g}); "
        f"smallest P = {table['pvalue'].min():.2g}; {100 * share:.1f} % of them below 0.05"
    )
    least = table.pivot_table(index="quantity", columns="test", values="pvalue", aggfunc="min", sort=False)
    return f"{head}\n{told}\nsmallest P by quantity:\n{least.to_string(float_format=lambda x: f'{x:.3g}')}"


def show_nuts(table: pd.DataFrame, record: dict[str, object]) -> str:
    """Return the summary of the calibration of NUTS."""
    head = (
        f"Simulation-based calibration, NUTS: {len(table[['k', 'n', 'p']].drop_duplicates())} designs x "
        f"{record['replicates']} replicates ({record['draws']} draws thinned to {record['kept']}), {made(record)}"
    )
    told = (
        f"{len(table)} tests: family-wise P = {table['pvalue_holm'].min():.2g} (Holm; limit {FAMILY_WISE:g}); "
        f"{record['with_divergences']} of {record['fits']} fits had a divergence; models compiled: {record['compiled']}"
    )
    return f"{head}\n{told}"


def show_coverage(table: pd.DataFrame, record: dict[str, object]) -> str:
    """Return mean coverage over n and p, the range over the designs, and failures."""
    head = (
        f"Coverage of nominal 95 % intervals: 36 designs x {record['replicates']} replicates at each tau, "
        f"{made(record)}\nmean over n in {5, 20, 200} and p in {0.02, 0.2, 0.5}, in %; width in percentage points"
    )
    blocks = []
    for target, part in table.groupby("target", sort=False):
        percent = part.assign(coverage=100 * part["coverage"])
        grid = percent.pivot_table(index=["method", "k"], columns="tau", values="coverage", sort=False)
        each = percent.groupby(["method", "k"], sort=False)
        grid["least"], grid["width"] = each["coverage"].min(), 100 * each["width"].mean()
        grid["failed"] = 100 * each["failed"].sum() / each["replicates"].sum()
        blocks.append(f"{target}\n{grid.to_string(float_format=lambda x: f'{x:.1f}')}")
    return "\n".join([head, *blocks])


PARTS: dict[str, tuple[Callable[[int, int | None], dict[str, object]], int]] = {
    "sbc": (run_sbc, 1000),
    "coverage": (run_coverage, 200),
    "nuts": (run_nuts, 200),
}


def main() -> None:
    """Run the parts that are asked for, store them, and print what is stored."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, action="append", help="one part")
    parser.add_argument("--replicates", type=int, help="another number of replicates")
    parser.add_argument("--processes", type=int, help="processes that share the work of the exact engine")
    parser.add_argument("--show", action="store_true", help="print what is stored, and run nothing")
    options = parser.parse_args()
    path = RESULTS / "calibration.json"
    for name in () if options.show else options.only or PARTS:
        task, replicates = PARTS[name]
        start = time.perf_counter()
        record = task(options.replicates or replicates, options.processes)
        print(file=sys.stderr)
        stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        programs = {"bayesmeta": bm.__version__, "python": platform.python_version()}
        programs |= {name: version(name) for name in PROGRAMS}
        about = {
            "seed": SEED,
            "date": datetime.now(UTC).date().isoformat(),
            "seconds": round(time.perf_counter() - start),
            "versions": {**programs, **record.pop("versions", {})},  # type: ignore[dict-item]
        }
        path.write_text(json.dumps({**stored, name: {**about, **record}}, indent=1) + "\n", encoding="utf-8")
    show()


if __name__ == "__main__":
    main()
