"""How firm is the answer? Other priors, each study left out, small-study tests: what an analysis computes of each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import pandas as pd

from bayesmeta.analyses.leave_one_out import leave_one_out
from bayesmeta.analyses.sensitivity import sensitivity
from bayesmeta.analyses.small_study import FEWEST, small_study_tests
from bayesmeta.api import AnyFit
from bayesmeta.errors import BayesmetaError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.inputs import Inputs, located


@final
@dataclass(frozen=True, eq=False)
class Checks:
    """How firm an answer is.

    Attributes
    ----------
    leave_one_out : DataFrame or None
        As `leave_one_out` gives it for each fit that needs no sampling, with the column ``name`` before.
    sensitivity : DataFrame or None
        As `sensitivity` gives it for the exact fit.
    small_study : DataFrame or None
        As `small_study_tests` gives it.
    missing : tuple of str
        Which of them there are not, and why: sentences.
    """

    leave_one_out: pd.DataFrame | None = None
    sensitivity: pd.DataFrame | None = None
    small_study: pd.DataFrame | None = None
    missing: tuple[str, ...] = ()


def compute_checks(analysis: Analysis, inputs: Inputs, fits: dict[str, AnyFit]) -> Checks:
    """Return how firm the answer is, as far as the analysis asks for it and it can be had.

    Parameters
    ----------
    analysis : Analysis
        What was asked.
    inputs : Inputs
        The studies.
    fits : dict
        The fits by name.

    Raises
    ------
    BayesmetaError
        If tests for small-study effects that the analysis names are not possible; what it does not name is left out
        with a reason.
    """
    missing: list[str] = []

    def tried(what: str, make: Callable[[], pd.DataFrame | None]) -> pd.DataFrame | None:
        try:
            return make()
        except BayesmetaError as error:
            missing.append(f"{what}: {error}")
            return None

    choice = analysis.checks
    left_out = tried("Leave-one-out", lambda: _leave_one_out(analysis, fits)) if choice.leave_one_out else None
    others = tried("Other priors", lambda: _sensitivity(analysis, fits)) if choice.sensitivity else None
    if choice.small_study is None:
        tests = tried("Small-study tests", lambda: _small_study(analysis, inputs))
    else:
        with located(analysis, "checks"):
            tests = _small_study(analysis, inputs)
    return Checks(left_out, others, tests, tuple(missing))


def _leave_one_out(analysis: Analysis, fits: dict[str, AnyFit]) -> pd.DataFrame | None:
    repeatable = {name: fit for name, fit in fits.items() if not isinstance(fit, NutsFit) and fit.studies.k > 1}
    if not repeatable:
        return None
    ci_prob = analysis.output.ci_prob
    tables = [leave_one_out(fit, ci_prob=ci_prob).assign(name=name) for name, fit in repeatable.items()]
    table = pd.concat(tables, ignore_index=True)
    return table[["name", *(column for column in table.columns if column != "name")]]


def _sensitivity(analysis: Analysis, fits: dict[str, AnyFit]) -> pd.DataFrame | None:
    fit = fits.get("exact")
    if not isinstance(fit, ExactFit) or not fit.model.sensitivity:
        return None
    return sensitivity(fit, ci_prob=analysis.output.ci_prob)


def _small_study(analysis: Analysis, inputs: Inputs) -> pd.DataFrame | None:
    choice = analysis.checks
    if choice.small_study == () or (choice.small_study is None and inputs.studies.k < FEWEST):
        return None
    return small_study_tests(
        inputs.studies, choice.small_study, measure=choice.small_study_measure, ci_prob=analysis.output.ci_prob
    )
