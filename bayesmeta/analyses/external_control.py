"""How does a pooled proportion compare with a trial's arm or a historical series that was not randomised with it?"""

from collections.abc import Iterable
from math import nan
from typing import Final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import a_type, unknown_name
from bayesmeta.analyses.contrast_rows import contrast_row
from bayesmeta.analyses.decisions import HasResolutions
from bayesmeta.errors import AccuracyError, SpecError
from bayesmeta.exact.against import KINDS, RateKind, against
from bayesmeta.exact.regression import refuse_regression
from bayesmeta.exact.solve import ACCEPTABLE
from bayesmeta.nuts.estimates import DIAGNOSTICS, estimate_rows, moment_errors
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.result.quantity import is_proportion
from bayesmeta.result.summary import COLUMNS, check_interval, with_reliability
from bayesmeta.spec.control import Control, Rate

PROPORTIONS: Final = ("p_median", "p_mean", "p_new")
HEAD: Final = ("parameter", "contrast", *COLUMNS, "prob_above")


def compare_control(
    fit: HasResolutions | NutsFit,
    control: Control,
    *,
    parameters: str | Iterable[str] = PROPORTIONS,
    ci_prob: float = 0.95,
    ci_kind: str = "eti",
    seed: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return differences and ratios between a pooled proportion and the rate of an external control.

    Parameters
    ----------
    fit : ExactFit, AveragedFit or NutsFit
        A Bayesian fit of proportions, without a formula.
    control : Control
        A trial's arm or a historical series: ``Control.from_counts(88, 113)``, or ``Control.from_limits(...)``.
    parameters : str or sequence of str
        Which pooled proportions are compared: ``p_median``, ``p_mean``, ``p_new``.
    ci_prob : float
        Posterior probability of the intervals.
    ci_kind : {"eti", "hdi"}
        Equal-tailed, or shortest (of the difference or the ratio itself).
    seed : int or numpy.random.Generator, optional
        Of the control's draws beside those of a NUTS fit. An exact fit needs none.

    Returns
    -------
    DataFrame
        For each ``parameter`` three rows, ``contrast``: difference (pooled - control), ratio (pooled / control), odds
        ratio. ``mean sd median lower upper``; mean and sd of ratios are nan, because a denominator near 0 can leave
        them infinite. ``prob_above``: probability that the pooled proportion is the higher. ``numerical_error``: the
        largest absolute error of the row, relative to the value where that exceeds 1; by NUTS instead ``mcse`` of
        ``prob_above``, ``mcse_mean ess_bulk ess_tail r_hat``, and ``is_reliable``.

    Raises
    ------
    SpecError
        If the fit is not a Bayesian one of proportions, or an option is not allowed.
    AccuracyError
        If a row cannot be computed accurately.

    Notes
    -----
    Pooled proportion and control's rate are independent a posteriori, so that P(pooled - control <= d) is the integral
    of F(d + c) q(c) dc, for the fit's exact distribution function F and the control's beta (or transformed normal)
    density q: one-dimensional quadrature, nothing is simulated.

    What such a comparison cannot tell: nobody was randomised between the two sides. Patients, co-treatments, years,
    definitions and follow-up differ, and the posterior holds none of that uncertainty; it answers "do these rates
    differ", not "which treatment is better". For `p_new` the question is whether the *next* study's rate would be
    higher; its interval is the widest, because studies differ. The control's rate is that of one study, taken
    without heterogeneity. The control must not be among the pooled studies, or its patients count on both sides and the
    two are not independent: leave out the study whose arm it is (as TOWER's blinatumomab arm, were it in the pool).

    References
    ----------
    US Food and Drug Administration (2023), Considerations for the design and conduct of externally controlled trials
    for drug and biological products, draft guidance. Pocock (1976), Journal of Chronic Diseases 29, 175-188,
    doi:10.1016/0021-9681(76)90044-8. Brown, Cai and DasGupta (2001), Statistical Science 16, 101-133,
    doi:10.1214/ss/1009213286 (Jeffreys's prior of a single rate).

    Examples
    --------
    Complete remission against the blinatumomab arm of TOWER, 119 of 271 with any remission:

    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr")))
    >>> table = compare_control(fit, bm.Control.from_counts(119, 271))
    >>> table.query("contrast == 'difference'")[["parameter", "median", "lower", "upper", "prob_above"]].round(3)
      parameter  median  lower  upper  prob_above
    0  p_median   0.427  0.284  0.524       1.000
    3    p_mean   0.380  0.224  0.484       1.000
    6     p_new   0.426 -0.128  0.571       0.948
    """
    prob = check_interval(ci_prob, ci_kind)
    names = check_parameters(parameters)
    check_control(control)
    check_proportions(fit, "compare_control")
    if isinstance(fit, NutsFit):
        rng = np.random.default_rng(seed)
        return with_reliability(fit, _sampled(fit, control.rate, names, prob, ci_kind, rng))
    rows = [
        {"parameter": name, "contrast": kind, **_exact(fit, control.rate, name, kind, prob, ci_kind)}
        for name in names
        for kind in KINDS
    ]
    return pd.DataFrame(rows, columns=[*HEAD, "numerical_error"])


def check_parameters(parameters: str | Iterable[str]) -> tuple[str, ...]:
    """Return the pooled proportions that are asked for; raise `SpecError` for others."""
    names = (parameters,) if isinstance(parameters, str) else tuple(parameters)
    for name in names:
        if name not in PROPORTIONS:
            raise SpecError(unknown_name("parameter", name, PROPORTIONS))
    return names


def check_control(control: object) -> Control:
    """Return the control; raise `SpecError` for what is none, with the way to make one."""
    if not isinstance(control, Control):
        raise SpecError(
            f"the control is {a_type(control)}; make one by bm.Control.from_counts(events, n) or "
            "bm.Control.from_limits(estimate, lower, upper)."
        )
    return control


def check_proportions(fit: object, verb: str) -> None:
    """Raise `SpecError` unless a fit is Bayesian, without a formula, and of proportions."""
    refuse_regression(fit, verb)
    if not isinstance(fit, HasResolutions | NutsFit):
        engine = getattr(fit, "engine", None)
        got = f"a fit by engine={engine!r}" if engine else a_type(fit)
        raise SpecError(f"{verb} takes a fit by engine='exact' or 'nuts'; got {got}.")
    link = getattr(fit, "link", "logit")
    if not is_proportion(link):
        raise SpecError(f"{verb} is for proportions, not for effects with link {link!r}.")


def _exact(fit: HasResolutions, rate: Rate, name: str, kind: RateKind, prob: float, ci_kind: str) -> dict[str, float]:
    row = contrast_row(*against(fit.resolutions(name), rate, kind), kind, prob, ci_kind=ci_kind)
    if not row["numerical_error"] <= ACCEPTABLE:
        raise AccuracyError(
            f"the {kind} between {name} and the control could not be computed to {ACCEPTABLE:g}: the studies or the "
            "control hardly bound it; take tighter priors."
        )
    return row


def _sampled(
    fit: NutsFit, rate: Rate, names: tuple[str, ...], prob: float, ci_kind: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the rows by draws: of the control as many as the fit has; prob_above without them, as it is known."""
    frames = []
    for name in names:
        pooled = fit.values_of(name)
        control = np.asarray(rate.logit_ppf(rng.uniform(2.0**-54, 1.0, pooled.shape)))
        with np.errstate(divide="ignore"):
            logit = np.log(pooled) - np.log1p(-pooled)
            above = rate.cdf(logit)
        draws: dict[str, FloatArray] = {kind: _contrast(pooled, logit, control, kind) for kind in KINDS}
        frame = estimate_rows(draws, ci_prob=prob, ci_kind=ci_kind).rename_axis("contrast").reset_index()
        frame.loc[frame["contrast"] != "difference", ["mean", "sd", "mcse_mean"]] = nan
        frames.append(frame.assign(parameter=name, prob_above=above.mean(), mcse=moment_errors(above)[0]))
    return pd.concat(frames, ignore_index=True)[[*HEAD, "mcse", *DIAGNOSTICS]]


def _contrast(pooled: FloatArray, logit: FloatArray, control: FloatArray, kind: RateKind) -> FloatArray:
    if kind == "odds ratio":
        return np.asarray(np.exp(logit - control))
    rate = 1.0 / (1.0 + np.exp(-control))
    return np.asarray(pooled - rate if kind == "difference" else pooled / rate)
