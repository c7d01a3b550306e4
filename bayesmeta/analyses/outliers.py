"""Which studies come from elsewhere, and does that change the answer? A two-component mixture of study effects."""

from dataclasses import dataclass, field
from typing import final

import numpy as np
import pandas as pd

from bayesmeta.analyses.conflict import check_exact
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.exact.outliers import Mixed, Mixture, solve_mixture
from bayesmeta.exact.summary import summary_rows

FLOOR = 1e-8  # no smaller error is claimed
DEFAULT_SHARE = (1.0, 9.0)
MEDIANS_ADDED = 3.0
LARGEST_SUM = 1000.0  # of a and b; a prior that is surer is a fixed share in practice


@final
@dataclass(frozen=True, eq=False, repr=False)
class Outliers:
    """A mixture of study effects: who is an outlier, and what the others say.

    Attributes
    ----------
    studies : DataFrame
        Indexed by ``study``: ``prob_outlier``, its posterior probability of belonging to the wider component (its
        prior probability is the share, 0.1 by default), and ``numerical_error``.
    prob_none : float
        Posterior probability that no study is an outlier.
    share_mean : float
        Posterior mean of the share of outliers.
    log_bf10 : float
        Log Bayes factor of the mixture against the model of the fit.
    numerical_error : float
        Largest absolute error of ``prob_none``, ``share_mean`` and ``log_bf10``.
    share : float or tuple of float
        The share, or (a, b) of its Beta prior.
    added : float
        What is added to the SD of outliers, link scale.
    """

    studies: pd.DataFrame
    prob_none: float
    share_mean: float
    log_bf10: float
    numerical_error: float
    share: float | tuple[float, float]
    added: float
    fit: ExactFit = field(repr=False)
    mixed: tuple[Mixed, Mixed] = field(repr=False)

    def summary(self, *, ci_prob: float = 0.95, ci_kind: str = "eti") -> pd.DataFrame:
        """Return the summary of the mixture, rows and columns as in the summary of the fit.

        ``tau`` is the heterogeneity of the studies that are no outliers, and ``p_mean``, ``p_new`` and ``theta_new``
        speak of the next study that is none.
        """
        fine, coarse = (mixed.quantities for mixed in self.mixed)
        return summary_rows(fine, coarse, self.fit.parameters, ci_prob=ci_prob, ci_kind=ci_kind)

    def __repr__(self) -> str:
        share = f"{self.share:g}" if isinstance(self.share, float) else f"Beta({self.share[0]:g}, {self.share[1]:g})"
        rows = self.studies[["prob_outlier"]].sort_values("prob_outlier", ascending=False, kind="stable").round(3)
        return (
            f"Outliers, k = {len(self.studies)}: share ~ {share}, added SD {self.added:.3g}; "
            f"log_bf10 = {self.log_bf10:.3f}, P(none) = {self.prob_none:.3f}\n{rows}"
        )


