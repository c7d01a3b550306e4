"""What is known of the rate of a control group that was not randomised with the studies? `Control`."""

from dataclasses import dataclass
from numbers import Integral
from typing import Final, Protocol, Self, final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_number, check_probability, unknown_name
from bayesmeta.data.rules import OFF_CENTRE
from bayesmeta.errors import DataError, SpecError
from bayesmeta.spec.prior_text import quote
from bayesmeta.spec.priors import PriorLike, as_prior

UNIFORM: Final = "Beta(1, 1)"
SCALES: Final = ("logit", "cloglog", "log-log")
MOMENT_NODES: Final = 80
FARTHEST: Final = 700.0  # exp(700) is still a double


class Rate(Protocol):
    """A distribution of a proportion, as functions of its logit x, shape (P,)."""

    def cdf(self, x: FloatArray) -> FloatArray:
        """Return P(logit p <= x)."""
        ...

    def logpdf(self, x: FloatArray) -> FloatArray:
        """Return the log density of logit p."""
        ...

    def logit_ppf(self, q: FloatArray) -> FloatArray:
        """Return the quantiles of logit p."""
        ...

    def moments(self) -> tuple[float, float]:
        """Return mean and SD of p itself."""
        ...


@final
@dataclass(frozen=True)
class BetaRate:
    """p ~ Beta(alpha, beta)."""

    alpha: float
    beta: float

    def cdf(self, x: FloatArray) -> FloatArray:
        """Return P(logit p <= x)."""
        return np.asarray(special.betainc(self.alpha, self.beta, special.expit(x)))

    def logpdf(self, x: FloatArray) -> FloatArray:
        """Return alpha log p + beta log(1 - p) - log B(alpha, beta): the density of logit p."""
        kernel = self.alpha * special.log_expit(x) + self.beta * special.log_expit(-x)
        return np.asarray(kernel - special.betaln(self.alpha, self.beta))

    def logit_ppf(self, q: FloatArray) -> FloatArray:
        """Return log p - log(1 - p), each by its own incomplete beta function."""
        p, rest = special.betaincinv(self.alpha, self.beta, q), special.betaincinv(self.beta, self.alpha, 1.0 - q)
        tiny = np.finfo(np.float64).tiny
        return np.asarray(np.log(np.maximum(p, tiny)) - np.log(np.maximum(rest, tiny)))

    def moments(self) -> tuple[float, float]:
        """Return mean and SD of p."""
        size = self.alpha + self.beta
        mean = self.alpha / size
        return mean, float(np.sqrt(mean * (1.0 - mean) / (size + 1.0)))


@final
@dataclass(frozen=True)
class NormalRate:
    """p whose transform is Normal(mean, se): logit p, log(-log(1 - p)), or -log(-log p)."""

    mean: float
    se: float
    scale: str

    def cdf(self, x: FloatArray) -> FloatArray:
        """Return P(logit p <= x)."""
        return np.asarray(special.ndtr((transform(x, self.scale) - self.mean) / self.se))

    def logpdf(self, x: FloatArray) -> FloatArray:
        """Return the log density of logit p."""
        z = (transform(x, self.scale) - self.mean) / self.se
        constant = np.log(self.se) + 0.5 * np.log(2.0 * np.pi)
        return np.asarray(-0.5 * z * z - constant + _log_slope(x, self.scale))

    def logit_ppf(self, q: FloatArray) -> FloatArray:
        """Return the quantiles of logit p."""
        return _logit_of(self.mean + self.se * special.ndtri(q), self.scale)

    def moments(self) -> tuple[float, float]:
        """Return mean and SD of p, by Gauss-Hermite quadrature."""
        z, weight = special.roots_hermitenorm(MOMENT_NODES)
        p, share = special.expit(_logit_of(self.mean + self.se * z, self.scale)), weight / weight.sum()
        mean = float(share @ p)
        return mean, float(np.sqrt(share @ (p - mean) ** 2))


def transform(x: FloatArray, scale: str) -> FloatArray:
    """Return what is normal on a scale, increasing in the logit ``x``."""
    if scale == "cloglog":
        return np.asarray(np.log(-special.log_expit(-x)))
    return np.asarray(x if scale == "logit" else -np.log(-special.log_expit(x)))


def _log_slope(x: FloatArray, scale: str) -> FloatArray:
    """Return the log of the derivative of `transform`."""
    if scale == "logit":
        return np.zeros_like(x)
    sign = 1.0 if scale == "cloglog" else -1.0
    return np.asarray(special.log_expit(sign * x) - np.log(-special.log_expit(-sign * x)))


def _logit_of(value: FloatArray, scale: str) -> FloatArray:
    """Return the logit: the inverse of `transform`."""
    if scale == "logit":
        return value
    sign = 1.0 if scale == "cloglog" else -1.0
    hazard = np.exp(np.minimum(sign * value, np.log(FARTHEST)))
    return np.asarray(sign * np.where(hazard > 30.0, hazard, np.log(np.expm1(np.minimum(hazard, 30.0)))))


