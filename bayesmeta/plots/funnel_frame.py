"""What does a funnel plot show: which studies, how large, and between which limits would they lie by chance?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import pandas as pd
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import a_type, check_number, check_probability, unknown_name
from bayesmeta.analyses.trim_fill import TrimFill
from bayesmeta.api import ENGINES
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.plots.classical_effects import classical_effects
from bayesmeta.plots.forest_fits import is_reliable, link_of
from bayesmeta.spec.coefficients import formula_of, refuse_formula

SIZES: Final = ("n", "se")
CONTOURS: Final = (0.9, 0.95, 0.99)
MOST_CONTOURS: Final = 4
LEVELS: Final = 120
"""Sizes at which limits are computed."""
ONE_ARM: Final = {"counts": "n", "rates": "time"}
"""Kinds of studies whose standard errors are functions of their estimates, and the measure of their size."""


@final
@dataclass(frozen=True)
class Funnel:
    """What a funnel plot is of.

    Attributes
    ----------
    by : str
        Its vertical axis: ``"n"``, ``"time"`` or ``"se"``.
    centre : float
        The pooled value, on the scale of x.
    null : float
        About what the contours lie, on the scale of x.
    link : str
        Of which x is the link scale, if `by` is ``"se"``; else x is natural.
    """

    by: str
    centre: float
    null: float
    link: str


def funnel_frame(
    fit: Any, *, size: str | None = None, contours: Sequence[float] = CONTOURS, null: float | None = None
) -> pd.DataFrame:
    """Return the studies of a funnel plot and its limits.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit, GlmmFit or TrimFill
        Whose studies are shown, and whose pooled value is the centre; a `TrimFill` has the filled studies too.
    size : {"n", "se"}, optional
        The vertical axis. By default "n" for proportions and rates (of rates the person-time), because their standard
        errors are functions of their estimates and make funnels skewed where nothing is missing; else "se".
    contours : sequence of float
        Probabilities of the limits, at most 4.
    null : float, optional
        About what the limits lie, natural scale. By default no effect (ratio 1, difference 0) for "se", so that what
        lies beyond is significant; for proportions and rates the pooled value.

    Returns
    -------
    DataFrame
        ``kind``: "study", "filled" or "limit". Of studies ``study``, ``x``, ``size`` and ``tail``: the two-sided
        probability of lying farther from the null by chance alone. Of limits ``prob``, ``size``, ``lower``,
        ``upper``. ``is_reliable``. x and limits are on the natural scale by "n", on the link scale by "se".
        ``attrs["funnel"]`` has centre and null.

    Raises
    ------
    SpecError
        If the fit has moderators, or an option is not allowed.

    Notes
    -----
    Limits by n are those of the binomial (Poisson) distribution, interpolated between counts as Spiegelhalter [1]_
    has them; limits by standard error are null +- z se, as in contour-enhanced funnel plots [2]_. Both leave
    heterogeneity out.

    References
    ----------
    .. [1] D. J. Spiegelhalter. Funnel plots for comparing institutional performance. Statistics in Medicine
       24:1185-1202, 2005. doi:10.1002/sim.1970
    .. [2] J. L. Peters et al. Contour-enhanced meta-analysis funnel plots help distinguish publication bias from other
       causes of asymmetry. Journal of Clinical Epidemiology 61:991-996, 2008. doi:10.1016/j.jclinepi.2007.11.010

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> frame = funnel_frame(fit)
    >>> frame[frame["tail"] < 0.01]["study"].tolist()
    ['Awad et al.', 'Otsubo et al.']
    """
    probs = _probabilities(contours)
    own, filled = (fit.fit, fit) if isinstance(fit, TrimFill) else (fit, None)
    if getattr(own, "engine", None) not in ENGINES:
        raise SpecError(f"plot_funnel takes a fit made by bm.fit, or what bm.trim_fill returns; got {a_type(fit)}.")
    refuse_formula(formula_of(own), "a funnel plot")
    one_arm = ONE_ARM.get(own.studies.kind)
    if size is not None and size not in SIZES:
        raise SpecError(unknown_name("size", size, SIZES))
    if size == "n" and one_arm is None:
        raise SpecError(
            f"size='n' is for proportions and rates, but the studies hold {own.studies.kind}; use size='se'."
        )
    if size == "n" and filled is not None:
        raise SpecError("size='n' cannot show filled studies, which have no n; use size='se'.")
    by_n = one_arm is not None and filled is None and size != "se"
    make = _by_size if by_n else _by_error
    frame, funnel = make(own, filled, probs, null)
    frame["is_reliable"] = is_reliable(own)
    frame.attrs = {"funnel": funnel}
    return frame


def _probabilities(contours: object) -> list[float]:
    if isinstance(contours, str) or not isinstance(contours, Sequence) or len(contours) > MOST_CONTOURS:
        raise SpecError(
            f"contours={contours!r} must be a list of at most {MOST_CONTOURS} probabilities, as [0.95, 0.99]."
        )
    return sorted({check_probability("contours", each) for each in contours})


def _centre(fit: Any) -> float:
    """Return the pooled value, link scale."""
    if isinstance(fit, FrequentistFit | GlmmFit):
        return float(fit.mu)
    return float(fit.marginal("mu").ppf([0.5])[0])


def _by_size(fit: Any, filled: TrimFill | None, probs: list[float], null: float | None) -> tuple[pd.DataFrame, Funnel]:
    del filled
    by = ONE_ARM[fit.studies.kind]
    events = np.asarray(fit.studies.events, dtype=np.float64)
    size = np.asarray(getattr(fit.studies, by), dtype=np.float64)
    centre = _natural_centre(fit)
    about = centre if null is None else _natural_null(null, by)
    cdf = _binomial if by == "n" else _poisson
    below = cdf(events - 1.0, size, about)
    middle = below + 0.5 * (cdf(events, size, about) - below)
    levels = np.geomspace(max(size.min() * 0.8, 1.0 if by == "n" else 1e-9), size.max() * 1.1, LEVELS)
    if by == "n":
        levels = np.unique(np.round(levels))
    tails = [(prob, *_limits(cdf, levels, about, 0.5 * (1.0 - prob))) for prob in probs]
    studies = _studies(fit.studies.study, events / size, size, 2.0 * np.minimum(middle, 1.0 - middle))
    return _frame(studies, levels, tails), Funnel(by, centre, about, "identity")


def _natural_centre(fit: Any) -> float:
    """Return the pooled proportion or rate; of an exact fit that of the median study."""
    link = link_of(fit)
    if isinstance(fit, FrequentistFit | GlmmFit):
        table: Any = fit.summary()
        named = [name for name in ("p_median", "p_mean") if name in table.index]
        return float(table.at[named[0], "estimate"]) if named else float(LINKS[link].inverse(np.array([fit.mu]))[0])
    if fit.studies.kind == "counts":
        return float(fit.marginal("p_median").ppf([0.5])[0])
    return float(LINKS[link].inverse(np.array([_centre(fit)]))[0])


def _natural_null(null: float, by: str) -> float:
    value = check_number("null", null)
    if by == "n" and not 0.0 < value < 1.0:
        raise SpecError(f"null={null!r} must be a proportion strictly between 0 and 1.")
    if by == "time" and not value > 0.0:
        raise SpecError(f"null={null!r} must be a rate above 0.")
    return value


def _binomial(count: FloatArray, n: FloatArray, p: float) -> FloatArray:
    inside = np.clip(count, 0.0, n - 1.0)
    below = special.betainc(n - inside, inside + 1.0, 1.0 - p)
    return np.where(count < 0.0, 0.0, np.where(count >= n, 1.0, below))


def _poisson(count: FloatArray, time: FloatArray, rate: float) -> FloatArray:
    return np.where(count < 0.0, 0.0, special.pdtr(np.maximum(count, 0.0), time * rate))


def _limits(
    cdf: Callable[[FloatArray, FloatArray, float], FloatArray], size: FloatArray, about: float, tail: float
) -> tuple[FloatArray, FloatArray]:
    """Return lower and upper limits at sizes (L,): the quantile r of the count, less the share of r beyond the tail."""
    limits = []
    for q in (tail, 1.0 - tail):
        low, high = np.full(size.size, -1.0), np.full(size.size, 2.0 * size.max() * max(about, 1.0) + 100.0)
        while (high - low > 1.0).any():  # the least count with cdf >= q
            middle = np.floor(0.5 * (low + high))
            enough = cdf(middle, size, about) >= q
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        at, before = cdf(high, size, about), cdf(high - 1.0, size, about)
        share = (at - q) / np.maximum(at - before, 1e-300)
        limits.append(np.clip((high - share) / size, 0.0, None))
    return limits[0], limits[1]


def _by_error(fit: Any, filled: TrimFill | None, probs: list[float], null: float | None) -> tuple[pd.DataFrame, Funnel]:
    pooled = classical_effects(fit)
    source = pooled if filled is None else filled.filled
    y, se, link = np.asarray(source.y), np.asarray(source.se), pooled.record.link
    centre = _centre(fit if link == link_of(fit) else pooled)
    about = centre if fit.studies.kind in ONE_ARM else 0.0
    if null is not None:
        about = float(LINKS[link].link(np.array([check_number("null", null)]))[0])
        if not np.isfinite(about):
            raise SpecError(f"null={null!r} has no place on the {link} scale; give a value inside its range.")
    levels = np.linspace(0.0, 1.08 * float(se.max()), LEVELS)
    z = special.ndtri(0.5 + 0.5 * np.array(probs))
    tails = [(prob, about - each * levels, about + each * levels) for prob, each in zip(probs, z, strict=True)]
    labels = fit.studies.study if filled is None else filled.frame["study"]
    studies = _studies(labels, y, se, 2.0 * special.ndtr(-np.abs(y - about) / se))
    if filled is not None:
        studies.loc[filled.frame["is_filled"].to_numpy(), "kind"] = "filled"
    return _frame(studies, levels, tails), Funnel("se", centre, about, link)


def _studies(labels: Any, x: FloatArray, size: FloatArray, tail: FloatArray) -> pd.DataFrame:
    return pd.DataFrame({"kind": "study", "study": list(labels), "x": x, "size": size, "tail": np.minimum(tail, 1.0)})


def _frame(
    studies: pd.DataFrame, levels: FloatArray, tails: list[tuple[float, FloatArray, FloatArray]]
) -> pd.DataFrame:
    limits = [
        pd.DataFrame({"kind": "limit", "prob": prob, "size": levels, "lower": lower, "upper": upper})
        for prob, lower, upper in tails
    ]
    return pd.concat([studies, *limits], ignore_index=True)
