"""Would the model have produced studies like these? Posterior and prior predictive checks."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_probability, unknown_name
from bayesmeta.analyses.bayesian import Bayesian, check_bayesian
from bayesmeta.analyses.discrepancy import discrepancies
from bayesmeta.effects.measures import DataKind
from bayesmeta.errors import SpecError
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.spec.observed import Estimates, Observed
from bayesmeta.surface.simulate import observed_roles

if TYPE_CHECKING:
    from xarray import DataTree

GROUPS: Final = {"same": "posterior_predictive", "new": "predictions", "prior": "prior_predictive"}
EQUAL: Final = 1e-9  # relative difference of statistics that are the same but for rounding


def predictive_checks(
    fit: Bayesian,
    *,
    replicates: str = "new",
    ci_prob: float = 0.95,
    draws: int = 1000,
    chains: int = 4,
    seed: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Compare statistics of the studies with those of replicates from the model.

    Parameters
    ----------
    fit : ExactFit, RegressionFit or NutsFit
        A Bayesian fit.
    replicates : {"new", "same", "prior"}
        Whose data are replicated, each of the size of an observed study: those of new studies, with effects from
        their distribution; those of the same studies, given their own effects; or of new studies before any data.
    ci_prob : float
        Probability of the interval of replicated statistics.
    draws, chains, seed
        Of an exact fit, as in `ExactFit.to_datatree`; a NUTS fit has its own.

    Returns
    -------
    DataFrame
        Indexed by ``statistic`` (see `bayesmeta.analyses.discrepancy.discrepancies`): ``observed``; ``mean``,
        ``lower`` and ``upper`` (equal-tailed) of the replicates; ``prob_below``, the probability that a replicate shows
        less than was observed, plus half of that of the same; ``mcse``, its Monte-Carlo error.

    Raises
    ------
    SpecError
        If the fit is not Bayesian, an option is not allowed, or there is no prior predictive distribution because a
        prior is improper or made from the studies.

    Notes
    -----
    A ``prob_below`` near 0 or 1 tells of a feature of the data that the model does not have [1]_. The data serve twice,
    once for the fit and once for the check, so that with ``"same"`` studies, whose effects have adapted to each of
    them, it lies near 1/2 more often than a uniform number would; with ``"new"`` ones less so: what is checked is the
    distribution of effects (mixed replication [2]_). `loo_pit` uses no study twice.

    References
    ----------
    .. [1] A. Gelman, X.-L. Meng, H. Stern. Posterior predictive assessment of model fitness via realized
       discrepancies. Statistica Sinica 6:733-807, 1996.
    .. [2] E. C. Marshall, D. J. Spiegelhalter. Identifying outliers in Bayesian hierarchical models: a
       simulation-based approach. Bayesian Analysis 2:409-444, 2007. doi:10.1214/07-BA218

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> table = predictive_checks(fit, seed=1)
    >>> table.loc[["n_all", "spread"], ["observed", "lower", "upper", "prob_below"]].reset_index().round(2)
      statistic  observed  lower  upper  prob_below
    0     n_all      2.00   0.00   5.00        0.61
    1    spread      0.17   0.09   0.29        0.47
    """
    check_bayesian(fit, "predictive_checks")
    tree, observed = tree_of(fit, draws=draws, chains=chains, seed=seed)
    prob = check_probability("ci_prob", ci_prob)
    if replicates not in GROUPS:
        raise SpecError(unknown_name("replicates", replicates, GROUPS))
    if GROUPS[replicates] not in tree.children:
        raise SpecError("there is no prior predictive distribution, because a prior is improper or made from the data.")
    kind, given = kind_of_data(fit, observed)
    seen = discrepancies(kind, given)
    drawn = discrepancies(kind, given | replicated(tree, GROUPS[replicates], observed))
    tail = 0.5 * (1.0 - prob)
    shape = tree["posterior"].sizes["chain"] if replicates != "prior" else 1
    rows = []
    for name, values in drawn.items():
        below, error = _below(values, float(seen[name][0]), shape)
        rows.append((seen[name][0], values.mean(), *np.quantile(values, [tail, 1.0 - tail]), below, error))
    columns = ["observed", "mean", "lower", "upper", "prob_below", "mcse"]
    return pd.DataFrame(rows, columns=columns, index=pd.Index(list(drawn), name="statistic"))


def tree_of(
    fit: Bayesian, *, draws: int, chains: int, seed: int | np.random.Generator | None, log_likelihood: str = "marginal"
) -> tuple["DataTree", Observed]:
    """Return the draws of a Bayesian fit and the data that its model sees."""
    if isinstance(fit, NutsFit):
        return fit.to_datatree(), fit.observed
    return fit.to_datatree(draws=draws, chains=chains, seed=seed, log_likelihood=log_likelihood), fit.observed


def kind_of_data(fit: Bayesian, observed: Observed) -> tuple[DataKind, dict[str, FloatArray]]:
    """Return what describes a study to the model, and its arrays (k, 1) by role."""
    if isinstance(observed, Estimates):
        return "estimates", {"y": observed.y[:, None], "se": observed.se[:, None]}
    return fit.studies.kind, {role: values[:, None] for role, values in observed.data.items()}


def replicated(tree: "DataTree", group: str, observed: Observed) -> dict[str, FloatArray]:
    """Return the replicates of a group, arrays (k, S) by role."""
    suffix = "_new" if group == "predictions" else ""
    found = {}
    for role in observed_roles(observed):
        values: Any = tree[group][f"{role}{suffix}"].transpose("study", "chain", "draw")
        found[role] = np.asarray(values, dtype=np.float64).reshape(values.sizes["study"], -1)
    return found


def _below(values: FloatArray, observed: float, chains: int) -> tuple[float, float]:
    """Return the share of draws below a number, the equal ones counting half, and its Monte-Carlo error."""
    from arviz_stats.base import array_stats

    same = np.isclose(values, observed, rtol=EQUAL, atol=EQUAL)
    score = np.where(same, 0.5, (values < observed).astype(np.float64))
    share, size = float(score.mean()), score.size
    if np.ptp(score) == 0.0:  # none differs, which tells no error: as if two more draws were on either side
        pulled = (size * share + 1.0) / (size + 2.0)
        return share, float(np.sqrt(pulled * (1.0 - pulled) / size))
    return share, float(array_stats.mcse(score.reshape(chains, -1)))