@final
@dataclass(frozen=True)
class Control:
    """The rate of an external control: a trial's arm, a historical series, or a published estimate.

    Made by `from_counts` or `from_limits`.

    Parameters
    ----------
    rate : BetaRate or NormalRate
        Its posterior distribution.
    statement : str
        Where it comes from, in words.

    Examples
    --------
    >>> tower = Control.from_counts(119, 271)
    >>> print(tower)
    119/271 under Beta(1, 1): mean 0.4396, SD 0.0300
    >>> print(Control.from_limits(0.848, 0.763, 0.904, scale="log-log"))
    0.848 (0.763 to 0.904), normal on the log-log scale: mean 0.8443, SD 0.0361
    """

    rate: Rate
    statement: str

    @classmethod
    def from_counts(cls, events: int, n: int, *, prior: PriorLike = UNIFORM) -> Self:
        """Return the posterior of a rate given events among n.

        Parameters
        ----------
        events, n : int
            Counts, 0 <= events <= n.
        prior : Prior or str
            A beta distribution: by default ``"Beta(1, 1)"``, uniform, which is near what the default prior of a pooled
            proportion says; ``"Beta(0.5, 0.5)"`` is Jeffreys's.

        Raises
        ------
        DataError
            If the counts are none.
        SpecError
            If the prior is no beta distribution.

        Notes
        -----
        p ~ Beta(alpha + events, beta + n - events).
        """
        for name, value in (("events", events), ("n", n)):
            if isinstance(value, bool) or not _is_count(value):
                raise DataError(f"control {name}={quote(value)} is not a count; give a whole number from 0 on.")
        if n < 1 or events > n:
            raise DataError(f"control events={events} of n={n}: needed is 0 <= events <= n, and n of at least 1.")
        chosen = as_prior(prior)
        if chosen.name != "Beta" or set(chosen.parameters) != {"alpha", "beta"}:
            raise SpecError(
                f"the prior of a control's rate is {chosen}, but must be a beta distribution by its shapes, such as "
                "Beta(1, 1) or Beta(0.5, 0.5)."
            )
        alpha, beta = chosen.parameters["alpha"], chosen.parameters["beta"]
        shown = f"Beta({alpha:g}, {beta:g})"
        return cls(BetaRate(alpha + float(events), beta + float(n - events)), f"{int(events)}/{int(n)} under {shown}")

    @classmethod
    def from_limits(
        cls, estimate: float, lower: float, upper: float, *, scale: str = "logit", interval_prob: float = 0.95
    ) -> Self:
        """Return the distribution of a rate that is published with limits, such as a survival probability.

        Parameters
        ----------
        estimate, lower, upper : float
            Proportions, 0 < lower < estimate < upper < 1.
        scale : {"logit", "cloglog", "log-log"}
            On which it is taken to be normal: logit p; log(-log(1 - p)); or log(-log p), from which survival
            probabilities usually get their limits.
        interval_prob : float
            Probability of the limits.

        Raises
        ------
        DataError
            If the numbers are no such limits, or lie so far off the centre on this scale that they cannot come from it.
        SpecError
            If an option is not allowed.

        Notes
        -----
        Normal(g(estimate), se), se = (g(upper) - g(lower)) / (2 z): the likelihood of the printed estimate under a flat
        prior on the scale g.
        """
        if scale not in SCALES:
            raise SpecError(unknown_name("scale", scale, SCALES))
        prob = check_probability("interval_prob", interval_prob)
        p = np.array([_proportion(*item) for item in (("lower", lower), ("estimate", estimate), ("upper", upper))])
        shown = f"{p[1]:g} ({p[0]:g} to {p[2]:g})"
        if not p[0] < p[1] < p[2]:
            raise DataError(f"control estimate {shown}: needed is lower < estimate < upper.")
        off = {name: _off_centre(p, name) for name in SCALES}
        if off[scale] > OFF_CENTRE:
            best = min(off, key=off.__getitem__)
            hint = f"; scale={best!r} suits them better" if off[best] <= OFF_CENTRE else "; compare with the paper"
            raise DataError(f"control estimate {shown} is far from the centre of its limits on scale {scale!r}{hint}.")
        low, middle, high = transform(special.logit(p), scale)
        se = (high - low) / (2.0 * special.ndtri(0.5 + 0.5 * prob))
        return cls(NormalRate(float(middle), float(se), scale), f"{shown}, normal on the {scale} scale")

    def __str__(self) -> str:
        mean, sd = self.rate.moments()
        return f"{self.statement}: mean {mean:.4f}, SD {sd:.4f}"


def _is_count(value: object) -> bool:
    """Return whether a value is a whole number from 0 on, be it a float as tables have it."""
    return isinstance(value, Integral | float) and float(value).is_integer() and float(value) >= 0.0


def _proportion(name: str, value: float) -> float:
    number = check_number(f"control {name}", value)
    if not 0.0 < number < 1.0:
        hint = f"; did you mean {number / 100.0:g}?" if 1.0 < number < 100.0 else "."
        raise DataError(f"control {name}={number:g} must lie strictly between 0 and 1{hint}")
    return number


def _off_centre(p: FloatArray, scale: str) -> float:
    """Return how far the estimate lies off the centre of its limits, in units of half their distance."""
    low, middle, high = transform(special.logit(p), scale)
    return float(abs(2.0 * middle - low - high) / (high - low))
