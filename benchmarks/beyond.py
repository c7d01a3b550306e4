"""Are the models that only NUTS can fit sampled rightly? Each beside an answer that is found otherwise, and stored.

    make beyond                runs all, and writes benchmarks/results/beyond.json
    make beyond ARGS=--show    prints what is stored

References: direct integration (`beyond_reference`) of three-level, bivariate, location-scale and imputation models with
normal likelihoods; the exact engine for binomial models in limits in which they are models of its own, and, summed over
a grid of nu, for Student's t with free nu.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))

import beyond_reference as reference

import bayesmeta as bm
from bayesmeta.nuts.estimates import moment_errors, share_below
from bayesmeta.nuts.fit import NutsFit

RESULTS = Path(__file__).parent / "results" / "beyond.json"
SEED = 20_261_121
OPTIONS = {"engine": "nuts", "draws": 2000, "tune": 1000, "chains": 4, "seed": SEED, "quiet": True}
PROBABILITIES = {"median": 0.5, "lower": 0.025, "upper": 0.975}

# Konstantopoulos (2011), doi 10.1002/jrsm.35, as metafor's dat.konstantopoulos2011: districts, y, v.
DISTRICT = np.repeat([11, 12, 18, 27, 56, 58, 71, 86, 91, 108, 644], [4, 4, 3, 4, 4, 11, 3, 8, 6, 5, 4])
Y = [
    -0.18, -0.22, 0.23, -0.30, 0.13, -0.26, 0.19, 0.32, 0.45, 0.38, 0.29, 0.16, 0.65, 0.36, 0.60, 0.08, 0.04, 0.19,
    -0.06, -0.18, 0.00, 0.00, -0.28, -0.04, -0.30, 0.07, 0.00, 0.05, -0.08, -0.09, 0.30, 0.98, 1.19, -0.07, -0.05,
    -0.01, 0.02, -0.03, 0.00, 0.01, -0.10, 0.50, 0.66, 0.20, 0.00, 0.05, 0.07, -0.52, 0.70, -0.03, 0.27, -0.34, 0.12,
    0.61, 0.04, -0.05,
]  # fmt: skip
V = [
    0.118, 0.118, 0.144, 0.144, 0.014, 0.014, 0.015, 0.024, 0.023, 0.043, 0.012, 0.02, 0.004, 0.004, 0.007, 0.019,
    0.007, 0.005, 0.004, 0.02, 0.018, 0.019, 0.022, 0.02, 0.021, 0.006, 0.007, 0.007, 0.007, 0.007, 0.015, 0.011,
    0.01, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.01, 0.011, 0.01, 0.009, 0.013, 0.013, 0.031,
    0.031, 0.03, 0.03, 0.03, 0.087, 0.082, 0.067, 0.067,
]  # fmt: skip

BERKEY = ([0.47, -0.32, 0.20, -0.60, 0.40, -0.12, 0.26, -0.31, 0.56, -0.39],
          [0.0075, 0.0077, 0.0057, 0.0008, 0.0021, 0.0014, 0.0029, 0.0015, 0.0148, 0.0304])  # fmt: skip
"""Berkey et al. (1998) as metafor's dat.berkey1998: PD and AL of five trials, y and v, without their covariances."""

type Row = tuple[str, str, str, float, float, float, float, int]


def compared(case: str, fit: NutsFit, known: dict[str, dict[str, float]]) -> Iterator[Row]:
    """Yield parameter by parameter what is known, what was sampled and the difference in Monte-Carlo errors."""
    for name, values in known.items():
        draws = fit.values_of(name)
        found = dict(zip(("mean", "sd"), (draws.mean(), draws.std(ddof=1)), strict=True))
        for key, mcse in zip(("mean", "sd"), moment_errors(draws), strict=True):
            gap = (found[key] - values[key]) / mcse
            yield case, name, key, values[key], float(found[key]), float(mcse), float(gap), fit.n_divergent
        for key, p in PROBABILITIES.items():
            share, mcse = share_below(draws, values[key], p)
            value = float(np.quantile(draws, p))
            yield case, name, key, values[key], value, float(mcse), float((p - share) / mcse), fit.n_divergent


def of_reference(known: reference.Reference, *names: str) -> dict[str, dict[str, float]]:
    """Return the statistics of some parameters."""
    return {name: known.statistics(name) for name in names}


