"""Does a forest plot draw what its frame holds, where it belongs?"""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.text import Text

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest import forest_frame, plot_forest


def artists(ax, gid: str) -> list:
    return [artist for artist in ax.get_children() if artist.get_label() == f"_{gid}"]


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.findobj(Text) if text.get_text()]


@pytest.fixture(scope="module")
def plain(remission) -> Axes:
    return plot_forest(remission)


@pytest.fixture(scope="module")
def beside(remission, remission_dl) -> Axes:
    return plot_forest(remission, compare=remission_dl)


def test_areas_of_squares_are_proportional_to_weights(remission, plain):
    (squares,) = artists(plain, "observed")
    frame = forest_frame(remission).iloc[: remission.k]
    np.testing.assert_allclose(squares.get_sizes() / squares.get_sizes().sum(), frame["weight"].to_numpy(), rtol=1e-12)


def test_squares_and_circles_stand_at_the_estimates_in_the_order_of_the_frame(remission):
    ax = plot_forest(remission, order="-weight")
    frame = forest_frame(remission, order="-weight").iloc[: remission.k]
    for gid, column, side in (("observed", "estimate", -1), ("shrunken", "shrunken", 1)):
        (points,) = artists(ax, gid)
        x, y = points.get_offsets().T
        np.testing.assert_array_equal(x, frame[column])
        np.testing.assert_array_equal(np.round(y), np.arange(remission.k))
        assert (side * (y - np.arange(remission.k)) > 0.0).all()


def test_squares_of_a_frequentist_fit_stand_in_the_middle_of_their_rows(remission_dl):
    ax = plot_forest(remission_dl)
    (points,) = artists(ax, "observed")
    np.testing.assert_array_equal(points.get_offsets()[:, 1], np.arange(remission_dl.k))
    assert artists(ax, "shrunken") == []


def test_diamonds_reach_from_limit_to_limit_with_the_estimate_in_between(remission, remission_dl, beside):
    frame = forest_frame(remission, compare=remission_dl)
    drawn = [patch for gid in ("p_median", "p_mean") for patch in artists(beside, gid)]
    rows = frame[frame["kind"] == "summary"]
    assert len(drawn) == len(rows) == 3
    for patch, row in zip(drawn, rows.to_dict("records"), strict=True):
        (left, y), (top, above), (right, _), (bottom, below) = patch.get_xy()[:4]
        assert (left, top, right, bottom) == (row["lower"], row["estimate"], row["upper"], row["estimate"])
        assert above < y < below


def test_bars_are_the_prediction_intervals(remission, remission_dl, beside):
    rows = forest_frame(remission, compare=remission_dl).query("kind == 'prediction'")
    bars = artists(beside, "p_new")
    assert [bar.get_x() for bar in bars] == rows["lower"].tolist()
    np.testing.assert_allclose([bar.get_x() + bar.get_width() for bar in bars], rows["upper"], rtol=1e-12)


def test_an_average_study_has_an_open_diamond_and_a_median_one_a_filled_one(plain):
    (median,), (mean,) = artists(plain, "p_median"), artists(plain, "p_mean")
    assert to_hex(mean.get_facecolor()) == to_hex(plain.get_facecolor())
    assert to_hex(median.get_facecolor()) == to_hex(mean.get_edgecolor())


def test_observed_and_shrunken_estimates_differ_in_more_than_colour(remission):
    ax = plot_forest(remission)
    (squares,), (circles,) = artists(ax, "observed"), artists(ax, "shrunken")
    assert squares.get_paths()[0] != circles.get_paths()[0]
    assert len({line.get_linestyle() for line in ax.lines if line.get_label() == "_interval"}) == 2


def test_fits_have_different_colours(beside):
    assert len({to_hex(patch.get_facecolor()) for patch in artists(beside, "p_new")}) == 2


def test_the_dashed_line_is_at_the_first_estimate(remission, plain):
    (line,) = artists(plain, "reference")
    assert set(line.get_xdata()) == {remission.summary().at["p_median", "median"]}


