"""Do the means of subgroups differ? The classical tests, with separate, common, and no heterogeneity."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta._validate import unknown_name
from bayesmeta.api import fit
from bayesmeta.data.studies import Studies
from bayesmeta.errors import AccuracyError, DataError, SpecError
from bayesmeta.frequentist.coefficients import WaldTest, coefficient_test, estimate_coefficients
from bayesmeta.frequentist.heterogeneity import cochran_q, q_pvalue
from bayesmeta.frequentist.linear import Projection
from bayesmeta.frequentist.methods import INVERSE_VARIANCE
from bayesmeta.frequentist.regression import regress
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.frequentist.tau2 import tau2_record
from bayesmeta.spec.levels import levels_of, variables_of
from bayesmeta.spec.moderators import cell_means
from bayesmeta.spec.observed import check_studies

type Levels = list[tuple[str, IntArray]]
type Part = tuple[FloatArray, FloatArray, float]

COLUMNS = ("variable", "tau", "test", "statistic", "df", "df_residual", "pvalue", "tau2", "note")
OPTIONS = ("measure", "tau2_method", "variance", "add", "to", "method", "glmm_model")


def subgroup_test(
    studies: Studies, *, by: str | Sequence[str], ci_method: str = "wald", **options: Any
) -> pd.DataFrame:
    """Test whether the levels of a moderator have the same mean.

    Parameters
    ----------
    studies : Studies
        The data, with the moderators.
    by : str or sequence of str
        Moderators that split the studies; each splits all of them anew.
    ci_method : str
        Variance of the means: ``"wald"``, ``"t"``, ``"hartung-knapp"`` or ``"hartung-knapp-adhoc"``; with a common tau2
        all but the first give an F test.
    **options
        ``measure``, ``tau2_method``, ``variance``, ``add``, ``to``, as in `fit_frequentist`; ``method`` and
        ``glmm_model``, as in `fit`.

    Returns
    -------
    DataFrame
        A row per moderator (``variable``) and way to share heterogeneity (``tau``): ``"separate"``, ``"common"``,
        ``"none"``; then ``test`` (chi-squared or F), ``statistic df df_residual pvalue``, the ``tau2`` that the means
        share, and ``note``: what a reader must know, or why there is no test. A common-effect analysis
        (``tau2_method="EE"``, Mantel-Haenszel, Peto) has the last way only, a mixed model
        (``method="glmm"``) the first.

    Raises
    ------
    SpecError
        If a moderator is unknown or has one level, or an option is not allowed.

    Notes
    -----
    ``"separate"``: each level is pooled as if alone, with its own tau2, and Q is the weighted sum of squares of their
    means about the weighted mean of these [1]_. ``"common"``: QM of the meta-regression on the levels, with one tau2
    (R meta's ``tau.common=TRUE``). ``"none"``: common effect within levels; Q_between = Q_total - sum of Q_within. Q is
    compared with chi-squared on (levels - 1) degrees of freedom. Of the methods that pool counts Q is that of the
    levels' own estimates, each by the method, with weights 1 / se^2.

    References
    ----------
    .. [1] M. Borenstein, L. V. Hedges, J. P. T. Higgins, H. R. Rothstein. Introduction to meta-analysis, chapter 19.
       Wiley, 2009. doi:10.1002/9780470743386

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["regimen"])
    >>> subgroup_test(studies, by="regimen")[["tau", "statistic", "df", "pvalue"]].round(3)
            tau  statistic  df  pvalue
    0  separate      0.255   1   0.613
    1    common      0.213   1   0.645
    2      none      0.186   1   0.666
    """
    check_studies(studies)
    coefficient_test(ci_method)
    _check_options(options, ci_method)
    if options.get("method", INVERSE_VARIANCE) != INVERSE_VARIANCE:
        by_variable = {name: _levels_to_compare(studies, name) for name in variables_of(studies, by)}
        made = [{"variable": name, **_of_fits(studies, levels, options)} for name, levels in by_variable.items()]
        return pd.DataFrame(made, columns=list(COLUMNS))
    whole = fit(studies, engine="frequentist", **options)
    rows: list[dict[str, Any]] = []
    for variable in variables_of(studies, by):
        levels = _levels_to_compare(studies, variable)
        if tau2_record(whole.tau2_method).is_random:
            alone = [fit(studies.take(members), engine="frequentist", **options) for _, members in levels]
            parts = [(part.y, part.se, part.tau2) for part in alone]
            rows.append({"variable": variable, **_of_means("separate", levels, parts, ci_method)})
            rows.append({"variable": variable, **_of_regression(whole, variable, levels, ci_method)})
        parts = [(whole.y[members], whole.se[members], 0.0) for _, members in levels]
        rows.append({"variable": variable, **_of_means("none", levels, parts, "wald")})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _check_options(options: dict[str, Any], ci_method: str) -> None:
    """Raise `SpecError` for what is no option of a test of means, or does not go with its method."""
    for name in options:
        if name not in OPTIONS:
            raise SpecError(unknown_name("option of subgroup_test", name, ("by", "ci_method", *OPTIONS)))
    method = options.get("method", INVERSE_VARIANCE)
    if method != INVERSE_VARIANCE and ci_method != "wald":
        raise SpecError(f"ci_method={ci_method!r} needs method={INVERSE_VARIANCE!r}, not {method!r}; use 'wald'.")


def _levels_to_compare(studies: Studies, variable: str) -> Levels:
    """Return the levels of a moderator, or raise `SpecError` if there is but one."""
    levels = levels_of(studies, variable)
    if len(levels) < 2:
        raise SpecError(
            f"the moderator {variable!r} is {levels[0][0]} for every study, so there are no groups; choose another."
        )
    return levels


def _of_fits(studies: Studies, levels: Levels, options: dict[str, Any]) -> dict[str, Any]:
    """Return the test of the levels' own estimates by a method that pools counts."""
    tau = "separate" if options["method"] == "glmm" else "none"
    estimates = []
    for label, members in levels:
        try:
            part = fit(studies.take(members), engine="frequentist", **options)
        except (DataError, AccuracyError) as error:
            return {"tau": tau, "note": f"not tested: {label}: {error}"}
        estimates.append((part.mu, part.se_mu))
    return _of_estimates(tau, levels, np.array(estimates))


