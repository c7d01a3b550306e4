import pandas as pd
import pytest

from bayesmeta.errors import SpecError
from bayesmeta.tables.render import WIDTH, display_width, printable, render_list, render_table

SUMMARY = pd.DataFrame(
    {"mean": [1.891, 0.813], "lower": [1.02, 0.62], "numerical_error": [4.7e-8, float("inf")]},
    index=pd.Index(["mu", "tau"], name="parameter"),
)
LONG = "why this number may differ from the others " * 6


def test_words_stand_left_and_numbers_right():
    assert render_table(SUMMARY).splitlines() == [
        "parameter   mean  lower  numerical_error",
        "mu         1.891   1.02            <1e-7",
        "tau        0.813   0.62              inf",
    ]


def test_an_index_without_a_name_is_not_shown():
    assert render_table(SUMMARY.rename_axis(None)).splitlines()[0].split() == [
        "mean",
        "lower",
        "numerical_error",
    ]


def test_a_percent_column_is_written_in_per_cent():
    frame = pd.DataFrame({"estimate": [0.8683, 0.5]})
    assert render_table(frame, percent=["estimate"]).split("\n")[1:] == ["  86.8 %", "  50.0 %"]


def test_long_texts_are_wrapped_beside_the_other_columns():
    frame = pd.DataFrame({"parameter": ["p_mean", "p_new"], "estimate": [0.81, 0.87], "explanation": [LONG, ""]})
    lines = render_table(frame).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[1].startswith("p_mean         0.81  why this")
    assert lines[2].startswith(" " * lines[1].index("why"))
    assert " ".join(" ".join(lines).split()).count("why this number") == 6


def test_words_are_not_broken_to_make_room():
    name = "blinatumomab_comparative_landmarks"
    lines = render_table(pd.DataFrame({"name": [name], "description": [LONG], "source": [LONG]}))
    assert name in lines
    assert max(map(len, lines.splitlines())) <= WIDTH


def test_numbers_are_never_wrapped_or_cut():
    frame = pd.DataFrame({f"column_{i}": [1.2345] for i in range(20)})
    assert len(render_table(frame).splitlines()) == 2


def test_a_missing_count_is_blank_and_a_missing_result_is_said():
    frame = pd.DataFrame({"k": pd.array([14, None], dtype="Int64"), "mean": [0.25, float("nan")]})
    assert render_table(frame).splitlines() == [" k  mean", "14  0.25", "     nan"]


def test_truth_values_are_words():
    assert render_table(pd.DataFrame({"good": [True, False]})).splitlines() == ["good", "True", "False"]


def test_an_empty_table_is_its_header():
    assert render_table(pd.DataFrame({"row": [], "problem": []})) == "row  problem"


def test_what_a_file_holds_cannot_reach_the_terminal_as_an_escape():
    shown = render_table(pd.DataFrame({"study": ["Lee\x1b[31m\n2019\u202e"]}))
    assert shown.splitlines()[1] == r"Lee\x1b[31m\n2019\u202e"
    assert printable("Foà 2020") == "Foà 2020"


def test_letters_of_double_width_keep_the_columns_aligned():
    lines = render_table(pd.DataFrame({"study": ["李 2019", "Lee 2019"], "n": [5, 12]})).splitlines()
    assert {display_width(line) for line in lines} == {12}


def test_column_names_may_repeat():
    frame = pd.DataFrame([[1, 2]], columns=["n", "n"])
    assert render_table(frame).splitlines() == ["n  n", "1  2"]


def test_digits_are_checked():
    with pytest.raises(SpecError, match="digits"):
        render_table(SUMMARY, digits=0)


def test_a_list_is_wrapped_under_its_bullets():
    assert render_list(["one two three", "four"], width=9) == "- one two\n  three\n- four"


NOISY = pd.DataFrame(
    {"mean": [-2e-16, 3e-9, 0.97], "sd": [0.64, 1e-9, 0.53], "median": [2e-10, 3e-9, float("inf")],
     "numerical_error": [1e-7, 1e-7, float("inf")]},
    index=pd.Index(["mu", "p_mean", "tau"], name="parameter"),
)  # fmt: skip


def test_rounding_is_shown_as_zero_and_a_tiny_proportion_keeps_its_digits():
    rows = {line.split()[0]: line.split()[1:] for line in render_table(NOISY).splitlines()}
    assert rows["mu"][:3] == ["0", "0.64", "0"]
    assert rows["p_mean"][:3] == ["3.00e-09", "1.00e-09", "3.00e-09"]
    assert rows["tau"] == ["0.97", "0.53", "inf", "inf"]


def test_without_a_numerical_error_nothing_is_taken_for_rounding():
    assert "-2.00e-16" in render_table(NOISY.drop(columns="numerical_error"))


def test_what_is_above_its_error_is_shown_however_small():
    assert "-2.00e-16" in render_table(NOISY.assign(numerical_error=1e-17))
