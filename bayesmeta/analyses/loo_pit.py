"""Is each study where the others predict it? Leave-one-out probability integral transforms, and their uniformity."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.analyses.bayesian import Bayesian, check_bayesian
from bayesmeta.analyses.conflict import conflict, depends_on_studies
from bayesmeta.analyses.discrepancy import own_effects
from bayesmeta.analyses.predictive_checks import EQUAL, kind_of_data, replicated, tree_of
from bayesmeta.analyses.psis import with_marginal
from bayesmeta.errors import ImproperPosteriorError, SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.normal import NormalTerms

ALARM: Final = 0.05


@final
@dataclass(frozen=True, eq=False, repr=False)
class LooPit:
    """Where each study lies in its predictive distribution given all others.

    Attributes
    ----------
    table : DataFrame
        Indexed by ``study``: ``prob_below``, the probability that a study of the same size would show less than it did,
        plus half of that of the same (mid-p). By quadrature also ``numerical_error`` and ``note``; from draws ``mcse``
        and ``pareto_k``.
    statistic, pvalue : float
        Kolmogorov's test that ``prob_below`` is uniform: largest distance of its distribution function from the
        diagonal, and exact p-value.
    is_exact : bool
        Whether the probabilities are by quadrature.
    """

    table: pd.DataFrame
    statistic: float
    pvalue: float
    is_exact: bool

    @property
    def verdict(self) -> str:
        """The result in one line."""
        how = "by quadrature" if self.is_exact else "from draws"
        test = f"largest distance from uniform {self.statistic:.2f}, P = {self.pvalue:.2g}"
        count = int(self.table["prob_below"].notna().sum())
        found = "the studies do not lie where the others predict them" if self.pvalue < ALARM else "no sign of misfit"
        return f"{found}: {count} leave-one-out probabilities {how}, {test}"

    def __repr__(self) -> str:
        return f"{self.verdict}\n\n{self.table.to_string()}"


def loo_pit(
    fit: Bayesian, *, draws: int = 1000, chains: int = 4, seed: int | np.random.Generator | None = None
) -> LooPit:
    """Return leave-one-out probability integral transforms of the studies, and whether they are uniform.

    Parameters
    ----------
    fit : ExactFit, RegressionFit or NutsFit
        A Bayesian fit.
    draws, chains, seed
        Of an exact fit that has no rule by quadrature, as in `ExactFit.to_datatree`; a NUTS fit has its own draws.

    Returns
    -------
    LooPit

    Raises
    ------
    SpecError
        If the fit is not Bayesian.
    AccuracyError
        If a posterior cannot be computed accurately.

    Notes
    -----
    Of one arm of counts under a logit, probit or cloglog link, and of estimates, with normal effects and without
    moderators, ``prob_below`` is that of `conflict`, by quadrature. Otherwise it is a mean over draws of replicates of
    new studies, weighted by the smoothed inverse of each study's likelihood with its effect integrated out
    (Pareto-smoothed importance sampling; of models that the exact engine does not know, given its effect); what is
    compared of two arms is the log odds ratio, or log rate ratio, with 1/2 added to every cell.

    If model and priors hold, each is uniform, but for the mid-p of counts, which is less variable [1]_; together they
    depend on one another a little, because studies predict each other. So the test is somewhat conservative. ArviZ's
    ``plot_loo_pit`` draws them with another test.

    References
    ----------
    .. [1] C. Czado, T. Gneiting, L. Held. Predictive model assessment for count data. Biometrics 65:1254-1261, 2009.
       doi:10.1111/j.1541-0420.2009.01191.x

    Examples
    --------
    >>> import bayesmeta as bm
    >>> print(loo_pit(bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))).verdict)
    no sign of misfit: 14 leave-one-out probabilities by quadrature, largest distance from uniform 0.12, P = 0.98
    """
    check_bayesian(fit, "loo_pit")
    table = _by_quadrature(fit)
    is_exact = table is not None
    if table is None:
        table = _from_draws(fit, draws=draws, chains=chains, seed=seed)
    statistic, pvalue = uniformity(table["prob_below"].dropna().to_numpy())
    return LooPit(table, statistic, pvalue, is_exact)


def uniformity(probability: FloatArray) -> tuple[float, float]:
    """Return Kolmogorov's statistic for uniformity on (0, 1), and its exact p-value; nan for no values."""
    from scipy import stats

    if not probability.size:
        return np.nan, np.nan
    found: Any = stats.kstest(probability, "uniform", method="exact")
    return float(found.statistic), float(found.pvalue)


def _by_quadrature(fit: object) -> pd.DataFrame | None:
    if not isinstance(fit, ExactFit) or depends_on_studies(fit.model) or fit.power_weights is not None:
        return None
    terms = fit.solution.problem.terms
    if isinstance(terms, NormalTerms) or (isinstance(terms, BinomialTerms) and terms.offset is None):
        return conflict(fit)[["prob_below", "numerical_error", "note"]]
    return None


def _from_draws(fit: Bayesian, *, draws: int, chains: int, seed: int | np.random.Generator | None) -> pd.DataFrame:
    tree, observed = tree_of(fit, draws=draws, chains=chains, seed=seed)
    if isinstance(fit, NutsFit):
        with suppress(SpecError, ImproperPosteriorError):  # the conditional one serves, less well; pareto_k tells
            tree = with_marginal(tree, fit)
    from arviz_stats.base import array_stats

    kind, given = kind_of_data(fit, observed)
    own = own_effects(kind, given)
    made = own_effects(kind, given | replicated(tree, "predictions", observed))
    density: Any = next(iter(tree["log_likelihood"].data_vars.values())).transpose("study", "chain", "draw")
    log_p = np.asarray(density).reshape(len(own), -1)
    log_weight, shape = array_stats.psislw(log_p)  # of their inverse
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    same = np.isclose(made, own, rtol=EQUAL, atol=EQUAL)
    score = np.where(same, 0.5, (made < own).astype(np.float64))
    below = (weight * score).sum(axis=1)
    error = np.sqrt((weight**2 * (score - below[:, None]) ** 2).sum(axis=1))
    columns = {"prob_below": below, "mcse": error, "pareto_k": shape}
    return pd.DataFrame(columns, index=pd.Index(fit.studies.study, name="study"))
