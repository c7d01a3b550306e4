"""What does a mixed model of the events themselves say of these studies, by maximum likelihood?"""

from dataclasses import replace

import numpy as np

from bayesmeta._arrays import BoolArray
from bayesmeta._validate import check_probability
from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import effect_sizes
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.glmm_describe import event_share
from bayesmeta.frequentist.glmm_found import Found
from bayesmeta.frequentist.glmm_intervals import interval_record
from bayesmeta.frequentist.glmm_maximum import maximise
from bayesmeta.frequentist.glmm_models import GlmmModel, StudyTerms, find_model
from bayesmeta.frequentist.glmm_random import maximise_random
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.intervals import pi_record
from bayesmeta.frequentist.study_effects import OwnEstimates, own_estimates


def fit_glmm(
    studies: Studies,
    *,
    measure: str | None = None,
    glmm_model: str | None = None,
    ci_method: str = "wald",
    pi_method: str = "hts",
    ci_prob: float = 0.95,
) -> GlmmFit:
    """Fit a generalised linear mixed model by maximum likelihood.

    Parameters
    ----------
    studies : Studies
        k studies, with counts or rates of one arm or two.
    measure : str, optional
        What mu is: ``"PLO"`` (counts), ``"IRLN"`` (rates), ``"OR"`` or ``"IRR"`` (two arms); there is no other.
    glmm_model : str, optional
        Of one arm ``"binomial-normal"`` or ``"poisson-normal"``. Of two, by metafor's code or in words: ``"UM.FS"``
        (``"unconditional-fixed"``, the default), both arms, a fixed intercept per study, half of the effect's variation
        in each arm; ``"UM.RS"`` (``"unconditional-random"``), the same with normal intercepts, independent of the
        effects; ``"CM.EL"`` (``"conditional"``), given the events in both arms: non-central hypergeometric, of
        rates binomial; ``"CM.AL"`` (``"conditional-approximate"``), its binomial approximation for rare events.
    ci_method : str
        Confidence interval of mu: ``"wald"`` (z), ``"t"`` (t with k - 1 df, metafor's ``test="t"``),
        ``"hartung-knapp"`` and ``"hartung-knapp-adhoc"`` (the same, the standard error scaled by the studies' scores),
        or ``"profile"`` (profile likelihood). That of tau2 is always by profile likelihood. ``"UM.RS"`` takes neither
        of Hartung and Knapp.
    pi_method : str
        Prediction interval: ``"hts"`` (t with k - 2 df) or ``"metafor"`` (the quantile of the confidence interval).
    ci_prob : float
        Coverage of all intervals, between 0 and 1.

    Returns
    -------
    GlmmFit
        Estimates, tests, weights, intervals; `notes` says what a reader must know.

    Raises
    ------
    SpecError
        If an option is unknown, or does not fit the data.
    DataError
        If the likelihood has no maximum, as where no study has an event.
    AccuracyError
        If the maximum cannot be computed accurately.

    Notes
    -----
    events_i ~ likelihood(theta_i), theta_i ~ Normal(mu, tau2); the log of each study's marginal likelihood is
    integrated to 1e-9 or better [1]_, not approximated at its mode. Zero cells need no correction. For fixed tau the
    likelihood is log-concave in mu; the profile in tau is scanned for several maxima. `se_mu` is from the observed
    information of (mu, tau). With random intercepts (alpha, mu, sigma, tau) are estimated together, by integrals over
    both random effects (metafor has Laplace's approximation of these); `q` is then against an effect per study with
    the intercepts random. The conditional models are those of [2]_; the unconditional one with half of the variation
    in each arm is model 4 of [3]_, and with random intercepts model 5.

    The factor of ``"hartung-knapp"`` is the root of sum(s_i^2 / J_i) / (k - 1), with score s_i and information J_i of
    each study about mu. It is this project's own; for normal likelihoods it is Hartung and Knapp's.

    References
    ----------
    .. [1] J. Prekopa. On logarithmic concave measures and functions. Acta Scientiarum Mathematicarum 34:335-343, 1973.
    .. [2] T. Stijnen, T. H. Hamza, P. Ozdemir. Random effects meta-analysis of event outcome in the framework of the
       generalized linear mixed model with applications in sparse data. Statistics in Medicine 29:3046-3067, 2010.
       doi:10.1002/sim.4040
    .. [3] D. Jackson, M. Law, T. Stijnen, W. Viechtbauer, I. R. White. A comparison of seven random-effects models for
       meta-analyses that estimate the summary odds ratio. Statistics in Medicine 37:1059-1085, 2018.
       doi:10.1002/sim.7588

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesmeta.data.studies import Studies
    >>> counts = pd.DataFrame({"study": list("ABCD"), "events": [3, 9, 6, 0], "n": [10, 11, 12, 8]})
    >>> fit = fit_glmm(Studies.from_frame(counts), ci_method="profile")
    >>> print(fit.summary().rename_axis(None).round(3))
              estimate     se  lower  upper
    mu          -0.555  0.890 -3.798  1.723
    p_median     0.365  0.206  0.022  0.849
    p_mean       0.404  0.148  0.169  0.692
    """
    model = find_model(glmm_model, studies.kind, measure)
    _check_interval(model, ci_method)
    pi_record(pi_method)
    prob = check_probability("ci_prob", ci_prob)
    if model.code == "CM.AL" and event_share(studies) == 1.0:
        raise DataError(
            "every patient has the event, so that the odds ratio does not exist, and glmm_model='CM.AL', for rare "
            "events, would give a risk ratio of about 1; use measure='RR' with method='inverse-variance'."
        )
    terms = model.build(*studies.data.values())
    return _fit(studies, model, terms, ci_method=ci_method, pi_method=pi_method, ci_prob=prob)


def fit_part(fit: GlmmFit, mask: BoolArray) -> GlmmFit:
    """Return the analysis of the studies in ``mask`` (k,) by model, options and tables of a fit."""
    return _fit(
        fit.studies.take(mask), fit.model_record, fit.terms.take(np.flatnonzero(mask)), ci_method=fit.ci_method,
        pi_method=fit.pi_method, ci_prob=fit.ci_prob,
    )  # fmt: skip


def _check_interval(model: GlmmModel, ci_method: str) -> None:
    if interval_record(ci_method).has_score_factor and model.random_baselines:
        raise SpecError(
            f"ci_method={ci_method!r} does not exist for glmm_model={model.code!r}, whose studies share their random "
            "effects' distribution; use 'wald', 't' or 'profile'."
        )


def _maximum(model: GlmmModel, terms: StudyTerms) -> tuple[Found, OwnEstimates]:
    """Return the maximum of the likelihood, and that of the saturated model."""
    if not model.random_baselines:
        return maximise(terms), own_estimates(terms)
    found = maximise_random(terms)
    return found, replace(own_estimates(terms), log_likelihood=found.saturated())


def _fit(
    studies: Studies, model: GlmmModel, terms: StudyTerms, *, ci_method: str, pi_method: str, ci_prob: float
) -> GlmmFit:
    if terms.k == 0:
        raise DataError("there is no study to fit; give at least one.")
    effects = effect_sizes(model.measure, *studies.data.values())
    maximum, own = _maximum(model, terms)
    return GlmmFit(
        studies=studies,
        glmm_model=model.code,
        ci_method=ci_method,
        pi_method=pi_method,
        ci_prob=ci_prob,
        y=effects.y,
        se=effects.se,
        corrected=effects.corrected,
        terms=terms,
        maximum=maximum,
        own=own,
    )
