"""How many events will the next study see? Its prior and posterior predictive distribution."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_counts, check_probability
from bayesmeta.analyses.bayesian import check_bayesian
from bayesmeta.analyses.before import Before, Drawn
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.plots.forest_fits import is_reliable
from bayesmeta.plots.forest_words import percent_words
from bayesmeta.plots.looks import LINE_WIDTH, LOOKS
from bayesmeta.plots.quantity_axis import AS_IT_IS, set_axis, set_label
from bayesmeta.plots.sheet import open_sheet
from bayesmeta.plots.warning import warning_of
from bayesmeta.result.sampled import SampledMarginal
from bayesmeta.spec.coefficients import formula_of, refuse_formula

NODES: Final = 401
"""Points of theta_new, between its tails of 1e-7 on either side, over which the binomial distribution is averaged."""
NODES_PER_ROOT: Final = 12
"""The same in units of the root of n: the more patients, the narrower the distribution of their events."""
TAIL: Final = 1e-7
MOST_BARS: Final = 120
"""Above so many counts the bars are too thin to see, and a line is drawn."""
SHOWN: Final = 1e-4
"""Counts beyond which less than this is left on a side are not shown."""
LARGEST: Final = 100_000
"""More patients than any study that a figure of single counts could show."""


def predictive_frame(
    fit: ExactFit | NutsFit,
    n_new: int | None = None,
    *,
    prior: bool = True,
    ci_prob: float = 0.95,
    seed: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Return the prior and posterior predictive distribution of the next study's number of events.

    Parameters
    ----------
    fit : ExactFit or NutsFit
        A fit of proportions, without moderators.
    n_new : int, optional
        Patients of the next study; by default the median of the studies'.
    prior : bool
        Whether the prior predictive distribution is returned too.
    ci_prob : float
        Probability of the prediction interval.
    seed : int or numpy.random.Generator, optional
        Used only where the prior must be drawn.

    Returns
    -------
    DataFrame
        ``distribution``: "posterior" or "prior"; ``events_new`` from 0 to `n_new`; ``probability``; ``cumulative``:
        of so many or fewer; ``in_interval``: whether the count lies in the equal-tailed interval; ``is_reliable``.
        ``attrs`` hold ``n_new`` and, if the prior is improper, ``without_prior``.

    Raises
    ------
    SpecError
        If the fit is not one of proportions, or `n_new` is no positive whole number.

    Notes
    -----
    P(r) = integral of Binomial(r | n_new, p(theta_new)) over the distribution of theta_new; for a NUTS fit the mean
    over its draws.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> frame = predictive_frame(fit, 20)
    >>> frame.query("distribution == 'posterior' and in_interval")["events_new"].agg(["min", "max"]).tolist()
    [6, 20]
    """
    checked, size = _checked(fit, n_new)
    prob = check_probability("ci_prob", ci_prob)
    own: Any = checked.marginal("theta_new")
    sources: dict[str, Drawn] = {"posterior": own}
    missing = ""
    if prior:
        try:
            sources["prior"] = Before(checked, seed).marginal("theta_new")
        except SpecError as error:
            missing = str(error)
    inverse, count = LINKS[checked.link].inverse, np.arange(size + 1)
    frames = []
    for name, source in sources.items():
        p, weight = _proportions(source, inverse, max(NODES, int(NODES_PER_ROOT * np.sqrt(size))))
        probability = _averaged(p, weight, size)
        below = np.cumsum(probability)
        tail = 0.5 * (1.0 - prob)
        inside = (below > tail) & (below - probability < 1.0 - tail)
        frames.append(
            pd.DataFrame(
                {
                    "distribution": name,
                    "events_new": count,
                    "probability": probability,
                    "cumulative": np.minimum(below, 1.0),
                    "in_interval": inside,
                    "is_reliable": is_reliable(checked),
                }
            )
        )
    frame = pd.concat(frames, ignore_index=True)
    frame.attrs = {"n_new": size, "without_prior": missing}
    return frame


def _checked(fit: object, n_new: int | None) -> tuple[ExactFit | NutsFit, int]:
    checked = check_bayesian(fit, "plot_predictive")
    refuse_formula(formula_of(checked), "plot_predictive")
    assert isinstance(checked, ExactFit | NutsFit)
    if not checked.studies.has_counts:
        raise SpecError(
            f"plot_predictive draws counts of events, but the studies hold {checked.studies.kind}; "
            "see plot_posterior(fit, 'theta_new')."
        )
    if n_new is None:
        n_new = max(round(float(np.median(np.asarray(checked.studies.n)))), 1)
    check_counts(n_new=n_new)
    if n_new > LARGEST:
        raise SpecError(f"n_new={n_new} is more than a figure of counts can show; give {LARGEST} or fewer.")
    return checked, int(n_new)


