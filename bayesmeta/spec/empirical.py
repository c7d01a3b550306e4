"""Which heterogeneity do meta-analyses like this one have? Priors of tau from the Cochrane Database.

The tables hold location and scale of log tau², by type of outcome (rows) and of comparison (columns), as their
papers print them. They were taken from two transcriptions made by others, in R's packages bayesmeta and rnmamod,
and are given where the two agree. As a check of both, the models behind the tables are additive: each location is
an outcome's plus a comparison's (plus an area's), to rounding. Three cells of Rhodes et al. are left out, because
there the transcriptions contradict one another, or the printed value contradicts the rest of the table.
"""

from collections.abc import Mapping
from typing import Final

from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.spec.priors import Prior

type Cell = tuple[float, float] | None

TURNER_COMPARISONS: Final = (
    "pharmacological vs placebo",
    "pharmacological vs pharmacological",
    "non-pharmacological vs placebo",
    "non-pharmacological vs pharmacological",
    "non-pharmacological vs non-pharmacological",
)
TURNER_GENERAL: Final = (-2.56, 1.74)
# Turner et al. (2015), Table IV.
TURNER: Final[Mapping[str, tuple[Cell, ...]]] = {
    "all-cause mortality": ((-3.95, 1.34), (-4.18, 1.41), (-4.17, 1.55), (-2.92, 1.02), (-3.50, 1.26)),
    "obstetric": ((-3.52, 1.74), (-3.75, 1.79), (-3.74, 1.91), (-2.49, 1.50), (-3.08, 1.68)),
    "cause-specific mortality": ((-3.71, 1.74), (-3.95, 1.79), (-3.93, 1.91), (-2.68, 1.51), (-3.27, 1.68)),
    "resource use": ((-2.34, 1.74), (-2.58, 1.79), (-2.56, 1.91), (-1.31, 1.50), (-1.90, 1.68)),
    "surgical success": ((-2.14, 1.74), (-2.37, 1.79), (-2.36, 1.91), (-1.11, 1.50), (-1.69, 1.68)),
    "withdrawals": ((-2.99, 1.74), (-3.23, 1.79), (-3.21, 1.91), (-1.96, 1.51), (-2.55, 1.68)),
    "structure-related": ((-2.71, 1.74), (-2.94, 1.79), (-2.93, 1.92), (-1.67, 1.51), (-2.26, 1.68)),
    "general physical health": ((-2.29, 1.53), (-2.53, 1.58), (-2.51, 1.72), (-1.26, 1.25), (-1.85, 1.46)),
    "adverse events": ((-1.87, 1.52), (-2.10, 1.58), (-2.10, 1.71), (-0.84, 1.24), (-1.43, 1.45)),
    "infection": ((-2.49, 1.52), (-2.73, 1.58), (-2.71, 1.71), (-1.46, 1.24), (-2.05, 1.45)),
    "signs and symptoms": ((-2.06, 1.51), (-2.29, 1.58), (-2.28, 1.71), (-1.03, 1.24), (-1.61, 1.45)),
    "pain": ((-1.83, 1.52), (-2.06, 1.58), (-2.05, 1.71), (-0.80, 1.25), (-1.38, 1.45)),
    "quality of life": ((-2.54, 1.54), (-2.78, 1.60), (-2.77, 1.73), (-1.51, 1.27), (-2.10, 1.47)),
    "mental health": ((-2.12, 1.53), (-2.35, 1.60), (-2.34, 1.72), (-1.09, 1.27), (-1.67, 1.47)),
    "biological marker": ((-1.77, 1.52), (-2.00, 1.58), (-1.99, 1.71), (-0.74, 1.24), (-1.33, 1.45)),
    "subjective": ((-2.70, 1.52), (-2.93, 1.58), (-2.92, 1.71), (-1.67, 1.25), (-2.26, 1.45)),
}

RHODES_COMPARISONS: Final = ("pharmacological vs placebo", "pharmacological vs pharmacological", "non-pharmacological")
RHODES_GENERAL: Final = (-3.44, 2.59)
# Rhodes et al. (2015), Table 3 and, for the two other areas, appendix tables A.3.1 and A.3.2.
RHODES: Final[Mapping[str, Mapping[str, tuple[Cell, ...]]]] = {
    "other": {
        "obstetric": ((-4.13, 2.34), (-4.40, 2.31), (-3.99, 2.11)),
        "resource use": ((-2.55, 2.73), (-2.83, 2.70), (-2.41, 2.57)),
        "structure-related": ((-2.43, 2.50), (-2.70, 2.46), (-2.29, 2.32)),
        "physical health, adverse events, pain or quality of life": ((-3.16, 2.50), (-3.44, 2.44), (-3.02, 2.27)),
        "signs and symptoms or infection": ((-3.00, 2.50), (-3.27, 2.47), (-2.86, 2.33)),
        "mental health": ((-2.99, 2.16), (-3.27, 2.14), None),  # printed -3.85; the rest of the table says -2.85
        "biological marker": ((-3.41, 2.83), (-3.68, 2.78), (-3.27, 2.66)),
        "subjective": ((-2.76, 2.58), (-3.03, 2.59), (-2.62, 2.41)),
    },
    "respiratory": {
        "obstetric": ((-6.03, 2.36), (-6.31, 2.31), (-5.89, 2.21)),
        "resource use": ((-4.46, 2.74), (-4.73, 2.70), (-4.32, 2.57)),
        "structure-related": ((-4.33, 2.51), (-4.61, 2.46), (-4.19, 2.33)),
        "physical health, adverse events, pain or quality of life": ((-5.07, 2.51), (-5.34, 2.45), (-4.93, 2.28)),
        "signs and symptoms or infection": ((-4.90, 2.50), (-5.18, 2.47), (-4.76, 2.33)),
        "mental health": ((-4.90, 2.17), (-5.17, 2.14), (-4.76, 1.94)),
        "biological marker": ((-5.31, 2.83), (-5.59, 2.78), (-5.17, 2.66)),
        "subjective": ((-4.66, 2.59), (-4.94, 2.59), (-4.52, 2.41)),
    },
    "cancer": {
        "obstetric": ((-1.57, 2.45), (-1.85, 2.41), (-1.43, 2.24)),
        "resource use": (None, (-0.27, 2.79), (0.15, 2.68)),  # -0.01 in one transcription, 0.01 in the other
        "structure-related": (None, (-0.14, 2.56), (0.27, 2.45)),  # -0.13 in both; the rest of the table says 0.13
        "physical health, adverse events, pain or quality of life": ((-0.60, 2.61), (-0.88, 2.55), (-0.46, 2.40)),
        "signs and symptoms or infection": ((-0.44, 2.60), (-0.71, 2.57), (-0.30, 2.46)),
        "mental health": ((-0.43, 2.28), (-0.71, 2.25), (-0.29, 2.08)),
        "biological marker": ((-0.85, 2.93), (-1.13, 2.87), (-0.71, 2.78)),
        "subjective": ((-0.20, 2.68), (-0.48, 2.68), (-0.06, 2.53)),
    },
}


