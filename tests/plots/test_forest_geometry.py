"""Does nothing in a forest plot overlap, or leave the figure, at any resolution?"""

import io
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

import bayesmeta as bm
from bayesmeta.plots.forest import plot_forest
from tests.plots.geometry import TOUCH, boxes, drawn_texts, overlaps

CASES = (
    "k = 3",
    "k = 10",
    "three engines",
    "NUTS failed",
    "k = 15",
    "k = 60",
    "long labels",
    "rare events",
    "hazard ratios",
    "effects",
    "frequentist",
    "one study",
    "all 0 %",
    "all 100 %",
)


def window_of_marks(ax: Axes) -> Bbox:
    """Return the part of the axes, in pixels, in which squares and diamonds are drawn."""
    low, high = ax.spines["bottom"].get_bounds()
    top, bottom = (line.get_ydata()[0] for line in ax.lines if line.get_label() == "_rule")
    del bottom
    _, y_axis = ax.spines["bottom"].get_position()
    corners = ax.transData.transform([(low, y_axis), (high, top)])
    return Bbox(corners)


def check(ax: Axes, box: Bbox) -> None:
    texts = drawn_texts(ax)
    extents = boxes(texts)
    found = [(texts[i].get_text(), texts[j].get_text()) for i, j in overlaps(extents)]
    assert found == []
    outside = (extents[:, :2] < [box.x0 - TOUCH, box.y0 - TOUCH]).any(axis=1)
    outside |= (extents[:, 2:] > [box.x1 + TOUCH, box.y1 + TOUCH]).any(axis=1)
    assert [text.get_text() for text, out in zip(texts, outside, strict=True) if out] == []
    window = window_of_marks(ax)
    titles, others = [], []
    for text in texts:
        if text.get_window_extent().overlaps(window):
            is_line = text.get_weight() == "bold" or text.get_style() == "italic"
            (titles if is_line else others).append(text)
    assert [text.get_text() for text in others] == []
    # Headings, and words on a group, may reach over the place of the marks, for their rows have none.
    marks = [patch.get_window_extent() for patch in ax.patches]
    assert [t.get_text() for t in titles if any(t.get_window_extent().overlaps(mark) for mark in marks)] == []


@pytest.mark.parametrize("case", CASES)
def test_texts_neither_overlap_nor_leave_the_figure_at_any_resolution(fits, case):
    fit, compare = fits[case]
    ax = plot_forest(fit, compare=compare)
    for dpi in (72, 100, 150, 300):
        ax.figure.set_dpi(dpi)
        ax.figure.draw_without_rendering()
        check(ax, ax.figure.bbox)


@pytest.mark.parametrize("case", CASES)
def test_one_column_of_a_journal_holds_the_plot_in_letters_that_can_be_read(fits, case):
    fit, compare = fits[case]
    ax = plot_forest(fit, compare=compare, width_mm=85)
    assert ax.figure.get_figwidth() * 25.4 == pytest.approx(85.0)
    for dpi in (72, 100, 300):
        ax.figure.set_dpi(dpi)
        ax.figure.draw_without_rendering()
        check(ax, ax.figure.bbox)
    assert min(text.get_fontsize() for text in drawn_texts(ax)) >= 5.0
    low, high = ax.transData.transform([(x, 0.0) for x in ax.spines["bottom"].get_bounds()])[:, 0]
    assert high - low >= 0.24 * ax.get_window_extent().width


@pytest.mark.parametrize("scale", ["percent", "per 1000", "per 100000"])
@pytest.mark.parametrize("width_mm", [85, 114, 170])
def test_every_unit_fits_into_every_width(fits, scale, width_mm):
    fit, compare = fits["k = 15"]
    ax = plot_forest(fit, compare=compare, scale=scale, width_mm=width_mm, xlim=(0.1, 0.3))
    ax.figure.draw_without_rendering()
    check(ax, ax.figure.bbox)


@pytest.mark.parametrize("case", CASES)
def test_texts_stay_within_the_box_of_given_axes(fits, case):
    fit, compare = fits[case]
    _, ax = plt.subplots(figsize=(9, 13), dpi=100)
    plot_forest(fit, compare=compare, ax=ax)
    ax.figure.draw_without_rendering()
    check(ax, ax.get_window_extent())


@pytest.mark.parametrize("layout", ["constrained", "tight"])
def test_texts_stay_within_their_axes_beside_others_when_the_figure_arranges_them(fits, layout):
    fit, _ = fits["k = 10"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5), layout=layout)
    right.plot([1, 2])
    plot_forest(fit, ax=left)
    figure.draw_without_rendering()
    check(left, left.get_window_extent())


@pytest.mark.parametrize("columns", [(), ("data",), ("estimate",), ("data", "estimate", "shrunken", "weight")])
@pytest.mark.parametrize("case", ["k = 10", "long labels", "rare events"])
def test_any_choice_of_columns_fits(fits, case, columns):
    fit, compare = fits[case]
    ax = plot_forest(fit, compare=compare, columns=columns, xlabel="A label of the axis " * 12)
    ax.figure.draw_without_rendering()
    check(ax, ax.figure.bbox)


def test_moderators_in_many_words_fit(remission):
    words = [f"{'a regimen of many words, ' * 6}{i}" for i in range(remission.k)]
    moderators = pd.DataFrame({"regimen": words, "age": np.linspace(20.0, 70.0, remission.k)})
    fit = bm.fit(replace(remission.studies, moderators=moderators))
    heads = {"regimen": "What was given " * 20, "age": "Median age\nyears", "data": "CR/n", "shrunken": "In the model"}
    ax = plot_forest(fit, columns=heads)
    ax.figure.draw_without_rendering()
    check(ax, ax.figure.bbox)


