"""How do pooled proportions of many outcomes compare with one control, when looking at many at once is allowed for?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, final

import pandas as pd

from bayesmeta._validate import a_type
from bayesmeta.analyses.contrast_rows import contrast_row
from bayesmeta.analyses.external_control import HEAD, PROPORTIONS, check_control, check_parameters, compare_control
from bayesmeta.errors import AccuracyError, SpecError
from bayesmeta.exact.against import KINDS
from bayesmeta.exact.fit import ExactFit
from bayesmeta.exact.outcome_rates import Joint, Shrunken
from bayesmeta.exact.outcomes import ROWS, solve_outcomes
from bayesmeta.exact.solve import ACCEPTABLE
from bayesmeta.exact.summary import summary_rows
from bayesmeta.result.summary import check_interval
from bayesmeta.spec.control import Control
from bayesmeta.spec.priors import Prior, PriorLike, as_prior

NAMES: Final = ("m", "omega", "delta_new")  # what `ROWS` are in this hierarchy
NONE, HIERARCHICAL = "none", "hierarchical"
COLUMNS: Final = ("outcome", "adjustment", *HEAD, "numerical_error")


@final
@dataclass(frozen=True, eq=False)
class OutcomeComparison:
    """Pooled proportions of several outcomes against a control.

    Attributes
    ----------
    table : DataFrame
        Columns ``outcome``; ``adjustment``, "none" (each outcome by itself) or "hierarchical" (shrunk towards one
        another); then those of `compare_control`: ``parameter contrast mean sd median lower upper prob_above
        numerical_error``.
    hierarchy : DataFrame
        Mean ``m`` and SD ``omega`` of the outcomes' log odds ratios, and that of a further outcome, ``delta_new``;
        columns ``mean sd median lower upper numerical_error``.
    """

    table: pd.DataFrame
    hierarchy: pd.DataFrame

    def __repr__(self) -> str:
        shown = self.table.query("contrast == 'odds ratio'").drop(columns=["contrast", "mean", "sd", "numerical_error"])
        return f"{shown.round(3).to_string(index=False)}\n\n{self.hierarchy.round(3).to_string()}"


def compare_outcomes(
    fits: Mapping[str, ExactFit],
    controls: Mapping[str, Control],
    *,
    m: PriorLike = "Normal(0, 1)",
    omega: PriorLike = "HalfNormal(1)",
    parameters: str | Iterable[str] = PROPORTIONS,
    ci_prob: float = 0.95,
    ci_kind: str = "eti",
) -> OutcomeComparison:
    """Compare pooled proportions of several outcomes with a control, each alone and all in one hierarchy.

    Parameters
    ----------
    fits : mapping of str to ExactFit
        For each outcome the fit of its studies: link "logit", effects "normal" or "none", no formula.
    controls : mapping of str to Control
        For the same outcomes the control's rates.
    m, omega : Prior or str
        Priors of mean and SD of the outcomes' log odds ratios; both proper.
    parameters : str or sequence of str
        Which pooled proportions are compared: ``p_median``, ``p_mean``, ``p_new``.
    ci_prob : float
        Posterior probability of the intervals.
    ci_kind : {"eti", "hdi"}
        Equal-tailed, or shortest.

    Returns
    -------
    OutcomeComparison
        ``table`` and ``hierarchy``.

    Raises
    ------
    SpecError
        If the outcomes do not match, a fit is of another kind, or an option is not allowed.
    ImproperPosteriorError, AccuracyError
        As `fit`.

    Notes
    -----
    Looking at twenty outcomes, some differ much by chance. In the hierarchy the log odds ratios are exchangeable,

        theta_ij ~ Normal(gamma_j + delta_j, tau_j),  delta_j ~ Normal(m, omega),

    with gamma_j the logit of the control's rate (posterior as in `Control`) and tau_j with the prior of the outcome's
    own fit; the prior of mu_j = gamma_j + delta_j follows from these and replaces that of the fit. Extreme differences
    are shrunk, the more the less their studies say, and no P-value needs a correction (Berry and Berry 2004; Gelman,
    Hill and Yajima 2012). tau_j and gamma_j are integrated out of each outcome's likelihood of delta_j, which is
    tabulated; m and omega are then integrated as mu and tau of any meta-analysis are. Nothing is simulated. An omega
    near 0 says that all outcomes differ alike, as when one side counts events more eagerly than the other.

    The likelihoods of the outcomes are multiplied as if different patients had had them. Outcomes that contain one
    another (any event; infections and sepsis) are not exchangeable: leave out such totals. What `compare_control` says
    of comparisons without randomisation holds here as well: shrinkage takes away chance, not bias.

    References
    ----------
    Berry and Berry (2004), Biometrics 60, 418-426, doi:10.1111/j.0006-341X.2004.00186.x. Gelman, Hill and Yajima
    (2012), Journal of Research on Educational Effectiveness 5, 189-211, doi:10.1080/19345747.2011.618213.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> table = bm.load_dataset("blinatumomab_outcomes").query("grade == 'all'")
    >>> outcomes = ["Sepsis", "Hyperglycemia", "Headache"]
    >>> fits = {name: bm.fit(bm.Studies.from_frame(table[table["outcome"] == f"AE: {name}"])) for name in outcomes}
    >>> tower = bm.load_dataset("blinatumomab_tower").set_index("adverse_event")
    >>> controls = {name: bm.Control.from_counts(*tower.loc[name, ["tower_events", "tower_n"]]) for name in outcomes}
    >>> compared = compare_outcomes(fits, controls, parameters="p_median")
    >>> shown = compared.table.query("contrast == 'odds ratio'")
    >>> shown[["outcome", "adjustment", "median", "lower", "upper", "prob_above"]].round(2)
              outcome    adjustment  median  lower  upper  prob_above
    2          Sepsis          none    1.66   0.40  11.01        0.76
    5          Sepsis  hierarchical    1.25   0.35   3.71        0.66
    8   Hyperglycemia          none    4.66   1.38  17.41        0.99
    11  Hyperglycemia  hierarchical    2.11   0.70   7.23        0.91
    14       Headache          none    1.26   0.35   5.46        0.66
    17       Headache  hierarchical    1.31   0.44   3.76        0.72
    """
    prob, names = check_interval(ci_prob, ci_kind), check_parameters(parameters)
    _check(fits, controls)
    priors = _proper("m", m), _proper("omega", omega)
    problems = [fit.solution.problem for fit in fits.values()]
    rates = [controls[name].rate for name in fits]
    parts = [(problem.terms, problem.prior_tau, rate) for problem, rate in zip(problems, rates, strict=True)]
    fine, coarse = solve_outcomes(parts, *priors)
    hierarchy = summary_rows(fine.quantities, coarse.quantities, ROWS, ci_prob=prob, ci_kind=ci_kind)
    frames = []
    for j, (outcome, fit) in enumerate(fits.items()):
        alone = compare_control(fit, controls[outcome], parameters=names, ci_prob=prob, ci_kind=ci_kind)
        joints = [Joint.of(part.outcomes[j], part.effects[j]) for part in (fine, coarse)]
        shrunken = _shrunken(outcome, joints, names, prob, ci_kind)
        frames += [alone.assign(outcome=outcome, adjustment=NONE), shrunken]
    table = pd.concat(frames, ignore_index=True)[list(COLUMNS)]
    return OutcomeComparison(table, hierarchy.set_axis(pd.Index(NAMES, name="parameter")))


def _shrunken(outcome: str, joints: list[Joint], names: tuple[str, ...], prob: float, ci_kind: str) -> pd.DataFrame:
    """Return the rows of an outcome in the hierarchy, from its posterior at two resolutions."""
    rows = []
    for name in names:
        for kind in KINDS:
            fine, coarse = (Shrunken(joint, name, kind) for joint in joints)
            row = contrast_row(fine, coarse, kind, prob, ci_kind=ci_kind)
            if not row["numerical_error"] <= ACCEPTABLE:
                raise AccuracyError(
                    f"outcome {outcome!r}: the {kind} of {name} could not be computed to {ACCEPTABLE:g}; take tighter "
                    "priors of tau and omega, or leave the outcome out."
                )
            rows.append({"parameter": name, "contrast": kind, **row})
    return pd.DataFrame(rows).assign(outcome=outcome, adjustment=HIERARCHICAL)


def _check(fits: Mapping[str, ExactFit], controls: Mapping[str, Control]) -> None:
    """Raise `SpecError` unless there are at least two outcomes, the same on both sides, that the hierarchy can hold."""
    for name, value in (("fits", fits), ("controls", controls)):
        if not isinstance(value, Mapping):
            raise SpecError(f"{name} must map outcomes to their {name}; got {a_type(value)}.")
    if len(fits) < 2:
        raise SpecError(f"compare_outcomes needs at least two outcomes; got {len(fits)}; for one, use compare_control.")
    for name in [*fits, *controls]:
        if name not in fits or name not in controls:
            side = "fits" if name not in fits else "controls"
            raise SpecError(f"outcome {name!r} is missing among the {side}; both must hold the same outcomes.")
    for name, fit in fits.items():
        check_control(controls[name])
        _check_fit(name, fit)


def _check_fit(name: str, fit: ExactFit) -> None:
    if not isinstance(fit, ExactFit):
        raise SpecError(f"outcome {name!r}: compare_outcomes takes fits by engine='exact'; got {a_type(fit)}.")
    if fit.link != "logit" or fit.model.effects not in ("normal", "none"):
        raise SpecError(
            f"outcome {name!r}: link {fit.link!r} with {fit.model.effects} effects; log odds ratios need link 'logit' "
            "with effects 'normal' or 'none'."
        )
    if fit.model.has_tau and not fit.model.tau.is_proper:
        raise SpecError(f"outcome {name!r}: tau ~ {fit.model.tau} is improper; take a proper prior.")


def _proper(name: str, prior: PriorLike) -> Prior:
    made = as_prior(prior)
    if not made.is_proper or not made.is_resolved:
        raise SpecError(f"{name} ~ {made}: the hierarchy needs a proper prior such as Normal(0, 1) or HalfNormal(1).")
    return made