def of_exact(table: pd.DataFrame, names: dict[str, str]) -> dict[str, dict[str, float]]:
    """Return the statistics of an exact summary, by the names that NUTS has for its rows."""
    keys = ["mean", "sd", "median", "lower", "upper"]
    return {new: table.loc[old, keys].astype(float).to_dict() for old, new in names.items()}


def estimates(y: np.ndarray, se: np.ndarray, **columns: object) -> bm.Studies:
    """Return studies with estimates."""
    return bm.Studies(tuple(f"s{i + 1}" for i in range(len(y))), y=y, se=se, moderators=pd.DataFrame(columns))


def three_level() -> Iterator[Row]:
    """Schools within districts, normal likelihood."""
    y, se = np.array(Y), np.sqrt(np.array(V))
    known = reference.three_level(y, se, DISTRICT, name="district", top=1.0, nodes=121, prior=(0.0, 1.0))
    model = bm.ModelSpec("normal", mu="Normal(0, 1)", tau="HalfNormal(1)", random="(1 | district)")
    fit = bm.fit(estimates(y, se, district=DISTRICT), model, **OPTIONS)
    yield from compared("three-level", fit, of_reference(known, "mu", "tau", "tau[district]"))


def two_outcomes() -> Iterator[Row]:
    """Two correlated outcomes, normal likelihood."""
    y, se = np.array(BERKEY[0]), np.sqrt(np.array(BERKEY[1]))
    trial, outcome = np.repeat(np.arange(5), 2), np.tile([0, 1], 5)
    known = reference.two_outcomes(y, se, trial, outcome, ("PD", "AL"), lkj=2.0, scale=0.3)
    model = bm.ModelSpec(
        "normal", formula="~ 0 + outcome", beta="Normal(0, 2)", tau="HalfNormal(0.3)", random="(0 + outcome | trial)"
    )
    studies = estimates(y, se, trial=trial.astype(str), outcome=np.array(["PD", "AL"])[outcome])
    names = "beta[outcome[PD]]", "beta[outcome[AL]]", "tau[PD]", "tau[AL]", "rho[PD, AL]"
    yield from compared("two outcomes", bm.fit(studies, model, **OPTIONS), of_reference(known, *names))


def independent_outcomes() -> Iterator[Row]:
    """Three outcomes of blinatumomab, binomial, of which lkj = 1e6 makes independent ones: each alone by exact."""
    frame = blinatumomab()
    studies = bm.Studies.from_frame(frame, moderators=["trial", "outcome"])
    model = bm.ModelSpec(formula="~ 0 + outcome", random="(0 + outcome | trial)", lkj=1e6)
    fit = bm.fit(studies, model, **OPTIONS)
    for outcome, part in frame.groupby("outcome"):
        names = {"mu": f"beta[outcome[{outcome}]]"}
        names |= {name: f"{name}[{outcome}]" for name in ("tau", "p_median", "p_mean", "p_new")}
        known = bm.fit(bm.Studies.from_frame(part)).summary()
        yield from compared("independent outcomes", fit, of_exact(known, names))


def one_row_each() -> Iterator[Row]:
    """Trials of one row each, binomial: the effects of trials are those of studies."""
    frame = bm.load_dataset("pritz1997")
    studies = bm.Studies.from_frame(frame.assign(trial=frame["study"]), moderators=["trial"])
    model = bm.ModelSpec(random="(1 | trial)", effects="none")
    names = {"mu": "mu", "tau": "tau[trial]", "p_median": "p_median", "p_mean": "p_mean", "p_new": "p_new"}
    known = bm.fit(bm.Studies.from_frame(frame)).summary()
    yield from compared("one row each", bm.fit(studies, model, **OPTIONS), of_exact(known, names))


def free_nu() -> Iterator[Row]:
    """Student's t with nu ~ Gamma(2, 0.1) above 1: exact fits summed over a grid of nu."""
    studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    log_nu = np.linspace(0.0, np.log(150.0), 61)
    nu = np.exp(log_nu)
    fits = [bm.fit(studies, bm.ModelSpec(effects="student-t", nu=float(one))) for one in nu]
    log_w = np.array([float(fit.log_evidence) for fit in fits]) + 2.0 * log_nu - 0.1 * nu
    weight = np.exp(log_w - log_w.max())
    weight[[0, -1]] *= 0.5
    weight /= weight.sum()
    known = {name: _mixed(weight, [fit.marginal(name) for fit in fits]) for name in ("mu", "tau", "p_mean", "p_new")}
    grid = reference.Reference(weight, {"nu": nu}, {"nu": np.zeros(nu.size)})
    known["nu"] = grid.statistics("nu")
    fit = bm.fit(studies, bm.ModelSpec(effects="student-t", nu="Gamma(2, 0.1)"), **OPTIONS)
    rows = list(compared("free nu", fit, known))
    # the grid of nu is too coarse for its quantiles
    yield from (row for row in rows if row[1] != "nu" or row[2] in ("mean", "sd"))


