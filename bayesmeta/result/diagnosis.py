"""Can a fit be trusted, and if not, what is to be done? Checks, and the verdict in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.spec.priors import Prior

NOT_RELIABLE = "NOT RELIABLE"  # how the verdict on a fit that fails begins, wherever it is shown
LEVELS: Final = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
NOTHING_LEARNT: Final = 0.05  # of probability: how far the quantiles of a posterior lie at most from those of its prior


@final
@dataclass(frozen=True)
class Check:
    """One check.

    Attributes
    ----------
    name : str
        What was looked at.
    value : float
        What was found.
    wanted : str
        What is good.
    passed : bool
        Whether it is.
    advice : str
        What to do if it is not.
    found : str
        What was found, in words; empty if it is only told where the check failed.
    """

    name: str
    value: float
    wanted: str
    passed: bool
    advice: str
    found: str = ""


@final
@dataclass(frozen=True, repr=False)
class Diagnosis:
    """Whether a fit can be trusted.

    Attributes
    ----------
    checks : tuple of Check
        All that was looked at.
    notes : tuple of str
        What a reader should know of a result that is right all the same, one line each.
    """

    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """The result in one line: what failed, and what to do."""
        found_by_advice: dict[str, list[str]] = {}
        for check in self.checks:
            if not check.passed:
                found_by_advice.setdefault(check.advice, []).append(check.found or f"{check.name} {check.value:.3g}")
        if found_by_advice:
            texts = (f"{', '.join(found)}: {advice}" for advice, found in found_by_advice.items())
            return f"{NOT_RELIABLE}: {'; '.join(texts)}"
        return "no sign of trouble: " + ", ".join(check.found for check in self.checks if check.found)

    @property
    def table(self) -> pd.DataFrame:
        """A row per check: ``check value wanted passed advice``; advice where a check failed."""
        rows = [(c.name, c.value, c.wanted, c.passed, "" if c.passed else c.advice) for c in self.checks]
        return pd.DataFrame(rows, columns=["check", "value", "wanted", "passed", "advice"])

    def __repr__(self) -> str:
        notes = "".join(f"\n{note}" for note in self.notes)
        return f"{self.verdict}{notes}\n\n{self.table.to_string(index=False)}"


def is_its_prior(prior: Prior, quantiles: FloatArray) -> bool:
    """Return whether a posterior is its prior, so that the data say nothing of the parameter.

    Parameters
    ----------
    prior : Prior
        A density of the parameter.
    quantiles : array, shape (5,)
        Of the posterior at the probabilities `LEVELS`.

    Returns
    -------
    bool
        False for an improper prior.
    """
    if not prior.is_proper:
        return False
    return bool((np.abs(prior.cdf(quantiles) - LEVELS) < NOTHING_LEARNT).all())


def identified(means: Sequence[str], spreads: Sequence[str]) -> tuple[Check, tuple[str, ...]]:
    """Return the check that the data say something of every mean, and notes of spreads that they say nothing of.

    Parameters
    ----------
    means, spreads : sequence of str
        Names of means, and of standard deviations, whose posterior is their prior.
    """
    which = f"the data say nothing about {' and '.join(means)}, whose posterior is its prior"
    advice = "leave out what cannot be estimated, or add studies that tell of it"
    check = Check("identified", len(means), "0", not means, advice, which if means else "")
    return check, tuple(f"the data say nothing about {name}: its posterior is its prior" for name in spreads)
