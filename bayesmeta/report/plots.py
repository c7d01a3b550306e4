"""Which figures can an analysis have beside the forest plot? Each by name, with what it shows and how it is drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, final

from bayesmeta.errors import SpecError
from bayesmeta.report.estimands import headline

if TYPE_CHECKING:
    from bayesmeta.report.compute import Results


@final
@dataclass(frozen=True)
class Plot:
    """A figure of an analysis.

    Attributes
    ----------
    title : str
        What it shows, in words; ``{}`` is the place of the estimand, where it shows one of several.
    draw : callable
        From the results and the width in millimetres to Axes, or an array of them.
    estimand : callable, optional
        From the results to the estimand.
    """

    title: str
    draw: "Callable[[Results, float], Any]"
    estimand: "Callable[[Results], str] | None" = None

    def title_of(self, results: "Results") -> str:
        """Return what the figure of these results shows, with its estimand."""
        return self.title if self.estimand is None else self.title.format(self.estimand(results))


def _posterior(results: "Results", width: float) -> Any:
    from bayesmeta.plots.posterior import plot_posterior

    output = results.analysis.output
    return plot_posterior(_bayesian(results), ci_prob=output.ci_prob, scale=_scale(results), width_mm=width)


def _joint(results: "Results", width: float) -> Any:
    from bayesmeta.plots.joint import plot_joint

    return plot_joint(_bayesian(results), width_mm=width)


def _shrinkage(results: "Results", width: float) -> Any:
    from bayesmeta.plots.shrinkage_trace import plot_shrinkage_trace

    return plot_shrinkage_trace(_bayesian(results), ci_prob=results.analysis.output.ci_prob, width_mm=width)


def _predictive(results: "Results", width: float) -> Any:
    from bayesmeta.plots.predictive import plot_predictive

    return plot_predictive(_bayesian(results), ci_prob=results.analysis.output.ci_prob, width_mm=width)


def _sensitivity(results: "Results", width: float) -> Any:
    from bayesmeta.plots.sensitivity import plot_sensitivity

    table = _prior_table(results)
    return plot_sensitivity(table, headline(table["parameter"]), scale=_scale(results), width_mm=width)


def _prior_table(results: "Results") -> Any:
    table = results.checks.sensitivity
    if table is None:
        raise SpecError("there is no table of other priors; see [checks] sensitivity.")
    return table


def _compare(results: "Results", width: float) -> Any:
    from bayesmeta.plots.compare import plot_compare

    return plot_compare(results.comparison, scale=_scale(results), width_mm=width)


def _leave_one_out(results: "Results", width: float) -> Any:
    from bayesmeta.plots.forest_steps import plot_leave_one_out

    output = results.analysis.output
    if results.checks.leave_one_out is None:
        raise SpecError("studies are not left out; see [checks] leave_one_out.")
    return plot_leave_one_out(
        _repeatable(results), estimand=_left_out_estimand(results), ci_prob=output.ci_prob, scale=output.scale,
        xlabel=results.analysis.outcome, width_mm=width,
    )  # fmt: skip


def _left_out_estimand(results: "Results") -> str:
    return headline(_repeatable(results).summary().index)


def _funnel(results: "Results", width: float) -> Any:
    from bayesmeta.plots.funnel import plot_funnel

    return plot_funnel(_repeatable(results), width_mm=width)


def _conflict(results: "Results", width: float) -> Any:
    from bayesmeta.analyses.conflict import conflict
    from bayesmeta.plots.conflict import plot_conflict

    return plot_conflict(conflict(_bayesian(results)), width_mm=width)


PLOTS: Final[Mapping[str, Plot]] = MappingProxyType(
    {
        "posterior": Plot("posterior distributions with their medians, and the priors", _posterior),
        "joint": Plot("joint posterior distribution of the mean and the heterogeneity", _joint),
        "shrinkage": Plot("study effects in the model as the heterogeneity grows", _shrinkage),
        "predictive": Plot("what a next study would show", _predictive),
        "sensitivity": Plot(
            "estimates of {} under other priors",
            _sensitivity,
            lambda results: headline(_prior_table(results)["parameter"]),
        ),
        "compare": Plot("the estimates of all fits", _compare),
        "leave-one-out": Plot("the estimate of {} without each study", _leave_one_out, _left_out_estimand),
        "funnel": Plot("estimates against study size", _funnel),
        "conflict": Plot("each study against its prediction from the others", _conflict),
    }
)
"""The figures by name, without the forest plot."""


def _bayesian(results: "Results") -> Any:
    if results.bayesian is None:
        raise SpecError("the analysis has no Bayesian fit.")
    return results.bayesian


def _repeatable(results: "Results") -> Any:
    """Return the first fit that needs no sampling."""
    for name, fit in results.fits.items():
        if name != "nuts":
            return fit
    raise SpecError("it needs [engines.exact] or [engines.frequentist].")


def _scale(results: "Results") -> str | None:
    """Return the unit of proportions, which figures of other quantities do not take."""
    from bayesmeta.result.quantity import is_proportion

    fit = results.bayesian
    return results.analysis.output.scale if fit is not None and is_proportion(fit.link) else None
