"""In which form are study effects sampled fastest? Effective draws per second of every parametrisation.

    make parametrisation                                       the full table, stored in benchmarks/results
    make parametrisation ARGS="--k 3 10 --samplers nutpie"     some cells, shown only
    make parametrisation ARGS=--show                           what is stored

The yardstick, "hand-written", is the non-centred model of a PyMC user at PyMC's default settings: mu ~ Normal(0, 1.5),
tau ~ HalfNormal(1), events ~ Binomial(n, logit_p = mu + tau z), target_accept 0.8. The other forms are what
`bayesmeta.fit` samples, at its own default settings, with the computations it makes after sampling in their time. 4
chains of 1000 draws after 1000 tuning steps, one chain after the other. Seconds are of the processor and without
compilation; ESS is the smaller of the bulk ESS of mu and tau. Ratios are to the yardstick in the same cell, of medians
over seeds, taken in turn.
"""

import argparse
import inspect
import json
import platform
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayesmeta as bm
from bayesmeta.nuts.fit import fit_nuts
from bayesmeta.nuts.parametrisations import PARAMETRISATIONS

RESULTS = Path(__file__).parent / "results"
HAND = "hand-written"
SIZES = {"sparse": (8, 21, 2.2, 0.7), "dense": (150, 251, 0.8, 0.5)}  # n from, n below, mu and tau of the truth
SEED = 7
DRAWS = {"draws": 1000, "tune": 1000, "chains": 4}
KEYS = ["k", "data", "sampler", "form"]

type Sample = Callable[[int], tuple[Any, float]]


def made_studies(k: int, data: str) -> bm.Studies:
    """Return simulated studies of a cell."""
    least, most, mu, tau = SIZES[data]
    rng = np.random.default_rng([SEED, k, list(SIZES).index(data)])
    n = rng.integers(least, most, k).astype(float)
    p = 1.0 / (1.0 + np.exp(-mu - tau * rng.standard_normal(k)))
    return bm.Studies(
        tuple(f"study {i + 1}" for i in range(k)), events=rng.binomial(n.astype(int), p).astype(float), n=n
    )


def default_accept() -> float:
    """Return the acceptance rate that `bayesmeta.fit` takes by default."""
    return float(inspect.signature(fit_nuts).parameters["target_accept"].default)


def hand_written(studies: bm.Studies) -> Any:
    """Return the yardstick."""
    import pymc as pm

    events, n = (studies.data[name].astype(int) for name in ("events", "n"))
    with pm.Model(coords={"study": studies.study}) as model:
        mu, tau = pm.Normal("mu", 0, 1.5), pm.HalfNormal("tau", 1)
        z = pm.Normal("z", 0, 1, dims="study")
        theta = pm.Deterministic("theta", mu + tau * z, dims="study")
        pm.Binomial("events", n=n, logit_p=theta, observed=events, dims="study")
    return model


def sampler_of(studies: bm.Studies, form: str, sampler: str) -> Sample:
    """Return the call that samples a compiled model with a seed: to the tree, and the seconds it took."""
    from bayesmeta.nuts.build import build_model
    from bayesmeta.nuts.complete import complete
    from bayesmeta.nuts.structure import OVERALL
    from bayesmeta.spec.observed import seen_by

    model = bm.ModelSpec(mu="Normal(0, 1.5)", tau="HalfNormal(1)")
    data = seen_by(model, studies)
    if form == HAND:
        return _by(sampler)(hand_written(studies), {**DRAWS, "target_accept": 0.8})
    built = build_model(model, data, studies.study, form=form, lean=True)
    draw = _by(sampler)(built, {**DRAWS, "target_accept": default_accept()})

    def drawn_and_completed(seed: int) -> tuple[Any, float]:
        tree, seconds = draw(seed)
        start = time.process_time()
        tree = complete(tree, model, data, studies.study, OVERALL, seed)
        return tree, seconds + time.process_time() - start

    return drawn_and_completed


def _by(sampler: str) -> Callable[[Any, dict[str, Any]], Sample]:
    return {"nutpie": _by_nutpie, "pymc": _by_pymc}[sampler]


def _by_nutpie(model: Any, settings: dict[str, Any]) -> Sample:
    import nutpie

    compiled = nutpie.compile_pymc_model(model)
    nutpie.sample(compiled, draws=10, tune=10, chains=1, seed=1, progress_bar=False)

    def draw(seed: int) -> tuple[Any, float]:
        start = time.process_time()
        tree = nutpie.sample(compiled, **settings, cores=1, seed=seed, progress_bar=False)
        return tree, time.process_time() - start

    return draw


