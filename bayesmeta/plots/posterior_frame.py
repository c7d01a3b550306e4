"""What does a figure of posterior distributions show: which curves, with which points and intervals?"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_probability, unknown_name
from bayesmeta.analyses.bayesian import Bayesian, check_bayesian
from bayesmeta.analyses.before import Before, Drawn
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_fits import is_reliable
from bayesmeta.plots.quantity_axis import is_a_proportion

POINTS: Final = ("median", "mean", "mode")
CI_KINDS: Final = ("eti", "hdi")
CURVE: Final = 241
"""Points of a curve: closer than the dots of print."""
ENDS: Final = (0.002, 0.998)
"""Quantiles between which a posterior is drawn."""
PRIOR_ENDS: Final = (0.1, 0.9)
"""Quantiles of the prior that are shown, if they lie within `REACH`."""
REACH: Final = 0.5
"""How far beyond the posterior, in its widths, an axis goes to show the prior."""
AT_BOUND: Final = 1e-4
"""Nearest that a curve comes to 0 or 1, in widths of the axis; a density may be infinite there."""


def posterior_frame(
    fit: Bayesian,
    parameters: str | Sequence[str] | None = None,
    *,
    prior: bool = True,
    point: str = "median",
    ci_prob: float = 0.95,
    ci_kind: str = "eti",
    seed: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Return the curves of posterior distributions, with points, intervals and priors.

    Parameters
    ----------
    fit : ExactFit, RegressionFit or NutsFit
        A Bayesian fit.
    parameters : str or sequence of str, optional
        Rows of its summary, or any name that ``fit.marginal`` takes; by default all rows.
    prior : bool
        Whether the priors are drawn too: those of `p_median`, `p_mean`, `p_new` and `theta_new` are what the priors
        of mu and tau induce. An improper prior has no curve.
    point : {"median", "mean", "mode"}
        Which point is marked.
    ci_prob, ci_kind
        Probability of the interval, equal-tailed ("eti") or shortest ("hdi").
    seed : int or numpy.random.Generator, optional
        Used only where a prior must be drawn.

    Returns
    -------
    DataFrame
        ``parameter``; ``distribution``: "posterior" or "prior"; ``kind``: "curve", or the "point", "lower" and
        "upper" of the posterior; ``x``: natural scale; ``density`` there; ``is_reliable``: False for a NUTS fit that
        failed its diagnosis or its verification. ``attrs["without_prior"]`` says why a prior is missing, by
        parameter.

    Raises
    ------
    SpecError
        If the fit is not Bayesian, there is no such quantity, or an option is not allowed.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> frame = posterior_frame(fit, "p_mean")
    >>> frame.query("kind != 'curve'").set_index("kind")["x"].round(3).to_dict()
    {'point': 0.763, 'lower': 0.656, 'upper': 0.842}
    """
    checked = check_bayesian(fit, "plot_posterior")
    prob = check_probability("ci_prob", ci_prob)
    for name, value, allowed in (("point", point, POINTS), ("ci_kind", ci_kind, CI_KINDS)):
        if value not in allowed:
            raise SpecError(unknown_name(name, value, allowed))
    names, source = _names(checked, parameters), Before(checked, seed)
    frames, missing = [], {}
    for name in names:
        own: Any = checked.marginal(name)
        try:
            earlier = source.marginal(name) if prior else None
        except SpecError as error:
            earlier, missing[name] = None, str(error)
        x = _points(name, own, earlier)
        frames.append(_curve(name, "posterior", x, own.pdf(x)))
        if earlier is not None:
            frames.append(_curve(name, "prior", x, earlier.pdf(x)))
        limits = own.hdi(prob) if ci_kind == "hdi" else own.eti(prob)
        at = np.array([_point(own, point, x), *limits])
        frames.append(_curve(name, "posterior", at, own.pdf(at)).assign(kind=["point", "lower", "upper"]))
    frame = pd.concat(frames, ignore_index=True).assign(is_reliable=is_reliable(checked))  # type: ignore[arg-type]
    frame.attrs = {"without_prior": missing}
    return frame


def _names(fit: Bayesian, parameters: str | Sequence[str] | None) -> list[str]:
    if parameters is None:
        return list(fit.parameters)
    names = [parameters] if isinstance(parameters, str) else list(parameters)
    if not names:
        raise SpecError(f"parameters is empty; name some of {', '.join(fit.parameters)}.")
    return list(dict.fromkeys(names))


def _curve(name: str, distribution: str, x: FloatArray, density: FloatArray) -> pd.DataFrame:
    return pd.DataFrame({"parameter": name, "distribution": distribution, "kind": "curve", "x": x, "density": density})


def _points(name: str, own: Drawn, earlier: Drawn | None) -> FloatArray:
    """Return where the curves are computed: evenly, and more densely where the posterior lies."""
    low, high = own.ppf(np.array(ENDS)).tolist()
    width = (high - low) or max(abs(low), 1.0) * 1e-3
    if earlier is not None:
        first, last = earlier.ppf(np.array(PRIOR_ENDS)).tolist()
        low, high = min(low, max(first, low - REACH * width)), max(high, min(last, high + REACH * width))
    bounds = (0.0, 1.0) if is_a_proportion(name) else (0.0, np.inf) if name == "tau" else (-np.inf, np.inf)
    if bounds[0] == 0.0 and low < 0.25 * width:
        low = 0.0
    if bounds[1] == 1.0 and high > 1.0 - 0.25 * width:
        high = 1.0
    inner = AT_BOUND * (high - low)
    ends = max(low, bounds[0] + inner), min(high, bounds[1] - inner)
    own_points = own.ppf(np.linspace(*ENDS, CURVE // 3))
    even = np.linspace(*ends, CURVE - own_points.size)
    return np.unique(np.clip(np.concatenate([even, own_points]), *ends))


def _point(own: Any, point: str, x: FloatArray) -> float:
    if point == "mode":
        return float(x[np.argmax(own.pdf(x))])
    return float(own.ppf([0.5])[0] if point == "median" else own.mean())
