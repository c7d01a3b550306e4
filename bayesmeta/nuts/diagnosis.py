"""Can the draws be trusted, and if not, what is to be done? A verdict in words."""

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from bayesmeta.nuts.fit import NutsFit

NOT_RELIABLE = "NOT RELIABLE"  # how the verdict on a fit that fails begins, wherever it is shown
LARGEST_R_HAT = 1.01  # Vehtari et al. (2021)
ESS_PER_CHAIN = 100.0  # Vehtari et al. (2021), for the bulk and for the tails
SMALLEST_BFMI = 0.3  # Betancourt (2016), arXiv:1604.00695, as Stan uses it
CAREFUL, VERY_CAREFUL = 0.95, 0.99  # rates of acceptance to try in turn


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
    """

    name: str
    value: float
    wanted: str
    passed: bool
    advice: str


@final
@dataclass(frozen=True, repr=False)
class Diagnosis:
    """Whether a NUTS fit can be trusted.

    Attributes
    ----------
    checks : tuple of Check
        All that was looked at.
    """

    checks: tuple[Check, ...]

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
                found_by_advice.setdefault(check.advice, []).append(_found(check))
        if found_by_advice:
            texts = (f"{', '.join(found)}: {advice}" for advice, found in found_by_advice.items())
            return f"{NOT_RELIABLE}: {'; '.join(texts)}"
        return "no sign of trouble: " + ", ".join(_found(check) for check in self.checks)

    @property
    def table(self) -> pd.DataFrame:
        """A row per check: ``check value wanted passed advice``; advice where a check failed."""
        rows = [(c.name, c.value, c.wanted, c.passed, "" if c.passed else c.advice) for c in self.checks]
        return pd.DataFrame(rows, columns=["check", "value", "wanted", "passed", "advice"])

    def __repr__(self) -> str:
        return f"{self.verdict}\n\n{self.table.to_string(index=False)}"


def judge(fit: "NutsFit") -> Diagnosis:
    """Return the verdict on a NUTS fit; `diagnose` is its public form."""
    checks = [_chains(fit), *_mixing(fit), _divergences(fit), _energy(fit)]
    if fit.verification is not None and fit.verification.agrees is not None:
        checks.append(_agreement(fit.verification.largest, fit.verification.agrees))
    return Diagnosis(tuple(check for check in checks if check is not None))


def _chains(fit: "NutsFit") -> Check | None:
    if fit.chains > 1:
        return None
    return Check("chains", 1, ">= 2", False, "it cannot show whether it found the posterior; take chains=4")


def _mixing(fit: "NutsFit") -> list[Check]:
    r_hat = fit.diagnostics["r_hat"].to_numpy()
    bulk, tail = (float(np.nan_to_num(fit.diagnostics[name].min(skipna=False))) for name in ("ess_bulk", "ess_tail"))
    wanted = ESS_PER_CHAIN * fit.chains
    longer = ceil(fit.draws * min(wanted / max(min(bulk, tail), 1.0), 100.0) / 500.0) * 500
    more = f"take more draws (draws={longer}), or the engine 'exact'"
    checks = [
        Check("ess_bulk", bulk, f">= {wanted:g}", bulk >= wanted, more),
        Check("ess_tail", tail, f">= {wanted:g}", tail >= wanted, more),
    ]
    if fit.chains > 1:
        worst = float(r_hat.max()) if np.isfinite(r_hat).all() else np.inf
        twice = (
            f"the chains have not met; take more tuning steps and draws (tune={2 * fit.tune}, draws={2 * fit.draws})"
        )
        checks.insert(0, Check("r_hat", worst, f"<= {LARGEST_R_HAT:g}", worst <= LARGEST_R_HAT, twice))
    return checks


def _divergences(fit: "NutsFit") -> Check:
    now = fit.target_accept
    advice = "parts of the posterior may be missing; use the engine 'exact', or a prior of tau with less mass near 0"
    if now < VERY_CAREFUL:
        higher = CAREFUL if now < CAREFUL else VERY_CAREFUL
        advice = f"parts of the posterior may be missing; take target_accept={higher:g} (it was {now:g})"
    return Check("divergences", fit.n_divergent, "0", fit.n_divergent == 0, advice)


def _energy(fit: "NutsFit") -> Check:
    smallest = float(fit.bfmi.min())
    advice = "the sampler crosses the tails too slowly; take a prior with lighter tails, or the engine 'exact'"
    return Check("bfmi", smallest, f">= {SMALLEST_BFMI:g}", not smallest < SMALLEST_BFMI, advice)


def _agreement(largest: float, agrees: bool) -> Check:
    advice = "take the numbers of engine='exact'; if the draws are many, look for what differs between the two models"
    return Check("difference from exact, MCSE", largest, "<= 4", agrees, advice)


def _found(check: Check) -> str:
    match check.name:
        case "r_hat":
            return f"R-hat {check.value:.3f}"
        case "ess_bulk" | "ess_tail":
            return f"{check.name.removeprefix('ess_')} ESS {check.value:.0f}"
        case "chains":
            return "only one chain"
        case "divergences":
            return "1 divergence" if check.value == 1 else f"{check.value or 'no'} divergences"
        case "bfmi":
            return f"BFMI {check.value:.2f}"
    return f"largest difference from exact {check.value:.1f} MCSE"
