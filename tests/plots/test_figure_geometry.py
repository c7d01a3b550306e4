"""Does nothing in any figure overlap, or leave it, at the widths of a journal?"""

import itertools

import matplotlib.pyplot as plt
import pytest

import bayesmeta as bm
from tests.plots.figures import CASES, FIGURES, OF_SEVERAL, OF_STUDIES, figure_of
from tests.plots.geometry import check_figure, texts_of

OF_ALL = OF_STUDIES | OF_SEVERAL
PANELS = {"posterior": 5, "power-scaling": 5, "influence": 8}
DEGENERATE = ("posterior", "joint", "predictive", "shrinkage-trace", "funnel", "funnel-or", "radial")


def test_the_check_finds_texts_that_overlap_or_leave_the_figure():
    figure = figure_of(FIGURES["funnel"](CASES["k = 15"]))
    check_figure(figure)
    ax = figure.axes[0]
    ax.text(0.5, 0.5, "over", transform=ax.transAxes)
    ax.text(0.5, 0.5, "this", transform=ax.transAxes)
    with pytest.raises(AssertionError):
        check_figure(figure)
    for text in ax.texts[-2:]:
        text.remove()
    figure.text(0.99, 0.5, "outside")
    with pytest.raises(AssertionError):
        check_figure(figure)


@pytest.mark.parametrize("name", FIGURES)
def test_one_column_holds_every_figure_in_letters_that_can_be_read(name):
    figure = figure_of(FIGURES[name](CASES["k = 15"], width_mm=85))
    assert figure.get_figwidth() * 25.4 == pytest.approx(85.0)
    for dpi in (72, 300):
        figure.set_dpi(dpi)
        check_figure(figure)
    assert min(text.get_fontsize() for text in texts_of(figure)) >= 5.0


@pytest.mark.parametrize("name", ["posterior", "compare", "influence", "gosh", "bubble"])
def test_a_page_holds_figures_of_panels_and_rows(name):
    figure = figure_of(FIGURES[name](CASES["k = 15"], width_mm=170))
    assert figure.get_figwidth() * 25.4 == pytest.approx(170.0)
    check_figure(figure)


@pytest.mark.parametrize("case", ["k = 3", "k = 60", "long labels"])
@pytest.mark.parametrize("name", OF_ALL)
def test_few_and_many_studies_and_long_labels_fit_into_one_column(name, case):
    check_figure(figure_of(OF_ALL[name](CASES[case], width_mm=85)))


@pytest.mark.parametrize("name", ["shrinkage-trace", "conflict", "influence", "forest"])
def test_labels_that_differ_in_the_middle_are_shown_apart(name):
    case, width = CASES["alike"], {"width_mm": 85}
    drawn = bm.plot_forest(case.exact, **width) if name == "forest" else FIGURES[name](case, **width)
    figure = figure_of(drawn)
    check_figure(figure)
    shown = [text.get_text() for text in texts_of(figure) if "…" in text.get_text()]
    assert sum(any(word in text for word in ("Alder", "Juniper")) for text in shown) >= 2
    assert len(set(shown)) == len(case.labels)


@pytest.mark.parametrize("name", ["shrinkage-trace", "funnel", "baujat", "influence"])
def test_a_hundred_studies_fit(name):
    check_figure(figure_of(OF_ALL[name](CASES["k = 100"], width_mm=170)))


@pytest.mark.parametrize("case", ["all 0 %", "all equal", "one study"])
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_data_are_drawn(name, case):
    check_figure(figure_of(FIGURES[name](CASES[case])))


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "power-scaling"])
def test_every_figure_goes_into_given_axes_and_changes_no_setting(name):
    before, panels = dict(plt.rcParams), PANELS.get(name)
    figure, axes = plt.subplots(1, panels or 1, figsize=(3.0 * (panels or 1), 4.0), layout="constrained")
    drawn = FIGURES[name](CASES["k = 15"], **({"axes": axes} if panels else {"ax": axes}))
    assert figure_of(drawn) is figure
    assert len(plt.get_fignums()) == 1
    assert dict(plt.rcParams) == before
    check_figure(figure)


def test_panels_with_values_of_many_digits_have_ticks_apart():
    figure = figure_of(FIGURES["influence"](CASES["k = 60"], width_mm=170))
    figure.draw_without_rendering()
    for ax in figure.axes:
        low, high = ax.get_xlim()
        ticks = [tick for tick in ax.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
        ends = sorted(tick.label1.get_window_extent().intervalx.tolist() for tick in ticks)
        gaps = [after[0] - before[1] for before, after in itertools.pairwise(ends)]
        assert min(gaps, default=9.0) > 2.0
