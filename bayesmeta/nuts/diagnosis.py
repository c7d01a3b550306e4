"""Can the draws be trusted, and if not, what is to be done? A verdict in words."""

from typing import TYPE_CHECKING, Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.nuts.hyperpriors import hyperpriors
from bayesmeta.result.diagnosis import LEVELS, Check, Diagnosis, identified, is_its_prior
from bayesmeta.spec.beyond import features_beyond
from bayesmeta.spec.observed import Estimates
from bayesmeta.spec.resolve import resolve_prior

if TYPE_CHECKING:
    from bayesmeta.nuts.fit import NutsFit

LARGEST_R_HAT: Final = 1.01  # Vehtari et al. (2021)
ESS_PER_CHAIN: Final = 100.0  # Vehtari et al. (2021), for the bulk and for the tails
APART: Final = 1.1  # R-hat of chains that no number of draws alone brings together; Gelman and Rubin's (1992) limit
MOST_LONGER: Final = 100.0  # times as many draws: what is advised at most
ROUND_TO: Final = 500  # draws
LARGEST_MCSE: Final = 0.1  # of a posterior SD: the first digit of the mean holds
SMALLEST_BFMI: Final = 0.3  # Betancourt (2016), arXiv:1604.00695, as Stan uses it
MOST_DEEP: Final = 0.05  # share of draws whose tree was cut at its greatest depth
CAREFUL, VERY_CAREFUL = 0.95, 0.99  # rates of acceptance to try in turn
DEEP_NAMES: Final = ("reached_max_treedepth", "maxdepth_reached")  # PyMC's, nutpie's
FUNNEL_QUARTER: Final = 0.25  # of the draws have the smallest tau; divergences there are those of a funnel
FUNNEL_SD: Final = 2.0  # more of them there than chance explains
FUNNEL_LEAST: Final = 5
RUNAWAY: Final = 100.0  # posterior SD in units of the effects' own scale, of a parameter that nothing bounds


def judge(fit: "NutsFit") -> Diagnosis:
    """Return the verdict on a NUTS fit; `diagnose` is its public form."""
    learnt, notes = _identified(fit)
    checks = [_chains(fit), *_mixing(fit), _divergences(fit), _energy(fit), _depth(fit), learnt, _bounded(fit)]
    if fit.verification is not None and fit.verification.agrees is not None:
        checks.append(_agreement(fit.verification.largest, fit.verification.agrees))
    return Diagnosis(tuple(check for check in checks if check is not None), notes)


def _chains(fit: "NutsFit") -> Check | None:
    if fit.chains > 1:
        return None
    advice = "R-hat cannot be computed, so that nothing shows whether it found the posterior; take chains=4"
    return Check("chains", 1, ">= 2", False, advice, "only one chain")


def _mixing(fit: "NutsFit") -> list[Check]:
    r_hat = fit.diagnostics["r_hat"].to_numpy()
    bulk, tail = (float(np.nan_to_num(fit.diagnostics[name].min(skipna=False))) for name in ("ess_bulk", "ess_tail"))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = (fit.diagnostics["mcse_mean"] / fit.diagnostics["sd"]).to_numpy()
    mcse = float(error.max()) if np.isfinite(error).all() else np.inf
    worst = float(r_hat.max()) if np.isfinite(r_hat).all() else np.inf
    wanted = ESS_PER_CHAIN * fit.chains
    more = _more(fit, worst if fit.chains > 1 else 1.0, wanted / max(min(bulk, tail), 1.0))
    checks = [
        Check("ess_bulk", bulk, f">= {wanted:g}", bulk >= wanted, more, f"bulk ESS {bulk:.0f}"),
        Check("ess_tail", tail, f">= {wanted:g}", tail >= wanted, more, f"tail ESS {tail:.0f}"),
        Check("mcse", mcse, f"<= {LARGEST_MCSE:g} SD", mcse <= LARGEST_MCSE, more,
              "" if mcse <= LARGEST_MCSE else f"MCSE of a mean {mcse:.2f} SD"),
    ]  # fmt: skip
    if fit.chains > 1:
        met = worst <= LARGEST_R_HAT
        checks.insert(0, Check("r_hat", worst, f"<= {LARGEST_R_HAT:g}", met, more, f"R-hat {worst:.3f}"))
    return checks


