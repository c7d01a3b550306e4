"""How are the numbers of an analysis printed? As in its figure: the same unit, decimals and names of fits."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import pandas as pd

from bayesmeta.effects.measures import get_measure
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.plots.forest_columns import Printing
from bayesmeta.plots.forest_fits import natural_scale, noun_of
from bayesmeta.plots.forest_frame import forest_frame
from bayesmeta.plots.forest_units import choose_unit, decimals
from bayesmeta.report.compute import Results
from bayesmeta.report.figures import labelled
from bayesmeta.tables.numbers import number_texts

NO_TAU: Final = "none: a common effect is assumed"


@final
@dataclass(frozen=True, eq=False)
class Shown:
    """The numbers of an analysis on their natural scale, with the way to print them.

    Attributes
    ----------
    results : Results
        The answers.
    """

    results: Results

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows of the figure, with the column ``name``: which fit a row below the studies belongs to."""
        fits = self.results.fits
        output = self.results.analysis.output
        main, *_ = fits.values()
        frame = forest_frame(main, compare=labelled(fits), order=output.order, ci_prob=output.ci_prob)
        pooled = frame["kind"] != "study"
        names = dict(zip(frame.loc[pooled, "method"].unique(), fits, strict=True))
        return frame.assign(name=frame["method"].map(names).where(pooled, ""))

    @cached_property
    def printing(self) -> Printing:
        """Unit and decimals."""
        main = next(iter(self.results.fits.values()))
        output = self.results.analysis.output
        unit = choose_unit(natural_scale(main), output.scale, self.frame)
        return Printing(unit, decimals(unit, self.frame), output.ci_prob)

    @property
    def percent(self) -> str:
        """Probability of the intervals, such as "95 %"."""
        return f"{100 * self.results.analysis.output.ci_prob:g} %"

    @property
    def unit(self) -> str:
        """The unit in parentheses, such as " (%)"; empty if there is none."""
        return f" ({self.printing.unit.sign})" if self.printing.unit.sign else ""

    @property
    def title(self) -> str:
        """What the values are: "Proportion", "Ratio" or "Effect"."""
        return natural_scale(next(iter(self.results.fits.values()))).capitalize()

    @property
    def noun(self) -> str:
        """What an estimate is called: "estimate (%)", "hazard ratio"."""
        noun = noun_of(next(iter(self.results.fits.values())))
        return f"estimate{self.unit}" if noun == self.title.lower() else f"{noun}{self.unit}"

    def pooled(self, name: str) -> pd.DataFrame:
        """Return the rows of one fit."""
        return self.frame[self.frame["name"] == name]

    def method(self, name: str) -> str:
        """Return what a fit is called, as in the figure."""
        return str(self.pooled(name)["method"].iloc[0])

    def cell(self, row: Any) -> str:
        """Return the estimate of a row of the frame with its interval."""
        return self.printing.cell(row.estimate, row.lower, row.upper)

    def tau_scale(self, name: str) -> str:
        """Return on which scale the heterogeneity of a fit is: ``"logit scale"``; "" for effects as they are."""
        fit = self.results.fits[name]
        link = get_measure(fit.measure).link if isinstance(fit, FrequentistFit) else fit.link
        if link != "identity":
            return f"{link} scale"
        return "scale of proportions" if fit.measure == "PR" else ""

    def tau(self, name: str) -> str:
        """Return the heterogeneity of a fit with its interval, if it has one, on the link scale."""
        table = self.results.comparison
        rows = table[(table["name"] == name) & (table["parameter"] == "tau")]
        if rows.empty:
            return NO_TAU
        row = rows.iloc[0]
        if pd.isna(row["lower"]):
            return number_texts([row["estimate"]], digits=2)[0]
        estimate, lower, upper = number_texts([row["estimate"], row["lower"], row["upper"]], digits=2)
        return f"{estimate} ({lower} to {upper})"
