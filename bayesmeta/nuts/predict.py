"""What do the draws of a model with moderators say of a study with stated values of them?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.nuts.estimates import estimate_rows
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.nuts.mean_rule import mean_of_proportions
from bayesmeta.result.quantity import is_proportion
from bayesmeta.spec.model import ModelSpec
from bayesmeta.surface.beta_kernel import BetaKernel


def predict_draws(
    fit: NutsFit, at: Mapping[str, object], *, ci_prob: float = 0.95, ci_kind: str = "eti"
) -> pd.DataFrame:
    """Return the mean and the proportions at stated values of the moderators; see `bayesmeta.predict`.

    Parameters
    ----------
    fit : NutsFit
        With moderators.
    at : mapping
        Values of the moderators, uncentred.
    ci_prob, ci_kind
        As in `NutsFit.summary`.

    Returns
    -------
    DataFrame
        Rows ``eta``, and ``p_median``, ``p_mean``, ``p_new``, or ``theta_new``; columns as in `NutsFit.summary`.

    Raises
    ------
    SpecError
        If the fit has no moderators, or each level a tau of its own; if a moderator is unknown or has no such level.
    """
    if fit.design is None or fit.structure.by:
        raise SpecError("predict needs a fit of a model with a formula, such as bm.ModelSpec(formula='~ year', ...).")
    row, rng = fit.design.row(at), np.random.default_rng(fit.seed)
    eta = fit.draws_of("beta") @ row
    tau = fit.draws_of("tau") if fit.model.has_tau else np.zeros_like(eta)
    drawn = {"eta": eta, **_quantities(fit.model, fit.link, eta, tau, rng)}
    return estimate_rows(drawn, ci_prob=ci_prob, ci_kind=ci_kind).rename_axis("parameter")


def _quantities(
    model: ModelSpec, link: str, eta: FloatArray, tau: FloatArray, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Return draws of what is known of a mean besides itself, each of the shape of ``eta``."""
    if model.effects == "beta":
        return _of_beta(eta, tau, rng)
    inverse = LINKS[link].inverse
    standard = rng.standard_t(float(model.nu or 0.0), eta.shape) if model.nu else rng.standard_normal(eta.shape)
    theta_new = eta + tau * standard
    if not is_proportion(link):
        return {"theta_new": theta_new}
    return {"p_median": inverse(eta), "p_mean": mean_of_proportions(model, link, eta, tau), "p_new": inverse(theta_new)}


def _of_beta(eta: FloatArray, tau: FloatArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    kernel = BetaKernel()
    a, b = kernel.shapes(eta, tau)
    p_median, p_new = special.expit(kernel.median(eta, tau)), special.expit(kernel.draw(eta, tau, rng))
    return {"p_median": p_median, "p_mean": a / (a + b), "p_new": p_new}