def test_numbers_are_printed_beside_the_marks(beside):
    found = texts(beside)
    for words in ("62/63", "98.4 (91.5–100.0)", "86.8 (73.5–94.2)", "81.3 (67.3–90.3)", "31.4–99.0"):
        assert words in found
    assert {"86.5 (78.2–94.9)", "DerSimonian-Laird, raw proportion"} <= set(found)


def test_the_heterogeneity_of_each_fit_is_told_in_words(remission, beside):
    found = texts(beside)
    notes = " ".join(found).replace("\N{NO-BREAK SPACE}", " ")
    tau = remission.summary().loc["tau"]
    words = f"tau = {tau['median']:.2f} (95 % CrI {tau['lower']:.2f} to {tau['upper']:.2f}), logit scale;"
    assert words in notes
    assert "exact posterior, numerical error < 1e-" in notes
    assert "I² = 77.0 %, Q = 39.07, df = 9, P < 0.001" in notes


def test_labels_are_printed_as_they_are_written(fits):
    long, _ = fits["long labels"]
    label = long.studies.study[4]
    ax = plot_forest(long)
    (text,) = [text for text in ax.texts if text.get_text() == label]
    assert "$" in label
    assert not text.get_parse_math()
    assert not text.get_usetex()


def test_labels_on_several_lines_are_set_on_one():
    frame = bm.load_dataset("blinatumomab_cr").assign(study=lambda df: df["study"] + "\n and\tothers")
    studies = bm.Studies.from_frame(frame)
    found = texts(plot_forest(bm.fit(studies, engine="frequentist")))
    assert "Foa 2020 and others" in found


def test_rare_events_are_printed_per_100_000(rare):
    ax = plot_forest(rare)
    assert "per 100,000 (95 % CrI)" in texts(ax)
    assert "23.7 (21.4–26.2)" in texts(ax)
    low, high = ax.spines["bottom"].get_bounds()
    assert -1e-4 < low < 0.0 < 4e-4 < high < 1e-3


def test_scales_change_the_print_and_not_the_axes(remission):
    percent, proportion = plot_forest(remission), plot_forest(remission, scale="proportion")
    assert "86.8 (73.5–94.2)" in texts(percent)
    assert "0.87 (0.73–0.94)" in texts(proportion)
    assert percent.spines["bottom"].get_bounds() == proportion.spines["bottom"].get_bounds()
    assert [label.get_text() for label in percent.get_xticklabels()][-1] == "100"
    assert [label.get_text() for label in proportion.get_xticklabels()][-1] == "1"
    assert percent.get_xticks()[-1] == proportion.get_xticks()[-1] == 1.0


def test_columns_are_those_that_were_chosen_in_their_order(remission):
    ax = plot_forest(remission, columns=("weight", "estimate"))
    bold = sorted((t.get_position()[0], t.get_text()) for t in ax.texts if t.get_weight() == "bold")
    assert [text for x, text in bold if x > 0.0] == ["Weight", "Observed"]
    assert "62/63" not in texts(ax)
    assert "86.8 (73.5–94.2)" in texts(ax)


def test_a_plot_without_columns_of_text_is_drawn(remission):
    assert "86.8 (73.5–94.2)" not in texts(plot_forest(remission, columns=()))


def test_without_the_shrunken_column_the_estimates_stand_under_the_observed_ones(remission):
    ax = plot_forest(remission, columns=("data", "estimate"))
    assert "% (95 % CrI)" in texts(ax)
    assert "86.8 (73.5–94.2)" in texts(ax)


