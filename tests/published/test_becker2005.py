"""B. J. Becker, Failsafe N or file-drawer number, chapter 7 of Rothstein, Sutton and Borenstein (eds), Publication bias
in meta-analysis, Wiley 2005: fail-safe numbers of the teacher-expectancy and the passive-smoking data.

The chapter's figures are those that metafor's repository quotes in tests/testthat/test_misc_fsn.r, with its reasons
for the differences: Becker's Rosenthal numbers rest on t-tests (23) or on rounded values (398); her weighted Orwin
number of the passive-smoking data, 103, is not rounded up.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from bayesmeta.analyses.fail_safe import fail_safe_n
from bayesmeta.data.studies import Studies
from bayesmeta.frequentist.fit import fit_frequentist

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"


def fit_of(dataset):
    effects = json.loads((FOLDER / f"{dataset}.json").read_text(encoding="utf-8"))["pooled"][0]
    names = tuple(f"study {i}" for i in range(len(effects["yi"])))
    return fit_frequentist(Studies(names, y=np.array(effects["yi"]), se=np.sqrt(effects["vi"])))


@pytest.mark.parametrize(
    ("dataset", "target", "unweighted", "weighted"),
    [("raudenbush1985", 0.05, 44, 4), ("hackshaw1998", 0.049, 186, 104)],
)
def test_orwins_numbers(dataset, target, unweighted, weighted):
    fit = fit_of(dataset)
    assert fail_safe_n(fit, "orwin", target=target, weighted=False) == unweighted
    assert fail_safe_n(fit, "orwin", target=target) == weighted


def test_beckers_103_is_the_last_study_that_is_not_enough():
    fit = fit_of("hackshaw1998")
    w = fit.se**-2.0
    assert (w @ fit.y) / w.sum() * 37 / (37 + 103) == pytest.approx(0.049, abs=5e-4)
    assert (w @ fit.y) / w.sum() * 37 / (37 + 103) > 0.049


def test_rosenthals_and_rosenbergs_numbers():
    expectancy, smoking = fit_of("raudenbush1985"), fit_of("hackshaw1998")
    assert (fail_safe_n(expectancy), fail_safe_n(smoking)) == (26, 393)
    assert (fail_safe_n(expectancy, "rosenberg"), fail_safe_n(smoking, "rosenberg")) == (0, 202)
