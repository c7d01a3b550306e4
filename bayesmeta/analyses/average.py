"""What follows from several models together? Bayesian model averaging, weighted by the evidence of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.analyses.comparable import comparable_fits, model_labels
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.exact.posterior import log_sum_exp
from bayesmeta.exact.summary import FLOOR
from bayesmeta.result.marginal import Marginal
from bayesmeta.result.mixture import mixture
from bayesmeta.result.summary import COLUMNS, check_interval, with_estimand
from bayesmeta.spec.prior_text import quote


@final
@dataclass(frozen=True, eq=False, repr=False)
class AveragedFit:
    """Several exact fits of the same data, averaged by their posterior probabilities.

    Attributes
    ----------
    fits : tuple of ExactFit
        The models.
    weights : DataFrame
        Indexed by ``model``: ``log_evidence``, ``prior`` and ``posterior`` probability, and the ``numerical_error`` of
        the latter.
    engine : str
        ``"exact"``.
    """

    fits: tuple[ExactFit, ...]
    weights: pd.DataFrame
    engine: Literal["exact"] = field(default="exact", init=False)

    @property
    def studies(self) -> Studies:
        """The data."""
        return self.fits[0].studies

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.studies.k

    @property
    def parameters(self) -> tuple[str, ...]:
        """Rows of the summary: what all models have, and means the same in all."""
        return tuple(name for name in self.fits[0].parameters if not self._why_not_shared(name))

    @property
    def log_evidence(self) -> float:
        """Log marginal likelihood of the mixture of models."""
        return log_sum_exp(np.log(self._positive["prior"]) + self._positive["log_evidence"])

    @property
    def log_evidence_error(self) -> float:
        """Absolute numerical error of the log marginal likelihood."""
        return max(fit.log_evidence_error for fit in self.fits)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the summary should know, one line each."""
        names = dict.fromkeys(name for fit in self.fits for name in fit.parameters)
        reasons: dict[str, list[str]] = {}
        for name in names:
            if reason := self._why_not_shared(name):
                reasons.setdefault(reason, []).append(name)
        notes = [f"not averaged: {', '.join(left)} ({reason})" for reason, left in reasons.items()]
        used = [fit for fit, weight in zip(self.fits, self.weights["posterior"], strict=True) if weight > 0.0]
        effects = {fit.model.effects for fit in self.fits}
        if "tau" in self.parameters and "student-t" in effects and len(effects) > 1:
            notes.append("tau is a scale in the models with Student's t, whose SD is larger")
        return tuple(dict.fromkeys((*notes, *(note for fit in used for note in fit.notes))))

    @cached_property
    def numerical_error(self) -> float:
        """Largest absolute numerical error of the 95 % summary: over all rows and columns."""
        return float(self.summary()["numerical_error"].max())

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """One row per parameter: parameter, estimand, and the columns of `summary`."""
        return with_estimand(self.summary())

    def marginal(self, name: str) -> Marginal:
        """Return the posterior distribution of a quantity over all models.

        Parameters
        ----------
        name : str
            As for `ExactFit.marginal`; on the link scale (``"mu"``, ``"theta[label]"``, ...) only if all models have
            the same link.

        Raises
        ------
        SpecError
            If there is no such quantity, or it is not the same in all models.
        """
        return self.resolutions(name)[0]

    def resolutions(self, name: str) -> tuple[Marginal, Marginal]:
        """Return the distribution of a quantity at the finer and at the coarser resolution of all fits."""
        pairs = [fit.resolutions(name) for fit in self.fits if not self._is_missing(fit, name)]
        if reason := self._why_not_shared(name):
            shared = ", ".join(self.parameters) or "nothing"
            raise SpecError(f"{name} cannot be averaged ({reason}); the models share {shared}.")
        fine, coarse = zip(*pairs, strict=True)
        return mixture(fine, self.weights["posterior"].to_numpy()), mixture(coarse, self._coarse_weights)

    def summary(self, *, ci_prob: float = 0.95, ci_kind: str = "eti") -> pd.DataFrame:
        """Return means, SDs, medians and credible intervals over all models, each row with its numerical error.

        Parameters
        ----------
        ci_prob : float
            Posterior probability of the interval.
        ci_kind : {"eti", "hdi"}
            Equal-tailed, or shortest.

        Returns
        -------
        DataFrame
            Indexed by ``parameter``: the rows that all models have, as in `ExactFit.summary`; `notes` names the
            others.

        Raises
        ------
        SpecError
            If an option is not allowed.
        """
        prob = check_interval(ci_prob, ci_kind)
        rows = [_row(*self.resolutions(name), prob, shortest=ci_kind == "hdi") for name in self.parameters]
        index = pd.Index(self.parameters, name="parameter")
        return pd.DataFrame(rows, index=index, columns=[*COLUMNS, "numerical_error"])

    def __repr__(self) -> str:
        tables = (frame.drop(columns="numerical_error").round(4) for frame in (self.weights, self.summary()))
        models, rows = (frame.to_string() for frame in tables)
        interval = "lower, upper: 95 % equal-tailed credible interval. Numerical error of every number: "
        lines = [
            f"Average of {len(self.fits)} models by their posterior probabilities, k = {self.k}",
            models,
            "",
            rows,
            "",
            f"{interval}< {self.numerical_error:.1g}.",
            *self.notes,
        ]
        return "\n".join(lines)

    @property
    def _positive(self) -> pd.DataFrame:
        return self.weights[self.weights["prior"] > 0.0]

    @cached_property
    def _coarse_weights(self) -> FloatArray:
        log_evidence = np.array([fit.solution.coarse.posterior.log_evidence for fit in self.fits])
        return posterior_probabilities(log_evidence, self.weights["prior"].to_numpy())

    def _is_missing(self, fit: ExactFit, name: str) -> bool:
        return name not in fit.parameters and any(name in other.parameters for other in self.fits)

    def _why_not_shared(self, name: str) -> str:
        """Return why a quantity cannot be averaged, or an empty string."""
        if any(self._is_missing(fit, name) for fit in self.fits):
            return "not in all models"
        if len({fit.link for fit in self.fits}) > 1 and not name.startswith(("p_", "p[")):
            return "on the link scale, and the links differ"
        return ""


