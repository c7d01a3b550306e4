"""Is NUTS calibrated? Ranks of true values among the draws of fits, one compiled model for each number of studies."""

import sys
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmeta.analyses.calibrate_sbc import sbc_frame, with_verdicts
from bayesmeta.analyses.calibrate_simulate import Design
from bayesmeta.nuts.compiled import forget, kept
from bayesmeta.nuts.fit import NutsFit, fit_nuts

CELLS = ((3, 5, 0.02), (3, 200, 0.5), (8, 20, 0.2), (8, 5, 0.5), (15, 20, 0.02), (15, 200, 0.2))
KEPT = 100  # of 4000 draws, so that those kept are all but independent
STREAM = 3


def calibrate_nuts(
    replicates: int, design_at: Callable[[tuple[int, int, float]], Design], seed: int
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Return the tests of uniformity of six designs, and what the record says of them."""
    forget()
    frames, divergent, settings = [], 0, None
    for i, cell in enumerate(CELLS):
        design = design_at(cell)
        rng = np.random.default_rng([seed, STREAM, i])
        rows = []
        for _ in range(replicates):
            row, fit = replicate(design, rng)
            rows.append(row)
            divergent += fit.n_divergent > 0
            settings = fit.settings
            print(f"\r{i * replicates + len(rows)} of {len(CELLS) * replicates} fits", end="", file=sys.stderr)
        k, n, p = cell
        frame = sbc_frame(pd.DataFrame(rows)).drop(columns=["pvalue_holm", "verdict"])
        frames.append(frame.assign(k=k, n=n, p=p)[["k", "n", "p", *frame.columns]])
    assert settings is not None
    table = with_verdicts(pd.concat(frames, ignore_index=True))
    shown = ("sampler", "draws", "tune", "chains", "target_accept", "parametrisation")
    record: dict[str, object] = {
        "replicates": replicates,
        "fits": len(CELLS) * replicates,
        "compiled": kept(),
        "draws": settings.draws * settings.chains,
        "kept": KEPT,
        "with_divergences": divergent,
        "family_wise_pvalue": float(table["pvalue_holm"].min()),
        "settings": {name: getattr(settings, name) for name in shown},
        "versions": {name: version(name) for name in ("pymc", "nutpie")},
    }
    return table.drop(columns="verdict"), record


def replicate(design: Design, rng: np.random.Generator) -> tuple[dict[str, float], NutsFit]:
    """Return where the truths of one replicate lie among the draws of a fit at default settings, and the fit.

    With the rank r among L independent draws, (r + V) / (L + 1) with V uniform is uniform.
    """
    prior_mu, prior_tau = design.priors
    mu, tau = prior_mu.rvs(1, seed=rng), prior_tau.rvs(1, seed=rng)
    theta = design.draw_effects(mu, tau, rng)
    truth = design.quantities(mu, tau, theta[:, -1])
    studies = design.draw_studies(theta[:, :-1], rng)[0]
    fit = fit_nuts(
        studies, design.model, measure=design.measure, sampler="nutpie", seed=int(rng.integers(2**31)), quiet=True
    )
    return {name: rank(fit.values_of(name), value[0], rng) for name, value in truth.items()}, fit


def rank(draws: npt.NDArray[np.float64], truth: float, rng: np.random.Generator) -> float:
    """Return the randomised rank of a truth among thinned draws (chains, draws), between 0 and 1."""
    thinned = draws[:, :: draws.size // KEPT].ravel()
    return float(((thinned < truth).sum() + rng.random()) / (thinned.size + 1))
