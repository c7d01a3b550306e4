"""metafor's small-study analyses of whole data sets, as fixtures."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bayesmeta.data.read import read_studies
from bayesmeta.frequentist.egger import sizes

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
DATASETS = (
    "bcg", "crins2014", "crisafulli2020", "debruin2009", "hackshaw1998", "nielweise2008", "pritz1997", "raudenbush1985",
)  # fmt: skip
OWN = json.loads((FOLDER / "small_study.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Case:
    """One measure of one data set: effects, standard errors, sizes (nan for estimates), and metafor's analyses."""

    dataset: str
    measure: str
    y: np.ndarray
    se: np.ndarray
    n: np.ndarray
    metafor: dict

    def __str__(self):
        return f"{self.dataset}-{self.measure}"


def read_cases():
    cases = []
    for dataset in DATASETS:
        content = json.loads((FOLDER / f"{dataset}.json").read_text(encoding="utf-8"))
        for pooled in content["pooled"]:
            y, se = np.array(pooled["yi"]), np.sqrt(pooled["vi"])
            n = np.full(len(y), np.nan)
            if pooled["measure"] != "GEN":
                n = sizes(read_studies(FOLDER / f"{dataset}.csv").data)
            cases.append(Case(dataset, pooled["measure"], y, se, n, pooled))
    return cases


CASES = read_cases()


@pytest.fixture(params=CASES, ids=str)
def case(request):
    """Return one measure of one data set, with metafor's analyses."""
    return request.param


@pytest.fixture(scope="session")
def cases():
    """Return all of them by name, such as ``cases["bcg-OR"]``."""
    return {str(case): case for case in CASES}


@pytest.fixture(params=OWN["cases"], ids=lambda case: case["dataset"])
def two_arm_case(request):
    """Return the data of a case of small_study.json, by role, and its analyses."""
    roles = ("events_treatment", "n_treatment", "events_control", "n_control")
    return {role: np.array(request.param[role], float) for role in roles}, request.param


@pytest.fixture
def ties():
    """Return effects with ties, and metafor's rank test of them."""
    return OWN["ties"]
