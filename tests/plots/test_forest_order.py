"""Do the studies stand in the order that was asked for?"""

from dataclasses import replace

import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_frame import forest_frame


def labels(fit, **options) -> list[str]:
    frame = forest_frame(fit, **options)
    return frame.loc[frame["kind"] == "study", "label"].tolist()


def test_without_an_order_the_studies_stand_as_in_the_data(remission):
    assert labels(remission) == list(remission.studies.study)


@pytest.mark.parametrize("column", ["estimate", "weight", "n", "events", "shrunken"])
def test_a_column_orders_upwards_and_with_a_minus_downwards(remission, column):
    for order, sign in ((column, 1), (f"-{column}", -1)):
        frame = forest_frame(remission, order=order).iloc[: remission.k]
        assert (sign * frame[column].astype(float)).is_monotonic_increasing
        assert frame["n"].sum() == remission.studies.n.sum()


def test_labels_and_moderators_order_too(remission):
    assert labels(remission, order="study") == sorted(remission.studies.study)
    year = dict(zip(remission.studies.study, remission.studies.moderators["year"], strict=True))
    assert [year[label] for label in labels(remission, order="-year")] == sorted(year.values(), reverse=True)


def test_equal_values_keep_the_order_of_the_data(remission):
    regimen = remission.studies.moderators["regimen"]
    expected = [remission.studies.study[i] for i in regimen.sort_values(kind="stable").index]
    assert labels(remission, order="regimen") == expected


def test_downwards_equal_values_keep_the_order_of_the_data_too(remission):
    regimen = remission.studies.moderators["regimen"]
    expected = [remission.studies.study[i] for i in regimen.sort_values(kind="stable", ascending=False).index]
    assert labels(remission, order="-regimen") == expected


def test_the_column_of_data_orders_by_the_number_of_patients(remission):
    assert labels(remission, order="-data") == labels(remission, order="-n")


def test_a_moderator_whose_values_cannot_be_compared_is_refused(remission):
    moderators = pd.DataFrame({"dose": [1, "high"] * 5})
    fit = bm.fit(replace(remission.studies, moderators=moderators), engine="frequentist")
    with pytest.raises(SpecError, match="order='-dose': the values of 'dose' are of kinds that have no common order"):
        forest_frame(fit, order="-dose")


def test_rows_stay_together_when_they_are_moved(remission):
    moved = forest_frame(remission, order="-weight").set_index("label")
    still = forest_frame(remission).set_index("label")
    assert moved.loc[still.index].equals(still)


def test_all_labels_in_the_order_wanted(remission):
    wanted = list(reversed(remission.studies.study))
    assert labels(remission, order=wanted) == wanted


def test_an_order_by_a_column_that_was_not_read_says_how_to_read_it(remission):
    names = [*remission.studies.moderators.columns, "country"]
    with pytest.raises(SpecError) as refused:
        forest_frame(remission, order="-country")
    call = f"Studies.from_frame(..., moderators={names!r})."
    assert str(refused.value).endswith(f"If 'country' is a column of your data, read it with the studies: {call}")


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("wieght", r"unknown column for order 'wieght'\. Did you mean 'weight'\?"),
        ("-yeer", r"unknown column for order 'yeer'\. Did you mean 'year'\?"),
        (3, r"order=3 is no column and no list of labels; give for example order='-weight'"),
        (["Foa 2021"], r"unknown study in order 'Foa 2021'\. Did you mean 'Foa 2020'\?"),
        (
            ["Foa 2020"],
            r"order names study 'Jabbour 2023 \(mini-HCVD\+INO\)' not at all; name each of the 10",
        ),
    ],
)
def test_an_order_that_does_not_exist_is_refused(remission, order, words):
    with pytest.raises(SpecError, match=words):
        forest_frame(remission, order=order)


def test_a_label_named_twice_is_refused(remission):
    with pytest.raises(SpecError, match=r"order names study 'Foa 2020' twice"):
        forest_frame(remission, order=[*remission.studies.study, "Foa 2020"])
