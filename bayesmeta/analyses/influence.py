"""How well does the model predict each study from the others?"""

from typing import Protocol

import pandas as pd

from bayesmeta.errors import SpecError


class HasLoo(Protocol):
    """A fit with leave-one-out predictive densities."""

    @property
    def loo(self) -> pd.DataFrame:
        """Frame by study with column ``elpd_loo``."""
        ...


def loo(fit: HasLoo) -> pd.DataFrame:
    """Return the exact leave-one-out log predictive density of every study.

    Parameters
    ----------
    fit : ExactFit
        A Bayesian fit.

    Returns
    -------
    DataFrame
        Indexed by ``study``: ``elpd_loo`` = log p(data of the study | all other studies), and its
        ``numerical_error``. The column's sum compares models of the same data.

    Raises
    ------
    SpecError
        If the fit is not Bayesian.
    ImproperPosteriorError
        If the posterior without some study is improper.

    Notes
    -----
    log p(y_i | y without i) = log Z - log Z(without i), with both evidences from one surface; no
    Pareto-smoothed approximation (Vehtari, Gelman & Gabry 2017, doi:10.1007/s11222-016-9696-4) is needed. That one is
    ``arviz.loo(fit.to_datatree(...))``, from draws; `psis_loo` puts both beside one another and says where it fails.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> df = bm.load_dataset("pritz1997")
    >>> fit = bm.fit(bm.Studies.from_frame(df, events="events", n="n"))
    >>> float(bm.loo(fit)["elpd_loo"].sum().round(3))
    -34.409
    """
    if not hasattr(fit, "loo"):
        raise SpecError(
            f"loo needs a Bayesian fit; engine={getattr(fit, 'engine', '?')!r} has no predictive density. "
            "Fit with engine='exact'."
        )
    return fit.loo.copy()
