"""What do the studies share? One mean and one tau, coefficients of moderators, or a mean for each group of studies."""

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.nuts.beyond import NOTHING, Beyond, check_priors, factors_of
from bayesmeta.nuts.imputed import design_with_missing
from bayesmeta.nuts.scale import scale_of
from bayesmeta.result.quantity import summary_rows_of
from bayesmeta.spec.beyond import features_beyond, refuse_beyond
from bayesmeta.spec.coefficients import priors_of
from bayesmeta.spec.levels import groups_by, variables_of
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.moderators import Design, cell_means, design_of
from bayesmeta.spec.priors import Prior, PriorLike
from bayesmeta.spec.roles import prior_for

TAU: Final = ("common", "hierarchical")
DEFAULT_OMEGA: Final = "HalfNormal(0.5)"

OF_THE_NEXT: Final = ("p_mean", "p_new", "theta_new")
"""Rows of which there is none where the heterogeneity depends on moderators; see `bayesmeta.predict`."""

type Omega = Prior | float


@final
@dataclass(frozen=True, eq=False)
class Structure:
    """How the means of the studies, and their heterogeneity, hang together.

    Attributes
    ----------
    design : Design or None
        How the means depend on coefficients; None for one overall mean.
    by : str
        The moderator whose levels are groups with means of their own; empty for a formula of the model.
    tau : {"common", "hierarchical"}
        One tau, or for group g tau0 exp(omega z_g) with standard normal z_g.
    omega : Prior, float or None
        In a hierarchy, the SD of log tau between groups: its prior, or its value.
    beyond : Beyond
        What of it only NUTS can fit.
    """

    design: Design | None = None
    by: str = ""
    tau: str = "common"
    omega: Omega | None = None
    beyond: Beyond = NOTHING

    @property
    def coef(self) -> tuple[str, ...]:
        """Names of the coefficients; empty for one overall mean."""
        return () if self.design is None else self.design.coef

    @property
    def groups(self) -> tuple[str, ...]:
        """Labels of the groups, if each study has one coefficient as its mean; else empty."""
        return () if self.design is None else self.design.groups

    @property
    def is_hierarchical(self) -> bool:
        """Whether each group has its own tau."""
        return self.tau == "hierarchical"

    @property
    def matrix(self) -> FloatArray:
        """The design matrix, shape (k, p)."""
        assert self.design is not None
        return self.design.matrix

    def priors(self, model: ModelSpec) -> tuple[Prior, ...]:
        """Return the prior of the overall mean, or of each coefficient."""
        if model.beta is not None:
            return priors_of(model.beta, self.coef)
        return (model.mu,) * max(len(self.coef), 1)

    def rows(self, link: str, *, has_tau: bool) -> tuple[str, ...]:
        """Return the rows of a summary, as `RegressionFit` names them where there are coefficients."""
        rows = summary_rows_of(link, has_tau=has_tau)
        if self.beyond.scale is not None:
            rows = tuple(name for name in rows if name not in OF_THE_NEXT)
        spread = [f"tau[{group}]" for group in self.groups] if self.is_hierarchical else ["tau"] * has_tau
        if self.beyond.correlated is not None:
            spread = []
        spread += self.beyond.positions
        of_mean = [name for name in rows if name not in ("mu", "tau")]
        if self.design is None:
            return ("mu", *spread, *of_mean)
        of_groups = [f"{name}[{group}]" for group in self.groups for name in of_mean]
        return (*(f"beta[{name}]" for name in self.coef), *spread, *of_groups)


OVERALL: Final = Structure()


def structure_of(model: ModelSpec, studies: Studies) -> Structure:
    """Return the structure that a model's formula and random effects, if it has them, give the studies."""
    if not features_beyond(model):
        return OVERALL if model.formula is None else Structure(design_of(model.formula, studies))
    design, imputed = design_with_missing(model, studies)
    factors, scale = factors_of(model, studies, design), scale_of(model, studies)
    beyond = Beyond(factors, scale, imputed, free_nu=isinstance(model.nu, Prior))
    structure = Structure(design, beyond=beyond)
    check_priors(model, beyond, structure.priors(model))
    return structure


def structure_by(studies: Studies, model: ModelSpec, by: str, *, tau: str, omega: PriorLike | float) -> Structure:
    """Return the structure in which each level of a moderator is a group.

    Parameters
    ----------
    studies : Studies
        The data, with the moderator.
    model : ModelSpec
        Without a formula; the prior of mu is that of each group's mean.
    by : str
        The moderator.
    tau : {"common", "hierarchical"}
        How heterogeneity is shared.
    omega : Prior, str or float
        In a hierarchy, the SD of log tau between groups: its prior, or its value.

    Raises
    ------
    SpecError
        If the moderator is unknown or has one level, an option is not allowed, or the model has a formula or no tau.
    """
    if tau == "separate":
        raise SpecError(
            "tau='separate' is a model for each level alone: give it the studies of that level, studies.take(...)."
        )
    if tau not in TAU:
        raise SpecError(unknown_name("tau", tau, TAU))
    if model.formula is not None:
        raise SpecError(f"groups are named by `by`, so the model needs no formula; leave {model.formula!r} out.")
    refuse_beyond(model, "a model with `by`")
    if not model.has_tau:
        raise SpecError(f"effects='none' has no tau, so tau={tau!r} says nothing; use tau='separate'.")
    if tau == "hierarchical" and not model.tau.is_proper:
        raise SpecError(f"tau='hierarchical' needs a proper prior of tau, not {model.tau}; use HalfNormal(1).")
    levels = groups_by(studies, variables_of(studies, by)[0])
    design = cell_means(by, levels, studies.k)
    return Structure(design, by, tau, _check_omega(omega) if tau == "hierarchical" else None)


def _check_omega(omega: PriorLike | float) -> Omega:
    if isinstance(omega, int | float) and not isinstance(omega, bool):
        if not (np.isfinite(omega) and omega >= 0.0):
            raise SpecError(f"omega={omega!r} must be 0 (a common tau) or above, or a prior such as {DEFAULT_OMEGA}.")
        return float(omega)
    try:
        prior = prior_for("tau", omega)  # type: ignore[arg-type]  # what is no prior is refused there
    except SpecError as error:
        raise SpecError(f"{error}".replace("for tau", "for omega", 1).replace("but tau is", "but omega is")) from None
    if not prior.is_proper or prior.family.needs:
        raise SpecError(f"omega={prior}, the SD of log tau between groups, needs a proper prior; use {DEFAULT_OMEGA}.")
    return prior