def _mixed(weight: np.ndarray, marginals: list) -> dict[str, float]:
    from scipy.optimize import brentq

    means, sds = (np.array([float(getattr(one, key)()) for one in marginals]) for key in ("mean", "sd"))
    mean = float(weight @ means)
    found = {"mean": mean, "sd": float(np.sqrt(weight @ (sds**2 + (means - mean) ** 2)))}
    for key, p in PROBABILITIES.items():
        ends = np.array([float(one.ppf(p)) for one in marginals])

        def gap(x: float, p: float = p) -> float:
            return float(weight @ np.array([float(one.cdf(x)) for one in marginals])) - p

        found[key] = float(brentq(gap, ends.min() - 1e-6, ends.max() + 1e-6, xtol=1e-9))
    return found


def location_scale() -> Iterator[Row]:
    """Let heterogeneity grow with x: normal likelihood, simulated."""
    rng = np.random.default_rng(SEED)
    x = np.linspace(-1.5, 1.5, 16)
    se = rng.uniform(0.1, 0.3, 16)
    y = 0.3 + 0.5 * np.exp(0.6 * x) * rng.standard_normal(16) + se * rng.standard_normal(16)
    known = reference.location_scale(y, se, x)
    model = bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)", scale="~ x", alpha="Normal(0, 0.5)")
    fit = bm.fit(estimates(y, se, x=x), model, **OPTIONS)
    yield from compared("location-scale", fit, of_reference(known, "mu", "tau", "alpha[x]"))


def one_missing() -> Iterator[Row]:
    """Impute a moderator that one of ten studies lacks, normal likelihood, simulated."""
    rng = np.random.default_rng(SEED + 1)
    x = rng.normal(50.0, 8.0, 10)
    se = rng.uniform(0.1, 0.3, 10)
    y = 0.3 + 0.08 * (x - 50.0) + 0.2 * rng.standard_normal(10) + se * rng.standard_normal(10)
    x[3] = np.nan
    known = reference.one_missing(y, se, x)
    model = bm.ModelSpec("normal", formula="~ x", beta="Normal(0, 2)", tau="HalfNormal(1)", missing="impute")
    fit = bm.fit(estimates(y, se, x=x), model, **OPTIONS)
    yield from compared("one missing", fit, of_reference(known, "beta[Intercept]", "beta[x]", "tau"))


def blinatumomab() -> pd.DataFrame:
    """Return the counts of CR, MRD and CMR under blinatumomab, a row for each trial and outcome."""
    frame = bm.load_dataset("blinatumomab_outcomes")
    frame = frame[frame["outcome"].isin(["CR", "MRD response", "CMR"])]
    outcome = frame["outcome"].replace("MRD response", "MRD")
    return frame.assign(trial=frame["study"], outcome=outcome, study=frame["study"] + ", " + outcome)


CASES: dict[str, Callable[[], Iterator[Row]]] = {
    case.__name__: case
    for case in (
        three_level, two_outcomes, independent_outcomes, one_row_each, free_nu, location_scale, one_missing,
    )
}  # fmt: skip
COLUMNS = ("case", "parameter", "statistic", "reference", "nuts", "mcse", "difference", "n_divergent")


def main() -> int:
    """Run or show; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print what is stored")
    parser.add_argument("--only", choices=CASES, help="run one case, and store nothing")
    given = parser.parse_args()
    if given.show:
        print(pd.DataFrame(json.loads(RESULTS.read_text("utf-8"))["rows"]).round(4).to_string(index=False))
        return 0
    rows: list[Row] = []
    for name, case in CASES.items():
        if given.only in (None, name):
            start = time.perf_counter()
            rows += case()
            print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    print(table.round(4).to_string(index=False))
    if given.only is None:
        programs = {name: version(name) for name in ("pymc", "nutpie", "numpy", "scipy")}
        record = {"date": datetime.now(UTC).date().isoformat(), "seed": SEED, "python": platform.python_version()}
        record |= {"programs": programs, "rows": table.to_dict(orient="records")}
        RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0 if (table["difference"].abs() <= 4.0).all() else 1


if __name__ == "__main__":
    sys.exit(main())
