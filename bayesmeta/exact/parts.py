"""Which coefficients of a formula hang together, and what is integrated for each of them?

Two coefficients hang together if some study's mean depends on both. Given tau the parts of a design that do not hang
together are independent, each with the studies that depend on it: a factor coded by cell means falls apart into its
levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast, final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.exact.existence import TailOrders
from bayesmeta.exact.fit import pose_model
from bayesmeta.exact.gaussian import gaussian_terms, is_gaussian
from bayesmeta.exact.nuisance import MOST_COEFFICIENTS, IntegratedTerms
from bayesmeta.exact.propriety import is_separated, regression_orders, separated
from bayesmeta.exact.solve import Problem
from bayesmeta.spec.beyond import refuse_beyond
from bayesmeta.spec.coefficients import priors_of
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.moderators import Design
from bayesmeta.spec.observed import ANY_MU, Estimates, Observed
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.coordinates import Coordinate, Interval, RealLine, SinhLine
from bayesmeta.surface.terms import Terms

FLAT = Prior("Flat")


@final
@dataclass(frozen=True, eq=False)
class Regression:
    """What is to be integrated.

    Parameters
    ----------
    base : Problem
        All studies' likelihoods, the prior of tau and its coordinate.
    data : Counts or Estimates
        What the model sees.
    design : array, shape (k, p)
        The design matrix.
    coef : tuple of str
        Names of its columns.
    priors : tuple of Prior
        Of the coefficients.
    is_normal : bool
        Whether all is normal given tau, with flat or normal priors, so that there is a closed form.
    """

    base: Problem
    data: Observed
    design: FloatArray
    coef: tuple[str, ...]
    priors: tuple[Prior, ...]
    is_normal: bool

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.design)

    def without(self, study: int) -> "Regression":
        """Return the regression without one study; a coefficient that no study is left for keeps its prior."""
        keep = np.delete(np.arange(self.k, dtype=np.intp), study)
        used = np.flatnonzero((self.design[keep] != 0.0).any(axis=0))
        return replace(
            self,
            base=replace(self.base, terms=self.base.terms.take(keep)),
            data=_take(self.data, keep),
            design=self.design[np.ix_(keep, used)],
            coef=tuple(self.coef[i] for i in used),
            priors=tuple(self.priors[i] for i in used),
        )

    def explained(self, message: str) -> str:
        """Return why the posterior could not be computed: which coefficients separated data leave to their priors."""
        free = separated(self.design, *self.base.terms.limits())
        if not free.any():
            return message
        names = " and ".join(f"beta[{self.coef[i]}] ~ {self.priors[i]}" for i in np.flatnonzero(free))
        return (
            f"the data are separated along {names} (the studies that would bound them have 0 events, or all), and so "
            "wide a posterior could not be computed; give these coefficients narrower priors, such as Normal(0, 1.5)."
        )

    def parts(self, *, together: IntArray | None = None) -> list[IntArray]:
        """Return the coefficients that hang together, and those of ``together`` in one part, which comes first."""
        p = len(self.coef)
        label = np.arange(p)
        if together is not None:
            label[together] = together[0]
        for row in np.unique(self.design != 0.0, axis=0):
            touched = label[row]
            label[np.isin(label, touched)] = touched.min()
        parts = [np.flatnonzero(label == value) for value in dict.fromkeys(label)]
        first = [part for part in parts if together is not None and together[0] in part]
        return [*first, *(part for part in parts if not any(part is one for one in first))]

    def orders(self, target: FloatArray) -> TailOrders:
        """Return the tail orders of target'beta and tau; raise `ImproperPosteriorError` if there is no posterior."""
        left, right = self.base.terms.limits()
        return regression_orders(self.design, self.coef, self.priors, self.base.prior_tau, left, right, target)

    def problem(self, part: IntArray, target: FloatArray) -> Problem:
        """Return the problem of the linear combination target'beta, which only touches the coefficients of a part.

        Raises
        ------
        ImproperPosteriorError
            If prior and data do not define a posterior.
        SpecError
            If too many coefficients hang together, or their priors do not suit the integration.
        """
        orders = self.orders(target)
        studies = np.flatnonzero((self.design[:, part] != 0.0).any(axis=1))
        design = self.design[np.ix_(studies, part)]
        priors, own = [self.priors[i] for i in part], target[part]
        if part.size == 1 and (design == 1.0).all() and own[0] == 1.0:
            terms = self.base.terms.take(studies)
            return replace(
                self.base, terms=terms, prior_mu=priors[0], orders=orders,
                mu_coordinate=_coordinate(priors[0], orders, terms),
            )  # fmt: skip
        integrated = self._integrated(studies, design, priors, own)
        return replace(
            self.base, terms=integrated, prior_mu=FLAT, orders=orders,
            mu_coordinate=_coordinate(FLAT, orders, integrated),
        )  # fmt: skip

    def _integrated(self, studies: IntArray, design: FloatArray, priors: Sequence[Prior], target: FloatArray) -> Terms:
        terms = self.base.terms.take(studies)
        if self.is_normal and isinstance(self.data, Estimates):
            y, se = self.data.y[studies], self.data.se[studies]
            return cast(Terms, gaussian_terms(y, se, design, priors, target, getattr(terms, "kernel", None)))
        if len(priors) > MOST_COEFFICIENTS:
            raise SpecError(
                f"{len(priors)} coefficients depend on one another, and for this likelihood the exact engine "
                f"integrates at most {MOST_COEFFICIENTS} together; leave moderators out, code a factor by cell means "
                "('~ 0 + x'), or use likelihood='normal' with normal priors, which takes any number."
            )
        for prior in priors:
            if not np.isinf(prior.support).all():
                raise SpecError(
                    f"{prior} for a coefficient is bounded, which the exact engine allows only for groups coded by "
                    "cell means ('~ 0 + x'); use Normal, StudentT, Cauchy, Logistic or Flat."
                )
        heavy = np.array([np.isfinite(prior.tail_order) for prior in priors])
        if heavy.any() and is_separated(design, heavy, *terms.limits()):
            raise SpecError(
                "the data are completely separated along coefficients whose priors have heavy tails, so that their "
                "posterior hardly falls; give them a prior with lighter tails, such as Normal(0, 1.5)."
            )
        return cast(Terms, IntegratedTerms(terms, design, priors, target))


