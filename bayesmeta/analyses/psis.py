"""How good is PSIS-LOO? ArviZ's approximation from draws beside the exact leave-one-out densities."""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import unknown_name
from bayesmeta.analyses.bayesian import Bayesian, check_bayesian
from bayesmeta.errors import AccuracyError, ImproperPosteriorError, SpecError
from bayesmeta.exact.fit import fit_exact, pose_model
from bayesmeta.exact.regression import fit_regression
from bayesmeta.exact.trees import LIKELIHOODS
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.spec.beyond import refuse_features
from bayesmeta.spec.observed import ANY_MU
from bayesmeta.surface.quadrature import level

if TYPE_CHECKING:
    from xarray import DataTree

SETTINGS: Final = level(1)


def psis_loo(
    fit: Bayesian,
    *,
    log_likelihood: str = "conditional",
    draws: int = 1000,
    chains: int = 4,
    seed: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return Pareto-smoothed leave-one-out densities by ArviZ, beside the exact ones.

    Parameters
    ----------
    fit : ExactFit, RegressionFit or NutsFit
        A Bayesian fit.
    log_likelihood : {"conditional", "marginal"}
        Of each study given its effect theta_i, as PyMC and ArviZ have it; or with theta_i integrated out.
    draws, chains, seed
        Of an exact fit, as in `ExactFit.to_datatree`; a NUTS fit has its own.

    Returns
    -------
    DataFrame
        Indexed by ``study``: ``elpd_psis``; its Monte-Carlo error ``mcse``, which means something only where the
        approximation works; ``pareto_k``, the tail of the importance ratios; ``is_reliable``, whether that is at most
        min(1 - 1 / log10(number of draws), 0.7) and the draws are reliable; ``elpd_loo``, the exact density (see
        `loo`), and its ``numerical_error``; nan where the exact engine has no answer.

    Raises
    ------
    SpecError
        If the fit is not Bayesian, or an option is not allowed; if the exact engine does not know the model whose
        marginal likelihood is asked for.

    Notes
    -----
    log p(y_i | others) is about -log mean_s 1 / p(y_i | theta_s), with ratios smoothed by a generalised Pareto
    distribution [1]_. Of a random-effects model theta_i is known from y_i alone but for its distribution, so that the
    ratios of the conditional likelihood have heavy tails where studies are large or extreme; ``pareto_k`` tells. Those
    of the marginal likelihood depend on mu and tau only, and hardly ever fail. The exact densities need no ratios.

    mcse^2 = sum_s w_s^2 (p_s - p)^2 / p^2, with p_s the likelihood of study i at draw s, w_s the smoothed normalised
    weights and p = sum_s w_s p_s (equation 9 of [1]_, by the delta method for its log).

    References
    ----------
    .. [1] A. Vehtari, D. Simpson, A. Gelman, Y. Yao, J. Gabry. Pareto smoothed importance sampling. Journal of Machine
       Learning Research 25(72), 2024.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> table = psis_loo(fit, log_likelihood="marginal", seed=1)
    >>> table[["elpd_psis", "elpd_loo"]].sum().round(1).to_dict(), bool(table["is_reliable"].all())
    ({'elpd_psis': -34.4, 'elpd_loo': -34.4}, True)
    """
    check_bayesian(fit, "psis_loo")
    if log_likelihood not in LIKELIHOODS:
        raise SpecError(unknown_name("log_likelihood", log_likelihood, LIKELIHOODS))
    if isinstance(fit, NutsFit):
        tree = fit.to_datatree()
        if log_likelihood == "marginal":
            tree = with_marginal(tree, fit)
    else:
        tree = fit.to_datatree(draws=draws, chains=chains, seed=seed, log_likelihood=log_likelihood)
    table = _table(tree, fit.studies.study).join(_exact(fit))
    table["is_reliable"] &= getattr(fit, "is_reliable", True)
    return table


def _table(tree: "DataTree", studies: tuple[str, ...]) -> pd.DataFrame:
    from arviz_stats import loo

    with warnings.catch_warnings():  # the frame tells
        warnings.filterwarnings("ignore", message="Estimated shape parameter")
        found: Any = loo(tree, pointwise=True)
    density = next(iter(tree["log_likelihood"].data_vars.values()))
    by_study = {name: np.asarray(getattr(found, name)) for name in ("elpd_i", "pareto_k")}
    log_p = _flat(density)
    log_weight = _flat(found.log_weights)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    ratio = np.exp(log_p - by_study["elpd_i"][:, None])
    return pd.DataFrame(
        {
            "elpd_psis": by_study["elpd_i"],
            "mcse": np.sqrt((weight**2 * (ratio - 1.0) ** 2).sum(axis=1)),
            "pareto_k": by_study["pareto_k"],
            "is_reliable": by_study["pareto_k"] <= found.good_k,
        },
        index=pd.Index(studies, name="study"),
    )


def _flat(values: Any) -> FloatArray:
    """Return an array of xarray by study and draw, shape (k, S)."""
    return np.asarray(values.transpose("study", "chain", "draw")).reshape(values.sizes["study"], -1)


def _exact(fit: Bayesian) -> pd.DataFrame:
    """Return the exact densities; nan where there are none."""
    try:
        if not isinstance(fit, NutsFit):
            return fit.loo
        if fit.structure.by:
            raise SpecError("it has no groups of this kind.")
        make: Any = fit_exact if fit.design is None else fit_regression
        table: pd.DataFrame = make(fit.studies, fit.model, measure=fit.measure).loo
        return table
    except (AccuracyError, ImproperPosteriorError, SpecError):
        index = pd.Index(fit.studies.study, name="study")
        return pd.DataFrame({"elpd_loo": np.nan, "numerical_error": np.nan}, index=index)


def with_marginal(tree: "DataTree", fit: NutsFit) -> "DataTree":
    """Return the tree of a NUTS fit with the log likelihood whose study effects are integrated out, by quadrature.

    Raises
    ------
    SpecError
        If the exact engine does not know the model.
    """
    if fit.structure.is_hierarchical:
        raise SpecError("the marginal likelihood of a hierarchy of tau is not known; use log_likelihood='conditional'.")
    refuse_features(fit.model, "log_likelihood='marginal'")
    without = fit.model if fit.model.formula is None else replace(fit.model, formula=None, beta=None, mu=ANY_MU)
    terms = pose_model(fit.studies, without, measure=fit.measure)[0].terms
    log_likelihood = tree["log_likelihood"].to_dataset()
    name = next(iter(log_likelihood.data_vars))
    tau = fit.draws_of("tau") if fit.model.has_tau else np.ones((fit.chains, fit.draws))
    eta = fit.draws_of("mu" if fit.design is None else "eta").reshape(tau.size, -1)
    eta = np.broadcast_to(eta, (tau.size, fit.k))
    values = [
        terms.take(np.array([i])).marginal(SETTINGS)(np.ascontiguousarray(eta[:, i]), tau.ravel())[0]
        for i in range(fit.k)
    ]
    by_draw = np.stack(values, axis=-1).reshape(*tau.shape, fit.k)
    tree = tree.copy()
    tree["log_likelihood"] = type(tree)(log_likelihood.assign({name: (("chain", "draw", "study"), by_draw)}))
    return tree