def _of_means(tau: str, levels: Levels, parts: list[Part], ci_method: str) -> dict[str, Any]:
    """Return the test of the means of levels, each pooled by itself."""
    means = []
    for y, se, tau2 in parts:
        test = coefficient_test(ci_method if len(y) > 1 else "wald")
        mean = estimate_coefficients(Projection.of_mean(1.0 / (se**2 + tau2)), y, test)
        means.append((float(mean.beta[0]), float(mean.se[0])))
    if not all(se_mu > 0.0 for _, se_mu in means):
        return {"tau": tau, "note": "not tested: a level's Hartung-Knapp variance is 0; use another ci_method"}
    return _of_estimates(tau, levels, np.array(means))


def _of_estimates(tau: str, levels: Levels, estimates: FloatArray) -> dict[str, Any]:
    """Return the test that the levels' means are equal, from (mu, se_mu) of each, shape (levels, 2)."""
    mu, se_mu = estimates.T
    q, df = float(cochran_q(mu, se_mu)), len(levels) - 1
    single = [label for label, members in levels if len(members) == 1] if tau == "separate" else []
    note = f"tau2 of one study is unknown and taken as 0: {', '.join(single)}" if single else ""
    return _row(tau, WaldTest(q, df, np.inf, float(q_pvalue(q, df))), np.nan if tau == "separate" else 0.0, note)


def _of_regression(whole: FrequentistFit, variable: str, levels: Levels, ci_method: str) -> dict[str, Any]:
    """Return the test that the means of a regression on the levels are equal."""
    size = len(levels)
    if whole.k <= size:
        return {"tau": "common", "note": "not tested: every level is one study, which leaves none to estimate tau2"}
    found = regress(whole, cell_means(variable, levels, whole.k), ci_method=ci_method)
    differences = np.column_stack([-np.ones(size - 1), np.eye(size - 1)])
    test = found.coefficients.combine(differences).wald_test(range(size - 1))
    return _row("common", test, found.tau2, "")


def _row(tau: str, test: WaldTest, tau2: float, note: str) -> dict[str, Any]:
    return {
        "tau": tau, "test": "F" if test.is_f else "chi-squared", "statistic": test.statistic, "df": test.df,
        "df_residual": test.df_residual if test.is_f else np.nan, "pvalue": test.pvalue, "tau2": tau2, "note": note,
    }  # fmt: skip
