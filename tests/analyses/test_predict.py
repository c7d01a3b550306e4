"""Predictions far outside the data; near it they are checked in `tests/exact/test_regression_dense.py`."""

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm

STUDIES = bm.Studies(
    tuple("abcd"), events=np.array([3.0, 5, 7, 9]), n=np.array([12.0, 14, 13, 15]),
    moderators=pd.DataFrame({"year": [2017.0, 2020, 2021, 2025], "dose": [1, 2, 2, 1]}),
)  # fmt: skip


@pytest.fixture(scope="module")
def fit():
    return bm.fit(STUDIES, bm.ModelSpec("binomial", formula="~ year", beta="Normal(0, 1.5)"))


def test_a_prediction_outside_the_data_is_given_with_its_error(fit):
    table = bm.predict(fit, {"year": 2050}).set_index("parameter")
    assert table["numerical_error"].max() < 1e-6
    assert table.loc["eta", "sd"] > 3.0
    # eta is a combination of the coefficients, whose means are known by themselves
    at_mean = fit.summary().loc[["beta[Intercept]", "beta[year]"], "mean"].to_numpy()
    assert table.loc["eta", "mean"] == pytest.approx(at_mean @ [1.0, 2050.0 - 2020.75], abs=1e-4)


def test_a_value_too_far_outside_is_named_with_its_distance(fit):
    with pytest.raises(bm.AccuracyError) as caught:
        bm.predict(fit, {"year": 1e7})
    assert str(caught.value) == (
        "the prediction could not be computed so far outside the data: year=1e+07 lies 9.99798e+06 outside the "
        "studies' 2017 to 2025, 1.25e+06 times their range; choose values nearer."
    )
