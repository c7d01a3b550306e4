"""What does the exact engine return? `ExactFit`: a posterior that knows how accurate it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.data.studies import Studies
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import ImproperPosteriorError
from bayesmeta.exact.draws import draw_mu_tau
from bayesmeta.exact.existence import tail_orders
from bayesmeta.exact.leave_out import leave_one_out_densities
from bayesmeta.exact.likelihoods import check_power_weights, terms_of
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import Problem, Solution, pose, solve
from bayesmeta.exact.summary import EVIDENCE_FLOOR, summary_rows, theta_rows, worst_error
from bayesmeta.exact.theta import Effect, study_effects
from bayesmeta.exact.trees import Drawable, draw_tree
from bayesmeta.result.describe import describe
from bayesmeta.result.marginal import IDENTITY, PROPORTION_SCALES, Marginal
from bayesmeta.result.quantity import find_quantity, summary_rows_of
from bayesmeta.result.summary import with_estimand
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Observed, observed_by
from bayesmeta.spec.resolve import resolve_priors

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
        What mu is a function of: ``"logit"``, ``"probit"``, ``"cloglog"``, ``"log"`` or ``"identity"``.
    power_weights : array, shape (k,), or None
        The powers to which the studies' likelihoods were raised.
    engine : str
        ``"exact"``.
    """

    studies: Studies
    model: ModelSpec
    measure: str | None
    link: str
    solution: Solution = field(repr=False)
    power_weights: FloatArray | None = None
    engine: Literal["exact"] = field(default="exact", init=False)

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.studies.k

    @property
    def parameters(self) -> tuple[str, ...]:
        """Rows of the summary."""
        return summary_rows_of(self.link, has_tau=self.model.has_tau)

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
        notes = [note for name in self.parameters if (note := self._fine.note(name))]
        if self.power_weights is not None and (self.power_weights < 1.0).any():
            count = int((self.power_weights < 1.0).sum())
            are = "study is" if self.k == 1 else "studies is" if count == 1 else "studies are"
            notes.append(f"{count} of {self.k} {are} discounted by power_weights")
        return tuple(notes)

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
        return self._marginal(name, 0)

    def resolutions(self, name: str) -> tuple[Marginal, Marginal]:
        """Return the distribution of a quantity at the finer and at the coarser resolution.

        The finer is that of `marginal`; how far they differ is the numerical error of what is computed from it.
        """
        return self._marginal(name, 0), self._marginal(name, 1)

    def _marginal(self, name: str, resolution: int) -> Marginal:
        kind, study = find_quantity(name, self.link, self.studies.study, has_tau=self.model.has_tau)
        if study is None:
            return (self._fine, self._coarse)[resolution].marginal(kind)
        effect = self.study_posteriors[resolution][study]
        start = effect.theta, np.cumsum(effect.weight) - 0.5 * effect.weight
        if kind == "theta":
            return Marginal(name, effect.cdf_pdf, start, self._study_moments(study, resolution), IDENTITY)
        p = LINKS[self.link].inverse(effect.theta)
        mean = float(effect.weight @ p)
        moments = mean, float(np.sqrt(effect.weight @ (p - mean) ** 2))
        return Marginal(name, effect.cdf_pdf, start, moments, PROPORTION_SCALES[self.link])

    @cached_property
    def study_posteriors(self) -> tuple[Sequence[Effect], Sequence[Effect]]:
        """Posteriors of the studies' own effects, at the finer and the coarser resolution."""
        return study_effects(self._fine.posterior), study_effects(self._coarse.posterior)

    @cached_property
    def loo(self) -> pd.DataFrame:
        """Exact leave-one-out log predictive densities, indexed by study, with their numerical errors."""
        problem = self.solution.problem
        for i in range(self.k):
            rest = problem.terms.take(np.delete(np.arange(self.k, dtype=np.intp), i))
            try:
                tail_orders(problem.prior_mu, problem.prior_tau, *rest.limits(), kernel_order=rest.kernel.tail_order)
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

    def _study_moments(self, study: int, resolution: int = 0) -> tuple[float, float]:
        left, right = self.solution.problem.terms.limits()
        moments = self.study_posteriors[resolution][study].moments()
        return self._fine.study_moments(moments, left=bool(left[study]), right=bool(right[study]))

    @property
    def drawable(self) -> Drawable:
        """What independent draws are made from."""
        problem, one = self.solution.problem, np.ones((self.k, 1))
        return Drawable(
            self.model, self.observed, self.studies, problem.terms, self._fine.posterior.surface.settings,
            self.link, (problem.prior_mu, problem.prior_tau), self._sample, one, one[:1],
        )  # fmt: skip

    @property
    def observed(self) -> Observed:
        """The data that the model sees."""
        return observed_by(self.model, self.studies, measure=self.measure)

    def _sample(self, size: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        mu, tau = draw_mu_tau(self._fine.posterior, size, rng)
        return mu[None], tau

    def to_datatree(
        self,
        *,
        draws: int = 1000,
        chains: int = 4,
        seed: int | np.random.Generator | None = None,
        log_likelihood: str = "conditional",
    ) -> "DataTree":
        """Return independent draws as an ArviZ DataTree, for every tool made for MCMC output.

        Parameters
        ----------
        draws, chains : int
            Draws per chain, and chains; all draws are independent, so chains are only a shape.
        seed : int or numpy.random.Generator, optional
            Source of randomness.
        log_likelihood : {"conditional", "marginal"}
            Of each study given its effect, as PyMC has it and as power-scaling needs it; or with its effect
            integrated out, from which PSIS-LOO is far more accurate.

        Returns
        -------
        xarray.DataTree
            ``posterior``: ``mu`` and ``tau``, ``theta`` and (proportions) ``p`` by ``study``, ``theta_new``,
            ``p_median``, ``p_mean``, ``p_new``; ``prior``: the same, if all priors are proper.
            ``posterior_predictive`` and ``prior_predictive``: replicates of the data; ``predictions``: ``events_new``
            (or ``y_new``), the data of a new study of the size of each study. ``log_likelihood``, ``log_prior``,
            ``observed_data``, ``constant_data``. There is no ``tau`` if all studies have one effect.

        Raises
        ------
        SpecError
            If an option is not allowed.
        """
        return draw_tree(
            self.drawable, self.numerical_error, draws=draws, chains=chains, seed=seed, log_likelihood=log_likelihood
        )

    def __repr__(self) -> str:
        return describe(f"Exact posterior, k = {self.k}", self.model, self.summary(), self.notes)

    @property
    def _fine(self) -> Quantities:
        return self.solution.fine

    @property
    def _coarse(self) -> Quantities:
        return self.solution.coarse


def fit_exact(
    studies: Studies, model: ModelSpec, *, measure: str | None = None, power_weights: object = None
) -> ExactFit:
    """Fit a model by quadrature.

    Parameters
    ----------
    studies : Studies
        The data.
    model : ModelSpec
        The model.
    measure : str, optional
        For the normal likelihood with counts: the effect measure they are turned into (default "PLO").
    power_weights : mapping or array_like, optional
        The power, above 0 and up to 1, to which each study's likelihood is raised (a power prior): from labels, or
        one for each study.

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
    power = None if power_weights is None else check_power_weights(power_weights, studies.study)
    problem, data = pose_model(studies, model, measure=measure, power_weights=power)
    names = summary_rows_of(data.link, has_tau=model.has_tau)
    solution = solve(problem, lambda fine, coarse: worst_error(fine, coarse, names))
    return ExactFit(studies, model, data.measure, data.link, solution, power)


def check_proper(studies: Studies, model: ModelSpec, *, measure: str | None = None) -> None:
    """Raise `ImproperPosteriorError` if prior and data do not define a posterior, whatever is to compute it."""
    pose_model(studies, model, measure=measure)


def pose_model(
    studies: Studies, model: ModelSpec, *, measure: str | None = None, power_weights: FloatArray | None = None
) -> tuple[Problem, Observed]:
    """Return what is to be integrated for a model without a formula, and the data that it sees."""
    data = observed_by(model, studies, measure=measure)
    terms = terms_of(model, data, power_weights)
    return pose(terms, *resolve_priors(model, data), link=data.link), data
