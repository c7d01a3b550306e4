"""Would another prior change the answer, by NUTS? A refit for each pair of priors, without compiling anew."""

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from bayesmeta.analyses.parts import Parts
from bayesmeta.analyses.sampled_parts import rows_of, why_improper
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.nuts.part import fit_anew
from bayesmeta.nuts.refits import Refit, Refitted, sample_each
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.resolve import resolve_prior

type Pair = tuple[Prior | None, Prior]


def sample_sensitivity(
    fit: NutsFit,
    mu: tuple[Prior | None, ...],
    tau: tuple[Prior, ...],
    names: tuple[str, ...],
    *,
    ci_prob: float,
    progress: Callable[[int, int], None] | None,
    quiet: bool,
) -> pd.DataFrame:
    """Return the estimates under every pair of priors, the fit's own first; see `sensitivity`.

    Parameters
    ----------
    fit : NutsFit
        The analysis under its own priors.
    mu, tau : tuple of Prior
        Those to try, the fit's own first; of a model with a formula there is no mu, and it is None.
    names : tuple of str
        Rows of the summary.
    ci_prob, progress, quiet
        As in `sensitivity`.
    """
    for prior in (*mu, *tau):
        if prior is not None:
            resolve_prior(prior, fit.model, fit.observed)  # before anything is sampled
    pairs = list(product(mu, tau))
    made = _sampled(fit, pairs, progress, quiet=quiet)
    rows = rows_of(fit, made, ci_prob)
    heads: list[dict[str, object]] = [
        {**({} if one is None else {"mu": str(one)}), "tau": str(other)} for one, other in pairs
    ]
    table = _with_shifts(rows.tidy(heads), rows)
    table.insert(list(table.columns).index("parameter") + 1, "estimand", table["parameter"])
    return table[table["parameter"].isin(names)].reset_index(drop=True)


def _sampled(
    fit: NutsFit, pairs: list[Pair], progress: Callable[[int, int], None] | None, *, quiet: bool
) -> list[Refitted]:
    """Return the refits; those of the same families follow one another, so that few compiled models must be kept."""
    done = 0

    def told(model: ModelSpec, seed: int) -> NutsFit:
        nonlocal done
        made = fit_anew(fit, model, seed=seed)
        done += 1
        if progress is not None:
            progress(done, len(pairs) - 1)
        return made

    def refit(model: ModelSpec) -> Refit:
        return why_improper(fit, model, np.ones(fit.k, dtype=np.bool_)) or partial(told, model)

    order = sorted(range(1, len(pairs)), key=lambda i: [prior.name for prior in pairs[i] if prior is not None])
    models = [_with(fit.model, *pairs[i]) for i in order]
    found = sample_each([fit, *map(refit, models)], seed=fit.seed, what="sensitivity", quiet=quiet)
    by_pair = dict(zip([0, *order], found, strict=True))
    return [by_pair[i] for i in range(len(pairs))]


def _with(model: ModelSpec, mu: Prior | None, tau: Prior) -> ModelSpec:
    return model.with_priors(mu=mu, tau=tau if model.has_tau else None)


def _with_shifts(table: pd.DataFrame, rows: Parts) -> pd.DataFrame:
    """Add how far the means move from those of the first pair, in its SDs, and the Monte-Carlo error of that."""
    values = {name: rows.values[:, :, rows.columns.index(name)] for name in ("mean", "sd", "mcse_mean")}
    mean, mcse, sd = values["mean"], values["mcse_mean"], values["sd"][0]
    shift, error = (mean - mean[0]) / sd, np.hypot(mcse, mcse[0]) / sd
    error[0] = 0.0
    at = len(table.columns) - 2
    table.insert(at, "shift", shift.ravel())
    table.insert(at + 1, "shift_mcse", error.ravel())
    return table
