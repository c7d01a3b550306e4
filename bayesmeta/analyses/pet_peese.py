"""What would a study without sampling error report? PET, PEESE, and the choice between them."""

from math import isnan
from typing import Final

import pandas as pd

from bayesmeta._validate import check_number, check_probability, unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.fit import fit_frequentist
from bayesmeta.frequentist.line import Line, varies
from bayesmeta.frequentist.natural import on_both_scales
from bayesmeta.frequentist.pet_peese import PetPeese, pet_peese_lines
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.spec.observed import check_studies

DIRECTIONS: Final = ("greater", "less")
FEWEST: Final = 3
COLUMNS: Final = ("method", "parameter", "estimate", "se", "lower", "upper", "bias", "se_bias", "df", "note")


def pet_peese(
    studies: Studies,
    *,
    alternative: str | None = None,
    null: float = 0.0,
    alpha: float = 0.05,
    measure: str | None = None,
    variance: str = "wald",
    add: float | None = None,
    to: str = "only0",
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """Extrapolate the effects to a study without sampling error.

    Parameters
    ----------
    studies : Studies
        k >= 3 studies of any kind.
    alternative : {"greater", "less"}, optional
        On which side of `null` the effect is looked for; by default the side of the common-effect mean.
    null : float
        Effect that stands for no effect, link scale. For proportions 0 is 50 %; give the logit of a benchmark.
    alpha : float
        Level of the one-sided test of PET's intercept: below it PEESE is taken.
    measure, variance, add, to
        Effect measure and zero-cell rule, as in `fit` with ``engine="frequentist"``.
    ci_prob : float
        Coverage of the intervals, t with k - 2 degrees of freedom.

    Returns
    -------
    DataFrame
        Rows PET, PEESE and PET-PEESE (the chosen one again), each for ``mu`` and, for proportions, on their scale;
        ``bias`` is the slope on the standard error (PET) or variance (PEESE). ``note`` says which was chosen, and why.

    Raises
    ------
    SpecError
        If an option is not allowed.
    DataError
        If there are fewer than 3 studies, the standard errors do not vary, or the effects lie on a line.

    Notes
    -----
    Regressions with weights 1 / se^2 and multiplicative dispersion [1]_. They are unreliable for fewer than about 20
    studies, strong heterogeneity, or standard errors that vary little [2]_, and for proportions, where the standard
    error is a function of the estimate.

    References
    ----------
    .. [1] T. D. Stanley, H. Doucouliagos. Meta-regression approximations to reduce publication selection bias.
       Research Synthesis Methods 5:60-78, 2014. doi:10.1002/jrsm.1095
    .. [2] T. D. Stanley. Limitations of PET-PEESE and other meta-analysis methods. Social Psychological and
       Personality Science 8:581-591, 2017. doi:10.1177/1948550617693062

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("crisafulli2020"), events="events", n="n")
    >>> pet_peese(studies).query("parameter == 'mu'")[["method", "estimate", "lower", "upper"]].round(2)
          method  estimate  lower  upper
    0        PET     -8.31  -8.43  -8.18
    2      PEESE     -8.36  -8.43  -8.29
    4  PET-PEESE     -8.36  -8.43  -8.29
    """
    check_studies(studies)
    level, prob = check_probability("alpha", alpha), check_probability("ci_prob", ci_prob)
    centre = check_number("null", null)
    if alternative is not None and alternative not in DIRECTIONS:
        raise SpecError(unknown_name("alternative", alternative, DIRECTIONS))
    if studies.k < FEWEST:
        raise DataError(f"pet_peese needs at least {FEWEST} studies; {studies.source} has {studies.k}.")
    fit = fit_frequentist(studies, measure=measure, tau2_method="EE", variance=variance, add=add, to=to)
    if not varies(fit.se):
        raise DataError("pet_peese needs standard errors that vary; all of them are equal.")
    side = alternative or ("greater" if fit.mu > centre else "less")
    lines = pet_peese_lines(fit.y, fit.se, direction=1.0 if side == "greater" else -1.0, null=centre, alpha=level)
    if isnan(lines.pvalue):
        raise DataError("pet_peese needs effects that vary about a line; these lie on one, which leaves no error.")
    rows = [
        *_rows(fit, "PET", lines.pet, "", prob),
        *_rows(fit, "PEESE", lines.peese, "", prob),
        *_rows(fit, "PET-PEESE", lines.chosen, _reason(lines, side, centre, level), prob),
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _reason(lines: PetPeese, side: str, null: float, alpha: float) -> str:
    chosen, sign = ("PEESE", "<") if lines.takes_peese else ("PET", ">=")
    beyond = ">" if side == "greater" else "<"
    return f"{chosen} taken: one-sided P = {lines.pvalue:.3g} {sign} {alpha:g} for PET's mu {beyond} {null:g}"


def _rows(fit: FrequentistFit, method: str, line: Line, note: str, ci_prob: float) -> list[tuple[object, ...]]:
    both = on_both_scales(
        fit.record, line.intercept, line.se_intercept, line.intercept_interval(ci_prob), fit.typical_n
    )
    return [(method, name, *values, line.slope, line.se_slope, line.df, note) for name, values in both.items()]
