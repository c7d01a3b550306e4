"""What is the likelihood of a two-arm trial as a function of its log odds ratio, or log rate ratio?

Either given the total of events, which leaves Fisher's non-central hypergeometric distribution, or for rates a
binomial one; or with the log odds of the control arm integrated out under a stated distribution.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.surface.binomial import BinomialTerms, log_binomial_coefficient
from bayesmeta.surface.tabulated import TabulatedTerms

STEP: Final = 0.1  # of the tables; the log likelihoods are analytic within a distance of pi
DEEP: Final = 60.0  # tables reach to where a likelihood that decays is exp(-DEEP) of its largest value
FLAT_ENOUGH: Final = 1e-13  # and to where one that tends to a constant differs from its log by this much
ROUNDING: Final = 2e-15  # of the log likelihood of one patient
LEAST: Final = 40  # entries of a table, however narrow its likelihood
LOOK, ROUNDS = 41, 60  # points at which the ends of tables are searched, and how often
BASELINE_DEEP: Final = 110.0
STEPS_PER_SD: Final = 1.5  # error of the trapezoid rule in the baseline: exp(-2 pi^2 2.25)
BLOCK: Final = 4_000_000  # floats per temporary array

type LogFunction = Callable[[FloatArray], FloatArray]


def hypergeometric_terms(
    events_treatment: FloatArray, n_treatment: FloatArray, events_control: FloatArray, n_control: FloatArray
) -> TabulatedTerms:
    """Return the likelihoods of the events under treatment given the events in all.

    Parameters
    ----------
    events_treatment, n_treatment, events_control, n_control : array, shape (k,)
        Counts.

    Returns
    -------
    TabulatedTerms
        log likelihood = log C(n1, x) C(n0, m - x) + x theta - log sum_j C(n1, j) C(n0, m - j) exp(j theta).
        A study without events, or without others, is 1 everywhere.
    """
    total = events_treatment + events_control
    lowest, highest = np.maximum(0.0, total - n_control), np.minimum(n_treatment, total)
    functions = []
    for x, n1, n0, m, low, high in zip(events_treatment, n_treatment, n_control, total, lowest, highest, strict=True):
        j = np.arange(low, high + 1.0)
        log_c = log_binomial_coefficient(j, np.full_like(j, n1)) + log_binomial_coefficient(m - j, np.full_like(j, n0))
        functions.append(_conditional(log_c[int(x - low)], log_c, j - x))
    corrected = np.stack([events_treatment, n_treatment - events_treatment, events_control, n_control - events_control])
    corrected = corrected + 0.5
    centre = np.log(corrected[0] / corrected[1] / (corrected[2] / corrected[3]))
    left, right = events_treatment == lowest, events_treatment == highest
    noise = ROUNDING * (n_treatment + n_control)
    return _tabulate(functions, np.where(left & right, 0.0, centre), left, right, np.zeros(total.size), noise)


def poisson_conditional_terms(
    events_treatment: FloatArray, time_treatment: FloatArray, events_control: FloatArray, time_control: FloatArray
) -> BinomialTerms:
    """Return the likelihoods of the events under treatment given the events in all, as functions of the log rate ratio.

    Parameters
    ----------
    events_treatment, time_treatment, events_control, time_control : array, shape (k,)
        Counts and person-times.

    Returns
    -------
    BinomialTerms
        x of m events are in the treatment arm with probability expit(theta + log(t1 / t0)).
    """
    offset = np.log(time_treatment / time_control)
    return BinomialTerms(events_treatment, events_treatment + events_control, "logit", offset)


def _conditional(own: float, log_c: FloatArray, shift: FloatArray) -> LogFunction:
    """Return the log probability as a function of theta: own - log sum exp(log_c + shift theta)."""

    def log_f(theta: FloatArray) -> FloatArray:
        out = np.empty(theta.size)
        for block in np.array_split(np.arange(theta.size), -(-theta.size * shift.size // BLOCK)):
            out[block] = own - special.logsumexp(log_c + np.multiply.outer(theta[block], shift), axis=1)
        return out

    return log_f


def baseline_terms(
    events_treatment: FloatArray,
    n_treatment: FloatArray,
    events_control: FloatArray,
    n_control: FloatArray,
    *,
    log_baseline: LogFunction,
    baseline_range: tuple[float, float],
) -> TabulatedTerms:
    """Return the likelihoods of both arms with the log odds alpha of the control arm integrated out.

    Parameters
    ----------
    events_treatment, n_treatment, events_control, n_control : array, shape (k,)
        Counts.
    log_baseline : callable
        Log density of alpha; log-concave.
    baseline_range : tuple of float
        Where it lives: outside, its log has fallen by `BASELINE_DEEP`.

    Returns
    -------
    TabulatedTerms
        likelihood(theta) = integral of Bin(x0 | n0, expit(alpha)) Bin(x1 | n1, expit(alpha + theta)) times the
        density of alpha.
    """
    arms = zip(events_treatment, n_treatment, events_control, n_control, strict=True)
    functions, factors, centres = [], [], []
    for x1, n1, x0, n0 in arms:
        treatment, control = (BinomialTerms(np.array([x]), np.array([n])) for x, n in ((x1, n1), (x0, n0)))
        alpha, log_weight = _baseline_rule(control, n1, log_baseline, baseline_range)
        functions.append(_integrated(treatment, alpha, log_weight))
        constant = float(special.logsumexp(log_weight)) if x1 in (0.0, n1) else 0.0
        factors.append(constant)
        centres.append(float(treatment.rough()[0][0]) - float(alpha[log_weight.argmax()]))
    left, right = events_treatment == 0.0, events_treatment == n_treatment
    noise = ROUNDING * (n_treatment + n_control)
    return _tabulate(functions, np.array(centres), left, right, np.array(factors), noise)


def _baseline_rule(
    control: BinomialTerms, n_treatment: float, log_baseline: LogFunction, baseline_range: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Return nodes alpha and the logs of their weights: likelihood of the control arm, density and step."""

    def log_f(alpha: FloatArray) -> FloatArray:
        return np.asarray(control.log_likelihood(alpha)[0] + log_baseline(alpha))

    coarse = np.linspace(*baseline_range, 4001)
    values = log_f(coarse)
    near = np.flatnonzero(values > values.max() - BASELINE_DEEP)
    low, high = coarse[max(near[0] - 1, 0)], coarse[min(near[-1] + 1, coarse.size - 1)]
    spread = (baseline_range[1] - baseline_range[0]) / 30.0  # about its SD
    largest_information = 0.25 * (float(control.n[0]) + n_treatment) + 1.0 / spread**2
    step = 1.0 / (STEPS_PER_SD * np.sqrt(largest_information))
    alpha = np.linspace(low, high, int(np.ceil((high - low) / step)) + 1)
    log_weight = log_f(alpha) + np.log(alpha[1] - alpha[0])
    keep = log_weight > log_weight.max() - BASELINE_DEEP
    return alpha[keep], log_weight[keep]


