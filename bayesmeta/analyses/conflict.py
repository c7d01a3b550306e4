"""Does each study agree with what all others predict for it?"""

import numpy as np
import pandas as pd

from bayesmeta._validate import a_type
from bayesmeta.errors import SpecError
from bayesmeta.exact.conflict import below_others
from bayesmeta.exact.fit import ExactFit
from bayesmeta.exact.regression import refuse_regression
from bayesmeta.exact.study_sets import part_orders
from bayesmeta.spec.model import ModelSpec

FLOOR = 1e-8  # no smaller error is claimed


def conflict(fit: ExactFit) -> pd.DataFrame:
    """Return how far each study lies in the tail of its predictive distribution given all other studies.

    Parameters
    ----------
    fit : ExactFit
        An exact fit of counts or estimates.

    Returns
    -------
    DataFrame
        Indexed by ``study``. ``prob_below``: the probability that a study of the same size (same n, or same se) as
        study i would show less than it did, plus half the probability that it would show the same, predicted from the
        other studies. ``conflict_pvalue``: twice the smaller of ``prob_below`` and 1 - ``prob_below``.
        ``numerical_error``: the largest absolute error of the two. ``note``: why a row has no numbers (the posterior
        without that study is improper), else empty.

    Raises
    ------
    SpecError
        If the fit is not exact, or its likelihood has no rule yet.
    AccuracyError
        If a posterior cannot be computed accurately.

    Notes
    -----
    The replicate is predicted with heterogeneity: R_i ~ Binomial(n_i, expit(theta_new)), or y_i ~ Normal(theta_new,
    se_i^2), with theta_new ~ Normal(mu, tau^2) and (mu, tau) from their posterior given the data without study i,

        prob_below_i = P(R_i < r_i | data without i) + P(R_i = r_i | data without i) / 2.

    Leaving the study out avoids the conservatism of posterior predictive checks, which use the data twice; this is
    the cross-validatory mixed prediction of Marshall and Spiegelhalter [1]_. The half weight of the observed count
    (mid-p) keeps the p-value of discrete data near uniform, and doubling the smaller tail makes it two-sided, as
    Presanis et al. [2]_ do in their conflict p-values. With k studies the smallest of k p-values is expected to be
    about 1 / (k + 1) without any conflict: judge it against that.

    References
    ----------
    .. [1] E. C. Marshall, D. J. Spiegelhalter. Identifying outliers in Bayesian hierarchical models: a
       simulation-based approach. Bayesian Analysis 2:409-444, 2007. doi:10.1214/07-BA218
    .. [2] A. M. Presanis, D. Ohlssen, D. J. Spiegelhalter, D. De Angelis. Conflict diagnostics in directed acyclic
       graphs, with applications in Bayesian evidence synthesis. Statistical Science 28:376-397, 2013.
       doi:10.1214/13-STS426

    Examples
    --------
    >>> import bayesmeta as bm
    >>> df = bm.load_dataset("pritz1997")
    >>> table = conflict(bm.fit(bm.Studies.from_frame(df, events="events", n="n")))
    >>> table["conflict_pvalue"].nsmallest(2).round(3).to_dict()
    {'Hadeishi et al.': 0.106, 'Otsubo et al.': 0.139}
    """
    check_exact(fit, "conflict")
    if depends_on_studies(fit.model):
        raise SpecError(
            "the priors are made from the standard errors of all studies, so that the others alone do not predict a "
            "study; give priors that do not depend on the data, or use leave_one_out, which makes them anew."
        )
    problem, k = fit.solution.problem, fit.k
    orders = list(part_orders(problem, ~np.eye(k, dtype=np.bool_)))
    notes = [f"without this study, {given}" if isinstance(given, str) else "" for given in orders]
    defined = np.array([not note for note in notes])
    below, wrong = np.full(k, np.nan), np.full(k, np.nan)
    fine, coarse = below_others(problem, np.flatnonzero(defined), fit.solution.index)
    below[defined], wrong[defined] = np.clip(fine, 0.0, 1.0), np.abs(fine - coarse)
    return pd.DataFrame(
        {
            "prob_below": below,
            "conflict_pvalue": 2.0 * np.minimum(below, 1.0 - below),
            "numerical_error": FLOOR + 2.0 * wrong,
            "note": notes,
        },
        index=pd.Index(fit.studies.study, name="study"),
    )


def depends_on_studies(model: ModelSpec) -> bool:
    """Return whether a prior is made from the studies, and hence another one for each subset of them."""
    return "studies" in (model.mu.family.needs, model.tau.family.needs)


def check_exact(fit: object, verb: str) -> None:
    """Raise `SpecError` for what is no exact fit, with the way out."""
    if not isinstance(fit, ExactFit):
        refuse_regression(fit, verb)
        engine = getattr(fit, "engine", None)
        given = f"a fit of engine={engine!r}" if engine not in (None, "exact") else a_type(fit)
        raise SpecError(
            f"{verb} needs an exact fit, not {given}; fit the same studies and model with engine='exact', which takes "
            "milliseconds."
        )