def outliers(
    fit: ExactFit, *, share: float | tuple[float, float] = DEFAULT_SHARE, added: float | None = None
) -> Outliers:
    """Return the probability that each study is an outlier, and the answer if outliers count for less.

    Parameters
    ----------
    fit : ExactFit
        The model without outliers; its priors of mu and tau are kept.
    share : float or tuple of float
        The share of studies that are outliers: a number between 0 and 1, or (a, b) of a Beta prior. The default
        Beta(1, 9) expects one in ten, and none as well.
    added : float, optional
        Standard deviation added (in squares) to that of the outliers, link scale. By default three times the
        prior median of tau: well beyond the heterogeneity that was believed in.

    Returns
    -------
    Outliers
        With ``studies`` (a frame), ``log_bf10``, ``prob_none``, ``share_mean`` and ``summary()``.

    Raises
    ------
    SpecError
        If the fit is not exact, an option is not allowed, or ``added`` is missing where the prior of tau is improper.
    AccuracyError
        If a number cannot be computed accurately.

    Notes
    -----
        theta_i ~ (1 - share) Normal(mu, tau^2) + share Normal(mu, tau^2 + added^2)

    as Beath [1]_ has it, who estimates ``added`` by maximum likelihood; with a handful of outliers the data say little
    about it, so here it is stated. The mean mu is the same, so that outliers may lie on either side, and they are
    down-weighted, not removed. Everything is a sum over the surface at the two SDs; the share is integrated exactly.
    ``log_bf10`` compares models of the same data with the same priors of mu and tau, and is defined for improper
    ones too.

    References
    ----------
    .. [1] K. J. Beath. A finite mixture method for outlier detection and robustness in meta-analysis. Research
       Synthesis Methods 5:285-293, 2014. doi:10.1002/jrsm.1114

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesmeta as bm
    >>> df = pd.DataFrame({"study": list("ABCDE"), "events": [10, 11, 9, 12, 38], "n": [40] * 5})
    >>> fit = bm.fit(bm.Studies.from_frame(df), bm.ModelSpec(tau="HalfNormal(0.3)"))
    >>> found = outliers(fit)
    >>> found.studies["prob_outlier"].round(2).to_dict()
    {'A': 0.13, 'B': 0.13, 'C': 0.15, 'D': 0.12, 'E': 0.63}
    """
    check_exact(fit, "outliers")
    if fit.model.effects != "normal":
        raise SpecError(
            f"outliers widens normal study effects, and the model has effects={fit.model.effects!r}; fit it with "
            "effects='normal'."
        )
    checked = _check_share(share)
    mixture = Mixture(fit.solution.problem, _check_added(fit, added), checked)
    fine, coarse = solve_mixture(mixture, fit.parameters)
    plain = fit.solution.fine.posterior.log_evidence
    wrong = FLOOR + np.abs(fine.values - coarse.values)
    wrong[-1] += fit.log_evidence_error
    index = pd.Index(fit.studies.study, name="study")
    studies = pd.DataFrame({"prob_outlier": fine.outlier, "numerical_error": wrong[: fit.k]}, index=index)
    return Outliers(
        studies=studies,
        prob_none=fine.none,
        share_mean=fine.share,
        log_bf10=fine.posterior.log_evidence - plain,
        numerical_error=float(wrong[fit.k :].max()),
        share=checked,
        added=mixture.added,
        fit=fit,
        mixed=(fine, coarse),
    )


def _check_share(share: object) -> float | tuple[float, float]:
    hint = (
        "give a number between 0 and 1, such as 0.1, or (a, b) of a Beta prior with a + b up to 1000, such as (1, 9)."
    )
    pair = isinstance(share, tuple | list)
    try:
        values = [float(value) for value in (share if isinstance(share, tuple | list) else [share])]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise SpecError(f"share={share!r} is no share of outliers; {hint}") from None
    if pair and len(values) == 2 and min(values) > 0.0 and sum(values) <= LARGEST_SUM:
        return values[0], values[1]
    if not pair and 0.0 < values[0] < 1.0:
        return values[0]
    raise SpecError(f"share={share!r} is no share of outliers; {hint}")


def _check_added(fit: ExactFit, added: float | None) -> float:
    if added is None:
        prior = fit.model.tau
        if not prior.is_proper:
            raise SpecError(
                f"the prior of tau, {prior}, has no median to derive added from; give added, the standard deviation "
                "added to that of outliers on the link scale, such as added=2 for logits."
            )
        return MEDIANS_ADDED * float(prior.ppf(0.5))
    try:
        number = float(added)
    except (TypeError, ValueError):
        raise SpecError(f"added={added!r} is not a number; give a standard deviation above 0, such as 2.") from None
    if not 0.0 < number < np.inf:
        raise SpecError(f"added={added!r} must be above 0 and finite; it is a standard deviation on the link scale.")
    return number
