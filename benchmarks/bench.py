"""How fast is it? Ratios measured in one run, on one machine, by public tools.

    make bench

Each line names what is compared, the medians and their ratio. Fits: 14 studies (pritz1997),
tau ~ HalfNormal(1), mu ~ Normal(0, 1.5). A NUTS time is the sampling time of 4 chains x 1000 draws (1000
tuning) of a hand-written model, as the sampler reports it, without compilation. An exact time is that of `fit`
and its summary, from scratch.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

IMPORT_BASE = "import numpy, scipy.special, pandas"


def seconds(function: Callable[[], object], repeats: int) -> float:
    """Return the median wall time of ``repeats`` calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def cold(*command: str) -> Callable[[], object]:
    """Return a call that runs a command in a fresh process."""
    return lambda: subprocess.run(command, check=True, capture_output=True)


def interleaved(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return median times of several calls, taken in turn, so that a busy spell meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            times[name].append(seconds(call, 1))
    return {name: statistics.median(values) for name, values in times.items()}


def report(what: str, value: float, base: float, wanted: str) -> dict[str, object]:
    """Print one ratio and return it."""
    ratio = value / base
    print(f"{what:<66} {1e3 * value:>10.1f} ms / {1e3 * base:>8.1f} ms = {ratio:>7.2f}   wanted {wanted}")
    return {"what": what, "seconds": value, "base_seconds": base, "ratio": ratio, "wanted": wanted}


def bench_import(repeats: int) -> list[dict[str, object]]:
    """Time the import and a cold `bayesmeta fit` against the libraries they need."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pritz1997.csv"
        command = "import bayesmeta as bm; bm.load_dataset('pritz1997').to_csv({!r}, index=False)"
        cold(sys.executable, "-c", command.format(str(path)))()
        shell = (sys.executable, "-m", "bayesmeta", "fit", str(path), "--events", "events", "--n", "n")
        calls = {
            "base": cold(sys.executable, "-c", IMPORT_BASE),
            "import": cold(sys.executable, "-c", "import bayesmeta"),
            "fit": cold(*shell),
        }
        interleaved(calls, 2)  # fills the caches of the disk
        times = interleaved(calls, repeats)
    return [
        report(f"import bayesmeta / {IMPORT_BASE}", times["import"], times["base"], "<= 1.3"),
        report(f"cold `bayesmeta fit DATA.csv` / {IMPORT_BASE}", times["fit"], times["base"], "< 2.5"),
    ]


def hand_written_model() -> object:
    """Return the PyMC model as a statistician would write it, non-centred."""
    import pymc as pm

    import bayesmeta as bm

    df = bm.load_dataset("pritz1997")
    with pm.Model(coords={"study": df["study"]}) as model:
        mu = pm.Normal("mu", 0, 1.5)
        tau = pm.HalfNormal("tau", 1)
        z = pm.Normal("z", 0, 1, dims="study")
        theta = pm.Deterministic("theta", mu + tau * z, dims="study")
        pm.Binomial("events", n=df["n"].to_numpy(), logit_p=theta, observed=df["events"].to_numpy(), dims="study")
    return model


def bench_fit(repeats: int) -> list[dict[str, object]]:
    """Time the exact fit and its summary against NUTS."""
    import pymc as pm

    import bayesmeta as bm

    df = bm.load_dataset("pritz1997")

    studies = bm.Studies.from_frame(df, study="study", events="events", n="n")
    model = bm.ModelSpec("binomial", mu="Normal(0, 1.5)", tau="HalfNormal(1)")

    def exact() -> object:
        return bm.summary(bm.fit(studies, model))

    def nuts() -> float:
        """Sample, and return the seconds that the sampler reports for it: compilation is not among them."""
        with hand_written_model(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            drawn = pm.sample(
                draws=1000,
                tune=1000,
                chains=4,
                random_seed=1,
                nuts_sampler="pymc",
                progressbar=False,
                compute_convergence_checks=False,
            )
        return float(drawn.posterior.attrs["sampling_time"])

    exact()
    nuts()
    exact_times, nuts_times = [], []
    for _ in range(repeats):
        exact_times.append(seconds(exact, 5))
        nuts_times.append(nuts())
    exact_time, nuts_time = statistics.median(exact_times), statistics.median(nuts_times)
    rows = [report("PyMC NUTS 4 x 1000 / exact fit with its summary", nuts_time, exact_time, ">= 200")]
    refit = nutpie_refit()
    if refit is not None:
        times = interleaved({"exact": exact, "nutpie": refit}, repeats)
        what = "nutpie 4 x 1000, compiled, refit with_data / exact"
        rows.append(report(what, times["nutpie"], times["exact"], "(shown beside it)"))
    return rows


def bench_influence(repeats: int) -> list[dict[str, object]]:
    """Time leave-one-out and all subsets of 14 studies against single fits with their summaries."""
    import bayesmeta as bm

    studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), study="study", events="events", n="n")
    fit = bm.fit(studies)
    calls = {
        "fit": lambda: bm.summary(bm.fit(studies)),
        "leave_one_out": lambda: bm.leave_one_out(fit),
        "conflict": lambda: bm.conflict(fit),
        "outliers": lambda: bm.outliers(fit),
    }
    interleaved(calls, 2)
    times = interleaved(calls, repeats)
    everything = seconds(lambda: bm.subsets(fit), 1)
    return [
        report("leave-one-out of 14 studies, all rows / one fit", times["leave_one_out"], times["fit"], "<= 3"),
        report("conflict p-values of 14 studies / one fit", times["conflict"], times["fit"], "(shown beside it)"),
        report("outliers among 14 studies / one fit", times["outliers"], times["fit"], "(shown beside it)"),
        report("all 16 383 subsets of 14 studies / 10 s", everything, 10.0, "<= 1"),
    ]


def nutpie_refit() -> Callable[[], object] | None:
    """Return a call that samples a compiled nutpie model, or None if nutpie is absent."""
    try:
        import nutpie
    except ImportError:
        print("nutpie is not installed: its row is left out")
        return None
    import pymc as pm

    import bayesmeta as bm

    df = bm.load_dataset("pritz1997")
    events = df["events"].to_numpy()
    with pm.Model(coords={"study": df["study"]}) as model:
        observed = pm.Data("observed", events, dims="study")
        mu, tau = pm.Normal("mu", 0, 1.5), pm.HalfNormal("tau", 1)
        z = pm.Normal("z", 0, 1, dims="study")
        pm.Binomial("events", n=df["n"].to_numpy(), logit_p=mu + tau * z, observed=observed, dims="study")
    compiled = nutpie.compile_pymc_model(model)
    options = {"draws": 1000, "tune": 1000, "chains": 4, "seed": 1, "progress_bar": False}

    def sample() -> object:
        return nutpie.sample(compiled.with_data(observed=events), **options)

    sample()
    return sample


def bench_sensitivity(repeats: int) -> list[dict[str, object]]:
    """Time 1000 pairs of priors against one fit and its summary."""
    import bayesmeta as bm

    studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), study="study", events="events", n="n")
    model = bm.ModelSpec("binomial", mu="Normal(0, 1.5)", tau="HalfNormal(1)")
    fit = bm.fit(studies, model)
    mu = [bm.Prior("Normal", m, s) for m in (-0.5, 0.0, 0.5, 1.0) for s in (0.5, 0.8, 1.2, 1.5, 2.0, 2.5)]
    tau = [bm.Prior("HalfNormal", 0.05 * (i + 2)) for i in range(41)]
    calls = {
        "fit": lambda: bm.summary(bm.fit(studies, model)),
        "pairs": lambda: bm.sensitivity(fit, mu=mu, tau=tau),
    }
    interleaved(calls, 1)
    times = interleaved(calls, repeats)
    return [
        report("sensitivity to 1000 pairs of priors / one fit and its summary", times["pairs"], times["fit"], "<= 20")
    ]


def main() -> None:
    """Run the benchmarks; write them as JSON if a path is given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="repeats of each timing")
    parser.add_argument("--json", type=Path, help="file to write the ratios to")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; medians of {options.repeats}")
    from classical import bench_classical
    from many import bench_k, bench_many, bench_memory
    from parametrisation import bench_form
    from refit import bench_refit

    rows = bench_import(options.repeats) + bench_fit(options.repeats)
    rows += bench_many(report, options.repeats) + bench_k(report, options.repeats) + bench_memory()
    rows += bench_influence(options.repeats) + bench_sensitivity(options.repeats)
    rows += bench_classical(report, options.repeats) + bench_form() + bench_refit(report, options.repeats)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