def test_intervals_beyond_xlim_are_cut_and_have_an_arrow(remission):
    ax = plot_forest(remission, xlim=(0.6, 0.9))
    low, high = ax.spines["bottom"].get_bounds()
    pad = 0.025 * 0.3
    assert (low, high) == pytest.approx((0.6 - pad, 0.9 + pad))
    frame = forest_frame(remission)
    beyond = [
        (frame["lower"] < low).sum() + (frame["shrunken_lower"] < low).sum(),
        (frame["upper"] > high).sum() + (frame["shrunken_upper"] > high).sum(),
    ]
    markers = [artist.get_marker() for artist in artists(ax, "cut")]
    assert [markers.count("<"), markers.count(">")] == beyond
    intervals = [line for line in ax.lines if line.get_label() == "_interval"]
    assert all(low <= x <= high for line in intervals for x in line.get_xdata())
    assert "Arrows: the interval goes on beyond the axis." in " ".join(texts(ax))
    (squares,) = artists(ax, "observed")
    assert len(squares.get_offsets()) == frame["estimate"].iloc[: remission.k].between(low, high).sum()


def test_nothing_is_cut_where_all_intervals_fit(plain):
    assert artists(plain, "cut") == []
    assert "Arrows" not in " ".join(texts(plain))


def test_wide_intervals_do_not_squeeze_the_rest(rare):
    ax = plot_forest(rare)
    widest = forest_frame(rare)["upper"].max()
    assert ax.spines["bottom"].get_bounds()[1] < widest
    assert {artist.get_marker() for artist in artists(ax, "cut")} == {">"}


def test_ratios_have_a_logarithmic_axis(hazard):
    ax = plot_forest(hazard, xlabel="Hazard ratio")
    assert ax.get_xscale() == "log"
    assert 1.0 in ax.get_xticks()
    assert ax.get_xlabel() == "Hazard ratio"
    (line,) = artists(ax, "reference")
    assert line.get_xdata()[0] == pytest.approx(np.exp(hazard.summary().at["mu", "median"]))


def test_the_axes_that_are_given_are_returned_and_no_figure_is_made(remission):
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5))
    assert plot_forest(remission, ax=right) is right
    assert plt.get_fignums() == [figure.number]
    assert not left.texts


def test_a_new_figure_is_170_mm_wide_and_grows_with_the_number_of_studies(fits):
    sizes = [plot_forest(fits[name][0]).figure.get_size_inches() * 25.4 for name in ("k = 3", "k = 15", "k = 60")]
    assert [width for width, _ in sizes] == pytest.approx([170.0] * 3)
    heights = [height for _, height in sizes]
    assert heights[0] < 70.0 < heights[1] < 130.0 < heights[2] < 257.0


def test_a_width_is_for_a_new_figure_only(remission):
    _, ax = plt.subplots()
    with pytest.raises(SpecError, match=r"width_mm is the width of a new figure, .* give one of them"):
        plot_forest(remission, ax=ax, width_mm=85)


def test_a_narrow_figure_has_fewer_columns_unless_they_are_chosen(remission):
    assert "62/63" not in texts(plot_forest(remission, width_mm=119))
    assert "62/63" in texts(plot_forest(remission, width_mm=120))
    assert "62/63" in texts(plot_forest(remission, width_mm=119, columns=("data", "estimate")))
    _, ax = plt.subplots(figsize=(85 / 25.4, 4))
    assert "62/63" not in texts(plot_forest(remission, ax=ax))


def test_a_long_heading_covers_the_dashed_line(remission, remission_dl):
    ax = plot_forest(remission, compare=remission_dl, width_mm=85)
    (title,) = [text for text in ax.texts if text.get_text() == "DerSimonian-Laird, raw proportion"]
    assert title.get_bbox_patch().get_facecolor() == ax.get_facecolor()


def test_own_notes_stand_below_the_others(remission):
    ax = plot_forest(remission, notes=["First of mine,\n50 %", "Last."])
    shown = [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in ax.texts][-2:]
    assert shown == ["First of mine, 50 %", "Last."]
    assert [text.get_text() for text in plot_forest(remission, notes="One.").texts][-1] == "One."


def test_text_is_legible_at_journal_width(fits):
    for fit, compare in fits.values():
        ax = plot_forest(fit, compare=compare)
        assert min(text.get_fontsize() for text in ax.findobj(Text) if text.get_text()) >= 6.5
        plt.close(ax.figure)


