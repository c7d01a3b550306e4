"""What is the model in PyMC? As a statistician would write it, with named dimensions."""

from collections.abc import Sequence
from typing import Any

import pymc as pm

from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.nuts.beyond_build import add_beyond, coords_beyond
from bayesmeta.nuts.effects import add_beta_effects, add_effects, add_proportions, means_of
from bayesmeta.nuts.likelihoods import add_beta_binomial, add_likelihood
from bayesmeta.nuts.numbers import containers, numbers_of
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
) -> pm.Model:
    """Return the PyMC model that ``engine="nuts"`` samples, to look at or to extend.

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
    return build_model(chosen, seen_by(chosen, studies, measure=measure), studies.study, structure)


def build_model(model: ModelSpec, data: Observed, labels: Sequence[str], structure: Structure = OVERALL) -> pm.Model:
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

    Returns
    -------
    pymc.Model
        Dimension ``study``; with moderators ``coef``, and ``level`` where each study has one coefficient as its mean.

        Free variables: ``mu`` (or ``p_median``, if the prior is on the proportion), or ``beta``; ``tau``, or in a
        hierarchy of groups ``tau0``, ``omega`` and ``z_tau``; ``z`` and ``z_new``, the standardised effects of the
        studies and of the next one. Of two binomial arms also ``baseline``, the log odds of the control arms.
        Deterministic: ``theta`` and ``theta_new``; with moderators ``eta``; for proportions ``p``, ``p_median``,
        ``p_mean``, ``p_new``. Beta-distributed effects have shapes ``a`` and ``b`` and a uniform ``u_new``, and
        their ``theta`` and ``p`` are integrated out.

        Observed: ``events``, ``y``, ``events_treatment``, ``events_control``. Data and prior parameters are in
        containers (`pymc.Data`), such as ``n``, ``events_observed`` and ``prior_tau_sigma``, so that
        `pymc.set_data` or nutpie's ``with_data`` changes them without compiling anew.

    Notes
    -----
    Beside what the studies share, all is as in `ModelSpec`: data_i | theta_i ~ likelihood_i(theta_i) and
    theta_i = eta_i + tau z_i (see `add_effects`).
    """
    coords: dict[str, Any] = {"study": list(labels)}
    coords |= {"coef": list(structure.coef)} if structure.coef else {}
    coords |= {"level": list(structure.groups)} if structure.groups else {}
    coords |= coords_beyond(structure.beyond)
    of_group = "level" if structure.groups else None
    with pm.Model(coords=coords) as built:
        held = containers(numbers_of(model, data, structure))
        mean = add_mean(model, data, structure, held)
        if structure.beyond:
            add_likelihood(model, held, add_beyond(model, structure, held, mean, data.link))
            return built
        tau = add_tau(model, structure, held) if model.has_tau else None
        means = means_of(structure, mean, tau, held.get("design"))
        if model.effects == "beta":
            add_beta_binomial(held, *add_beta_effects(means, held.get("design"), of_group=of_group))
            return built
        theta = add_effects(model, means, of_group=of_group)
        if is_proportion(data.link):
            add_proportions(model, data.link, means, theta, of_group=of_group)
        add_likelihood(model, held, theta)
    return built