def turner_prior(outcome: str | None = None, comparison: str | None = None) -> Prior:
    """Return the empirical prior of tau for log odds ratios, by Turner et al. (2015).

    Parameters
    ----------
    outcome : str, optional
        Type of outcome, a key of `TURNER` such as ``"all-cause mortality"``; without it, and without
        ``comparison``, the prior for a meta-analysis in any setting.
    comparison : str, optional
        Types of the two interventions, one of `TURNER_COMPARISONS`.

    Returns
    -------
    Prior
        ``Turner2015(mu, sigma)``: tau² is log-normal with these parameters, and tau with half of each. A fit
        refuses it for data of which it says nothing, such as logits of single arms.

    Raises
    ------
    SpecError
        If a name is unknown, or only one is given.

    References
    ----------
    Turner, Jackson, Wei, Thompson and Higgins (2015), Statistics in Medicine 34, 984-998, Table IV,
    doi:10.1002/sim.6381. It supersedes Turner et al. (2012), doi:10.1093/ije/dys041.

    Examples
    --------
    >>> print(turner_prior("all-cause mortality", "pharmacological vs placebo"))
    Turner2015(mu=-3.95, sigma=1.34)
    """
    if outcome is None and comparison is None:
        return Prior("Turner2015", *TURNER_GENERAL)
    return Prior("Turner2015", *_cell(TURNER, TURNER_COMPARISONS, outcome, comparison))


def rhodes_prior(outcome: str | None = None, comparison: str | None = None, *, area: str = "other") -> Prior:
    """Return the empirical prior of tau for standardised mean differences, by Rhodes et al. (2015).

    Parameters
    ----------
    outcome : str, optional
        Type of outcome, a key of `RHODES` such as ``"mental health"``; without it, and without ``comparison``,
        the prior for a meta-analysis in any setting.
    comparison : str, optional
        Types of the interventions, one of `RHODES_COMPARISONS`.
    area : {"other", "respiratory", "cancer"}
        Medical area.

    Returns
    -------
    Prior
        ``Rhodes2015(mu, sigma)``: log tau² has a t distribution with 5 degrees of freedom, location mu and scale
        sigma, and log tau half of each. A fit refuses it for data of which it says nothing.

    Raises
    ------
    SpecError
        If a name is unknown, only one is given, or the published value could not be verified.

    References
    ----------
    Rhodes, Turner and Higgins (2015), Journal of Clinical Epidemiology 68, 52-60, Table 3 and appendix,
    doi:10.1016/j.jclinepi.2014.08.012.

    Examples
    --------
    >>> print(rhodes_prior("obstetric", "pharmacological vs placebo", area="respiratory"))
    Rhodes2015(mu=-6.03, sigma=2.36)
    """
    if area not in RHODES:
        raise SpecError(unknown_name("area", area, RHODES))
    if outcome is None and comparison is None:
        if area != "other":
            raise SpecError(f"area={area!r} needs an outcome and a comparison, for example outcome='mental health'.")
        return Prior("Rhodes2015", *RHODES_GENERAL)
    return Prior("Rhodes2015", *_cell(RHODES[area], RHODES_COMPARISONS, outcome, comparison))


def _cell(
    table: Mapping[str, tuple[Cell, ...]],
    comparisons: tuple[str, ...],
    outcome: str | None,
    comparison: str | None,
) -> tuple[float, float]:
    if outcome is None or comparison is None:
        missing, names = ("outcome", tuple(table)) if outcome is None else ("comparison", comparisons)
        raise SpecError(f"{missing} is missing; give one of: {', '.join(names)}, or neither for any setting.")
    if outcome not in table:
        raise SpecError(unknown_name("outcome", outcome, table))
    if comparison not in comparisons:
        raise SpecError(unknown_name("comparison", comparison, comparisons))
    cell = table[outcome][comparisons.index(comparison)]
    if cell is None:
        raise SpecError(
            f"the prior for {outcome!r}, {comparison!r} could not be verified, because its printed value contradicts "
            "the rest of its table; look it up, and write Rhodes2015(mu, sigma)."
        )
    return cell
