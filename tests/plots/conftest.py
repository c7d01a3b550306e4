"""Fits that several tests of the plots draw, and figures that are closed after each test."""

from collections.abc import Iterator
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.exact.fit import ExactFit
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.verify import verify

LONG_LABELS = (
    "A",
    "The International Collaborative Group for the Study of Minimal Residual Disease in Adults, cohort 1",
    "The International Collaborative Group for the Study of Minimal Residual Disease in Adults, cohort 2",
    "Costs $100 & more $ <b>x_{2}</b> 50 % \\alpha of every Ünïcödé label that anyone could ever think of",
    "Ζήνων 2019 ^x^ $\\frac{1}{2}$",
    "Łukasiewicz-Dąbrowska et al. 2024 (phase II, relapsed/refractory)",
)


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def counts(events: list[int], n: list[int], labels: list[str] | None = None) -> bm.Studies:
    study = [f"Study {i}" for i in range(len(n))] if labels is None else labels
    return bm.Studies.from_frame(pd.DataFrame({"study": study, "events": events, "n": n}))


def simulated(k: int) -> bm.Studies:
    rng = np.random.default_rng(2026)
    n = rng.integers(8, 300, k)
    events = rng.binomial(n, 1.0 / (1.0 + np.exp(-rng.normal(-1.0, 0.8, k))))
    labels = [f"Author {i} et al. {2000 + i % 25}" for i in range(k)]
    return counts(events.tolist(), n.tolist(), labels)


def dataset(name: str) -> bm.Studies:
    return bm.Studies.from_frame(bm.load_dataset(name), events="events", n="n", source=name)


@pytest.fixture(scope="session")
def remission() -> ExactFit:
    frame = bm.load_dataset("blinatumomab_cr")
    return bm.fit(bm.Studies.from_frame(frame, events="events", n="n", moderators=["year", "regimen"]))


@pytest.fixture(scope="session")
def remission_dl(remission: ExactFit) -> FrequentistFit:
    return bm.fit(remission.studies, engine="frequentist", measure="PR", variance="exact-ci")


@pytest.fixture(scope="session")
def remission_nuts(remission: ExactFit, as_nuts) -> NutsFit:
    fit = as_nuts(remission)
    return replace(fit, verification=verify(fit))


@pytest.fixture(scope="session")
def remission_failed(remission: ExactFit, as_nuts) -> NutsFit:
    return as_nuts(remission, apart=3.0, divergent=12)


@pytest.fixture(scope="session")
def judged() -> ExactFit:
    """Return a fit whose studies have two judgements of the risk of bias each."""
    frame = bm.load_dataset("blinatumomab_cr")
    frame["bias_selection"] = ["low", "High", "some_concerns", "unclear", "low", None, "low", "high", "low", "low"]
    frame["overall"] = [
        "low",
        "high",
        "Some concerns",
        "no information",
        "low",
        "low",
        "serious",
        "critical",
        "",
        "low",
    ]
    studies = bm.Studies.from_frame(frame, events="events", n="n")
    return bm.fit(replace(studies, moderators=frame[["year", "regimen", "bias_selection", "overall"]]))


@pytest.fixture(scope="session")
def by_regimen(judged: ExactFit) -> pd.DataFrame:
    return bm.subgroups(judged.studies, by="regimen")


@pytest.fixture(scope="session")
def of_regimens(judged: ExactFit) -> object:
    return bm.fit(judged.studies, bm.ModelSpec("binomial", formula="~ 0 + regimen", beta="Normal(0, 1.5)"))


@pytest.fixture(scope="session")
def regimen_fits(judged: ExactFit, as_nuts) -> dict[str, object]:
    """Return a fit of each group: by NUTS, which failed, and DerSimonian-Laird."""
    regimen = judged.studies.moderators["regimen"].to_numpy()
    tki, other = (judged.studies.take(np.flatnonzero(regimen == name)) for name in ("TKI", "chemotherapy"))
    return {"TKI": as_nuts(bm.fit(tki), apart=3.0, divergent=12), "None": bm.fit(other, engine="frequentist")}


