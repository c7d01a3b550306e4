"""What do the draws of a model with moderators say of a study with stated values of them?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import unknown_name
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.nuts.beyond_draws import mean_over_t, standard_draws, tau_at
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
    scale = fit.structure.beyond.scale
    if (fit.design is None and scale is None) or fit.structure.by:
        raise SpecError("predict needs a fit of a model with a formula, such as bm.ModelSpec(formula='~ year', ...).")
    rng = np.random.default_rng(fit.seed)
    if fit.structure.beyond or fit.design is None:
        return estimate_rows(_beyond(fit, at, rng), ci_prob=ci_prob, ci_kind=ci_kind).rename_axis("parameter")
    eta = fit.draws_of("beta") @ fit.design.row(at)
    tau = fit.draws_of("tau") if fit.model.has_tau else np.zeros_like(eta)
    drawn = {"eta": eta, **_quantities(fit.model, fit.link, eta, tau, rng)}
    return estimate_rows(drawn, ci_prob=ci_prob, ci_kind=ci_kind).rename_axis("parameter")


def _beyond(fit: NutsFit, at: Mapping[str, object], rng: np.random.Generator) -> dict[str, FloatArray]:
    """Return draws of the mean and of the next study, of a model that only NUTS can fit."""
    beyond, model = fit.structure.beyond, fit.model
    designs = [design for design in (fit.design, beyond.scale) if design is not None]
    known = tuple(dict.fromkeys(name for design in designs for name in design.variables))
    for name in at:
        if name not in known:
            raise SpecError(unknown_name("moderator", name, known or ("(none)",)))
    if fit.design is None:
        eta = fit.draws_of("mu")
    else:
        eta = fit.draws_of("beta") @ fit.design.row({name: at[name] for name in fit.design.variables if name in at})
    tau = np.broadcast_to(tau_at(model, beyond, fit.draws_of, at), eta.shape)
    if not beyond.free_nu:
        return {"eta": eta, **_quantities(model, fit.link, eta, tau, rng)}
    nu, inverse = fit.draws_of("nu"), LINKS[fit.link].inverse
    theta_new = eta + tau * rng.standard_t(nu)
    if not is_proportion(fit.link):
        return {"eta": eta, "theta_new": theta_new}
    p_mean = mean_over_t(inverse, eta, tau, nu)
    return {"eta": eta, "p_median": inverse(eta), "p_mean": p_mean, "p_new": inverse(theta_new)}


def _quantities(
    model: ModelSpec, link: str, eta: FloatArray, tau: FloatArray, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Return draws of what is known of a mean besides itself, each of the shape of ``eta``."""
    if model.effects == "beta":
        return _of_beta(eta, tau, rng)
    inverse = LINKS[link].inverse
    theta_new = eta + tau * standard_draws(model.nu, eta.shape, rng)
    if not is_proportion(link):
        return {"theta_new": theta_new}
    return {"p_median": inverse(eta), "p_mean": mean_of_proportions(model, link, eta, tau), "p_new": inverse(theta_new)}


def _of_beta(eta: FloatArray, tau: FloatArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    kernel = BetaKernel()
    a, b = kernel.shapes(eta, tau)
    p_median, p_new = special.expit(kernel.median(eta, tau)), special.expit(kernel.draw(eta, tau, rng))
    return {"p_median": p_median, "p_mean": a / (a + b), "p_new": p_new}