def test_long_names_of_fits_are_shortened(fits):
    fit, compare = fits["k = 10"]
    ax = plot_forest(fit, compare={"A name that nobody would give to a fit, but who knows " * 3: compare})
    ax.figure.draw_without_rendering()
    check(ax, ax.figure.bbox)


def test_marks_at_the_ends_do_not_touch_the_texts(fits):
    for case in ("all 0 %", "all 100 %"):
        ax = plot_forest(fits[case][0])
        (squares,) = [child for child in ax.get_children() if child.get_label() == "_observed"]
        side = np.sqrt(squares.get_sizes().max()) * ax.figure.dpi / 72.0
        x, y = ax.transData.transform(squares.get_offsets()).T
        marks = np.column_stack([x - side / 2, y - side / 2, x + side / 2, y + side / 2])
        extents = boxes(drawn_texts(ax))
        k = len(marks)
        assert not [pair for pair in overlaps(np.vstack([marks, extents])) if pair[0] < k <= pair[1]]


def test_squares_and_circles_of_a_study_and_its_neighbours_do_not_touch(fits):
    for case in ("k = 3", "k = 60"):
        ax = plot_forest(fits[case][0])
        found = {str(child.get_label()).removeprefix("_"): child for child in ax.collections}
        half = {gid: np.sqrt(found[gid].get_sizes().max()) / 2 for gid in ("observed", "shrunken")}
        y = {gid: found[gid].get_offsets()[:, 1] for gid in half}
        points_per_row = abs(np.diff(ax.transData.transform([(0.1, 0), (0.1, 1)])[:, 1])[0]) * 72 / ax.figure.dpi
        within = (y["shrunken"] - y["observed"]).min() * points_per_row
        between = (y["observed"][1:] - y["shrunken"][:-1]).min() * points_per_row
        assert min(within, between) > sum(half.values())


@pytest.mark.parametrize("case", ["k = 10", "long labels"])
def test_a_figure_cut_to_its_content_is_no_larger_than_the_figure(fits, case):
    fit, compare = fits[case]
    figure = plot_forest(fit, compare=compare).figure
    figure.draw_without_rendering()
    content, whole = figure.get_tightbbox(), figure.get_size_inches()
    assert content.x0 >= 0.0
    assert content.y0 >= 0.0
    assert content.x1 <= whole[0]
    assert content.y1 <= whole[1]
    assert content.width > 0.97 * whole[0]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_figures_are_written_in_the_formats_of_journals(fits, kind):
    fit, compare = fits["long labels"]
    file = io.BytesIO()
    plot_forest(fit, compare=compare).figure.savefig(file, format=kind, bbox_inches="tight")
    assert len(file.getvalue()) > 1000


GROUPED = ("k = 3", "k = 15", "k = 60", "k = 100", "long labels")


def check_symbols(ax: Axes) -> None:
    """Assert that the circles of judgements lie in the figure, and touch neither texts nor one another."""
    circles = [line for line in ax.lines if str(line.get_label()).startswith("_judgement")]
    centres = np.array([line.get_transform().transform(line.get_xydata())[0] for line in circles])
    half = np.array([line.get_markersize() for line in circles])[:, None] * ax.figure.dpi / 72.0 / 2.0
    marks = np.hstack([centres - half, centres + half])
    assert (marks[:, :2] > 0.0).all()
    assert (marks[:, 2:] < [ax.figure.bbox.width, ax.figure.bbox.height]).all()
    extents = boxes(drawn_texts(ax))
    assert not [pair for pair in overlaps(np.vstack([marks, extents])) if pair[0] < len(marks)]


@pytest.mark.parametrize("width_mm", [85, 170])
@pytest.mark.parametrize("case", GROUPED)
def test_groups_and_judgements_fit_into_a_page(grouped_fits, case, width_mm):
    fit, groups, judgements = grouped_fits[case]
    options = {"style": "compact", "part": (2, 2)} if case == "k = 100" else {"prediction": "density"}
    ax = plot_forest(fit, groups=groups, judgements=judgements, width_mm=width_mm, **options)
    for dpi in (72, 150):
        ax.figure.set_dpi(dpi)
        ax.figure.draw_without_rendering()
        check(ax, ax.figure.bbox)
        check_symbols(ax)
    assert ax.figure.get_figheight() * 25.4 < 258.0
    assert min(text.get_fontsize() for text in drawn_texts(ax)) >= 5.0


@pytest.mark.parametrize("width_mm", [85, 170])
@pytest.mark.parametrize("draw", [bm.plot_leave_one_out, bm.plot_cumulative])
def test_steps_fit_at_both_widths(fits, draw, width_mm):
    for case, style in (("long labels", "default"), ("k = 15", "classic"), ("hazard ratios", "compact")):
        ax = draw(fits[case][1], width_mm=width_mm, style=style)
        for dpi in (72, 150):
            ax.figure.set_dpi(dpi)
            ax.figure.draw_without_rendering()
            check(ax, ax.figure.bbox)


def test_a_hundred_studies_stand_on_one_page_or_on_two(grouped_fits):
    fit, *_ = grouped_fits["k = 100"]
    one, *parts = (plot_forest(fit, part=part) for part in ((1, 1), (1, 2), (2, 2)))
    for ax in (one, *parts):
        ax.figure.draw_without_rendering()
        check(ax, ax.figure.bbox)
        assert ax.figure.get_figheight() * 25.4 < 258.0
    assert max(ax.figure.get_figheight() for ax in parts) < 0.9 * one.figure.get_figheight()
    assert parts[0].texts[0].get_fontsize() > one.texts[0].get_fontsize()
