"""Do two engines give the same numbers? The differences, in units of their Monte-Carlo error."""

from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

LARGEST_DIFFERENCE = 4.0  # standard errors; by chance 1 of 16 000 normal differences is larger
LEAST_EFFECTIVE = 100.0  # draws; with fewer, 4 standard errors of a mean are more than 0.4 posterior SDs


@final
@dataclass(frozen=True, eq=False, repr=False)
class Verification:
    """A NUTS fit beside the exact posterior of the same model and data.

    Attributes
    ----------
    table : DataFrame
        A row per parameter and statistic: ``parameter``, ``statistic`` (mean, sd, median, lower, upper),
        ``exact``, ``nuts``, ``mcse`` (Monte-Carlo standard error of the NUTS value) and ``difference`` in units
        of it: of means and SDs (nuts - exact) / mcse, of quantiles by the share of draws below the exact one.
        Empty if there was nothing to compare.
    reason : str
        Why there was nothing to compare; otherwise empty.
    effective : float
        Smallest effective sample size of the draws that are compared.
    """

    table: pd.DataFrame
    reason: str = ""
    effective: float = np.inf

    @property
    def agrees(self) -> bool | None:
        """Whether every difference is at most 4 standard errors; None if nothing, or too few draws, tells."""
        if self.reason:
            return None
        near = bool((self.table["difference"].abs() <= LARGEST_DIFFERENCE).all())
        return None if near and self.effective < LEAST_EFFECTIVE else near

    @property
    def largest(self) -> float:
        """Size of the largest difference, in standard errors; nan if there was nothing to compare."""
        return float(self.table["difference"].abs().max()) if len(self.table) else np.nan

    @property
    def verdict(self) -> str:
        """The result in one line."""
        if self.reason:
            return f"not verified: {self.reason}"
        if self.agrees is None:
            return f"not verified: too few draws (effective {self.effective:.0f}) to tell"
        sizes = self.table["difference"].abs()
        if self.agrees:
            return (
                f"verified against the exact posterior: {len(sizes)} numbers agree within {LARGEST_DIFFERENCE:g} MCSE "
                f"(largest difference {self.largest:.1f})"
            )
        worst = self.table.iloc[int(np.argmax(sizes.fillna(np.inf)))]
        far = int((~(sizes <= LARGEST_DIFFERENCE)).sum())
        return (
            f"{far} of {len(sizes)} numbers differ from the exact posterior by more than {LARGEST_DIFFERENCE:g} MCSE, "
            f"most the {worst['statistic']} of {worst['parameter']}: {worst['nuts']:.4g} instead of "
            f"{worst['exact']:.4g} ({abs(worst['difference']):.1f} MCSE)"
        )

    def __repr__(self) -> str:
        return f"{self.verdict}\n\n{self.table.to_string(index=False)}" if len(self.table) else self.verdict
