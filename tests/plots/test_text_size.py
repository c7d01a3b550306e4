"""Is a text given the room it needs, and made to fit where there is less?"""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from bayesmeta.plots.text_size import shorten, shorten_all, text_width, widest, wrap


@pytest.mark.parametrize("dpi", [72, 100, 150, 300])
@pytest.mark.parametrize("text", ["93.5 (78.6–99.2)", "Study with a name, 2019", "$x$ & <b>"])
def test_a_text_is_never_drawn_wider_than_said(text, dpi):
    for size in (5.0, 6.5, 7.0, 9.25):
        for weight in ("normal", "bold"):
            figure = plt.figure(dpi=dpi)
            drawn = figure.text(0, 0, text, fontsize=size, weight=weight, parse_math=False)
            width = drawn.get_window_extent().width * 72.0 / dpi
            room = text_width(text, size, weight=weight)
            assert width <= room + 72.0 / dpi
            assert room < 1.2 * width + 2.0
            plt.close(figure)


def test_no_text_needs_no_room():
    assert text_width("", 7.0) == widest([], 7.0) == 0.0


def test_width_grows_with_text_and_size():
    assert text_width("i", 7.0) < text_width("ii", 7.0) < text_width("ii", 14.0)
    assert widest(["a", "abc", "ab"], 7.0) == text_width("abc", 7.0)


def test_a_text_that_fits_is_left_alone():
    assert shorten("Foa 2020", text_width("Foa 2020", 7.0), 7.0) == "Foa 2020"


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_a_shortened_text_is_the_longest_beginning_that_fits(weight):
    text = "The International Collaborative Group"
    short = shorten(text, 60.0, 7.0, weight=weight)
    assert short.endswith("…")
    assert text.startswith(short[:-1])
    assert text_width(short, 7.0, weight=weight) <= 60.0
    longer = text[: len(short)] + "…"
    assert text_width(longer, 7.0, weight=weight) > 60.0


def test_texts_with_one_beginning_keep_their_ends():
    texts = ["Group of the University Hospitals of Rome, 1", "Group of the University Hospitals of Rome, 2"]
    first, second = shorten_all(texts, 70.0, 7.0)
    assert first.startswith("Group")
    assert first.endswith("1")
    assert second.endswith("2")
    assert widest([first, second], 7.0) <= 70.0


IN_THE_MIDDLE = [
    f"Multicentre randomised trial of the {name} group of northern hospitals, final analysis"
    for name in (
        "Alder",
        "Birch",
        "Cedar",
        "Cedrus",
        "Elder, part 1 of the long-term",
        "Elder, part 2 of the long-term",
    )
]


def test_texts_that_differ_in_the_middle_show_where():
    short = shorten_all([*IN_THE_MIDDLE, "Kim 2020"], 90.0, 7.0)
    assert [text.partition("…")[2][:5] for text in short[:4]] == ["Alder", "Birch", "Cedar", "Cedru"]
    assert "part 1" in short[4]
    assert "part 2" in short[5]
    assert short[6] == "Kim 2020"
    assert widest(short, 7.0) <= 90.0


@pytest.mark.parametrize("room", [8.0, 20.0, 35.0, 60.0, 90.0, 150.0, 1000.0])
def test_different_texts_never_look_alike_and_equal_ones_stay_equal(room):
    rng = np.random.default_rng(5)
    texts = IN_THE_MIDDLE + [" ".join(rng.choice(["Ali", "Bo", "trial of the", "2019"], 9)) for _ in range(40)]
    short = shorten_all([*texts, *texts[::-1]], room, 7.0)
    assert short[: len(texts)] == short[len(texts) :][::-1]
    assert len(set(short)) == len(set(texts))
    assert all(cut == text for text, cut in zip(texts, short, strict=False) if text_width(text, 7.0) <= room)


def test_wide_ends_fit_too():
    texts = ["i" * 60 + "W" * 12 + "1", "i" * 60 + "W" * 12 + "2"]
    assert widest(shorten_all(texts, 30.0, 7.0), 7.0) <= 30.0


def test_lines_break_at_blanks_only_and_fit():
    text = "Squares: as observed, with exact 95\N{NO-BREAK SPACE}% CI; area proportional to weight."
    lines = wrap(text, 70.0, 7.0)
    assert " ".join(lines) == text
    assert len(lines) > 2
    assert widest(lines, 7.0) <= 70.0
    assert any("95\N{NO-BREAK SPACE}%" in line for line in lines)


def test_a_word_longer_than_a_line_is_shortened():
    assert wrap("a " + "b" * 100, 40.0, 7.0)[1].endswith("…")
