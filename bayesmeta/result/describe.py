"""How does a Bayesian fit print? The model, the summary, and what a reader should know."""

import pandas as pd

from bayesmeta.spec.model import ModelSpec

WIDTH = 120


def describe(heading: str, model: ModelSpec, summary: pd.DataFrame, notes: tuple[str, ...]) -> str:
    """Return the text of a fit: how it was made, model, 95 % summary, notes."""
    shown = summary.drop(columns="numerical_error", errors="ignore").round(4)
    interval = "lower, upper: 95 % equal-tailed credible interval."
    if "numerical_error" in summary:
        interval += f" Numerical error of every number: < {summary['numerical_error'].max():.1g}."
    lines = [
        heading,
        *(f"  {line}" for line in repr(model).splitlines()[1:]),
        "",
        shown.to_string(line_width=WIDTH),
        "",
        interval,
        *notes,
    ]
    return "\n".join(lines)
