"""What is the model in PyMC? As a statistician would write it, with named dimensions."""

from collections.abc import Sequence
from typing import Any

import pymc as pm

from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.nuts.beyond_build import add_beyond, coords_beyond
from bayesmeta.nuts.effects import add_beta_effects, add_common_effect, add_new_effect, add_proportions, means_of
from bayesmeta.nuts.forms import add_mean_given_tau, add_theta
from bayesmeta.nuts.likelihoods import add_beta_binomial, add_likelihood
from bayesmeta.nuts.marginalised import add_marginal_likelihood
from bayesmeta.nuts.numbers import containers, numbers_of
from bayesmeta.nuts.parametrisations import MARGINALISED, NON_CENTRED, ROUGH, choose_parametrisation
from bayesmeta.nuts.priors import add_mean, add_tau
from bayesmeta.nuts.structure import DEFAULT_OMEGA, OVERALL, Structure, structure_by, structure_of
from bayesmeta.result.quantity import is_proportion
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Observed, check_studies, model_for, seen_by
from bayesmeta.spec.priors import PriorLike


def pymc_model(
    studies: Studies,
    model: ModelSpec | None = None,
    *,
    measure: str | None = None,
    by: str | None = None,
    tau: str = "common",
    omega: PriorLike | float = DEFAULT_OMEGA,
    parametrisation: str | None = None,
) -> pm.Model:
    """Return the PyMC model of ``engine="nuts"``, to look at or to extend.

    Parameters
    ----------
    studies : Studies
        The data.
    model : ModelSpec, optional
        As in `bayesmeta.fit`.
    measure : str, optional
        For the normal likelihood with counts: the effect measure they are turned into (default "PLO").
    by : str, optional
        A moderator, each level of which has a mean of its own, as in `bayesmeta.subgroups`.
    tau : {"common", "hierarchical"}
        With ``by``: how the levels share heterogeneity.
    omega : Prior, str or float
        In a hierarchy, the SD of log tau between levels: its prior, or its value.
    parametrisation : str, optional
        The form of the study effects, a name in `PARAMETRISATIONS`. By default ``"non-centred"``, as one would write
        it by hand, which has ``theta`` and standard variables, so that all can be added to it. `fit` samples the same
        posterior in the form ``fit.settings.parametrisation``.

    Returns
    -------
    pymc.Model
        See `build_model`.

    Raises
    ------
    SpecError
        If model and data do not go together, or an option is not allowed.
    """
    check_studies(studies)
    chosen = model_for(studies, model)
    if by is None:
        if tau != "common":
            raise SpecError(f"tau={tau!r} ties groups of studies together; name the moderator that makes them by `by`.")
        structure = structure_of(chosen, studies)
    else:
        structure = structure_by(studies, chosen, by, tau=tau, omega=omega)
    form = NON_CENTRED
    if parametrisation is not None:
        form = choose_parametrisation(parametrisation, chosen, structure, studies.k)
    return build_model(chosen, seen_by(chosen, studies, measure=measure), studies.study, structure, form=form)


def build_model(
    model: ModelSpec,
    data: Observed,
    labels: Sequence[str],
    structure: Structure = OVERALL,
    *,
    form: str = NON_CENTRED,
    lean: bool = False,
) -> pm.Model:
    """Return the PyMC model of a specification and data.

    Parameters
    ----------
    model : ModelSpec
        The model.
    data : Counts or Estimates
        What it sees of the studies.
    labels : sequence of str
        The studies.
    structure : Structure
        What they share: one mean and one tau, coefficients, or groups.
    form : str
        The form of the study effects, a name in `PARAMETRISATIONS`.
    lean : bool
        Whether to leave out what nothing observed depends on: the next study and, for counts, proportions and the
        constant of the likelihood. `bayesmeta.nuts.complete` computes them from the draws.

    Returns
    -------
    pymc.Model
        Dimension ``study``; with moderators ``coef``, and ``level`` where each study has one coefficient as its mean.

        Free variables: ``mu`` (or ``p_median``, if the prior is on the proportion), or ``beta``; ``tau``, or in a
        hierarchy of groups ``tau0``, ``omega`` and ``z_tau``; ``z`` and ``z_new``, the standardised effects of the
        studies and of the next one. Of two binomial arms also ``baseline``, the log odds of the control arms.
        Deterministic: ``theta`` and ``theta_new``; with moderators ``eta``; for proportions ``p``, ``p_median``,
        ``p_mean``, ``p_new``. Beta-distributed effects have shapes ``a`` and ``b`` and a uniform ``u_new``, and
        their ``theta`` and ``p`` are integrated out. Other forms have in place of ``z`` the variables that `add_theta`
        names; ``"marginalised"`` has none, and neither ``theta`` nor ``p``.

        Observed: ``events``, ``y``, ``events_treatment``, ``events_control``. Data and prior parameters are in
        containers (`pymc.Data`), such as ``n``, ``events_observed`` and ``prior_tau_sigma``, so that
        `pymc.set_data` or nutpie's ``with_data`` changes them without compiling anew.

    Notes
    -----
    Beside what the studies share, all is as in `ModelSpec`: data_i | theta_i ~ likelihood_i(theta_i) and
    theta_i = eta_i + tau z_i with standard normal (or Student's t) z_i.
    """
    of_group = "level" if structure.groups else None
    given_tau = lean and form in ROUGH and structure.design is None and model.mu.name == "Normal"
    with pm.Model(coords=coords_of(labels, structure)) as built:
        held = containers(numbers_of(model, data, structure, form=form))
        if structure.beyond:
            mean = add_mean(model, data, structure, held)
            add_likelihood(model, held, add_beyond(model, structure, held, mean, data.link))
            return built
        tau = add_tau(model, structure, held) if model.has_tau and given_tau else None
        mean = add_mean_given_tau(held, tau) if given_tau else add_mean(model, data, structure, held)
        tau = add_tau(model, structure, held) if model.has_tau and not given_tau else tau
        means = means_of(structure, mean, tau, held.get("design"))
        if model.effects == "beta":
            add_beta_binomial(held, *add_beta_effects(means, held.get("design"), of_group=of_group))
            return built
        theta = _add_effects(model, means, held, form)
        if not lean:
            add_new_effect(model, means, of_group=of_group)
            if is_proportion(data.link):
                add_proportions(model, data.link, means, theta, of_group=of_group)
        if theta is None:
            add_marginal_likelihood(model, means, held)
        else:
            add_likelihood(model, held, theta, lean=lean)
    return built


def coords_of(labels: Sequence[str], structure: Structure) -> dict[str, Any]:
    """Return the labels of the dimensions of the PyMC model."""
    named = {"study": labels, "coef": structure.coef, "level": structure.groups}
    own = {name: list(values) for name, values in named.items() if name == "study" or values}
    return own | coords_beyond(structure.beyond)


def _add_effects(model: ModelSpec, means: Any, held: Any, form: str) -> Any:
    """Add the study effects, and return them; None if they are integrated out."""
    if not model.has_tau:
        return add_common_effect(means)
    return None if form == MARGINALISED else add_theta(form, model, means, held)
