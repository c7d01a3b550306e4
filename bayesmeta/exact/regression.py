"""What does the exact engine return for a model with moderators? `RegressionFit`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.errors import AccuracyError, SpecError
from bayesmeta.exact.coefficient_draws import draw_coefficients
from bayesmeta.exact.parts import Regression, pose_regression
from bayesmeta.exact.regression_solve import Pair, leave_each_out, pairs, solve_parts
from bayesmeta.exact.summary import EVIDENCE_FLOOR, summary_rows, theta_rows, worst_error
from bayesmeta.exact.theta import study_effects
from bayesmeta.exact.trees import Drawable, draw_tree
from bayesmeta.result.describe import describe
from bayesmeta.result.marginal import Marginal
from bayesmeta.result.quantity import summary_rows_of
from bayesmeta.result.summary import with_estimand
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.moderators import Design, design_of
from bayesmeta.spec.observed import Observed

if TYPE_CHECKING:
    from xarray import DataTree


@final
@dataclass(frozen=True, eq=False, repr=False)
class RegressionFit:
    """The posterior of a model with moderators, computed by deterministic quadrature.

    Attributes
    ----------
    studies : Studies
        The data.
    model : ModelSpec
        The model, with a formula.
    measure : str or None
        The effect measure whose estimates were modelled (normal likelihood); None for counts.
    link : str
        What the linear predictor is a function of.
    design : Design
        The design matrix, with names of the coefficients, and the means at which moderators were centred.
    engine : str
        ``"exact"``.
    """

    studies: Studies
    model: ModelSpec
    measure: str | None
    link: str
    design: Design
    regression: Regression = field(repr=False)
    posteriors: tuple[Pair, ...] = field(repr=False)
    engine: Literal["exact"] = field(default="exact", init=False)
    _predicted: dict[tuple[float, ...], Pair] = field(default_factory=dict, init=False, repr=False)

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.studies.k

    @property
    def groups(self) -> tuple[str, ...]:
        """Labels of the groups, if the formula codes them by cell means; else empty."""
        return self.design.groups

    @property
    def of_a_mean(self) -> tuple[str, ...]:
        """What is known of a mean besides the mean itself: p_median, p_mean, p_new; or theta_new."""
        return tuple(name for name in summary_rows_of(self.link) if name not in ("mu", "tau"))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Rows of the summary: beta[...], tau, and of each group p_median[...], p_mean[...], p_new[...]."""
        rows = [f"beta[{name}]" for name in self.design.coef]
        of_groups = [f"{name}[{group}]" for group in self.groups for name in self.of_a_mean]
        return (*rows, *(["tau"] if self.model.has_tau else []), *of_groups)

    @property
    def log_evidence(self) -> float | None:
        """Log marginal likelihood; None if a prior is improper, because its constant is arbitrary."""
        if not all(prior.is_proper for prior in (*self.regression.priors, self.model.tau)):
            return None
        return self.posteriors[0][0].posterior.log_evidence

    @cached_property
    def log_evidence_error(self) -> float:
        """Absolute numerical error of the log marginal likelihood."""
        fine, coarse = (part.posterior.log_evidence for part in self.posteriors[0])
        return EVIDENCE_FLOOR + abs(fine - coarse)

    @cached_property
    def numerical_error(self) -> float:
        """Largest absolute numerical error of the 95 % summary: over all rows and columns."""
        return float(self.summary()["numerical_error"].max())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the summary should know, one line each."""
        centred = [f"{name} is centred at its mean, {mean:.6g}" for name, mean in self.design.means.items()]
        at_mean = (
            [f"{'; '.join(centred)}; the intercept (or each group's mean) is that at the mean."] if centred else []
        )
        missing = [
            note.replace(" of mu ", f" of beta[{name}] ")
            for name, (fine, _) in zip(self.design.coef, self.posteriors, strict=True)
            if (note := fine.note("mu"))
        ]
        of_tau = self.posteriors[0][0].note("tau")
        return (*at_mean, *missing, *([of_tau] if of_tau else []))

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
            Indexed by ``parameter``: ``beta[...]`` and ``tau`` (link scale); if the formula codes groups by cell
            means, for each group ``p_median[...]``, ``p_mean[...]`` and ``p_new[...]``, or ``theta_new[...]`` where
            effects are no proportions. Columns ``mean sd median lower upper numerical_error``.

        Raises
        ------
        SpecError
            If an option is not allowed.
        """
        frames = []
        for i, (fine, coarse) in enumerate(self.posteriors):
            of_group = self.of_a_mean if self.groups else ()
            names = ("mu", *(("tau",) if i == 0 and self.model.has_tau else ()), *of_group)
            frame = summary_rows(fine, coarse, names, ci_prob=ci_prob, ci_kind=ci_kind)
            label = self.groups[i] if self.groups else ""
            frames.append(frame.rename(index={name: self._row_name(name, i, label) for name in names}))
        return pd.concat(frames).loc[list(self.parameters)].rename_axis("parameter")

    def _row_name(self, name: str, column: int, label: str) -> str:
        return {"mu": f"beta[{self.design.coef[column]}]", "tau": "tau"}.get(name, f"{name}[{label}]")

    def predict(self, at: Mapping[str, object], *, ci_prob: float = 0.95, ci_kind: str = "eti") -> pd.DataFrame:
        """Return the mean and the proportions at stated values of the moderators; see `bayesmeta.predict`."""
        names, row = ("mu", *self.of_a_mean), self.design.row(at)
        try:
            frame = summary_rows(*self.at(row), names, ci_prob=ci_prob, ci_kind=ci_kind)
        except AccuracyError as error:
            raise AccuracyError(far_outside(at, self.studies) or str(error)) from None
        return frame.rename(index={"mu": "eta"})

    def at(self, row: FloatArray) -> Pair:
        """Return the posteriors of the linear predictor x'beta (as ``mu``) and tau, at two resolutions.

        Parameters
        ----------
        row : array, shape (p,)
            The row x of the design.
        """
        key = tuple(float(value) for value in row)
        used = np.flatnonzero(row)
        if used.size == 1 and row[used[0]] == 1.0:
            return self._of_coefficient(int(used[0]))
        if key not in self._predicted:
            if not used.size:
                raise SpecError("the linear predictor is 0 there whatever the coefficients; choose other values.")
            parts = self.regression.parts(together=used)
            targets = [row, *(np.eye(row.size)[part[0]] for part in parts[1:])]
            self._predicted[key] = pairs(solve_parts(self.regression, parts, targets, self._names, 1))[0]
        return self._predicted[key]

    def _of_coefficient(self, column: int) -> Pair:
        """Return the posteriors of a coefficient that is a mean, held to the accuracy of a mean's quantities."""
        pair = self.posteriors[column]
        if not self.groups and worst_error(*pair, self._names) > 1.0:
            unit = np.eye(len(self.design.coef))[column]
            parts = self.regression.parts(together=np.array([column]))
            targets = [unit, *(np.eye(unit.size)[part[0]] for part in parts[1:])]
            pair = pairs(solve_parts(self.regression, parts, targets, self._names, 1))[0]
        return pair

    @property
    def _names(self) -> tuple[str, ...]:
        return summary_rows_of(self.link, has_tau=self.model.has_tau)

    def marginal(self, name: str) -> Marginal:
        """Return the posterior distribution of a row of the summary.

        Raises
        ------
        SpecError
            If there is no such row.
        """
        return self.resolutions(name)[0]

    def resolutions(self, name: str) -> tuple[Marginal, Marginal]:
        """Return the distribution of a row of the summary at the finer and at the coarser resolution."""
        if name not in self.parameters:
            raise SpecError(unknown_name("quantity", name, self.parameters))
        if name == "tau":
            fine, coarse = self.posteriors[0]
            return fine.marginal("tau"), coarse.marginal("tau")
        kind, _, label = name.removesuffix("]").partition("[")
        labels = self.design.coef if kind == "beta" else self.groups
        fine, coarse = self.posteriors[labels.index(label)]
        of_posterior = "mu" if kind == "beta" else kind
        return fine.marginal(of_posterior), coarse.marginal(of_posterior)

    def theta_table(self, *, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the posterior of each study's own effect, for groups coded by cell means.

        Returns
        -------
        DataFrame
            Indexed by ``study``: ``mean sd median lower upper weight shrinkage numerical_error``, where ``weight``
            is the study's share in the mean of its group.
        """
        if not self.groups:
            raise SpecError(
                "study effects of a formula with more than one coefficient per study are not available yet; code "
                "groups by cell means ('~ 0 + x'), or fit without the formula."
            )
        labels = np.array(self.studies.study, dtype=object)
        frames = []
        for column, (fine, coarse) in enumerate(self.posteriors):
            own = labels[self.design.matrix[:, column] == 1.0]
            effects = [study_effects(part.posterior) for part in (fine, coarse)]
            left, right = fine.posterior.surface.terms.limits()
            moments = [
                fine.study_moments(effect.moments(), left=bool(a), right=bool(b))
                for effect, a, b in zip(effects[0], left, right, strict=True)
            ]
            frames.append(theta_rows(fine.posterior, effects[0], effects[1], tuple(own), moments, ci_prob=ci_prob))
        return pd.concat(frames).loc[list(self.studies.study)]

    @cached_property
    def loo(self) -> pd.DataFrame:
        """Exact leave-one-out log predictive densities, indexed by study, with their numerical errors."""
        elpd, error = leave_each_out(self.regression, self.posteriors[0])
        index = pd.Index(self.studies.study, name="study")
        return pd.DataFrame({"elpd_loo": elpd, "numerical_error": EVIDENCE_FLOOR + error}, index=index)

    @property
    def observed(self) -> Observed:
        """The data that the model sees."""
        return self.regression.data

    @property
    def drawable(self) -> Drawable:
        """What independent draws are made from."""
        base, matrix = self.regression.base, self.design.matrix
        new = (("level",), self.groups) if self.groups else (("study",), self.studies.study)
        return Drawable(
            self.model, self.observed, self.studies, base.terms,
            self.posteriors[0][0].posterior.surface.settings, self.link, (*self.regression.priors, base.prior_tau),
            self._sample, matrix, np.eye(len(self.design.coef)) if self.groups else matrix, self.design.coef, new,
        )  # fmt: skip

    def _sample(self, size: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        return draw_coefficients(self.regression, [fine for fine, _ in self.posteriors], size, rng)

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
        draws, chains, seed, log_likelihood
            As in `ExactFit.to_datatree`.

        Returns
        -------
        xarray.DataTree
            As `ExactFit.to_datatree`, with ``beta`` by ``coef`` in place of ``mu``. ``theta_new``, ``p_median``,
            ``p_mean`` and ``p_new`` are by ``level`` if the formula codes groups by cell means; else by ``study``: of a
            new study with the moderators of that study. ``constant_data`` has the ``design``.

        Raises
        ------
        SpecError
            If an option is not allowed.
        AccuracyError
            If the coefficients cannot be drawn.
        """
        return draw_tree(
            self.drawable, self.numerical_error, draws=draws, chains=chains, seed=seed, log_likelihood=log_likelihood
        )

    def __repr__(self) -> str:
        return describe(f"Exact posterior, k = {self.k}", self.model, self.summary(), self.notes)


def far_outside(at: Mapping[str, object], studies: Studies) -> str:
    """Return which values of moderators lie how far outside the studies' own, as an error message; "" if none does."""
    found = []
    for name, value in at.items():
        own = studies.moderators[name].dropna()
        if pd.api.types.is_numeric_dtype(own) and not pd.api.types.is_bool_dtype(own):
            low, high, number = float(own.min()), float(own.max()), float(str(value))
            beyond = max(low - number, number - high)
            if beyond > 0.0:
                times = f", {beyond / (high - low):.3g} times their range" if high > low else ""
                found.append(f"{name}={number:g} lies {beyond:g} outside the studies' {low:g} to {high:g}{times}")
    if not found:
        return ""
    return (
        f"the prediction could not be computed so far outside the data: {', and '.join(found)}; choose values nearer."
    )


def refuse_regression(fit: object, verb: str) -> None:
    """Raise `SpecError` for a fit of a model with a formula, which a function does not take."""
    if isinstance(fit, RegressionFit):
        raise SpecError(
            f"{verb} is for models without a formula, not {fit.model.formula!r}; fit the studies without one, or a "
            "group of them."
        )


def fit_regression(studies: Studies, model: ModelSpec, *, measure: str | None = None) -> RegressionFit:
    """Fit a model with a formula by quadrature.

    Parameters
    ----------
    studies : Studies
        The data, with the moderators.
    model : ModelSpec
        The model, with a formula.
    measure : str, optional
        For the normal likelihood with counts: the effect measure they are turned into (default "PLO").

    Returns
    -------
    RegressionFit

    Raises
    ------
    SpecError
        If model and data do not go together, or the formula is beyond what can be integrated.
    DataError
        If a moderator is missing for a study.
    ImproperPosteriorError
        If the posterior is improper.
    AccuracyError
        If the summary cannot be computed accurately.
    """
    assert model.formula is not None
    design = design_of(model.formula, studies)
    regression = pose_regression(studies, model, design, measure=measure)
    link = regression.data.link
    names = summary_rows_of(link, has_tau=model.has_tau) if design.groups else ("mu", "tau")
    parts = regression.parts()
    found: dict[int, Pair] = {}
    for turn in range(max(part.size for part in parts)):  # each turn solves one coefficient of every part
        columns = [int(part[min(turn, part.size - 1)]) for part in parts]
        if set(columns) <= set(found):
            continue
        targets = [np.eye(len(design.coef))[column] for column in columns]
        solved = pairs(solve_parts(regression, parts, targets, names, len(parts)))
        found |= {column: pair for column, pair in zip(columns, solved, strict=True) if column not in found}
    posteriors = tuple(found[column] for column in range(len(design.coef)))
    return RegressionFit(studies, model, regression.data.measure, link, design, regression, posteriors)


def check_proper_regression(studies: Studies, model: ModelSpec, *, measure: str | None = None) -> None:
    """Raise `ImproperPosteriorError` if priors and data define no posterior of a model with a formula.

    Whatever is to compute it: unlike `fit_regression`, it takes any number of coefficients and any priors.
    """
    assert model.formula is not None
    regression = pose_regression(studies, model, design_of(model.formula, studies), measure=measure)
    for target in np.eye(len(regression.coef)):
        regression.orders(target)
