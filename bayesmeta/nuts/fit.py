"""What does the NUTS engine return? `NutsFit`: draws that say how far they can be trusted."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.nuts.complete import complete
from bayesmeta.nuts.diagnosis import judge
from bayesmeta.nuts.estimates import estimate_rows
from bayesmeta.nuts.information import variance_at
from bayesmeta.nuts.parametrisations import PARAMETRISATIONS, choose_parametrisation
from bayesmeta.nuts.quantities import find_draws, with_beta_effects
from bayesmeta.nuts.settings import SAMPLER_TITLES, Settings, check_settings
from bayesmeta.nuts.structure import OVERALL, Structure, structure_of
from bayesmeta.result.describe import describe
from bayesmeta.result.diagnosis import Diagnosis
from bayesmeta.result.sampled import SampledMarginal
from bayesmeta.result.study_table import weight_and_shrinkage
from bayesmeta.result.summary import with_estimand
from bayesmeta.result.verification import Verification
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.moderators import Design
from bayesmeta.spec.observed import Observed, seen_by

if TYPE_CHECKING:
    from xarray import DataTree


@final
@dataclass(frozen=True, eq=False, repr=False)
class NutsFit:
    """A posterior sampled by NUTS.

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
    settings : Settings
        How it was sampled: ``draws tune chains seed sampler target_accept parametrisation``.
    tree : DataTree
        The draws and what the sampler recorded; `to_datatree` has more.
    verification : Verification or None
        How it compares with the exact posterior.
    structure : Structure
        What the studies share: one mean, coefficients of moderators, or a mean for each group.
    engine : str
        ``"nuts"``.
    """

    studies: Studies
    model: ModelSpec
    measure: str | None
    link: str
    settings: Settings
    tree: "DataTree"
    verification: Verification | None = None
    structure: Structure = OVERALL
    engine: Literal["nuts"] = field(default="nuts", init=False)

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.studies.k

    @property
    def parameters(self) -> tuple[str, ...]:
        """Rows of the summary."""
        return self.structure.rows(self.link, has_tau=self.model.has_tau)

    @property
    def design(self) -> Design | None:
        """The design matrix of a model with moderators; else None."""
        return self.structure.design

    @property
    def groups(self) -> tuple[str, ...]:
        """Labels of the groups, if each study has one coefficient as its mean; else empty."""
        return self.structure.groups

    @property
    def sampler(self) -> str:
        """The program that sampled: ``"pymc"`` or ``"nutpie"``."""
        return self.settings.sampler

    @property
    def tune(self) -> int:
        """Tuning steps of each chain."""
        return self.settings.tune

    @property
    def seed(self) -> int:
        """Where the randomness came from."""
        return self.settings.seed

    @property
    def target_accept(self) -> float:
        """Rate of acceptance that the step size was tuned to."""
        return self.settings.target_accept

    @property
    def parametrisation(self) -> str:
        """The form in which the study effects were sampled; empty if there is nothing to choose."""
        return self.settings.parametrisation

    @property
    def draws(self) -> int:
        """Draws that there are of each chain: fewer than asked for if sampling was interrupted."""
        return int(self.tree["posterior"].sizes["draw"])

    @property
    def chains(self) -> int:
        """Chains that there are: fewer than asked for if sampling was interrupted."""
        return int(self.tree["posterior"].sizes["chain"])

    @property
    def interrupted(self) -> bool:
        """Whether there are fewer draws than were asked for."""
        return (self.chains, self.draws) != (self.settings.chains, self.settings.draws)

    @property
    def n_divergent(self) -> int:
        """Number of divergent transitions after tuning."""
        return int(np.asarray(self.tree["sample_stats"]["diverging"]).sum())

    @cached_property
    def bfmi(self) -> FloatArray:
        """Estimated Bayesian fraction of missing information, shape (chains,)."""
        from arviz_stats.base import array_stats

        return np.atleast_1d(array_stats.bfmi(np.asarray(self.tree["sample_stats"]["energy"])))

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """Whether the fit can be trusted, and what to do if not."""
        return judge(self)

    @property
    def is_reliable(self) -> bool:
        """Whether diagnosis and verification found no trouble."""
        return self.diagnosis.ok

    @property
    def log_evidence(self) -> None:
        """None: NUTS does not estimate the marginal likelihood; the exact engine computes it."""
        return

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the numbers, one line each: the first notes."""
        found = [*([] if self.is_reliable else [self.diagnosis.verdict]), *self.diagnosis.notes]
        if self.interrupted:
            asked = self.settings
            found.append(
                f"sampling was interrupted: {self.chains} chain{'s' if self.chains > 1 else ''} of {self.draws} draws "
                f"kept, of {asked.chains} of {asked.draws} asked for"
            )
        return tuple(found)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the summary should know, one line each; an unreliable fit says so first."""
        notes = list(self.warnings)
        notes += self.structure.beyond.notes
        if self.design is not None and self.design.means:
            centred = [f"{name} is centred at its mean, {mean:.6g}" for name, mean in self.design.means.items()]
            notes.append(f"{'; '.join(centred)}; the intercept (or each group's mean) is that at the mean.")
        if self.parametrisation:
            notes.append(f"study effects sampled {PARAMETRISATIONS[self.parametrisation].words}")
        if self.settings.note:
            notes.append(self.settings.note)
        if self.verification is not None:
            notes.append(self.verification.verdict)
        return tuple(notes)

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """One row per parameter: parameter, estimand, and the columns of `summary`."""
        return with_estimand(self.summary())

    def summary(self, *, ci_prob: float = 0.95, ci_kind: str = "eti") -> pd.DataFrame:
        """Return means, SDs, medians and credible intervals, each row with its diagnostics.

        Parameters
        ----------
        ci_prob : float
            Posterior probability of the interval.
        ci_kind : {"eti", "hdi"}
            Equal-tailed, or shortest.

        Returns
        -------
        DataFrame
            Indexed by ``parameter``: the rows of `ExactFit.summary`, with moderators of `RegressionFit.summary`.
            Columns ``mean sd median lower upper mcse_mean ess_bulk ess_tail r_hat``.

        Raises
        ------
        SpecError
            If an option is not allowed.
        """
        rows = estimate_rows(self._draws_of_rows(), ci_prob=ci_prob, ci_kind=ci_kind)
        return rows.rename_axis("parameter")

    @cached_property
    def diagnostics(self) -> pd.DataFrame:
        """R-hat and effective sample sizes of every parameter, those of the studies included."""
        return estimate_rows({**self._draws_of_rows(), **self._study_draws()}, ci_prob=0.95)

    def theta_table(self, *, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the posterior of each theta_i, link scale; `study_effects` puts the data beside it.

        Returns
        -------
        DataFrame
            Indexed by ``study``: ``mean sd median lower upper weight shrinkage`` and the diagnostics of
            `summary`.
        """
        table = estimate_rows(self._study_draws(), ci_prob=ci_prob)
        table.index = pd.Index(self.studies.study, name="study")
        variance = variance_at(self.model, self.observed, table["median"].to_numpy())
        columns = self._weights(variance)
        for position, (name, values) in enumerate(zip(("weight", "shrinkage"), columns, strict=True)):
            table.insert(5 + position, name, values)
        return table

    def _weights(self, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return each study's weight in the mean, or in that of its group, and its shrinkage."""
        weight, shrinkage = np.full(self.k, np.nan), np.full(self.k, np.nan)
        if self.structure.beyond.factors or self.structure.beyond.scale:
            return weight, shrinkage  # of means of correlated effects, or with a tau for each study
        members = [np.arange(self.k)] if self.design is None else [np.flatnonzero(x) for x in self.design.matrix.T]
        if self.design is not None and not self.groups:
            return weight, shrinkage
        tau = self.draws_of("tau") if self.model.has_tau else np.zeros((1, 1))
        for group, part in enumerate(members):
            own = (tau[..., group] if self.structure.is_hierarchical else tau).ravel()
            weight[part], shrinkage[part] = weight_and_shrinkage(variance[part], own, np.full(own.size, 1.0 / own.size))
        return weight, shrinkage

    def marginal(self, name: str) -> SampledMarginal:
        """Return the posterior distribution of a quantity, as its draws give it.

        Parameters
        ----------
        name : str
            ``"mu"``, ``"tau"``, ``"theta_new"``; for proportions also ``"p_median"``, ``"p_mean"``,
            ``"p_new"``; with moderators a row of the summary; ``"theta[label]"`` (link scale) and, for proportions,
            ``"p[label]"`` for a study.

        Raises
        ------
        SpecError
            If there is no such quantity.
        """
        return SampledMarginal(name, self.values_of(name).ravel())

    def values_of(self, name: str) -> FloatArray:
        """Return the draws of a quantity of `marginal`, shape (chains, draws)."""
        found = find_draws(name, self.structure, self.link, self.studies.study, has_tau=self.model.has_tau)
        draws = self.draws_of(found[0])
        return draws if found[1] is None else draws[..., found[1]]

    def to_datatree(self) -> "DataTree":
        """Return everything as an ArviZ DataTree.

        Returns
        -------
        xarray.DataTree
            Groups ``posterior``, ``sample_stats``, ``log_likelihood``, ``posterior_predictive``,
            ``observed_data``, ``constant_data`` and, if both priors are proper, ``prior`` and
            ``prior_predictive``.
        """
        return self._full_tree.copy()

    @cached_property
    def _full_tree(self) -> "DataTree":
        from bayesmeta.nuts.groups import add_groups

        return add_groups(self.tree, self.model, self.observed, self.studies.study, self.seed, self.structure)

    @property
    def observed(self) -> Observed:
        """The data that the model saw."""
        return seen_by(self.model, self.studies, measure=self.measure)

    def draws_of(self, name: str) -> FloatArray:
        """Return the draws of a variable of the PyMC model, shape (chains, draws, ...)."""
        return np.asarray(self.tree["posterior"][name])

    def _draws_of_rows(self) -> dict[str, FloatArray]:
        return {name: self.values_of(name) for name in self.parameters}

    def _study_draws(self) -> dict[str, FloatArray]:
        theta = self.draws_of("theta")
        return {f"theta[{label}]": theta[..., i] for i, label in enumerate(self.studies.study)}

    def __repr__(self) -> str:
        heading = (
            f"Posterior by {SAMPLER_TITLES[self.sampler]}, k = {self.k}, {self.chains} chains of {self.draws} draws"
        )
        return describe(heading, self.model, self.summary(), self.notes)


def fit_nuts(
    studies: Studies,
    model: ModelSpec,
    *,
    measure: str | None = None,
    structure: Structure | None = None,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    seed: int | np.random.Generator | None = None,
    sampler: str | None = None,
    target_accept: float = 0.95,
    parametrisation: str | None = None,
    quiet: bool = False,
) -> NutsFit:
    """Fit a model by NUTS, without verification, which `bayesmeta.fit` adds.

    Parameters
    ----------
    studies : Studies
        The data.
    model : ModelSpec
        The model.
    measure : str, optional
        For the normal likelihood with counts: the effect measure they are turned into (default "PLO").
    structure : Structure, optional
        What the studies share; by default what the model's formula says.
    draws, tune, chains : int
        Draws and tuning steps of each chain, and chains.
    seed : int or numpy.random.Generator, optional
        Source of randomness; without it a seed is drawn, and recorded in ``settings``.
    sampler : {"pymc", "nutpie"}, optional
        The program that samples; by default nutpie if it is installed, as PyMC does, and else PyMC. If nutpie
        is asked for and absent, PyMC samples and the result says so.
    target_accept : float
        Rate of acceptance that the step size is tuned to. Higher than PyMC's 0.8, because few studies leave a narrow
        neck near tau = 0: of 36 runs with 3 studies 17 had divergences with 0.8, 6 with 0.9 and none with 0.95, which
        is no slower.
    parametrisation : str, optional
        The form in which the study effects are sampled, a name in `PARAMETRISATIONS`; by default as
        `choose_parametrisation` has it, by measurement. The posterior is the same.
    quiet : bool
        Whether to show no progress bar.

    Returns
    -------
    NutsFit

    Raises
    ------
    SpecError
        If an option is not allowed, or model and data do not go together.
    AccuracyError
        If there are no draws.
    """
    if not isinstance(quiet, bool):
        raise SpecError(f"quiet={quiet!r} must be True or False.")
    settings = check_settings(
        draws=draws, tune=tune, chains=chains, seed=seed, sampler=sampler, target_accept=target_accept
    )
    data = seen_by(model, studies, measure=measure)
    shared = structure_of(model, studies) if structure is None else structure
    form = choose_parametrisation(parametrisation, model, shared, studies.k)
    settings = replace(settings, parametrisation=form)
    from bayesmeta.nuts.sample import sample_model

    tree = sample_model(model, data, studies.study, shared, settings, quiet=quiet)
    return finish(studies, model, data, shared, settings, tree)


def finish(
    studies: Studies, model: ModelSpec, data: Observed, structure: Structure, settings: Settings, tree: "DataTree"
) -> NutsFit:
    """Return the fit that draws of a PyMC model make, with all that follows from them."""
    if model.effects == "beta":
        tree = with_beta_effects(tree, data, studies.study, settings.seed)
    elif not structure.beyond:
        tree = complete(tree, model, data, studies.study, structure, settings.seed)
    return NutsFit(studies, model, data.measure, data.link, settings, tree, structure=structure)
