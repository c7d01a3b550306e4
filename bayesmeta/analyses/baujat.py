"""Which studies make up the heterogeneity, and which move the result? The coordinates of a Baujat plot."""

import pandas as pd

from bayesmeta.analyses.study_influence import deletion_notes, deletion_of
from bayesmeta.frequentist.methods import not_pooled
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.frequentist.result import FrequentistFit


def baujat(fit: FrequentistFit | FrequentistRegression) -> pd.DataFrame:
    """Return each study's share in the heterogeneity, and its influence on the result.

    Parameters
    ----------
    fit : FrequentistFit or FrequentistRegression
        The analysis of all k studies.

    Returns
    -------
    DataFrame
        Indexed by ``study``: ``contribution``, the squared Pearson residual (y - m)^2 / (se^2 + tau2) from the fitted
        value m; ``influence``, the squared change of m when the study is left out, over the variance of m without it;
        ``note``: why numbers are missing, else empty.

    Raises
    ------
    SpecError
        If the fit is not classical.

    Notes
    -----
    With ``tau2_method="EE"`` the contributions sum to Q, which is the plot of [1]_; for a random-effects fit they are
    R metafor's, with tau2 in the variances.

    References
    ----------
    .. [1] B. Baujat, C. Mahe, J.-P. Pignon, C. Hill. A graphical method for exploring heterogeneity in meta-analyses:
       application to a meta-analysis of 65 trials. Statistics in Medicine 21:2641-2652, 2002. doi:10.1002/sim.1221

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    >>> table = baujat(bm.fit(studies, engine="frequentist", tau2_method="EE"))
    >>> table["contribution"].nlargest(2).round(2).to_dict()
    {'Otsubo et al.': 6.44, 'Shimoda et al.': 5.69}
    """
    if not isinstance(fit, FrequentistFit | FrequentistRegression):
        raise not_pooled("baujat", fit, "see bm.influence.", with_formula=True)
    found = deletion_of(fit)
    columns = {"contribution": found.contribution, "influence": found.influence, "note": deletion_notes(found)}
    return pd.DataFrame(columns, index=pd.Index(fit.studies.study, name="study"))
