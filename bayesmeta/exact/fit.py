"""What does the exact engine return? `ExactFit`: a posterior that knows how accurate it is."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, final

import numpy as np
import pandas as pd
from scipy import special

from bayesmeta._validate import check_counts
from bayesmeta.data.studies import Studies
from bayesmeta.errors import ImproperPosteriorError
from bayesmeta.exact.average import mean_proportion
from bayesmeta.exact.draws import draw_mu_tau, draw_theta
from bayesmeta.exact.existence import tail_orders
from bayesmeta.exact.leave_out import leave_one_out_densities
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import Problem, Solution, pose, solve
from bayesmeta.exact.summary import EVIDENCE_FLOOR, summary_rows, theta_rows, worst_error
from bayesmeta.exact.theta import StudyEffect, study_effects
from bayesmeta.result.datatree import to_datatree
from bayesmeta.result.describe import describe
from bayesmeta.result.draws import Draws
from bayesmeta.result.marginal import IDENTITY, PROPORTION, Marginal
from bayesmeta.result.quantity import find_quantity, summary_rows_of
from bayesmeta.result.summary import with_estimand
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Counts, Observed, observed_by
from bayesmeta.surface.terms import BinomialTerms, NormalTerms

if TYPE_CHECKING:
    from xarray import DataTree


@final
@dataclass(frozen=True, eq=False, repr=False)
class ExactFit:
    """A posterior computed by deterministic quadrature.

    Attributes
    ----------
    studies : Studies
        The data.
    model : ModelSpec
        The model.
    measure : str or None
        The effect measure whose estimates were modelled (normal likelihood); None for counts.
    link : str
        What mu is a function of: ``"logit"``, ``"log"`` or ``"identity"``.
    engine : str
        ``"exact"``.
    """

    studies: Studies
    model: ModelSpec
    measure: str | None
    link: str
    solution: Solution = field(repr=False)
    engine: Literal["exact"] = field(default="exact", init=False)

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.studies.k

    @property
    def parameters(self) -> tuple[str, ...]:
        """Rows of the summary."""
        return summary_rows_of(self.link)

    @property
    def log_evidence(self) -> float | None:
        """Log marginal likelihood; None if a prior is improper, because its constant is arbitrary."""
        if not (self.model.mu.is_proper and self.model.tau.is_proper):
            return None
        return self._fine.posterior.log_evidence

    @cached_property
    def numerical_error(self) -> float:
        """Largest absolute numerical error of the 95 % summary: over all rows and columns."""
        return float(self.summary()["numerical_error"].max())

    @cached_property
    def log_evidence_error(self) -> float:
        """Absolute numerical error of the log marginal likelihood."""
        return EVIDENCE_FLOOR + abs(self._fine.posterior.log_evidence - self._coarse.posterior.log_evidence)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the summary should know, one line each."""
        return tuple(note for name in self.parameters if (note := self._fine.note(name)))

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """One row per parameter: parameter, estimand, mean, sd, median, lower, upper, numerical_error."""
        return with_estimand(self.summary())

    def summary(self, *, ci_prob: float = 0.95, ci_kind: str = "eti") -> pd.DataFrame:
        """Return means, SDs, medians and credible intervals, each row with its numerical error.

        Parameters
        ----------
        ci_prob : float
            Posterior probability of the interval.
        ci_kind : {"eti", "hdi"}
            Equal-tailed, or shortest.

        Returns
        -------
        DataFrame
            Indexed by ``parameter``: ``mu``, ``tau`` (link scale), and for proportions ``p_median``,
            ``p_mean``, ``p_new``, otherwise ``theta_new`` (link scale). Columns ``mean sd median lower upper
            numerical_error``.

        Raises
        ------
        SpecError
            If an option is not allowed.
        """
        return summary_rows(self._fine, self._coarse, self.parameters, ci_prob=ci_prob, ci_kind=ci_kind)

    def marginal(self, name: str) -> Marginal:
        """Return the posterior distribution of a quantity.

        Parameters
        ----------
        name : str
            ``"mu"``, ``"tau"``, ``"theta_new"``; for proportions also ``"p_median"``, ``"p_mean"``,
            ``"p_new"``; ``"theta[label]"`` (link scale) and, for proportions, ``"p[label]"`` for a study.

        Raises
        ------
        SpecError
            If there is no such quantity.
        """
        kind, study = find_quantity(name, self.link, self.studies.study)
        return self._fine.marginal(kind) if study is None else self._study_marginal(name, kind, study)

    def _study_marginal(self, name: str, kind: str, study: int) -> Marginal:
        effect = self.study_posteriors[0][study]
        start = effect.theta, np.cumsum(effect.weight) - 0.5 * effect.weight
        if kind == "theta":
            return Marginal(name, effect.cdf_pdf, start, self._study_moments(study), IDENTITY)
        p = special.expit(effect.theta)
        mean = float(effect.weight @ p)
        moments = mean, float(np.sqrt(effect.weight @ (p - mean) ** 2))
        return Marginal(name, effect.cdf_pdf, start, moments, PROPORTION)

    @cached_property
    def study_posteriors(self) -> tuple[list[StudyEffect], list[StudyEffect]]:
        """Posteriors of the studies' own effects, at the finer and the coarser resolution."""
        return study_effects(self._fine.posterior), study_effects(self._coarse.posterior)

    @cached_property
    def loo(self) -> pd.DataFrame:
        """Exact leave-one-out log predictive densities, indexed by study, with their numerical errors."""
        problem = self.solution.problem
        for i in range(self.k):
            rest = problem.terms.take(np.delete(np.arange(self.k, dtype=np.intp), i))
            try:
                tail_orders(problem.prior_mu, problem.prior_tau, *rest.limits())
            except ImproperPosteriorError as error:
                raise ImproperPosteriorError(
                    f"leave-one-out is not defined: without study {self.studies.study[i]!r}, {error}"
                ) from None
        fine, coarse = leave_one_out_densities(problem, self.solution.index)
        index = pd.Index(self.studies.study, name="study")
        return pd.DataFrame({"elpd_loo": fine, "numerical_error": EVIDENCE_FLOOR + np.abs(fine - coarse)}, index=index)

    def theta_table(self, *, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the posterior of each theta_i, link scale; `study_effects` puts the data beside it.

        Returns
        -------
        DataFrame
            Indexed by ``study``: ``mean sd median lower upper weight shrinkage numerical_error``.
        """
        moments = [self._study_moments(i) for i in range(self.k)]
        posteriors = self.study_posteriors
        return theta_rows(self._fine.posterior, *posteriors, self.studies.study, moments, ci_prob=ci_prob)

    def _study_moments(self, study: int) -> tuple[float, float]:
        left, right = self.solution.problem.terms.limits()
        moments = self.study_posteriors[0][study].moments()
        return self._fine.study_moments(moments, left=bool(left[study]), right=bool(right[study]))

    def draws(self, size: int, rng: np.random.Generator) -> Draws:
        """Return independent posterior draws of all parameters, link scale."""
        terms = self.solution.problem.terms
        mu, tau = draw_mu_tau(self._fine.posterior, size, rng)
        theta = draw_theta(terms, mu, tau, rng)
        return Draws(mu, tau, theta, rng.normal(mu, tau), terms.log_likelihood_at(theta))

    def to_datatree(
        self, *, draws: int = 1000, chains: int = 4, seed: int | np.random.Generator | None = None
    ) -> "DataTree":
        """Return independent draws as an ArviZ DataTree, for every tool made for MCMC output.

        Parameters
        ----------
        draws, chains : int
            Draws per chain, and chains; all draws are independent, so chains are only a shape.
        seed : int or numpy.random.Generator, optional
            Source of randomness.

        Returns
        -------
        xarray.DataTree
            Groups ``posterior``, ``log_likelihood``, ``observed_data``, ``constant_data``.

        Raises
        ------
        SpecError
            If `draws` or `chains` is not a positive integer.
        """
        check_counts(draws=draws, chains=chains)
        drawn = self.draws(draws * chains, np.random.default_rng(seed))
        derived = {}
        if self.link == "logit":
            derived = {
                "p_median": special.expit(drawn.mu),
                "p_mean": mean_proportion(drawn.mu, drawn.tau, self._fine.posterior.surface.settings),
                "p_new": special.expit(drawn.theta_new),
            }
        attrs: dict[str, object] = {
            "inference_library": "bayesmeta",
            "sampling": "independent draws from the exact posterior",
            "numerical_error": self.numerical_error,
        }
        return to_datatree(drawn, derived, self.studies, chains=chains, attrs=attrs)

    def __repr__(self) -> str:
        return describe(f"Exact posterior, k = {self.k}", self.model, self.summary(), self.notes)

    @property
    def _fine(self) -> Quantities:
        return self.solution.fine

    @property
    def _coarse(self) -> Quantities:
        return self.solution.coarse


def fit_exact(studies: Studies, model: ModelSpec, *, measure: str | None = None) -> ExactFit:
    """Fit a model by quadrature.

    Parameters
    ----------
    studies : Studies
        The data.
    model : ModelSpec
        The model.
    measure : str, optional
        For the normal likelihood with counts: the effect measure they are turned into (default "PLO").

    Returns
    -------
    ExactFit

    Raises
    ------
    SpecError
        If model and data do not go together.
    ImproperPosteriorError
        If the posterior is improper.
    AccuracyError
        If the summary cannot be computed accurately.
    """
    problem, data = pose_model(studies, model, measure=measure)
    names = summary_rows_of(data.link)
    solution = solve(problem, lambda fine, coarse: worst_error(fine, coarse, names))
    return ExactFit(studies, model, data.measure, data.link, solution)


def check_proper(studies: Studies, model: ModelSpec, *, measure: str | None = None) -> None:
    """Raise `ImproperPosteriorError` if prior and data do not define a posterior, whatever is to compute it."""
    pose_model(studies, model, measure=measure)


def pose_model(studies: Studies, model: ModelSpec, *, measure: str | None = None) -> tuple[Problem, Observed]:
    """Return what is to be integrated for a model without a formula, and the data that it sees."""
    data = observed_by(model, studies, measure=measure)
    terms = BinomialTerms(data.events, data.n) if isinstance(data, Counts) else NormalTerms(data.y, data.se)
    return pose(terms, model.mu, model.tau, proportions=data.link == "logit"), data