def _by_pymc(model: Any, settings: dict[str, Any]) -> Sample:
    import pymc as pm

    def draw(seed: int) -> tuple[Any, float]:
        times: list[float] = []
        with model:
            tree = pm.sample(
                **settings, cores=1, random_seed=seed, nuts_sampler="pymc", progressbar=False, quiet=True,
                compute_convergence_checks=False, callback=lambda **_: times.append(time.process_time()),
            )  # fmt: skip
        return tree, times[-1] - times[0]

    return draw


def measured(tree: Any, seconds: float) -> dict[str, float]:
    """Return what one run showed."""
    from arviz_stats.base import array_stats

    ess = min(float(array_stats.ess(np.asarray(tree["posterior"][name]))) for name in ("mu", "tau"))
    divergent = int(np.asarray(tree["sample_stats"]["diverging"]).sum())
    return {"divergences": divergent, "ess": ess, "seconds": seconds, "ess_per_second": ess / seconds}


def bench_cell(k: int, data: str, sampler: str, forms: list[str], repeats: int) -> pd.DataFrame:
    """Return a row for each form: divergences of all runs, and medians of the rest."""
    studies = made_studies(k, data)
    calls = {form: sampler_of(studies, form, sampler) for form in (HAND, *forms)}
    runs: dict[str, list[dict[str, float]]] = {form: [] for form in calls}
    for seed in range(1, repeats + 1):
        for form, call in calls.items():
            runs[form].append(measured(*call(seed)))
    rows = []
    for form, found in runs.items():
        frame = pd.DataFrame(found)
        middle = frame.median()
        rows.append(
            {
                "k": k,
                "data": data,
                "sampler": sampler,
                "form": form,
                **middle,
                "divergences": frame["divergences"].sum(),
            }
        )
    table = pd.DataFrame(rows)
    return table.assign(ratio=table["ess_per_second"] / table["ess_per_second"].iloc[0])


def bench_form() -> list[dict[str, object]]:
    """Return the ratio of one cell, the default form of three sparse studies, for `make bench`."""
    from importlib.util import find_spec

    sampler = "nutpie" if find_spec("nutpie") else "pymc"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of programs below PyMC, about themselves
        table = bench_cell(3, "sparse", sampler, ["partially-centred"], 3)
    hand, ours = table.iloc[0], table.iloc[1]
    what = "ESS per second of mu and tau, 3 sparse studies, / hand-written PyMC"
    print(f"{what:<66} {ours['ess_per_second']:.0f} / {hand['ess_per_second']:.0f} = {ours['ratio']:.2f}   wanted >= 1")
    return [{"what": what, "ratio": float(ours["ratio"]), "wanted": ">= 1"}]


def bench(options: argparse.Namespace) -> pd.DataFrame:
    """Run the cells that the options name, showing each as it ends."""
    tables = []
    for sampler in options.samplers:
        for k in options.k:
            for data in options.data:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of programs below PyMC, about themselves
                    tables.append(bench_cell(k, data, sampler, options.forms, options.repeats))
                print(shown(tables[-1]), flush=True)
                if options.save:
                    save(pd.concat(tables), options)
    return pd.concat(tables)


def shown(table: pd.DataFrame) -> str:
    """Return the table as text."""
    digits = {"ess": 0, "ess_per_second": 0, "seconds": 3, "ratio": 2}
    return table.round(digits).to_string(index=False)


def save(table: pd.DataFrame, options: argparse.Namespace) -> None:
    """Write the table and how it was made; rows of other cells stay."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "parametrisation.csv"
    if path.exists():
        table = pd.concat([pd.read_csv(path), table]).drop_duplicates(KEYS, keep="last")
    table.to_csv(path, index=False, float_format="%.5g")
    names = ("bayesmeta", "pymc", "pytensor", "nutpie", "numba", "arviz-stats", "numpy")
    record = {
        "date": datetime.now(UTC).date().isoformat(), "seed": SEED, "repeats": options.repeats, **DRAWS,
        "target_accept": default_accept(), "python": platform.python_version(), "machine": platform.machine(),
        "versions": {name: version(name) for name in names},
    }  # fmt: skip
    (RESULTS / "parametrisation.json").write_text(json.dumps(record, indent=1) + "\n")


def main() -> None:
    """Run what the options name, or show what is stored."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--k", type=int, nargs="+", default=[3, 5, 10, 30], help="numbers of studies")
    parser.add_argument("--data", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--samplers", nargs="+", choices=["nutpie", "pymc"], default=["nutpie", "pymc"])
    parser.add_argument("--forms", nargs="+", choices=list(PARAMETRISATIONS), default=list(PARAMETRISATIONS))
    parser.add_argument("--repeats", type=int, default=3, help="seeds, each a run")
    parser.add_argument("--save", action="store_true", help="store the table in benchmarks/results")
    parser.add_argument("--show", action="store_true", help="show the stored table")
    options = parser.parse_args()
    if options.show:
        print(shown(pd.read_csv(RESULTS / "parametrisation.csv")))
        return
    bench(options)


if __name__ == "__main__":
    main()
