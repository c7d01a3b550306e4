"""How does a Bayesian fit print? The model, the summary, and what a reader should know."""

import pandas as pd

from bayesmeta.data.studies import Studies
from bayesmeta.spec.model import ModelSpec


def describe(studies: Studies, model: ModelSpec, summary: pd.DataFrame, notes: tuple[str, ...]) -> str:
    """Return the text of a fit: data, model, 95 % summary, notes."""
    shown = summary.drop(columns="numerical_error").round(4)
    error = summary["numerical_error"].max()
    lines = [
        f"Exact posterior, k = {studies.k}",
        *(f"  {line}" for line in repr(model).splitlines()[1:]),
        "",
        shown.to_string(),
        "",
        f"lower, upper: 95 % equal-tailed credible interval. Numerical error of every number: < {error:.1g}.",
        *notes,
    ]
    return "\n".join(lines)