def _more(fit: "NutsFit", r_hat: float, short: float) -> str:
    """Return the one advice on how many draws to take, for all checks of how well the chains mix.

    Parameters
    ----------
    r_hat : float
        The largest.
    short : float
        The effective sample size that is wanted, as a multiple of the smallest there is.
    """
    longer = (int(fit.draws * np.clip(short, 1.0, MOST_LONGER)) // ROUND_TO + 1) * ROUND_TO
    if r_hat <= LARGEST_R_HAT:
        return f"too few draws; take more draws (draws={longer}){_or_exact(fit)}"
    if fit.draws < ESS_PER_CHAIN:
        options = f"(tune={max(fit.tune, ROUND_TO)}, draws={longer})"
        return f"too few draws to tell whether the chains have met; take more {options}{_or_exact(fit)}"
    options = f"(tune={2 * fit.tune}, draws={2 * fit.draws if r_hat > APART else max(2 * fit.draws, longer)})"
    return f"the chains have not met; take more tuning steps and draws {options}{_or_exact(fit)}"


def _or_exact(fit: "NutsFit") -> str:
    return "" if features_beyond(fit.model) else ", or the engine 'exact'"


def _divergences(fit: "NutsFit") -> Check:
    now, count = fit.target_accept, fit.n_divergent
    found = "1 divergence" if count == 1 else f"{count or 'no'} divergences"
    prior = "a prior of tau with less mass near 0"
    exact = f"take {prior}" if features_beyond(fit.model) else f"use the engine 'exact', or {prior}"
    advice = f"parts of the posterior may be missing; {exact}"
    if now < VERY_CAREFUL:
        higher = CAREFUL if now < CAREFUL else VERY_CAREFUL
        advice = f"parts of the posterior may be missing; take target_accept={higher:g} (it was {now:g})"
    if _is_funnel(fit):
        found += ", most of them where tau is small (the neck of a funnel)"
        advice += "" if advice.endswith(exact) else f"; if that does not help, {exact}"
    return Check("divergences", count, "0", count == 0, advice, found)


def _is_funnel(fit: "NutsFit") -> bool:
    """Return whether more divergences than chance explains have a tau among the smallest quarter of the draws."""
    count = fit.n_divergent
    if count < FUNNEL_LEAST or "tau" not in fit.tree["posterior"]:
        return False
    tau = fit.draws_of("tau")
    low = tau.reshape(*tau.shape[:2], -1).min(axis=2)
    there = low[np.asarray(fit.tree["sample_stats"]["diverging"]).astype(bool)] < np.quantile(low, FUNNEL_QUARTER)
    expected = FUNNEL_QUARTER * count
    return bool(there.sum() > expected + FUNNEL_SD * np.sqrt(expected * (1.0 - FUNNEL_QUARTER)))


def _energy(fit: "NutsFit") -> Check:
    smallest = float(fit.bfmi.min())
    advice = f"the sampler crosses the tails too slowly; take a prior with lighter tails{_or_exact(fit)}"
    passed = not smallest < SMALLEST_BFMI
    return Check("bfmi", smallest, f">= {SMALLEST_BFMI:g}", passed, advice, f"BFMI {smallest:.2f}")


def _depth(fit: "NutsFit") -> Check | None:
    stats = fit.tree["sample_stats"]
    name = next((name for name in DEEP_NAMES if name in stats), None)
    if name is None:
        return None
    share = float(np.asarray(stats[name]).mean())
    advice = "the sampler needs more steps than it may take; scale the moderators to an SD of about 1, or narrow priors"
    found = f"{share:.0%} of the trees at their greatest depth" if share > MOST_DEEP else ""
    return Check("tree_depth", share, f"<= {MOST_DEEP:g}", share <= MOST_DEEP, advice, found)


def _identified(fit: "NutsFit") -> tuple[Check, tuple[str, ...]]:
    """Look for shared parameters whose posterior is their prior."""
    nothing = []
    for name, prior in hyperpriors(fit.model, fit.structure).items():
        quantiles = np.quantile(_draws_of(fit, name), LEVELS)
        if is_its_prior(resolve_prior(prior, fit.model, fit.observed), quantiles):
            nothing.append(name)
    means = [name for name in nothing if name.startswith(("mu", "beta["))]
    return identified(means, [name for name in nothing if name not in means])


def _bounded(fit: "NutsFit") -> Check | None:
    """Look for parameters with an improper prior whose draws run away."""
    improper = [name for name, prior in hyperpriors(fit.model, fit.structure).items() if not prior.is_proper]
    if not improper:
        return None
    data, scale = fit.observed, 1.0
    if isinstance(data, Estimates):
        scale = float(np.ptp(data.y) + data.se.max())
    spread = {name: float(_draws_of(fit, name).std()) / scale for name in improper}
    far = [name for name in improper if not spread[name] < RUNAWAY]
    advice = "the model is not identified: take a proper prior"
    found = f"draws of {' and '.join(far)} that nothing bounds" if far else ""
    return Check("bounded", max(spread.values()), f"< {RUNAWAY:g}", not far, advice, found)


def _draws_of(fit: "NutsFit", name: str) -> FloatArray:
    return fit.draws_of(name) if name in fit.tree["posterior"] else fit.values_of(name)


def _agreement(largest: float, agrees: bool) -> Check:
    advice = "take the numbers of engine='exact'; if the draws are many, look for what differs between the two models"
    found = f"largest difference from exact {largest:.1f} MCSE"
    return Check("difference from exact, MCSE", largest, "<= 4", agrees, advice, found)
