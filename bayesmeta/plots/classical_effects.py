"""Which effects and standard errors do the studies of a fit have, whatever its engine?"""

from typing import Any

from bayesmeta.api import fit as fit_studies
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.frequentist.result import FrequentistFit


def classical_effects(fit: Any) -> FrequentistFit | FrequentistRegression:
    """Return an analysis that holds the studies' effects and standard errors as ``y`` and ``se``, link scale.

    Parameters
    ----------
    fit : any fit
        Of which the studies and the measure count: a classical one is returned as it is, of others a common-effect
        analysis of their studies. Empty cells are corrected as `fit` does by default.
    """
    if isinstance(fit, FrequentistFit | FrequentistRegression):
        return fit
    return fit_studies(fit.studies, engine="frequentist", measure=fit.measure, tau2_method="EE")
