"""What do subsets of the studies say, one row each, by the engine and the options of the whole?"""

from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta._validate import a_type, check_probability
from bayesmeta.analyses.conflict import depends_on_studies
from bayesmeta.effects.measures import effect_sizes
from bayesmeta.effects.sizes import EffectSizes
from bayesmeta.errors import BayesmetaError, SpecError
from bayesmeta.exact.batch import summarise
from bayesmeta.exact.fit import ExactFit, fit_exact
from bayesmeta.exact.regression import refuse_regression
from bayesmeta.exact.study_sets import part_orders
from bayesmeta.exact.subsets import Subsets
from bayesmeta.frequentist.again import repool
from bayesmeta.frequentist.glmm import fit_part
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.methods import INVERSE_VARIANCE, ClassicalFit, fit_by_method
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.nuts.fit import NutsFit

type PartFit = ExactFit | ClassicalFit

BAYESIAN = ("mean", "sd", "median", "lower", "upper")
CLASSICAL = ("estimate", "se", "lower", "upper")
HETEROGENEITY = ("tau2", "i2", "h2", "q", "q_pvalue")
NONE_LEFT = "no study is left"
DEFAULT_PROB = 0.95


@final
@dataclass(frozen=True, eq=False)
class Parts:
    """The summaries of R subsets.

    Attributes
    ----------
    parameters, columns : tuple of str
        N rows of each summary, and C columns: `BAYESIAN` or `CLASSICAL`.
    values : array, shape (R, N, C)
        nan where a subset has no numbers.
    error : array, shape (R, N), or None
        Largest absolute error of each row of a Bayesian summary.
    log_evidence, log_evidence_error : array, shape (R,), or None
        Log marginal likelihoods of the subsets, with the constants of all densities.
    heterogeneity : array, shape (R, 5), or None
        The columns `HETEROGENEITY` of a classical analysis.
    note : list of str
        Why a subset has no numbers, or what a reader of them should know; else empty.
    is_reliable : array of bool, shape (R,), or None
        Of sampled summaries: whether there is one, in which no trouble was found.
    hint : str
        What a reader of the whole table should know, which has it in ``attrs["note"]``; else empty.
    """

    parameters: tuple[str, ...]
    columns: tuple[str, ...]
    values: FloatArray
    error: FloatArray | None
    log_evidence: FloatArray | None
    log_evidence_error: FloatArray | None
    heterogeneity: FloatArray | None
    note: list[str]
    is_reliable: BoolArray | None = None
    hint: str = ""

    def tidy(self, heads: list[dict[str, object]]) -> pd.DataFrame:
        """Return a row per subset and parameter, each beginning with its subset's head."""
        size = len(self.parameters)
        frame = pd.DataFrame([head for head in heads for _ in range(size)])
        frame["parameter"] = list(self.parameters) * len(heads)
        frame[list(self.columns)] = self.values.reshape(-1, len(self.columns))
        if self.error is not None:
            frame["numerical_error"] = self.error.ravel()
        if self.heterogeneity is not None:
            frame[list(HETEROGENEITY)] = np.repeat(self.heterogeneity, size, axis=0)
        if self.is_reliable is not None:
            frame["is_reliable"] = np.repeat(self.is_reliable, size)
        frame["note"] = [note for note in self.note for _ in range(size)]
        if self.hint:
            frame.attrs["note"] = self.hint
        return frame


def check_fit(fit: object, verb: str) -> PartFit:
    """Return a fit that can be repeated for subsets; raise `SpecError` for others, with the way out."""
    if isinstance(fit, ExactFit | FrequentistFit | GlmmFit):
        return fit
    refuse_regression(fit, verb)
    if isinstance(fit, FrequentistRegression):
        raise SpecError(
            f"{verb} is for fits without a formula, not {fit.design.formula!r}, whose centred moderators change their "
            "meaning with the studies; see bm.influence, or fit the studies without one."
        )
    if getattr(fit, "engine", None) == "nuts":
        raise SpecError(
            f"{verb} would sample anew for every subset of the studies; fit the same studies and model with "
            "engine='exact', whose subsets take milliseconds; bm.leave_one_out and bm.cumulative take this fit."
        )
    raise SpecError(f"{verb} takes a fit made by bm.fit; got {a_type(fit)}.")


def check_prob(fit: PartFit | NutsFit, ci_prob: float | None) -> float:
    """Return the probability of intervals: what is given, or the fit's own."""
    if ci_prob is not None:
        return check_probability("ci_prob", ci_prob)
    return DEFAULT_PROB if isinstance(fit, ExactFit | NutsFit) else fit.ci_prob


