"""Is NUTS calibrated? Ranks of true values among its draws, with one compiled model for each number of studies."""

import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmeta.analyses.calibrate_sbc import sbc_frame, with_verdicts
from bayesmeta.analyses.calibrate_simulate import Design
from bayesmeta.data.studies import Studies
from bayesmeta.spec.observed import observed_by

CELLS = ((3, 5, 0.02), (3, 200, 0.5), (8, 20, 0.2), (8, 5, 0.5), (15, 20, 0.02), (15, 200, 0.2))
SETTINGS = {"draws": 1000, "tune": 1000, "chains": 4, "target_accept": 0.95}  # those of engine="nuts"
KEPT = 100  # of 4000 draws, so that those kept are all but independent
STREAM = 3


def calibrate_nuts(
    replicates: int, design_at: Callable[[tuple[int, int, float]], Design], seed: int
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Return the tests of uniformity of six designs, and what the record says of them."""
    compiled: dict[int, Any] = {}
    frames, divergent = [], 0
    for i, cell in enumerate(CELLS):
        design = design_at(cell)
        rng = np.random.default_rng([seed, STREAM, i])
        if cell[0] not in compiled:
            compiled[cell[0]] = compile_once(design)
        rows = []
        for _ in range(replicates):
            row, count = replicate(design, compiled[cell[0]], rng)
            rows.append(row)
            divergent += count > 0
            print(f"\r{i * replicates + len(rows)} of {len(CELLS) * replicates} fits", end="", file=sys.stderr)
        k, n, p = cell
        frame = sbc_frame(pd.DataFrame(rows)).drop(columns=["pvalue_holm", "verdict"])
        frames.append(frame.assign(k=k, n=n, p=p)[["k", "n", "p", *frame.columns]])
    table = with_verdicts(pd.concat(frames, ignore_index=True))
    record: dict[str, object] = {
        "replicates": replicates,
        "fits": len(CELLS) * replicates,
        "compiled": len(compiled),
        "draws": SETTINGS["draws"] * SETTINGS["chains"],
        "kept": KEPT,
        "with_divergences": divergent,
        "family_wise_pvalue": float(table["pvalue_holm"].min()),
        "settings": SETTINGS,
        "versions": {name: version(name) for name in ("pymc", "nutpie")},
    }
    return table.drop(columns="verdict"), record


def compile_once(design: Design) -> Any:
    """Return the compiled model of a design, whose numbers are changed afterwards."""
    import nutpie

    from bayesmeta.nuts.build import build_model

    data = observed_by(design.model, design.studies, measure=design.measure)
    return nutpie.compile_pymc_model(build_model(design.model, data, design.studies.study))


def replicate(design: Design, compiled: Any, rng: np.random.Generator) -> tuple[dict[str, float], int]:
    """Return where the truths of one replicate lie among the draws, and the number of divergences.

    With the rank r among L independent draws, (r + V) / (L + 1) with V uniform is uniform.
    """
    import nutpie

    prior_mu, prior_tau = design.priors
    mu, tau = prior_mu.rvs(1, seed=rng), prior_tau.rvs(1, seed=rng)
    theta = design.draw_effects(mu, tau, rng)
    truth = design.quantities(mu, tau, theta[:, -1])
    studies = design.draw_studies(theta[:, :-1], rng)[0]
    tree = nutpie.sample(
        compiled.with_data(**numbers(design, studies)), seed=int(rng.integers(2**31)), progress_bar=False, **SETTINGS
    )
    ranks = {name: rank(np.asarray(tree.posterior[name]), value[0], rng) for name, value in truth.items()}
    return ranks, int(np.asarray(tree.sample_stats["diverging"]).sum())


def rank(draws: npt.NDArray[np.float64], truth: float, rng: np.random.Generator) -> float:
    """Return the randomised rank of a truth among thinned draws (chains, draws), between 0 and 1."""
    thinned = draws[:, :: draws.size // KEPT].ravel()
    return float(((thinned < truth).sum() + rng.random()) / (thinned.size + 1))


def numbers(design: Design, studies: Studies) -> Mapping[str, Any]:
    """Return the data and prior parameters of one replicate by the names of their containers."""
    from bayesmeta.nuts.numbers import numbers_of
    from bayesmeta.nuts.structure import OVERALL

    data = observed_by(design.model, studies, measure=design.measure)
    return {name: number.value for name, number in numbers_of(design.model, data, OVERALL).items()}
