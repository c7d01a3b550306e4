"""Do small studies report other effects than large ones? All tests of funnel asymmetry in one table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from types import MappingProxyType
from typing import Final, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_probability, unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.egger import MODELS, PREDICTORS, SIZE_TESTS, SizeTest, egger, sizes
from bayesmeta.frequentist.fit import fit_frequentist
from bayesmeta.frequentist.line import Line
from bayesmeta.frequentist.rank_test import RankTest, rank_test
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.frequentist.tau2 import tau2_record
from bayesmeta.spec.observed import check_studies

COLUMNS: Final = (
    "test", "model", "predictor", "bias", "se", "statistic", "df", "pvalue", "limit", "lower", "upper", "note",
)  # fmt: skip
FEWEST: Final = 3
"""A line through two points leaves nothing to judge it by."""
POWERLESS: Final = 10
"""Studies below which Sterne et al. (2011) advise against the tests."""
TESTS: Final = ("egger", "begg", *SIZE_TESTS)

OWN_ERROR: Final = (
    "the standard error of a proportion is a function of the estimate, so that tests by standard error see asymmetry "
    "where nothing is missing"
)
"""Why studies of one arm are tested by their size (Hunter et al. 2014)."""
OF_RATES: Final = OWN_ERROR.replace("a proportion", "a rate")
CORRELATED: Final = "a log odds ratio and its standard error are correlated: see harbord and peters"
_ONE_ARM: Final[Mapping[str, str]] = MappingProxyType({"counts": OWN_ERROR, "rates": OF_RATES})


@final
@dataclass(frozen=True)
class _Row:
    """What one test says."""

    test: str
    model: str
    predictor: str
    line: Line | None
    has_limit: bool
    note: str
    ranks: RankTest | None = None

    def values(self, ci_prob: float) -> tuple[object, ...]:
        head = (self.test, self.model, self.predictor)
        if self.ranks is not None:
            exact, continuity = self.model == "exact", self.model == "continuity-corrected"
            pvalue = self.ranks.exact_pvalue if exact else self.ranks.normal_pvalue(continuity=continuity)
            z = self.ranks.z(continuity=continuity)
            return (*head, self.ranks.tau, nan, z, nan, pvalue, nan, nan, nan, self.note)
        assert self.line is not None
        line = self.line
        limits = (line.intercept, *line.intercept_interval(ci_prob)) if self.has_limit else (nan, nan, nan)
        df = nan if line.df is None else line.df
        return (*head, line.slope, line.se_slope, line.statistic, df, line.pvalue, *limits, self.note)


def small_study_tests(
    studies: Studies,
    tests: str | Sequence[str] | None = None,
    *,
    predictors: str | Sequence[str] | None = None,
    measure: str | None = None,
    tau2_method: str = "DL",
    variance: str = "wald",
    add: float | None = None,
    to: str = "only0",
    n: str | None = None,
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """Test whether small studies report other effects than large ones.

    Parameters
    ----------
    studies : Studies
        k >= 3 studies of any kind.
    tests : str or sequence of str, optional
        ``"egger"``, ``"begg"``, ``"harbord"``, ``"peters"``, ``"macaskill"``, ``"deeks"``. By default, for one arm the
        tests by study size: egger (by n), deeks, and peters for logits; for odds ratios egger, begg, harbord and
        peters; for other data egger and begg.
    predictors : str or sequence of str, optional
        What "egger" regresses on, by metafor's codes: ``"sei"``, ``"vi"``, ``"ni"``, ``"ninv"``, ``"sqrtni"``,
        ``"sqrtninv"``. By default "sei", and of one arm "sqrtninv".
    measure, variance, add, to
        Effect measure and zero-cell rule, as in `fit` with ``engine="frequentist"``.
    tau2_method : str
        Estimator of the between-study variance about the line, in the mixed form of "egger".
    n : str, optional
        Moderator that holds the studies' sizes, for estimates, which do not tell them.
    ci_prob : float
        Coverage of the limit's interval.

    Returns
    -------
    DataFrame
        A row per test and form. ``model``: "lm" (weighted regression with multiplicative dispersion), "mixed"
        (meta-regression), or how Begg's P-value was got ("exact", as metafor; "normal" if there are ties;
        "continuity-corrected", as Stata). ``bias``: slope on the predictor, with ``se``; for Begg Kendall's tau.
        ``statistic``: t with ``df`` degrees of freedom, or a standard normal deviate if there is no ``df``. ``limit``,
        ``lower``, ``upper``: effect at predictor 0, in a study without end, on the link scale. ``note``: what a reader
        must know.

    Raises
    ------
    SpecError
        If a test or option is unknown, or does not fit the data.
    DataError
        If there are fewer than 3 studies, or the effects cannot be computed.

    Notes
    -----
    All regressions are y_i = a + b x_i, and all test b = 0: egger (x a measure of size, weights 1 / se^2; Egger's own
    intercept, of y / se on 1 / se, is b of x = se), harbord (Z / V on 1 / sqrt(V), weights V), peters (1 / n, weights
    d h / n with d events and h others), macaskill (n, the same weights), deeks (1 / sqrt(effective size), weighted by
    it). In simulations without any bias (12 proportions about 0.85, tau = 0.7 on the logit, nominal 5 %) egger by
    standard error rejected in 28 % (lm) and 41 % (mixed), by 1 / sqrt(n) in 7 % and 6 %, deeks and peters in 3 %, but
    macaskill in 15 %, which is therefore no default; about 0.97, where logits themselves are biased, deeks and peters
    in 12 %. Asymmetry need not be publication bias: heterogeneity that goes with size, and chance, look the same [1]_.
    Of one arm, see [2]_.

    References
    ----------
    .. [1] J. A. C. Sterne et al. Recommendations for examining and interpreting funnel plot asymmetry in meta-analyses
       of randomised controlled trials. BMJ 343:d4002, 2011. doi:10.1136/bmj.d4002
    .. [2] J. P. Hunter et al. In meta-analyses of proportion studies, funnel plots were found to be an inaccurate
       method of assessing publication bias. Journal of Clinical Epidemiology 67:897-903, 2014.
       doi:10.1016/j.jclinepi.2014.03.003

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    >>> table = small_study_tests(studies)
    >>> table[["test", "model", "predictor", "bias", "statistic", "pvalue"]].round(3)
         test  model    predictor   bias  statistic  pvalue
    0   egger     lm     sqrtninv  0.753      0.272   0.790
    1   egger  mixed     sqrtninv  1.275      0.489   0.625
    2   deeks     lm  1/sqrt(ESS)  3.207      1.044   0.317
    3  peters     lm          1/n  1.790      0.323   0.752
    """
    check_studies(studies)
    prob, rule = check_probability("ci_prob", ci_prob), tau2_record(tau2_method)
    if studies.k < FEWEST:
        raise DataError(f"small-study tests need at least {FEWEST} studies; {studies.source} has {studies.k}.")
    fit = fit_frequentist(studies, measure=measure, tau2_method="EE", variance=variance, add=add, to=to)
    chosen = _named("test", tests, TESTS) or _default_tests(fit)
    codes = _named("predictor", predictors, PREDICTORS)
    if codes and "egger" not in chosen:
        raise SpecError("predictors are those of the test 'egger', which is not among the tests; add it.")
    codes = codes or (("sqrtninv",) if studies.kind in _ONE_ARM else ("sei",))
    rows: list[_Row] = []
    for test in chosen:
        if test == "begg":
            rows += _begg(fit)
        elif test == "egger":
            rows += [
                _Row(test, model, code, egger(fit.y, fit.se, x, model=model, tau2_rule=rule), has_limit, note)
                for code, x, has_limit, note in _predictors(fit, codes, n)
                for model in MODELS
            ]
        else:
            rows.append(_by_size(fit, SIZE_TESTS[test]))
    frame = pd.DataFrame([row.values(prob) for row in rows], columns=list(COLUMNS))
    told = zip(frame["note"], frame["bias"], frame["pvalue"], strict=True)
    frame["note"] = [_full_note(note, bias, pvalue, studies.k) for note, bias, pvalue in told]
    return frame


def _named(
    kind: str, given: str | Sequence[str] | None, allowed: Sequence[str] | Mapping[str, object]
) -> tuple[str, ...]:
    """Return the names that were given, each allowed and once; none for None."""
    if given is None:
        return ()
    if not isinstance(given, str | Iterable):
        raise SpecError(f"{kind}s={given!r} must be one or more of {', '.join(allowed)}.")
    names = (given,) if isinstance(given, str) else tuple(given)
    if not names:
        raise SpecError(f"{kind}s is empty; name at least one of {', '.join(allowed)}, or leave it out.")
    for name in names:
        if name not in allowed:
            raise SpecError(unknown_name(kind, name, allowed))
    return tuple(dict.fromkeys(names))


def _default_tests(fit: FrequentistFit) -> tuple[str, ...]:
    match fit.studies.kind, fit.measure:
        case "counts", measure:
            return ("egger", "deeks", "peters") if measure == "PLO" else ("egger", "deeks")
        case "rates", _:
            return ("egger",)
        case _, "OR" | "PETO":
            return ("egger", "begg", "harbord", "peters")
    return ("egger", "begg")


def _error_note(fit: FrequentistFit) -> str:
    """Return what makes tests by standard error misleading for these data."""
    if fit.studies.kind in _ONE_ARM:
        return f"misleading: {_ONE_ARM[fit.studies.kind]}"
    return CORRELATED if fit.measure == "OR" else ""


def _size_note(fit: FrequentistFit) -> str:
    """Return why a test goes by study size."""
    return f"by study size: {_ONE_ARM[fit.studies.kind]}" if fit.studies.kind in _ONE_ARM else ""


def _predictors(fit: FrequentistFit, codes: Sequence[str], n: str | None) -> list[tuple[str, FloatArray, bool, str]]:
    """Return code, values (k,), whether there is a limit, and the note of each predictor."""
    size = _sizes(fit.studies, n) if n is not None or any(PREDICTORS[code].needs_n for code in codes) else fit.se
    rows = []
    for code in codes:
        record = PREDICTORS[code]
        note = _size_note(fit) if record.needs_n else _error_note(fit)
        rows.append((code, record.value(fit.se, size), record.has_limit, note))
    return rows


def _sizes(studies: Studies, column: str | None) -> FloatArray:
    """Return the studies' sizes, from their data or from a moderator, shape (k,)."""
    if studies.kind != "estimates":
        if column is not None:
            raise SpecError(f"n={column!r} is for estimates; these studies hold {studies.kind}, which tell their size.")
        return sizes(studies.data)
    there = [str(name) for name in studies.moderators.columns]
    if column is None:
        raise SpecError("predictors by study size need n='COLUMN', a moderator, because estimates do not tell it.")
    if column not in there:
        raise SpecError(unknown_name("moderator", column, there))
    values = pd.to_numeric(studies.moderators[column], errors="coerce").to_numpy(dtype=np.float64)
    good = np.isfinite(values) & (values > 0.0)
    if not good.all():
        i = int(np.argmin(good))
        raise DataError(f"study {studies.study[i]!r} has {column}={studies.moderators[column].iloc[i]}; n must be > 0.")
    return values