def _proportions(source: Drawn, inverse: Any, nodes: int) -> tuple[FloatArray, FloatArray]:
    """Return proportions of the next study and their probabilities."""
    if isinstance(source, SampledMarginal):
        return inverse(source.values), np.full(source.values.size, 1.0 / source.values.size)
    # even steps in u of theta = centre + width sinh(u), so that a peak and long tails are both resolved
    low, quarter, centre, upper, high = source.ppf(np.array([TAIL, 0.25, 0.5, 0.75, 1.0 - TAIL])).tolist()
    width = upper - quarter
    u = np.linspace(np.arcsinh((low - centre) / width), np.arcsinh((high - centre) / width), nodes)
    theta = centre + width * np.sinh(u)
    weight = source.pdf(theta) * np.cosh(u)
    return inverse(theta), weight / weight.sum()


def _averaged(p: FloatArray, weight: FloatArray, n: int) -> FloatArray:
    """Return the probabilities of 0 to n events, averaged over proportions."""
    count = np.arange(n + 1.0)
    log_choose = special.gammaln(n + 1.0) - special.gammaln(count + 1.0) - special.gammaln(n - count + 1.0)
    out = np.zeros(n + 1)
    for block in np.array_split(np.arange(p.size), max(1, p.size * n // 2_000_000)):
        q = p[block, None]
        out += weight[block] @ np.exp(log_choose + special.xlogy(count, q) + special.xlog1py(n - count, -q))
    return out


def plot_predictive(
    fit: ExactFit | NutsFit,
    n_new: int | None = None,
    *,
    ax: Axes | None = None,
    prior: bool = True,
    ci_prob: float = 0.95,
    seed: int | np.random.Generator | None = 1,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the prior and posterior predictive distribution of the next study's number of events.

    Parameters
    ----------
    fit, n_new, prior, ci_prob, seed
        As in `predictive_frame`.
    ax : Axes, optional
        Where to draw; by default a new figure.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x is the number of events, y the probability.

    Raises
    ------
    SpecError
        If the fit is not one of proportions, or an option is not allowed.

    Notes
    -----
    Bars are the posterior predictive probabilities, the dark ones those of the equal-tailed prediction interval; the
    line with marks is the prior predictive distribution. `predictive_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> ax = plot_predictive(fit, 20)
    """
    frame = predictive_frame(fit, n_new, prior=prior, ci_prob=ci_prob, seed=seed)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize)
    ax, size = sheet.ax, int(frame.attrs["n_new"])
    parts = dict(iter(frame.groupby("distribution")))
    own = parts["posterior"]
    shown = _shown(list(parts.values()), size)
    inside = own["in_interval"]
    for part, alpha, label in ((own[~inside], 0.25, "_outside"), (own[inside], 0.65, "_inside")):
        seen = part[part["events_new"].between(*shown)]
        ax.bar(
            seen["events_new"], seen["probability"], width=0.86 if size <= MOST_BARS else 1.0, color=LOOKS[0].color,
            alpha=alpha, lw=0.0, label=label,
        )  # fmt: skip
    handles: list[Any] = [
        Patch(facecolor=LOOKS[0].color, alpha=0.65, label=f"Posterior predictive, {percent_words(ci_prob)} PI"),
        Patch(facecolor=LOOKS[0].color, alpha=0.25, label="beyond it"),
    ]
    if "prior" in parts:
        style: dict[str, Any] = {"color": LOOKS[1].color, "lw": LINE_WIDTH, "ls": LOOKS[1].line}
        style["marker"] = "o" if shown[1] - shown[0] <= 40 else ""
        style["ms"] = 0.35 * sheet.size
        before_ = parts["prior"][parts["prior"]["events_new"].between(*shown)]
        ax.plot(before_["events_new"], before_["probability"], label="_prior", **style)
        handles.append(Line2D([], [], label="Prior predictive", **style))
    ax.set_xlim(shown[0] - 0.7, shown[1] + 0.7)
    ax.set_ylim(bottom=0.0)
    set_axis(ax.xaxis, AS_IT_IS, most=8, integer=True)
    set_axis(ax.yaxis, AS_IT_IS)
    set_label(ax, "x", f"Events among n = {size} in the next study (events_new)", sheet.size)
    set_label(ax, "y", "Probability", sheet.size)
    missing = frame.attrs["without_prior"]
    notes = [f"No prior predictive distribution: {missing}"] if missing else []
    sheet.close(handles=handles, warning=warning_of(fit), notes=notes)
    return ax


def _shown(parts: list[pd.DataFrame], size: int) -> tuple[int, int]:
    """Return from which to which count is drawn: all, unless there are too many to see."""
    if size <= MOST_BARS:
        return 0, size
    below = np.column_stack([part["cumulative"].to_numpy() for part in parts])[:, 0]
    return int(np.searchsorted(below, SHOWN)), min(int(np.searchsorted(below, 1.0 - SHOWN)), size)