def summarise_parts(fit: PartFit, include: BoolArray, ci_prob: float) -> Parts:
    """Summarise subsets of a fit's studies.

    Parameters
    ----------
    fit : ExactFit, FrequentistFit or GlmmFit
        The analysis of all studies.
    include : array of bool, shape (R, k)
        Which studies each subset holds.
    ci_prob : float
        Probability of the intervals.
    """
    return _exact(fit, include, ci_prob) if isinstance(fit, ExactFit) else _classical(fit, include, ci_prob)


def _exact(fit: ExactFit, include: BoolArray, ci_prob: float) -> Parts:
    """Summarise proper posteriors on shared grids; the others have a note."""
    if depends_on_studies(fit.model):
        return _refitted(fit, include, ci_prob)
    problem, names = fit.solution.problem, fit.parameters
    orders = part_orders(problem, include)
    note = [given if isinstance(given, str) else "" for given in orders]
    note = [text if mask.any() else NONE_LEFT for text, mask in zip(note, include, strict=True)]
    proper = np.flatnonzero([not text for text in note])
    values = np.full((len(include), len(names), len(BAYESIAN)), np.nan)
    error = np.full((len(include), len(names)), np.nan)
    log_evidence, log_evidence_error = np.full((2, len(include)), np.nan)
    if proper.size:
        found = summarise(Subsets(problem, include[proper]), proper.size, names, ci_prob=ci_prob)
        values[proper], error[proper] = found.values, found.error
        log_evidence[proper], log_evidence_error[proper] = found.log_evidence, found.log_evidence_error
        for row, text in found.failure.items():
            note[proper[row]] = text
    return Parts(names, BAYESIAN, values, error, log_evidence, log_evidence_error, None, note)


def _refitted(fit: ExactFit, include: BoolArray, ci_prob: float) -> Parts:
    """Fit each subset by itself: its priors are made from its own studies."""
    names, size = fit.parameters, len(include)
    values, error = np.full((size, len(names), len(BAYESIAN)), np.nan), np.full((size, len(names)), np.nan)
    log_evidence, log_evidence_error = np.full((2, size), np.nan)
    note = [""] * size
    for i, mask in enumerate(include):
        if not mask.any():
            note[i] = NONE_LEFT
            continue
        try:
            part = fit_exact(
                fit.studies.take(mask), fit.model, measure=None if fit.studies.y is not None else fit.measure
            )
            table = part.summary(ci_prob=ci_prob)
        except BayesmetaError as failure:
            note[i] = str(failure)
            continue
        values[i], error[i] = table[list(BAYESIAN)].to_numpy(), table["numerical_error"].to_numpy()
        log_evidence[i], log_evidence_error[i] = part.solution.fine.posterior.log_evidence, part.log_evidence_error
    return Parts(names, BAYESIAN, values, error, log_evidence, log_evidence_error, None, note)


def _classical(fit: ClassicalFit, include: BoolArray, ci_prob: float) -> Parts:
    """Pool each subset with the options of the whole."""
    names = tuple(fit.rows(ci_prob))
    values = np.full((len(include), len(names), len(CLASSICAL)), np.nan)
    heterogeneity = np.full((len(include), len(HETEROGENEITY)), np.nan)
    note = [""] * len(include)
    for i, mask in enumerate(include):
        if not mask.any():
            note[i] = NONE_LEFT
            continue
        try:
            part = fit_part(fit, mask) if isinstance(fit, GlmmFit) else _pool_part(fit, mask)
            values[i] = list(part.rows(ci_prob).values())
        except BayesmetaError as error:
            note[i] = str(error)
            continue
        named = {column: getattr(part, column) for column in HETEROGENEITY}
        named["i2"] = part.i2_tau2 if isinstance(part, GlmmFit) else part.i2  # as it is printed
        heterogeneity[i] = list(named.values())
    return Parts(names, CLASSICAL, values, None, None, None, heterogeneity, note)


def _pool_part(fit: FrequentistFit, mask: BoolArray) -> ClassicalFit:
    """Return the classical analysis of the studies in ``mask`` (k,)."""
    if fit.method != INVERSE_VARIANCE:
        options = {"measure": fit.measure, "ci_prob": fit.ci_prob, "add": fit.add, "to": fit.to}
        return fit_by_method(fit.studies.take(mask), method=fit.method, **options)
    effects = EffectSizes(fit.y[mask], fit.se[mask], fit.corrected[mask])
    if fit.to == "if0all" and fit.studies.events is not None and fit.studies.n is not None:
        # the correction of each study depends on which others there are
        counts = fit.studies.events[mask], fit.studies.n[mask]
        effects = effect_sizes(fit.measure, *counts, variance=fit.variance, add=fit.add, to=fit.to)
    return repool(fit, effects)
