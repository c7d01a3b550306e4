"""Why could a posterior not be computed accurately, and what is to be done? The end of the error message."""

import numpy as np

from bayesmeta.spec.priors import Prior
from bayesmeta.surface.terms import Terms

HEAVY = 6.0  # a prior density that falls like this power or slower


def likely_cause(terms: Terms, prior_mu: Prior, prior_tau: Prior) -> str:
    """Return what is unusual in data and priors, and what to do.

    Parameters
    ----------
    terms : Terms
        The studies' likelihoods.
    prior_mu, prior_tau : Prior
        The priors.

    Returns
    -------
    str
        First what the data leave open, then tails of priors like a power; if there is neither, the scales of both.
    """
    left, right = terms.limits()
    causes, cures = [], {}
    if terms.k and np.logical_or(left, right).all():
        which = (
            "0 events" if left.all() else "an event for everyone" if right.all() else "0 events, or one for everyone"
        )
        causes.append(f"all {terms.k} studies have {which}, which bounds the effects on one side only")
        cures["mu"] = "a narrow prior of mu, such as Normal(0, 1.5)"
    for name, prior, lighter in (("mu", prior_mu, "Normal(0, 1.5)"), ("tau", prior_tau, "HalfNormal(1)")):
        if prior.is_proper and prior.tail_order <= HEAVY:
            causes.append(f"the prior of {name}, {prior}, has a heavy tail")
            cures.setdefault(name, f"a prior of {name} with lighter tails, such as {lighter}")
    if causes:
        return f"{', and '.join(causes)}; use {', and '.join(cures.values())}."
    priors = [f"{prior} for {name}" for name, prior in (("mu", prior_mu), ("tau", prior_tau)) if prior.is_proper]
    return (
        "data or priors are on extreme scales; check for standard errors or counts many times apart, and use priors "
        f"on the scale of the data{f' (now {", ".join(priors)})' if priors else ''}."
    )
