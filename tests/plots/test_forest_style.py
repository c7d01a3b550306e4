"""Is a style data that a user can change, and are parts and lines drawn as asked for?"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_style import GREYS, Judgement, Look


def texts(ax) -> set[str]:
    return {text.get_text() for text in ax.texts}


def labels(ax) -> list[str]:
    return [str(child.get_label()) for child in ax.get_children()]


@pytest.mark.parametrize(
    ("style", "columns"),
    [("default", {"Events/n", "Observed", "Shrunken"}), ("compact", {"Observed"}), ("classic", {"Events/n", "Weight"})],
)
def test_a_style_has_its_columns_and_marks(remission, style, columns):
    ax = bm.plot_forest(remission, style=style)
    assert columns <= texts(ax)
    assert ("_shrunken" in labels(ax)) == bm.FOREST_STYLES[style].shrunken == ("Shrunken" in texts(ax))
    notes = " ".join(texts(ax))
    assert ("Circles" in notes) == bm.FOREST_STYLES[style].shrunken


def test_options_win_over_the_style(remission):
    ax = bm.plot_forest(remission, style="compact", columns=["weight"], fontsize=8)
    assert "Observed" not in texts(ax)
    assert max(text.get_fontsize() for text in ax.texts) == 8


def test_a_style_of_ones_own_is_a_changed_copy(remission, remission_dl):
    own = replace(
        bm.FOREST_STYLES["classic"],
        font="DejaVu Serif",
        study_color="#123456",
        looks=(Look("#654321"), Look("#777777")),
    )
    ax = bm.plot_forest(remission, compare=remission_dl, style=own)
    (squares,) = [child for child in ax.collections if child.get_label() == "_observed"]
    assert to_hex(squares.get_facecolor()[0]) == "#123456"
    bars = [to_hex(patch.get_facecolor()) for patch in ax.patches if patch.get_label() == "_p_new"]
    assert bars == ["#654321", "#777777"]
    ax.figure.draw_without_rendering()
    families = {text.get_fontfamily()[0] for text in [*ax.texts, ax.xaxis.label, *ax.get_xticklabels()]}
    assert families == {"DejaVu Serif"}
    assert plt.rcParams["font.family"] != ["DejaVu Serif"]


def test_looks_begin_anew_after_the_last(remission, remission_dl):
    own = replace(bm.FOREST_STYLES["default"], looks=(Look("#111111"), Look("#999999")))
    ax = bm.plot_forest(remission, compare={"a": remission_dl, "b": remission_dl}, style=own)
    bars = [to_hex(patch.get_facecolor()) for patch in ax.patches if patch.get_label() == "_p_new"]
    assert bars == ["#111111", "#999999", "#111111"]


def test_the_greys_of_the_classic_style_are_told_apart():
    shades = [np.mean(to_rgb(look.color)) for look in GREYS[:3]]
    assert np.diff(shades).min() > 0.25
    assert all(look.hatch for look in GREYS[3:])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda fit: bm.plot_forest(fit, style="clasic"), r"unknown style 'clasic'\. Did you mean 'classic'\?"),
        (lambda fit: bm.plot_forest(fit, style=3), "style is an int; give a ForestStyle, or a name: default, compact"),
        (lambda fit: bm.ForestStyle(fontsize=0), "fontsize=0 of a style must be a positive number"),
        (lambda fit: bm.ForestStyle(looks=()), r"looks=\(\) of a style must be Looks, at least one"),
        (lambda fit: bm.ForestStyle(prediction="curve"), "unknown prediction 'curve'"),
        (lambda fit: bm.ForestStyle(judgements={"low": Judgement("*", "red")}), "the judgement 'low' of a style must"),
        (lambda fit: bm.plot_forest(fit, style=bm.ForestStyle(font="No Such Font")), "finds no font 'No Such Font'"),
        (lambda fit: bm.plot_forest(fit, reference="0.2"), r"reference='0\.2' must be a number, a list of them"),
        (lambda fit: bm.plot_forest(fit, reference=[None]), "reference: None must be a finite number, natural scale"),
        (lambda fit: bm.plot_forest(fit, reference=[0.1, 0.2, 0.3, 0.4]), "reference has 4 lines; a reader can tell 3"),
        (lambda fit: bm.plot_forest(fit, part=3), r"part=3 must be two numbers: \(1, 2\) is the first of two parts"),
        (lambda fit: bm.plot_forest(fit, part=(3, 2)), r"part=\(3, 2\) must lie between \(1, 2\) and \(2, 2\), of 10"),
    ],
)
def test_wrong_styles_lines_and_parts_are_refused_in_one_line(remission, make, words):
    with pytest.raises(SpecError, match=words) as caught:
        make(remission)
    assert "\n" not in str(caught.value)
    assert plt.get_fignums() == []


def test_reference_lines_are_drawn_told_apart_and_told(remission):
    ax = bm.plot_forest(remission, reference={"Historical control": 0.05, "Goal": 0.9})
    lines = [line for line in ax.lines if line.get_label() == "_line"]
    assert [line.get_xdata()[0] for line in lines] == [0.05, 0.9]
    assert len({str(line._dash_pattern) for line in lines}) == 2
    assert "Dotted line: Historical control, 5.0 %. Dash-dotted line: Goal, 90.0 %." in " ".join(texts(ax)).replace(
        "\N{NO-BREAK SPACE}", " "
    )
    assert ax.spines["bottom"].get_bounds()[0] < 0.05
    (single,) = [line for line in bm.plot_forest(remission, reference=0.5).lines if line.get_label() == "_line"]
    assert set(single.get_xdata()) == {0.5}


def test_no_effect_is_marked_for_ratios_and_differences_and_not_for_proportions(hazard, effects, remission):
    at = [
        [line.get_xdata()[0] for line in bm.plot_forest(fit).lines if line.get_label() == "_null"]
        for fit in (hazard, effects, remission)
    ]
    assert at == [[1.0], [0.0], []]


def test_parts_hold_each_study_once_on_the_same_axis(judged, by_regimen):
    whole = bm.plot_forest(judged, groups=by_regimen, compare=bm.fit(judged.studies, engine="frequentist"))
    options = {"groups": by_regimen, "compare": bm.fit(judged.studies, engine="frequentist")}
    parts = [bm.plot_forest(judged, part=(i, 3), **options) for i in (1, 2, 3)]
    shown = [text.get_text() for ax in parts for text in ax.texts if text.get_text() in judged.studies.study]
    assert sorted(shown) == sorted(judged.studies.study)
    assert len({ax.spines["bottom"].get_bounds() for ax in (whole, *parts)}) == 1
    assert ["DerSimonian-Laird, logit" in texts(ax) for ax in parts] == [False, False, True]
    assert "TKI, continued" in texts(parts[2]) | texts(parts[1])
    assert "Part 2 of 3." in texts(parts[1])
    largest = [max(c.get_sizes().max() for c in ax.collections if c.get_label() == "_observed") for ax in parts]
    assert len(set(np.round(largest, 6))) > 1  # squares have one scale in all parts


def test_a_part_begins_with_a_study_and_never_with_what_is_said_of_a_group(judged, by_regimen):
    frame = bm.forest_frame(judged, groups=by_regimen)
    for parts in (2, 3, judged.k):
        for i in range(2, parts + 1):
            ax = bm.plot_forest(judged, groups=by_regimen, part=(i, parts), columns=(), style="compact")
            first = min(
                (text.get_position()[1], text.get_text()) for text in ax.texts if text.get_text() in set(frame["label"])
            )
            assert first[1] in judged.studies.study
            plt.close(ax.figure)
