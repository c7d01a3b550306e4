"""How is a classical meta-regression told in words: its one-line notes, and the block that is printed."""

from math import isnan
from typing import TYPE_CHECKING

from bayesmeta.frequentist.coefficients import WaldTest, coefficient_test
from bayesmeta.frequentist.describe import effect_notes, pvalue_text
from bayesmeta.frequentist.numbers import number_text
from bayesmeta.frequentist.tau2 import tau2_record

if TYPE_CHECKING:
    from bayesmeta.frequentist.regression import FrequentistRegression

FEW_PER_COEFFICIENT = 10
"""Studies per moderator that the Cochrane Handbook (version 6, section 10.11.5.1) asks for."""


def regression_notes(fit: "FrequentistRegression") -> tuple[str, ...]:
    """Return what a reader of a meta-regression should know, one line each."""
    notes = (*_centring_notes(fit), _test_note(fit), _scale_note(fit), _r2_note(fit), _size_note(fit))
    return (*effect_notes(fit.null), *filter(None, notes))


def regression_text(fit: "FrequentistRegression") -> str:
    """Return the printed form of a meta-regression, several lines without a final line break."""
    method, test = tau2_record(fit.tau2_method), coefficient_test(fit.ci_method)
    head = "Meta-regression, random effects" if method.is_random else "Meta-regression, common effect"
    table = fit.summary().to_string(float_format=number_text, index_names=False, na_rep="")
    return "\n".join(
        [
            f"{head} ({method.title}), {fit.record.title} ({fit.measure}), k = {fit.k}, {fit.design.formula}",
            *heterogeneity_lines(fit),
            table,
            f"lower, upper: {100 * fit.ci_prob:g} % CI ({test.title})",
            *(f"note: {note}" for note in fit.notes),
        ]
    )


def heterogeneity_lines(fit: "FrequentistRegression") -> list[str]:
    """Return residual heterogeneity and the test of the moderators, two or three lines."""
    se = "" if isnan(fit.se_tau2) else f", SE {number_text(fit.se_tau2)}"
    explained = "" if isnan(fit.r2) else f", R2 {100 * fit.r2:.1f} %"
    tau2, tau = number_text(fit.tau2), number_text(fit.tau)
    left = f"residual tau2 {tau2} (tau {tau}{se}), I2 {100 * fit.i2_tau2:.1f} %, H2 {fit.h2:.2f}"
    return [
        left + explained,
        f"residual heterogeneity: Q(df = {fit.df}) = {fit.q:.2f}, {pvalue_text(fit.q_pvalue)}",
        f"test of moderators: {wald_text(fit.moderator_test)}",
    ]


def wald_text(test: WaldTest) -> str:
    """Return a Wald test as text, such as ``Q(df = 1) = 7.13, P = 0.0076``."""
    name = f"F({test.df}, {test.df_residual:g})" if test.is_f else f"Q(df = {test.df})"
    return f"{name} = {test.statistic:.2f}, {pvalue_text(test.pvalue)}"


def _centring_notes(fit: "FrequentistRegression") -> list[str]:
    centred = [f"{name} is centred at its mean, {mean:.6g}" for name, mean in fit.design.means.items()]
    if not centred:
        return []
    as_written = " + ".join(f"I({name})" for name in fit.design.means)
    return [
        f"{'; '.join(centred)}; the intercept (or each group's mean) is that at the mean; {as_written} in the formula "
        "takes it as written (metafor's intercept)"
    ]


def _test_note(fit: "FrequentistRegression") -> str:
    if fit.moderator_test.df < len(fit.design.coef):
        return ""
    if len(fit.design.coef) == 1:
        return "the formula has one coefficient, and the test of moderators is of that"
    return (
        "the formula has no intercept, so the test of moderators asks whether all coefficients are 0, not whether they "
        "differ"
    )


def _scale_note(fit: "FrequentistRegression") -> str:
    if fit.coefficients.vb.any():
        return ""
    return "all residuals are 0, so that the Hartung-Knapp variance is 0 too; use 'hartung-knapp-adhoc'"


def _r2_note(fit: "FrequentistRegression") -> str:
    if fit.null.tau2 > 0.0 or not tau2_record(fit.tau2_method).is_random:
        return ""
    return "tau2 without moderators is estimated as 0, so there is nothing for them to explain, and no R2"


def _size_note(fit: "FrequentistRegression") -> str:
    tested = fit.moderator_test.df
    if fit.design.groups or fit.k >= FEW_PER_COEFFICIENT * tested:
        return ""
    return (
        f"{fit.k} studies for {tested} coefficient{'s' if tested > 1 else ''} of moderators: at least "
        f"{FEW_PER_COEFFICIENT} for each are advised (Cochrane Handbook, 10.11.5.1)"
    )