def pose_regression(studies: Studies, model: ModelSpec, design: Design, *, measure: str | None = None) -> Regression:
    """Return what is to be integrated for a model with a formula.

    Raises
    ------
    SpecError
        If a coefficient has no prior, or model and data do not go together.
    ImproperPosteriorError
        If tau's posterior would be improper whatever the coefficients.
    """
    if model.beta is None:
        raise SpecError("the model has no formula; fit it without one.")
    refuse_beyond(model)
    priors = priors_of(model.beta, design.coef)
    base, data = pose_model(studies, replace(model, formula=None, beta=None, mu=ANY_MU), measure=measure)
    is_normal = isinstance(data, Estimates) and model.effects == "normal" and is_gaussian(priors)
    return Regression(base, data, design.matrix, design.coef, priors, is_normal)


def _coordinate(prior: Prior, orders: TailOrders, terms: Terms) -> Coordinate:
    """Return the coordinate on which a coefficient is integrated, as `solve.pose` chooses it for mu."""
    if np.isfinite(prior.support).all():
        return Interval(*prior.support)
    if np.isfinite(prior.tail_order) and prior.is_proper:
        centre, variance = terms.rough()
        return SinhLine(float(np.mean(centre)), float(np.median(np.sqrt(variance))))
    return RealLine()


def _take(data: Observed, keep: IntArray) -> Observed:
    return replace(data, y=data.y[keep], se=data.se[keep]) if isinstance(data, Estimates) else data