def _begg(fit: FrequentistFit) -> list[_Row]:
    """Return Begg's test as metafor has it, and as Stata prints it."""
    ranks = rank_test(fit.y, fit.se)
    has_exact = not np.isnan(ranks.exact_pvalue)
    note = _error_note(fit)
    ties = "" if has_exact else "ties, so no exact P-value"
    return [
        _Row("begg", model, "vi", None, False, "; ".join(filter(None, (note, why))), ranks)
        for model, why in (("exact" if has_exact else "normal", ties), ("continuity-corrected", ""))
    ]


def _by_size(fit: FrequentistFit, test: SizeTest) -> _Row:
    kind = fit.studies.kind
    if kind not in test.kinds:
        raise SpecError(f"the test {test.code!r} needs {' or '.join(test.kinds)}, but the studies hold {kind}.")
    if test.measures and fit.measure not in test.measures:
        allowed = " or ".join(repr(code) for code in test.measures if code in _MEASURES_OF[kind])
        raise SpecError(f"the test {test.code!r} is made for measure={allowed}; got {fit.measure!r}.")
    return _Row(test.code, "lm", test.predictor, test.regress(fit.y, fit.studies.data), test.has_limit, _size_note(fit))


_MEASURES_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"counts": ("PLO",), "two-arm-counts": ("OR", "PETO")}
)


def _full_note(note: str, bias: float, pvalue: float, k: int) -> str:
    """Return a row's note with what holds for all tests."""
    notes = [note]
    if np.isnan(bias):
        notes.append("no result: the predictor or the effects do not vary")
    elif np.isnan(pvalue):
        notes.append("no P-value: the effects lie on a line, which leaves nothing to test against")
    if k < POWERLESS:
        notes.append(f"k = {k} < {POWERLESS}: too few studies to tell chance from asymmetry (Sterne et al. 2011)")
    return "; ".join(filter(None, notes))
