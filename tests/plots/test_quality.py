import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from tests.plots.figures import CASES
from tests.plots.geometry import check_figure
from tests.review.test_quality import ORDER

rng = np.random.default_rng(6)


def scored(k):
    frame = pd.DataFrame(rng.integers(0, 3, (k, 12)), columns=[f"q{i}" for i in range(1, 13)])
    frame["study"] = [f"Author {i} et al. {2000 + i % 25}" for i in range(k)]
    return bm.read_quality(frame, tool="MINORS-C")


@pytest.fixture(scope="module")
def table_2():
    return bm.read_quality(bm.load_dataset("blinatumomab_quality"), on_bad="keep", order=ORDER)


@pytest.mark.parametrize("plot", [bm.plot_traffic_light, bm.plot_quality_summary])
def test_few_and_many_studies_items_and_long_labels_fit_at_both_widths(plot, table_2):
    drawn = [("k = 3", 85), ("k = 60", 170), ("long labels", 85)]
    for quality, width_mm in [*((CASES[case].judged, width) for case, width in drawn), (scored(15), 85)]:
        check_figure(plot(quality, width_mm=width_mm).figure)
        plt.close("all")
    check_figure(plot(table_2, tool="MINORS", width_mm=85).figure)


def test_lights_are_marks_that_can_be_told_apart_without_colour_and_stay_in_their_cells(table_2):
    ax = bm.plot_traffic_light(table_2, tool="MINORS", width_mm=85)
    lights = [line for line in ax.lines if line.get_label().startswith("_judgement")]
    marks = [line for line in ax.lines if line.get_label() == "_mark"]
    frame = bm.traffic_light_frame(table_2, tool="MINORS")
    assert len(lights) == len(marks) == len(frame) == 7 * 8
    by_word = {}
    for light, mark in zip(lights, marks, strict=True):
        by_word.setdefault(light.get_label(), set()).add(mark.get_marker())
    assert by_word == {"_judgement low": {"+"}, "_judgement some concerns": {"_"}}
    step = np.abs(np.diff(ax.transData.transform([(0, 0), (1, 1)]), axis=0)).min() * 72.0 / ax.figure.dpi
    assert max(light.get_markersize() for light in lights) < step


def test_wrong_totals_are_shown_beside_the_sums(table_2):
    ax = bm.plot_traffic_light(table_2, tool="MINORS")
    assert [text.get_text() for text in ax.texts] == ["13", "14", "14 (16)", "14 (16)", "14", "14", "14"]
    (notes,) = [text for text in ax.figure.texts if text.get_label() == "_notes"]
    assert "in parentheses 2 as printed, not the sum of the items" in " ".join(notes.get_text().split())


def test_shares_sum_to_one_and_follow_the_weights(table_2):
    frame = bm.quality_summary_frame(table_2, tool="MINORS")
    assert frame.groupby("item")["share"].sum().to_numpy() == pytest.approx(1.0)
    assert frame.groupby("item")["k"].sum().eq(7).all()
    assert frame.query("item == 'Q2' and judgement == 'some concerns'")["share"].item() == pytest.approx(4 / 7)
    weights = dict.fromkeys(table_2.totals["study"], 1.0) | {"Gibson 2024": 6.0}
    weighted = bm.quality_summary_frame(table_2, tool="MINORS", weights=weights)
    assert weighted.query("item == 'Q2' and judgement == 'some concerns'")["share"].item() == pytest.approx(4 / 12)
    ax = bm.plot_quality_summary(table_2, tool="MINORS", weights=weights)
    widths = [patch.get_width() for patch in ax.patches]
    assert widths == pytest.approx((100 * weighted["share"]).tolist())


def test_given_axes_are_used(table_2):
    figure, axes = plt.subplots(1, 2, figsize=(11.0, 4.0), layout="constrained")
    assert bm.plot_traffic_light(table_2, tool="NOS", ax=axes[0]) is axes[0]
    assert bm.plot_quality_summary(table_2, tool="NOS", ax=axes[1]) is axes[1]
    assert len(plt.get_fignums()) == 1
    check_figure(figure)


@pytest.mark.parametrize(
    ("options", "message"),
    [({}, "several tools: NOS, MINORS"), ({"tool": "MINOR"}, "Did you mean 'MINORS'"),
     ({"tool": "NOS", "weights": {"Stolz 2025": 1}}, "study 'Kantarjian 2023' of NOS has the weight")],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(table_2, options, message):
    with pytest.raises(bm.BayesmetaError, match=message):
        bm.plot_quality_summary(table_2, **options)
    with pytest.raises(bm.SpecError, match=r"take a table from bm.read_quality"):
        bm.plot_traffic_light(pd.DataFrame())
