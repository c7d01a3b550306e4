"""Are judgements of the risk of bias drawn beside their studies, and told apart without colour?"""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_style import JUDGEMENTS, Judgement

NAMES = ["bias_selection", "overall"]


def circles(ax) -> list:
    return [line for line in ax.lines if str(line.get_label()).startswith("_judgement")]


def marks(ax) -> list:
    return [line for line in ax.lines if line.get_label() == "_mark"]


@pytest.fixture(scope="module")
def drawn(judged):
    heads = {"bias_selection": "D1", "overall": "Overall"}
    return bm.plot_forest(judged, judgements=heads, order="-year", columns=["shrunken"])


def test_each_judgement_stands_in_the_row_of_its_study_and_a_missing_one_nowhere(judged, drawn):
    y = {text.get_text(): text.get_position()[1] for text in drawn.texts}
    given = judged.studies.moderators[NAMES]
    expected = [
        (y[label], " ".join(str(value).lower().replace("_", " ").split()))
        for name in NAMES
        for label, value in zip(judged.studies.study, given[name], strict=True)
        if isinstance(value, str) and value
    ]
    found = [(line.get_ydata()[0], line.get_label().removeprefix("_judgement ")) for line in circles(drawn)]
    assert sorted(found) == sorted(expected)
    assert len(found) == 18


def test_columns_of_judgements_stand_on_the_right_under_their_headings(drawn, judged):
    x = sorted({line.get_xdata()[0] for line in circles(drawn)})
    heads = {text.get_text(): text for text in drawn.texts if text.get_weight() == "bold"}
    assert [heads[name].get_position()[0] for name in ("D1", "Overall")] == x
    assert {heads[name].get_ha() for name in ("D1", "Overall")} == {"center"}
    assert heads["Shrunken"].get_position()[0] < x[0]
    named = {text.get_text() for text in bm.plot_forest(judged, judgements={"overall": "Bias\nin all"}).texts}
    assert {"Bias", "in all"} <= named
    assert any(text.get_text().startswith("Bias s") for text in bm.plot_forest(judged, judgements=NAMES).texts)


def test_every_judgement_has_a_mark_in_its_circle_that_tells_it_in_grey(drawn):
    assert len(marks(drawn)) == len(circles(drawn))
    kinds: dict[str, set] = {}
    for circle, mark in zip(circles(drawn), marks(drawn), strict=True):
        assert circle.get_xydata().tolist() == mark.get_xydata().tolist()
        kinds.setdefault(JUDGEMENTS[circle.get_label().removeprefix("_judgement ")].mark, set()).add(mark.get_marker())
    assert sorted(kinds) == ["!", "+", "-", "?", "x"]
    assert len({marker for found in kinds.values() for marker in found}) == 5
    for judgement in JUDGEMENTS.values():
        shades = [np.dot(to_rgb(color), (0.299, 0.587, 0.114)) for color in (judgement.color, judgement.ink)]
        assert abs(shades[0] - shades[1]) > 0.4


def test_a_note_tells_the_marks_that_are_drawn(drawn, judged):
    notes = " ".join(text.get_text() for text in drawn.texts).replace("\N{NO-BREAK SPACE}", " ")
    assert "Risk of bias: + low, − some concerns, × high or serious, ! critical, ? unclear or no information." in notes
    without = " ".join(text.get_text() for text in bm.plot_forest(judged).texts)
    assert "Risk of bias" not in without


def test_a_style_may_have_judgements_of_its_own(judged):
    own = {**JUDGEMENTS, "tki": Judgement("!", "#FFFFFF"), "chemotherapy": Judgement("+", "#FFFFFF")}
    ax = bm.plot_forest(judged, judgements="regimen", style=replace(bm.FOREST_STYLES["default"], judgements=own))
    assert len(circles(ax)) == judged.k


def test_wrong_judgements_are_refused_in_one_line(judged, remission_dl):
    for chosen, words in (
        ("regimen", r"study '.*': 'chemotherapy' in 'regimen' is no judgement\. Allowed: low, some concerns, moderate"),
        ("overal", r"unknown moderator in judgements 'overal'\. Did you mean 'overall'\?"),
        (3, "judgements=3 must be the name of a moderator"),
    ):
        with pytest.raises(SpecError, match=words) as caught:
            bm.plot_forest(judged, judgements=chosen)
        assert "\n" not in str(caught.value)
    bare = bm.fit(replace(remission_dl.studies, moderators=remission_dl.studies.moderators[[]]), engine="frequentist")
    with pytest.raises(SpecError, match=r"Name the columns of judgements in Studies\.from_frame\(moderators="):
        bm.plot_forest(bare, judgements="overall")