def average(fits: Sequence[ExactFit], *, prior_weights: Sequence[float] | None = None) -> AveragedFit:
    """Average models by how probable the data make them.

    Parameters
    ----------
    fits : sequence of ExactFit
        Fits of the same data on the same base measure, with proper priors: with other priors, links or distributions of
        the study effects; Student's t with several nu, for example, integrates nu over a grid.
    prior_weights : sequence of float, optional
        Prior probabilities of the models, in any unit; by default all are equal.

    Returns
    -------
    AveragedFit
        ``weights``, ``summary()``, ``marginal(name)``, for quantities that all models have.

    Raises
    ------
    SpecError
        If a fit is not exact, its priors are improper (the constant of its evidence is then arbitrary), or the fits'
        base measures differ.
    DataError
        If the fits are of different data.

    Notes
    -----
    P(model | data) is proportional to its prior probability times its evidence, and the posterior of a quantity is the
    mixture of those under each model (Hoeting et al. 1999, doi:10.1214/ss/1009212519). Like Bayes factors, the weights
    depend on how wide the priors are, however many data there are.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    >>> averaged = bm.average([bm.fit(studies, bm.ModelSpec(tau=f"HalfNormal({scale})")) for scale in (0.25, 0.5, 1)])
    >>> averaged.weights["posterior"].round(3).to_dict()
    {'tau ~ HalfNormal(sigma=0.25)': 0.09, 'tau ~ HalfNormal(sigma=0.5)': 0.386, 'tau ~ HalfNormal(sigma=1)': 0.523}
    >>> averaged.summary().loc["p_median", ["median", "lower", "upper"]].round(3).tolist()
    [0.787, 0.691, 0.873]
    """
    models = comparable_fits(fits, verb="average")
    labels = model_labels(models)
    for label, fit in zip(labels, models, strict=True):
        if fit.log_evidence is None:
            raise SpecError(
                f"average needs proper priors; those of the model {label!r}, mu ~ {fit.model.mu} and tau ~ "
                f"{fit.model.tau}, leave the constant of its evidence arbitrary: give proper ones, or use bm.stacking."
            )
    prior = _prior_weights(prior_weights, len(models))
    log_evidence = np.array([fit.log_evidence for fit in models], dtype=np.float64)
    posterior = posterior_probabilities(log_evidence, prior)
    errors = np.array([fit.log_evidence_error for fit in models])
    columns = {
        "log_evidence": log_evidence,
        "prior": prior,
        "posterior": posterior,
        "numerical_error": posterior * (errors + float(posterior @ errors)),
    }
    return AveragedFit(models, pd.DataFrame(columns, index=pd.Index(labels, name="model")))


def posterior_probabilities(log_evidence: FloatArray, prior: FloatArray) -> FloatArray:
    """Return prior times evidence, normalised, for models (M,)."""
    possible = prior > 0.0
    weight = np.where(possible, prior * np.exp(log_evidence - log_evidence[possible].max()), 0.0)
    return np.asarray(weight / weight.sum())


def _prior_weights(given: Sequence[float] | None, count: int) -> FloatArray:
    if given is None:
        return np.full(count, 1.0 / count)
    try:
        weights = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        weights = np.empty(0)
    if weights.shape != (count,) or not np.isfinite(weights).all() or (weights < 0.0).any() or not weights.any():
        raise SpecError(
            f"prior_weights={quote(given)} must be {count} numbers, one for each fit, none negative and not all 0."
        )
    return np.asarray(weights / weights.sum())


def _row(fine: Marginal, coarse: Marginal, prob: float, *, shortest: bool) -> list[float]:
    """Return the values in the order of COLUMNS, and the largest error: each is checked by the coarser resolution."""
    tail = 0.5 * (1.0 - prob)
    probabilities = np.array([0.5]) if shortest else np.array([0.5, tail, 1.0 - tail])
    at = fine.base_ppf(probabilities)
    cdf, pdf = coarse.cdf_pdf(at)
    values = np.clip(fine.scale.value(at), *fine.scale.support)
    errors = np.abs(cdf - probabilities) / np.maximum(pdf, 1e-300) * fine.scale.slope(values)
    if shortest:
        interval = np.array(fine.hdi(prob))
        values, errors = np.r_[values, interval], np.r_[errors, np.abs(interval - np.array(coarse.hdi(prob)))]
    moments = np.array(fine.moments)
    with np.errstate(invalid="ignore"):
        differences = np.where(np.isfinite(moments), np.abs(moments - np.array(coarse.moments)), 0.0)
    return [*moments, *values, FLOOR + max(differences.max(), errors.max())]
