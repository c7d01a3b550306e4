"""Which printed figures contradict one another: estimate and limits, I2 and P?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf, isfinite
from typing import Final

import numpy as np

from bayesmeta.effects.links import LINKS, Link
from bayesmeta.frequentist.heterogeneity import q_pvalue
from bayesmeta.review.audit_cells import SLACK, Figure
from bayesmeta.review.audit_finding import Finding
from bayesmeta.review.audit_match import Compared

FEWEST: Final = 3
"""Rows that must agree with a rule before another row can be held against it."""
SHARE: Final = 0.8
"""Share of the rows that must agree with it."""
LINKS_TRIED: Final = {"proportion": ("identity", "logit", "log", "arcsine"), "ratio": ("log",), "": ("identity",)}
"""Scales on which intervals may be symmetric, by what is pooled."""

type Interval = tuple[float, float]


def centre_interval(link: Link, lower: Figure, upper: Figure, *, is_proportion: bool) -> Interval:
    """Return between which values, link scale, the middle of the limits lies, given their rounding.

    A limit of a proportion that may be 0 or 1 may have been cut there: nothing bounds the middle on that side.
    """
    ends = []
    for figure, cut in ((lower, -inf), (upper, inf)):
        low, high = _on_link(link, figure)
        at_end = is_proportion and (figure.low <= 0.0 if cut < 0.0 else figure.high >= 1.0)
        ends.append((cut, high) if at_end and cut < 0.0 else (low, cut) if at_end else (low, high))
    (a, b), (c, d) = ends
    return 0.5 * (a + c), 0.5 * (b + d)


def is_centred(link: Link, estimate: Figure, lower: Figure, upper: Figure, *, is_proportion: bool) -> bool:
    """Return whether some numbers that round to the three have the estimate in the middle, on the link scale."""
    low, high = centre_interval(link, lower, upper, is_proportion=is_proportion)
    mine = _on_link(link, estimate)
    slack = SLACK * max([1.0, *(abs(x) for x in (*mine, low, high) if isfinite(x))])
    return bool(low <= mine[1] + slack and high >= mine[0] - slack)


def _on_link(link: Link, figure: Figure) -> Interval:
    """Return the rounding interval on the link scale, cut to where the link is defined."""
    bounds = {"logit": (0.0, 1.0), "log": (0.0, inf), "arcsine": (0.0, 1.0)}.get(link.name, (-inf, inf))
    with np.errstate(divide="ignore"):
        low, high = (float(link.link(np.clip(x, *bounds))) for x in (figure.low, figure.high))
    return low, high


def off_centre(rows: Sequence[Compared], natural: str, known: str | None) -> Iterator[Finding]:
    """Yield rows whose estimate is not in the middle of its limits.

    Parameters
    ----------
    rows : sequence of Compared
        All rows.
    natural : {"proportion", "ratio", ""}
        What is pooled.
    known : str or None
        Link of the convention that explains the print; if None, that on which most rows are centred is taken, and none
        if there is no such link, or it is the arcsine: Freeman-Tukey results are nearly centred on it, not quite.
    """
    triples = [row for row in rows if all(role in row.row.figures for role in ("estimate", "lower", "upper"))]
    tried = [LINKS[known]] if known else [LINKS[name] for name in LINKS_TRIED[natural]]

    def fits(row: Compared, link: Link) -> bool:
        estimate, lower, upper = (row.row.figures[role] for role in ("estimate", "lower", "upper"))
        if lower.value > upper.value:
            return True  # their order is the fault
        return is_centred(link, estimate, lower, upper, is_proportion=natural == "proportion")

    sure = known is not None or natural == "ratio"
    accepted = tried if sure else _likely({link.name: [fits(row, link) for row in triples] for link in tried})
    for row in triples:
        if row.k == 1 and natural == "proportion" and not (known and row.forms):
            continue  # a single study's own interval is centred on no common scale
        if accepted and not any(fits(row, link) for link in accepted):
            yield _off_centre(row, accepted)


def _off_centre(row: Compared, links: Sequence[Link]) -> Finding:
    estimate, lower, upper = (row.row.figures[role] for role in ("estimate", "lower", "upper"))
    link = links[0]
    ends = [0.5 * sum(_on_link(link, figure)) for figure in (lower, upper)]
    middle = float(link.inverse(0.5 * sum(ends)))
    scale = {"identity": "", "log": " (geometric mean)"}.get(link.name, f" on the {link.name} scale")
    reason = f"the middle of {lower.text} and {upper.text}{scale} is {estimate.printed_as(middle)}, not {estimate.text}"
    if link.name == "identity" and lower.value > 0.0 and _with_sign(estimate, lower, upper):
        reason += f"; with {lower.printed_as(-lower.value)} it would be: the lower limit has lost its sign"
    # printed alone, it may be the own interval of one study, and the number of studies wrong
    doubt = () if row.forms or "k" not in row.row.figures else ("k",)
    return Finding(row, (*doubt, "estimate", "lower", "upper"), "not-centred", reason)


def _with_sign(estimate: Figure, lower: Figure, upper: Figure) -> bool:
    """Return whether the estimate is centred once the lower limit is negative."""
    low, high = 0.5 * (upper.low - lower.high), 0.5 * (upper.high - lower.low)
    return low <= estimate.high and high >= estimate.low


def contradictory_i2(rows: Sequence[Compared], *, is_explained: bool) -> Iterator[Finding]:
    """Yield rows whose I2 and P-value of Q belong to no common Q.

    Parameters
    ----------
    rows : sequence of Compared
        All rows.
    is_explained : bool
        Whether a convention explains the print, so that rows with data can be judged by themselves.

    Notes
    -----
    I2 = max(0, 1 - (k - 1) / Q) gives Q = (k - 1) / (1 - I2), and Q its P-value. This holds for I2 from Q (Stata,
    RevMan, meta), not for metafor's from tau2 with another estimator than DL. Other rows are therefore judged only if
    most rows of the print agree with the rule.
    """
    tested = [row for row in rows if row.k is not None and row.k > 1 and {"i2", "q_pvalue"} <= row.row.figures.keys()]
    fits = [_agree(row) for row in tested]
    for i, row in enumerate(tested):
        others = fits[:i] + fits[i + 1 :]
        if fits[i] or not ((is_explained and row.forms) or _is_rule(others)):
            continue
        low, high = p_interval(row.row.figures["i2"], row.k or 0)
        figure = row.row.figures["q_pvalue"]
        span = figure.printed_as(low) if figure.printed_as(low) == figure.printed_as(high) else (
            f"{figure.printed_as(low)} to {figure.printed_as(high)}"
        )  # fmt: skip
        reason = f"I2 = {row.row.figures['i2'].text} of {row.k} studies means P = {span}, not {figure.text}"
        roles = ("i2", "q_pvalue") if row.studies is not None else ("k", "i2", "q_pvalue")
        yield Finding(row, roles, "i2-p", reason)


def p_interval(i2: Figure, k: int) -> Interval:
    """Return between which P-values of Q a printed I2 lies, given its rounding."""
    df = k - 1
    least = 0.0 if i2.low <= 0.0 else df / (1.0 - min(i2.low, 1.0)) if i2.low < 1.0 else inf
    most = df / (1.0 - i2.high) if i2.high < 1.0 else inf
    low, high = (0.0 if q == inf else float(q_pvalue(q, df)) for q in (most, least))
    return low, high


def _agree(row: Compared) -> bool:
    return row.row.figures["q_pvalue"].meets(*p_interval(row.row.figures["i2"], row.k or 0))


def _likely(fits: Mapping[str, list[bool]]) -> list[Link]:
    """Return the links on which most rows are centred, if these are nearly all and the links can be told apart."""
    most = max(map(sum, fits.values()))
    names = [name for name, row_fits in fits.items() if sum(row_fits) == most and _is_rule(row_fits)]
    return [] if "arcsine" in names else [LINKS[name] for name in names]


def _is_rule(fits: Iterable[bool]) -> bool:
    given = list(fits)
    return sum(given) >= FEWEST and sum(given) >= SHARE * len(given)
