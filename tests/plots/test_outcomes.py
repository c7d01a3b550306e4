"""Several outcomes below one another: where the rows lie, and that nothing covers anything."""

import numpy as np
import pandas as pd
import pytest

from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_units import PROPORTION_UNITS, choose_unit
from bayesmeta.plots.outcomes import plot_outcomes
from tests.plots.geometry import check_figure

LABELS = ("CRS, all", "Neutropenia of grade 3 or more, or febrile, in the first cycle of treatment <b>")


def frame(outcomes: int) -> pd.DataFrame:
    rows = []
    for i in range(outcomes):
        label = LABELS[i] if i < len(LABELS) else f"event {i}"
        p = 0.1 + 0.8 * i / outcomes
        rows.append((label, "Bayesian model", "summary", p, p - 0.08, p + 0.09, "CrI"))
        rows.append((label, "Bayesian model", "prediction", np.nan, 0.02, 0.98, "PI"))
        rows.append((label, "Printed", "summary", p, np.nan if i == 1 else p - 0.05, p + 0.05, "CI"))
    return pd.DataFrame(rows, columns=["outcome", "method", "kind", "estimate", "lower", "upper", "interval"])


@pytest.mark.parametrize(("outcomes", "width"), [(1, 85), (3, 170), (34, 170)])
def test_nothing_overlaps_and_nothing_lies_outside(outcomes, width):
    ax = plot_outcomes(frame(outcomes), unit=PROPORTION_UNITS["percent"], label="Patients, %", width_mm=width)
    check_figure(ax.figure)
    points = [line for line in ax.lines if line.get_label() == "_point"]
    assert [len(line.get_xdata()) for line in points] == [outcomes, outcomes]
    assert points[0].get_xdata() == pytest.approx(frame(outcomes).query("method == 'Printed'")["estimate"])
    assert np.all(np.diff(points[0].get_ydata()) > 0)


def test_many_methods_of_one_outcome_lie_within_the_axes():
    methods = pd.concat([frame(2).query("kind == 'summary'").assign(method=f"method {i}") for i in range(7)])
    ax = plot_outcomes(methods.reset_index(drop=True), unit=PROPORTION_UNITS["percent"])
    low, high = sorted(ax.get_ylim())
    y = np.concatenate([line.get_ydata() for line in ax.lines if line.get_label() == "_point"])
    assert y.min() - low > 0.5
    assert high - y.max() > 0.5


def test_ratios_lie_on_a_logarithmic_axis_with_the_line_of_no_effect():
    ratios = frame(3).assign(estimate=0.5, lower=0.25, upper=1.0)
    ax = plot_outcomes(ratios, unit=choose_unit("ratio", None, ratios))
    point = next(line for line in ax.lines if line.get_label() == "_point")
    assert point.get_xdata() == pytest.approx(np.log(0.5))
    assert any(np.all(np.asarray(line.get_xdata()) == 0.0) for line in ax.lines)
    check_figure(ax.figure)


def test_another_frame_is_refused():
    with pytest.raises(SpecError, match="plot_outcomes takes a frame with the columns outcome, method"):
        plot_outcomes(pd.DataFrame({"a": [1]}), unit=PROPORTION_UNITS["percent"])
