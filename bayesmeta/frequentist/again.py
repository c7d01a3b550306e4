"""What does a classical analysis say of other effects, with all its options kept?"""

from bayesmeta.data.studies import Studies
from bayesmeta.effects.sizes import EffectSizes
from bayesmeta.frequentist.fit import pool
from bayesmeta.frequentist.result import FrequentistFit


def repool(fit: FrequentistFit, effects: EffectSizes, *, studies: Studies | None = None) -> FrequentistFit:
    """Pool other effects by the options of a fit.

    Parameters
    ----------
    fit : FrequentistFit
        Its measure and options are used.
    effects : EffectSizes
        What is pooled, on the scale of the fit's measure.
    studies : Studies, optional
        Kept with the result; the fit's own by default.
    """
    return pool(
        fit.studies if studies is None else studies, fit.record, effects, variance=fit.variance,
        tau2_method=fit.tau2_method, ci_method=fit.ci_method, pi_method=fit.pi_method, ci_prob=fit.ci_prob,
        add=fit.add, to=fit.to, back_transformation=fit.back_transformation,
    )  # fmt: skip
