"""What if studies of one cluster (authors, cohorts) depend on each other? Standard errors that allow for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Final, Literal, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta._validate import unknown_name
from bayesmeta.data.moderators import check_moderator
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.coefficients import Coefficients, WaldTest
from bayesmeta.frequentist.linear import Projection
from bayesmeta.frequentist.methods import not_pooled
from bayesmeta.frequentist.numbers import number_text
from bayesmeta.frequentist.regression import FrequentistRegression, moderator_columns, regress
from bayesmeta.frequentist.regression_text import wald_text
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.spec.moderators import overall_mean

_DEPENDENCE: Final = "a Bayesian or mixed model says itself how studies depend on each other."
KINDS: Final = ("CR0", "CR1")
MANY_CLUSTERS: Final = 40
"""From how many clusters these standard errors are recommended without reserve (Hedges, Tipton, Johnson 2010)."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class ClusterRobust:
    """A classical fit whose standard errors hold whatever the dependence within clusters.

    Attributes
    ----------
    fit : FrequentistFit or FrequentistRegression
        The fit it was made from.
    regression : FrequentistRegression
        The same with the robust covariance in place of its own.
    kind : str
        "CR0" or "CR1".
    clusters : tuple of str
        The clusters, in the order of the data.
    engine : str
        "frequentist".
    """

    fit: FrequentistFit | FrequentistRegression
    regression: FrequentistRegression
    kind: str
    clusters: tuple[str, ...]
    engine: Literal["frequentist"] = field(default="frequentist", init=False)

    @property
    def studies(self) -> Studies:
        """The data."""
        return self.fit.studies

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.fit.k

    @property
    def coefficients(self) -> Coefficients:
        """Estimates with their robust covariance, tested by t with m - p degrees of freedom, m clusters."""
        return self.regression.coefficients

    @property
    def moderator_test(self) -> WaldTest:
        """Test of all coefficients but the intercept, or of the pooled mean."""
        return self.regression.moderator_test

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know, one line each."""
        size = len(self.clusters)
        if size >= MANY_CLUSTERS:
            return ()
        return (
            f"{size} clusters: with fewer than {MANY_CLUSTERS} robust standard errors may be too small (Hedges, Tipton "
            "and Johnson 2010)",
        )

    @property
    def estimates(self) -> pd.DataFrame:
        """One row per parameter: parameter, estimand, estimate, se, lower, upper, statistic, pvalue."""
        frame = self.summary().reset_index()
        frame.insert(1, "estimand", frame["parameter"])
        return frame

    def summary(self, *, ci_prob: float | None = None, ci_kind: str = "eti") -> pd.DataFrame:
        """Return the rows of the fit with robust standard errors, intervals and tests.

        Parameters
        ----------
        ci_prob : float, optional
            Coverage; the fit's own by default.
        ci_kind : str
            Only ``"eti"``.

        Returns
        -------
        DataFrame
            Indexed by ``parameter``: ``mu`` and what it estimates, or ``beta[...]``; columns ``estimate se lower upper
            statistic pvalue``.
        """
        table = self.regression.summary(ci_prob=ci_prob, ci_kind=ci_kind)
        if isinstance(self.fit, FrequentistRegression):
            return table
        named = {name: "mu" if name.startswith("beta[") else name.partition("[")[0] for name in table.index}
        return table.rename(index=named)

    def __repr__(self) -> str:
        table = self.summary().to_string(float_format=number_text, index_names=False, na_rep="")
        size, percent = len(self.clusters), f"{100 * self.fit.ci_prob:g} %"
        lines = [
            f"Cluster-robust variance ({self.kind}), k = {self.k} studies in {size} clusters",
            table,
            f"lower, upper: {percent} CI (t with {self.coefficients.df:g} df)",
        ]
        if isinstance(self.fit, FrequentistRegression):
            lines.append(f"test of moderators: {wald_text(self.moderator_test)}")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        """Return what `repr` prints, preformatted, for notebooks."""
        return f"<pre>{escape(repr(self))}</pre>"


def cluster_robust(
    fit: FrequentistFit | FrequentistRegression, cluster: str | Sequence[object], *, kind: str = "CR1"
) -> ClusterRobust:
    """Give a classical fit standard errors that allow for any dependence within clusters.

    Parameters
    ----------
    fit : FrequentistFit or FrequentistRegression
        The fit; its estimates, weights and tau2 stay.
    cluster : str or sequence
        A moderator, ``"study"`` for each study by itself, or a label for each study in the order of the data.
    kind : {"CR1", "CR0"}
        ``"CR1"``: with the small-sample factor m / (m - p), for m clusters and p coefficients. ``"CR0"``: without.

    Returns
    -------
    ClusterRobust

    Raises
    ------
    SpecError
        If the moderator or kind is unknown, or there are not more clusters than coefficients.
    DataError
        If a study has no cluster.

    Notes
    -----
    ``vb = A (sum_j X_j' W_j e_j e_j' W_j X_j) A`` with ``A = (X'WX)^-1`` and the residuals e_j of cluster j [1]_; tests
    are t and F with m - p degrees of freedom. The values equal those of metafor's ``robust``, ``adjust=FALSE`` (CR0)
    and ``TRUE`` (CR1) for a Wald fit. ``ci_method`` does not matter, because a factor common to all weights cancels;
    metafor's of a Hartung-Knapp fit has the factor in A alone, and so its square too much.

    References
    ----------
    .. [1] L. V. Hedges, E. Tipton, M. C. Johnson. Robust variance estimation in meta-regression with dependent effect
       size estimates. Research Synthesis Methods 1:39-65, 2010. doi:10.1002/jrsm.5

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesmeta as bm
    >>> frame = pd.DataFrame({"study": list("ABCDE"), "y": [0.9, 0.7, 0.2, 0.1, 0.4], "se": [0.2, 0.3, 0.2, 0.2, 0.3]})
    >>> fit = bm.fit(bm.Studies.from_frame(frame, y="y", se="se"), engine="frequentist")
    >>> cluster_robust(fit, ["x", "x", "y", "y", "z"]).summary().rename_axis(None).round(3)
        estimate    se  lower  upper  statistic  pvalue
    mu     0.448  0.24 -0.586  1.483      1.864   0.203
    """
    if not isinstance(fit, FrequentistFit | FrequentistRegression):
        raise not_pooled("cluster_robust", fit, _DEPENDENCE, with_formula=True)
    if kind not in KINDS:
        raise SpecError(unknown_name("kind", kind, KINDS))
    labels = _labels(fit.studies, cluster)
    names = tuple(dict.fromkeys(labels))
    p = 1 if isinstance(fit, FrequentistFit) else len(fit.design.coef)
    if len(names) <= p:
        raise SpecError(
            f"{len(names)} cluster{'s' if len(names) > 1 else ''} cannot tell the variance of {p} "
            f"coefficient{'s' if p > 1 else ''}; at least {p + 1} are needed."
        )
    plain = regress(fit, overall_mean(fit.k), ci_method="wald") if isinstance(fit, FrequentistFit) else fit
    member = np.array([names.index(label) for label in labels], dtype=np.intp)
    weighted = Projection(plain.design.matrix, 1.0 / (fit.se**2 + plain.tau2))
    vb = sandwich(weighted, fit.y, member)
    m = len(names)
    if kind == "CR1":
        vb = vb * (m / (m - p))
    robust = Coefficients(plain.beta, vb, float(m - p))
    test = robust.wald_test(moderator_columns(plain.design.matrix))
    return ClusterRobust(fit, replace(plain, coefficients=robust, moderator_test=test), kind, names)


def sandwich(fit: Projection, y: FloatArray, member: IntArray) -> FloatArray:
    """Return the robust covariance of the coefficients without a small-sample factor, shape (p, p).

    Parameters
    ----------
    fit : Projection
        The weighted regression, x of shape (k, p), w of shape (k,).
    y : array, shape (k,)
        Observed effects.
    member : array of int, shape (k,)
        Cluster of each study, from 0.
    """
    scores = np.zeros((member.max() + 1, fit.x.shape[1]))
    np.add.at(scores, member, fit.x * (fit.w * fit.residuals(y))[:, None])
    half = scores @ fit.inverse
    return np.asarray(half.T @ half)


def _labels(studies: Studies, cluster: str | Sequence[object]) -> list[str]:
    """Return the cluster of each study."""
    if isinstance(cluster, str):
        if cluster == "study" and cluster not in studies.moderators:
            return list(studies.study)
        check_moderator(studies, cluster)
        values = studies.moderators[cluster].tolist()
    elif isinstance(cluster, Iterable):
        values = list(cluster)
    else:
        raise SpecError(f"cluster={cluster!r} must be the name of a moderator, or a label for each study.")
    if len(values) != studies.k:
        raise SpecError(f"cluster has {len(values)} labels for {studies.k} studies; give one for each.")
    missing = np.flatnonzero(pd.isna(np.array(values, dtype=object)))
    if missing.size:
        raise DataError(f"{studies.source}, study {studies.study[missing[0]]!r}: its cluster is missing; fill it in.")
    return [str(value) for value in values]
