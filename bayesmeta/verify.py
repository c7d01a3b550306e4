"""Do the engines agree? A NUTS fit is held against the exact posterior of the same model and data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
import pandas as pd

from bayesmeta._validate import a_type, check_probability, unknown_name
from bayesmeta.errors import AccuracyError, ImproperPosteriorError, SpecError
from bayesmeta.exact.fit import fit_exact
from bayesmeta.exact.groups import Groups, fit_groups
from bayesmeta.exact.hierarchy import Omega
from bayesmeta.exact.regression import fit_regression
from bayesmeta.nuts.estimates import moment_errors, share_below
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.result.marginal import Marginal
from bayesmeta.result.quantity import summary_rows_of
from bayesmeta.result.verification import Verification
from bayesmeta.spec.beyond import features_beyond

TABLE_COLUMNS = ("parameter", "statistic", "exact", "nuts", "mcse", "difference")

type Row = tuple[str, str, float, float, float, float]


def verify(fit: NutsFit, *, ci_prob: float = 0.95) -> Verification:
    """Compare a NUTS fit with the exact posterior, number by number.

    Parameters
    ----------
    fit : NutsFit
        The fit.
    ci_prob : float
        Probability of the equal-tailed interval whose ends are compared.

    Returns
    -------
    Verification
        Mean, SD, median and both ends of the interval of every row of the summary, each difference in units of
        its own Monte-Carlo standard error. Moments that do not exist are left out. Where the exact engine has
        no answer, the reason. Fewer than 100 effective draws that agree verify nothing, and it says so.

    Raises
    ------
    SpecError
        If `fit` is no NUTS fit.

    Notes
    -----
    The two engines share the specification of the model and nothing else: one sums over a grid, the other
    samples a PyMC model. The standard errors of means and SDs are ArviZ's. A quantile is compared by the share of
    draws below the exact one, which should be its probability: that is the same to first order, but needs no
    estimate of the density in the tails, which made one fit in forty differ by more than 4 standard errors when
    nothing was wrong.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Bayesian Analysis 16, 667-718,
    doi 10.1214/20-BA1221.
    """
    if not isinstance(fit, NutsFit):
        raise SpecError(f"verify takes a fit made by engine='nuts'; got {a_type(fit)}.")
    prob = check_probability("ci_prob", ci_prob)
    features = features_beyond(fit.model)
    if features:
        reason = f"the exact engine cannot take {' and '.join(features)}, so that only the sampler's diagnostics speak"
        return Verification(pd.DataFrame(columns=list(TABLE_COLUMNS)), reason)
    try:
        exact = _exact_posterior(fit)
        table = exact.summary(ci_prob=prob)
    except (AccuracyError, ImproperPosteriorError, SpecError) as error:
        return Verification(pd.DataFrame(columns=list(TABLE_COLUMNS)), f"the exact engine has no answer: {error}")
    rows: list[Row] = []
    for parameter, values in table.to_dict(orient="index").items():
        known = {str(name): float(value) for name, value in values.items()}
        rows += _moments(fit, str(parameter), known)
        rows += _quantiles(fit, exact, str(parameter), known, prob)
    compared = fit.diagnostics.loc[list(fit.parameters), ["ess_bulk", "ess_tail"]]
    return Verification(pd.DataFrame(rows, columns=list(TABLE_COLUMNS)), effective=float(compared.min().min()))


class _Exact(Protocol):
    """What is needed of an exact posterior."""

    def summary(self, *, ci_prob: float) -> pd.DataFrame:
        """Return the rows."""
        ...

    def marginal(self, name: str) -> Marginal:
        """Return the distribution of one of them."""
        ...


@final
@dataclass(frozen=True)
class _ExactGroups:
    """Groups of studies, with the rows of the NUTS fit.

    Parameters
    ----------
    groups : Groups
        Their posteriors.
    coef : tuple of str
        Names of their means.
    """

    groups: Groups
    coef: tuple[str, ...]

    def _name(self, name: str, group: int) -> str:
        shared = self.groups.tau == "common" and name == "tau"
        label = self.groups.labels[group]
        return {"mu": f"beta[{self.coef[group]}]"}.get(name, name if shared else f"{name}[{label}]")

    def summary(self, *, ci_prob: float) -> pd.DataFrame:
        parts = []
        for i in range(len(self.coef)):
            part = self.groups.summary(i, ci_prob=ci_prob)
            parts.append(part.set_axis([self._name(str(name), i) for name in part.index]))
        table = pd.concat(parts)
        return table[~table.index.duplicated()]

    def marginal(self, name: str) -> Marginal:
        for i, fine in enumerate(self.groups.fine):
            for kind in summary_rows_of(self.groups.link):
                if self._name(kind, i) == name:
                    return fine.marginal(kind)
        raise SpecError(unknown_name("quantity", name, self.summary(ci_prob=0.95).index))


def _exact_posterior(fit: NutsFit) -> _Exact:
    """Return the exact posterior of the model that a NUTS fit sampled."""
    structure = fit.structure
    if structure.design is None:
        return fit_exact(fit.studies, fit.model, measure=fit.measure)
    if not structure.by:
        return fit_regression(fit.studies, fit.model, measure=fit.measure)
    omega = structure.omega
    if omega is not None and not isinstance(omega, float) and omega.name != "HalfNormal":
        raise SpecError(f"it knows a half-normal prior of omega only, not {omega}.")
    scale = 0.0 if omega is None else omega if isinstance(omega, float) else omega.parameters["sigma"]
    members = [np.flatnonzero(column) for column in structure.matrix.T]
    groups = fit_groups(
        fit.studies, fit.model, members, structure.groups,
        tau=structure.tau, omega=Omega(scale, isinstance(omega, float)), measure=fit.measure,
    )  # fmt: skip
    return _ExactGroups(groups, structure.coef)


def _moments(fit: NutsFit, parameter: str, known: dict[str, float]) -> Iterator[Row]:
    draws = fit.values_of(parameter)
    found = draws.mean(), draws.std(ddof=1)
    for name, value, error in zip(("mean", "sd"), found, moment_errors(draws), strict=True):
        if np.isfinite(known[name]):
            # No error, as of draws that do not move, agrees with nothing.
            difference = (value - known[name]) / error if error > 0.0 else np.nan
            yield parameter, name, known[name], float(value), error, float(difference)


def _quantiles(fit: NutsFit, exact: _Exact, parameter: str, known: dict[str, float], ci_prob: float) -> Iterator[Row]:
    draws, marginal = fit.values_of(parameter), exact.marginal(parameter)
    tail = 0.5 * (1.0 - ci_prob)
    for name, prob in (("median", 0.5), ("lower", tail), ("upper", 1.0 - tail)):
        density = float(marginal.pdf(known[name]))
        if not 0.0 < density < np.inf:
            continue  # to double precision the quantile is an end of the support: nothing to compare
        share, error = share_below(draws, known[name], prob)
        value = float(np.quantile(draws, prob))
        difference = (prob - share) / error if error > 0.0 else np.nan
        yield parameter, name, known[name], value, error / density, difference