def _integrated(treatment: BinomialTerms, alpha: FloatArray, log_weight: FloatArray) -> LogFunction:
    """Return the log of the sum over alpha of the weights times the treatment arm's likelihood, of theta."""

    def log_f(theta: FloatArray) -> FloatArray:
        out = np.empty(theta.size)
        for block in np.array_split(np.arange(theta.size), -(-theta.size * alpha.size // BLOCK)):
            log_likelihood = treatment.log_likelihood(np.add.outer(theta[block], alpha))[0]
            out[block] = special.logsumexp(log_likelihood + log_weight, axis=1)
        return out

    return log_f


def _tabulate(
    functions: list[LogFunction],
    centre: FloatArray,
    left: BoolArray,
    right: BoolArray,
    log_factor: FloatArray,
    noise: FloatArray,
) -> TabulatedTerms:
    """Return tables of log functions, each less its ``log_factor``, as far as they matter."""
    each_study = zip(functions, centre, left, right, log_factor, np.maximum(FLAT_ENOUGH, noise), strict=True)
    ends = [_ends(*each) for each in each_study]
    first, last = np.array(ends).T
    count = max(int(np.ceil((last - first).max() / STEP)) + 1, LEAST)
    unit = np.linspace(0.0, 1.0, count)
    table = np.stack(
        [
            log_f(a + (b - a) * unit) - factor
            for log_f, a, b, factor in zip(functions, first, last, log_factor, strict=True)
        ]
    )
    return TabulatedTerms(first, (last - first) / (count - 1), table, left, right, log_factor)


def _ends(
    log_f: LogFunction, centre: float, left: bool, right: bool, factor: float, flat_enough: float
) -> tuple[float, float]:
    """Return the ends of a table: where a log function has fallen by `DEEP`, or is constant up to ``flat_enough``.

    They must not lie much beyond: there a log function falls on so far that its polynomials would be inaccurate,
    and that of `baseline_terms` lacks the nodes of the baseline that would matter.
    """
    low, high = centre - 2.0, centre + 2.0
    for _ in range(ROUNDS):
        theta = np.linspace(low, high, LOOK)
        values = log_f(theta) - factor
        fallen, flat = values < values.max() - DEEP, np.abs(values) < flat_enough
        if left and right and flat.all():  # no information: 1 everywhere
            return -1.0, 1.0
        first = int((~(flat if left else fallen)).argmax())
        last = LOOK - 1 - int((~(flat if right else fallen))[::-1].argmax())
        within = first > 0 and last < LOOK - 1
        if within and last - first > LOOK // 3:
            return float(theta[first - 1]), float(theta[last + 1])
        width = high - low
        low = low - width * (first == 0) if not within else float(theta[first - 1])
        high = high + width * (last == LOOK - 1) if not within else float(theta[last + 1])
    return low, high
