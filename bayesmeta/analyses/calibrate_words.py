"""What does a calibration say, in words?"""

from collections import Counter
from math import isnan, log, sqrt
from typing import TYPE_CHECKING, Final

import pandas as pd

from bayesmeta.analyses.calibrate_sbc import FAMILY_WISE

if TYPE_CHECKING:
    from bayesmeta.analyses.calibrate import Calibration

TELLING: Final = 200  # replicates; with fewer, a probability that is off by 0.16 is not found


def calibration_text(found: "Calibration") -> str:
    """Return the text that is printed for a calibration."""
    heading = (
        f"Calibration for k = {found.studies.k} ({found.studies.kind}), {found.replicates} replicates, "
        f"seed {found.seed}"
    )
    lines = [heading, *sbc_lines(found), *coverage_lines(found), *failure_lines(found.failures), *found.notes]
    return "\n".join(lines)


def sbc_lines(found: "Calibration") -> list[str]:
    """Return the verdict of simulation-based calibration; none if there was none."""
    if found.pit.empty:
        return []
    sbc, failed = found.sbc, int(found.pit.isna().any(axis=1).sum())
    guilty = list(dict.fromkeys(sbc.loc[sbc["verdict"] == "not uniform", "quantity"]))
    told = f"not uniform: {', '.join(guilty)}" if guilty else "uniform"
    least = "not tested" if isnan(found.pvalue) else f"family-wise P = {found.pvalue:.2g}"
    is_few = found.replicates < TELLING
    verdict = "is calibrated" if found.is_calibrated else "is not shown to be calibrated"
    if is_few and found.is_calibrated:
        verdict = "shows no large fault"
    lines = [
        f"Over the prior the posterior {verdict}: probabilities of the truths are {told} "
        f"({least}, limit {FAMILY_WISE:g}; {', '.join(found.pit.columns)})"
    ]
    if is_few:
        lines.append(
            f"  {found.replicates} replicates are too few to show small faults: a probability may be off by "
            f"{unseen(found.replicates, len(sbc)):.2f} unnoticed; take 500 or more"
        )
    if failed:
        lines.append(f"  {failed} of {found.replicates} replicates had no posterior")
    return lines


def unseen(replicates: int, tests: int) -> float:
    """Return the largest distance between distribution functions that Kolmogorov and Smirnov's test lets pass.

    By their asymptotic distribution at the limit of the family of tests: sqrt(log(2 / alpha) / (2 replicates)).
    """
    return min(sqrt(log(2.0 * tests / FAMILY_WISE) / (2.0 * replicates)), 1.0)


def coverage_lines(found: "Calibration") -> list[str]:
    """Return a table of coverage, with mean widths, for each target."""
    frame = found.coverage
    titles = {method.code: method.title for method in found.methods}
    lines = [f"Coverage of {100 * found.ci_prob:g} % intervals at mu = {found.mu:.3g} (mean width; ! = some failed)"]
    width = 2 + max(len(title) for title in titles.values())
    taus = list(dict.fromkeys(frame["tau"]))
    for target in dict.fromkeys(frame["target"]):
        lines.append(f"  {target:<{width}}" + "".join(f"{f'tau = {tau:g}':>16}" for tau in taus))
        for code, title in titles.items():
            rows = frame[(frame["target"] == target) & (frame["method"] == code)]
            columns = zip(rows["coverage"], rows["width"], rows["failed"], strict=True)
            cells = "".join(f"{cell_text(*row):>16}" for row in columns)
            lines.append(f"    {title:<{width - 2}}{cells}".rstrip())
    worst = frame["mcse"].max()
    return [*lines, f"  Monte-Carlo standard errors of coverage: up to {100 * worst:.1f} percentage points"]


def cell_text(coverage: float, width: float, failed: int) -> str:
    """Return coverage and width of one cell."""
    if isnan(coverage):
        return "no interval"
    return f"{100 * coverage:.1f} % ({width:.2g}){'!' if failed else ''}"


def failure_lines(failures: pd.DataFrame) -> list[str]:
    """Return how often each method failed, and why."""
    counts: Counter[tuple[str, str]] = Counter()
    for method, reason, count in zip(failures["method"], failures["reason"], failures["count"], strict=True):
        counts[method, reason] += count
    return [f"{method} failed {count} times: {reason}" for (method, reason), count in counts.items()]