@pytest.fixture(scope="session")
def grouped_fits() -> dict[str, tuple]:
    """Return fits of ever more studies and the groups of these, the last with labels that are too long."""
    found = {}
    for k in (3, 15, 60, 100):
        studies = simulated(k)
        groups = pd.DataFrame({"size": np.where(np.arange(k) % 3 == 0, "small", "large and "), "bias": ["low"] * k})
        studies = replace(studies, moderators=groups)
        table = bm.subgroups(studies, by="size", engine="frequentist")
        found[f"k = {k}"] = (bm.fit(studies, engine="frequentist"), table, {"bias": "Bias"})
    long = counts([3, 0, 12, 20, 7, 33], [3, 11, 40, 22, 19, 51], list(LONG_LABELS))
    groups = pd.DataFrame({"group": [LONG_LABELS[1], "b"] * 3, "bias": ["low", "high", "critical"] * 2})
    long = replace(long, moderators=groups)
    fit = bm.fit(long)
    found["long labels"] = (fit, bm.subgroups(long, by="group"), {"bias": "Risk of bias in words\nof many letters"})
    return found


@pytest.fixture(scope="session")
def rare() -> ExactFit:
    return bm.fit(dataset("crisafulli2020"))


@pytest.fixture(scope="session")
def hazard() -> ExactFit:
    frame = pd.DataFrame(
        {
            "study": ["TOWER", "B", "C"],
            "hr": [0.71, 0.5, 0.9],
            "low": [0.55, 0.3, 0.62],
            "high": [0.93, 0.85, 1.3],
        }
    )
    studies = bm.Studies.from_frame(frame, estimate="hr", lower="low", upper="high", measure="HR")
    return bm.fit(studies, bm.load_model("normal-normal"))


@pytest.fixture(scope="session")
def effects() -> ExactFit:
    frame = pd.DataFrame({"study": list("abcd"), "y": [-0.3, 0.4, 1.2, -2.1], "se": [0.2, 0.4, 0.3, 0.5]})
    return bm.fit(bm.Studies.from_frame(frame, y="y", se="se"), bm.load_model("normal-normal"))


@pytest.fixture(scope="session")
def fits(remission, remission_dl, remission_nuts, remission_failed, rare, hazard, effects) -> dict[str, tuple]:
    """Return what is drawn in the tests of the geometry: the main fit and those beside it."""
    long = bm.fit(counts([3, 0, 12, 20, 7, 33], [3, 11, 40, 22, 19, 51], list(LONG_LABELS)))
    few, many, fifteen = bm.fit(simulated(3)), bm.fit(simulated(60)), bm.fit(simulated(15))
    return {
        "k = 3": (few, ()),
        "k = 10": (remission, remission_dl),
        "three engines": (remission, [remission_nuts, remission_dl]),
        "NUTS failed": (remission_failed, [remission, remission_dl]),
        "k = 15": (fifteen, bm.fit(fifteen.studies, engine="frequentist")),
        "k = 60": (many, bm.fit(many.studies, engine="frequentist")),
        "long labels": (long, bm.fit(long.studies, engine="frequentist", measure="PR", variance="exact-ci")),
        "rare events": (rare, bm.fit(rare.studies, engine="frequentist")),
        "hazard ratios": (hazard, bm.fit(hazard.studies, engine="frequentist")),
        "effects": (effects, ()),
        "frequentist": (remission_dl, remission),
        "one study": (bm.fit(counts([5], [9])), ()),
        "all 0 %": (bm.fit(counts([0, 0, 0], [9, 12, 30])), ()),
        "all 100 %": (bm.fit(counts([9, 12, 30], [9, 12, 30])), ()),
    }