def test_text_shrinks_to_fit_into_small_axes(remission):
    _, ax = plt.subplots(figsize=(110 / 25.4, 4.5))
    plot_forest(remission, ax=ax, columns=("data", "estimate"))
    sizes = {text.get_fontsize() for text in ax.texts}
    assert 5.0 <= min(sizes) <= max(sizes) < 7.0


def test_axes_that_are_too_small_are_refused_with_their_size(remission):
    _, ax = plt.subplots(figsize=(1, 1))
    with pytest.raises(SpecError, match=r"a forest plot of 10 studies does not fit into axes of 20 x 20 mm; give"):
        plot_forest(remission, ax=ax)


def test_what_a_user_adds_lands_in_the_coordinates_of_the_data(remission):
    ax = plot_forest(remission)
    limits = ax.get_xlim(), ax.get_ylim()
    ax.axvline(0.2)
    ax.plot([0.5], [3.0], "k*")
    assert (ax.get_xlim(), ax.get_ylim()) == limits


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"scale": "per cent"},
            r"unknown scale 'per cent'\. Did you mean 'percent'\? Allowed: proportion, percent",
        ),
        ({"columns": ("data", "shrunk")}, r"unknown column 'shrunk'\. Did you mean 'shrunken'\?"),
        ({"xlim": (0.9, 0.1)}, r"xlim=\(0\.9, 0\.1\) must be two finite values in ascending order"),
        ({"xlim": (0, 100)}, r"xlim=\(0, 100\) is in the unit in print; give proportions, 0\.2 for 20 %"),
        ({"xlim": 3}, r"xlim=3 must be two values, such as \(0, 1\)"),
        ({"order": "wieght"}, "unknown column for order"),
        ({"columns": 3}, r"columns=3 must be a list of names, or a dict of headings by name"),
        ({"ax": 3}, "ax is an int; give matplotlib Axes, or leave it out for a new figure"),
        ({"width_mm": 0}, "width_mm=0 must be a positive number, such as 85 or 170"),
        ({"width_mm": "wide"}, "width_mm='wide' must be a positive number"),
        ({"fontsize": -7}, "fontsize=-7 must be a positive number, such as 7"),
        ({"notes": 3}, "notes=3 must be a text or a list of texts"),
        ({"notes": ["First.", 3]}, "notes must be a text or a list of texts, but its entry 2 is 3, an int"),
        ({"width_mm": 40}, r"the columns estimate do not fit into 38 mm .* letters of 5 points; choose fewer"),
        ({"ci_prob": 0}, "ci_prob=0 must lie strictly between 0 and 1"),
    ],
)
def test_wrong_options_are_refused_before_a_figure_is_made(remission, options, words):
    with pytest.raises(SpecError, match=words) as caught:
        plot_forest(remission, **options)
    assert "\n" not in str(caught.value)
    assert plt.get_fignums() == []


def test_a_scale_of_proportions_is_refused_for_other_values(hazard):
    with pytest.raises(SpecError, match="scale='percent' is for proportions, but the values are ratios"):
        plot_forest(hazard, scale="percent")
    with pytest.raises(SpecError, match=r"xlim=.* must be two finite values, above 0, in ascending order"):
        plot_forest(hazard, xlim=(0.0, 2.0))


@pytest.mark.parametrize("style", ["dark_background", "ggplot", "seaborn-v0_8-whitegrid"])
def test_style_sheets_are_followed(remission, style):
    with plt.style.context(style):
        ax = plot_forest(remission)
        (squares,) = artists(ax, "observed")
        assert to_hex(squares.get_facecolor()[0]) == to_hex(plt.rcParams["text.color"])
        assert not any(line.get_visible() for line in ax.get_xgridlines())
        ax.figure.draw_without_rendering()


def test_a_style_with_a_layout_engine_does_not_disturb_a_new_figure(remission):
    with plt.rc_context({"figure.constrained_layout.use": True}):
        ax = plot_forest(remission)
        ax.figure.draw_without_rendering()
    assert ax.figure.get_layout_engine() is None
