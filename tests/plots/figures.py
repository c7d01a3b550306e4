"""All figures of all kinds of data: what the tests of the geometry and the gallery draw."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import bayesmeta as bm


@dataclass(frozen=True)
class Case:
    """Studies of one arm, of two arms and with a moderator, of the same labels, and their fits, each made once."""

    events: tuple[int, ...]
    n: tuple[int, ...]
    labels: tuple[str, ...]

    @cached_property
    def studies(self) -> bm.Studies:
        year = 2000 + np.arange(len(self.n)) % 19
        data = {"study": self.labels, "events": self.events, "n": self.n, "year": year}
        return bm.Studies.from_frame(pd.DataFrame(data), moderators=["year"])

    @cached_property
    def two_arms(self) -> bm.Studies:
        rng = np.random.default_rng(3)
        n = np.array(self.n)
        data = {"study": self.labels, "a": self.events, "na": n, "c": rng.binomial(n, 0.4), "nc": n}
        return bm.Studies.from_frame(pd.DataFrame(data), events=("a", "c"), n=("na", "nc"))

    @cached_property
    def exact(self) -> Any:
        return bm.fit(self.studies)

    @cached_property
    def classical(self) -> Any:
        return bm.fit(self.studies, engine="frequentist")

    @cached_property
    def regression(self) -> Any:
        return bm.fit(self.studies, engine="frequentist", formula="~ year")

    @cached_property
    def odds_ratio(self) -> Any:
        return bm.fit(self.two_arms, engine="frequentist")

    @cached_property
    def judged(self) -> bm.Quality:
        rng = np.random.default_rng(7)
        answers = np.array(["low", "some concerns", "high"])[rng.integers(0, 3, (len(self.n), 5))]
        frame = pd.DataFrame(answers, columns=[f"D{i}" for i in range(1, 6)]).assign(study=self.labels)
        return bm.read_quality(frame, tool="RoB 2")

    @cached_property
    def conclusion(self) -> Any:
        return bm.tipping_point(self.exact, "P(p_new > 0.1) >= 0.9", scale_range=(0.05, 5.0))

    @cached_property
    def prior_grid(self) -> pd.DataFrame:
        tau = ["HalfNormal(0.5)", "HalfCauchy(0.5)", "Uniform(0, 5)", "LogNormal(-1, 1)"]
        return bm.sensitivity(self.exact, mu=["Normal(0, 1)", "Normal(0, 3)"], tau=tau)


def simulated_case(k: int) -> Case:
    rng = np.random.default_rng(2026)
    n = rng.integers(8, 300, k)
    events = rng.binomial(n, 1.0 / (1.0 + np.exp(-rng.normal(-1.0, 0.8, k))))
    return Case(
        tuple(events.tolist()), tuple(n.tolist()), tuple(f"Author {i} et al. {2000 + i % 25}" for i in range(k))
    )


LONG = (
    "A",
    "The International Collaborative Group for the Study of Minimal Residual Disease in Adults, cohort 1",
    "The International Collaborative Group for the Study of Minimal Residual Disease in Adults, cohort 2",
    "Costs $100 & more $ <b>x_{2}</b> 50 % \\alpha of every Ünïcödé label that anyone could ever think of",
    "Ζήνων 2019 ^x^ $\\frac{1}{2}$",
    "Łukasiewicz-Dąbrowska et al. 2024 (phase II, relapsed/refractory)",
)
ALIKE = tuple(
    f"Multicentre randomised trial of the {name} group of northern hospitals, final analysis"
    for name in ("Alder", "Birch", "Cedar", "Damson", "Elder", "Fir", "Gorse", "Hazel", "Ivy", "Juniper")
)
CASES = {
    "k = 3": simulated_case(3),
    "k = 15": simulated_case(15),
    "k = 60": simulated_case(60),
    "k = 100": simulated_case(100),
    "long labels": Case((3, 0, 12, 20, 7, 33), (3, 11, 40, 22, 19, 51), LONG),
    "alike": Case((3, 2, 12, 20, 7, 33, 9, 4, 6, 11), (9, 11, 40, 22, 19, 51, 30, 30, 12, 30), ALIKE),
    "all 0 %": Case((0, 0, 0), (9, 12, 30), ("A", "B", "C")),
    "all equal": Case((10, 10, 10, 10), (40, 40, 40, 40), ("A", "B", "C", "D")),
    "one study": Case((5,), (9,), ("Only",)),
}

type Draw = Callable[..., Any]

OF_QUANTITIES: dict[str, Draw] = {
    "posterior": lambda case, **size: bm.plot_posterior(case.exact, **size),
    "joint": lambda case, **size: bm.plot_joint(case.exact, **size),
    "predictive": lambda case, **size: bm.plot_predictive(case.exact, 20, **size),
    "sensitivity": lambda case, **size: bm.plot_sensitivity(case.prior_grid, **size),
    "tipping-point": lambda case, **size: bm.plot_tipping_point(case.conclusion, **size),
    "power-scaling": lambda case, **size: bm.plot_power_scaling(case.exact, **size),
    "compare": lambda case, **size: bm.plot_compare(bm.compare([case.exact, case.classical]), **size),
}
"""Figures that look alike however many studies there are."""
OF_STUDIES: dict[str, Draw] = {
    "shrinkage-trace": lambda case, **size: bm.plot_shrinkage_trace(case.exact, **size),
    "funnel": lambda case, **size: bm.plot_funnel(case.exact, **size),
    "funnel-or": lambda case, **size: bm.plot_funnel(case.odds_ratio, labels="all", **size),
    "conflict": lambda case, **size: bm.plot_conflict(bm.conflict(case.exact), **size),
    "radial": lambda case, **size: bm.plot_radial(case.classical, **size),
    "labbe": lambda case, **size: bm.plot_labbe(case.odds_ratio, **size),
}
OF_SEVERAL: dict[str, Draw] = {
    "bubble": lambda case, **size: bm.plot_bubble(case.regression, **size),
    "influence": lambda case, **size: bm.plot_influence(bm.influence(case.classical), **size),
    "baujat": lambda case, **size: bm.plot_baujat(bm.baujat(case.classical), **size),
    "gosh": lambda case, **size: bm.plot_gosh(bm.subsets(case.classical, size=2), **size),
}
"""Figures that need studies that differ."""
OF_REVIEW: dict[str, Draw] = {
    "flow-wang2026": lambda _, **size: bm.plot_prisma_flow(bm.prisma_flow("wang2026"), **size),
    "flow-sarkar2026": lambda _, **size: bm.plot_prisma_flow(bm.prisma_flow("sarkar2026"), **size),
    "traffic-light": lambda case, **size: bm.plot_traffic_light(case.judged, **size),
    "quality-summary": lambda case, **size: bm.plot_quality_summary(case.judged, **size),
}
"""Figures of what a review did; their tests are in files of their own."""
FIGURES = OF_QUANTITIES | OF_STUDIES | OF_SEVERAL


def figure_of(drawn: Any) -> Figure:
    """Return the figure of what a plot function returned."""
    return np.ravel(drawn)[0].figure
