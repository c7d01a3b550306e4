"""Influence statistics: identities and degenerate data; metafor's values are in `test_reference_moderators.py`."""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.errors import SpecError

Y, SE = np.array([0.4, -0.2, 1.1, 0.9, 0.1]), np.array([0.2, 0.3, 0.25, 0.5, 0.15])


def fit_of(y, se, **options):
    return bm.fit(bm.Studies(tuple("ABCDEFGH"[: len(y)]), y=y, se=se), engine="frequentist", **options)


def test_leverages_of_a_mean_are_its_weights_and_contributions_of_a_common_effect_sum_to_q():
    fit = fit_of(Y, SE, tau2_method="EE")
    table, coordinates = bm.influence(fit), bm.baujat(fit)
    assert table["hat"].tolist() == pytest.approx(fit.weights.tolist())
    assert table["weight"].tolist() == pytest.approx(fit.weights.tolist())
    assert coordinates["contribution"].sum() == pytest.approx(fit.q, rel=1e-12)


def test_the_statistics_follow_from_the_fits_without_each_study():
    fit = fit_of(Y, SE)
    table = bm.influence(fit)
    for i in range(len(Y)):
        rest = fit_of(np.delete(Y, i), np.delete(SE, i))
        row = table.iloc[i]
        residual = (Y[i] - rest.mu) / np.sqrt(SE[i] ** 2 + rest.tau2 + rest.se_mu**2)
        assert row["rstudent"] == pytest.approx(residual, rel=1e-10)
        assert row["cook_d"] == pytest.approx(((fit.mu - rest.mu) / fit.se_mu) ** 2, rel=1e-10)
        assert row["cov_r"] == pytest.approx((rest.se_mu / fit.se_mu) ** 2, rel=1e-10)
        assert (row["tau2"], row["q"]) == pytest.approx((rest.tau2, rest.q), rel=1e-10)


@pytest.mark.parametrize("y", [[0.3], [0.3, 0.9], [0.5, 0.5, 0.5]])
def test_one_two_or_equal_studies_have_the_right_answer_or_none(y):
    table = bm.influence(fit_of(np.array(y), np.full(len(y), 0.2)))
    assert len(table) == len(y)
    if len(y) == 1:
        assert np.isnan(table["rstudent"].iloc[0])
        assert table["note"].iloc[0] == "no study is left"
    elif len(y) == 2:
        assert table["rstudent"].tolist() == pytest.approx([-0.6 / np.sqrt(0.08), 0.6 / np.sqrt(0.08)])
    else:
        assert table[["rstudent", "dffits", "cook_d"]].to_numpy().ravel() == pytest.approx([0.0] * 9, abs=1e-12)


def test_a_study_that_alone_has_its_level_has_no_statistics_but_its_leverage_of_1():
    import pandas as pd

    kind = pd.DataFrame({"kind": list("xxyyz")})
    studies = bm.Studies(tuple("ABCDE"), y=Y, se=SE, moderators=kind)
    fit = bm.fit(studies, engine="frequentist", formula="~ 0 + kind")
    table, coordinates = bm.influence(fit), bm.baujat(fit)
    assert table.loc["E", ["rstudent", "cook_d", "tau2"]].isna().all()
    assert table.at["E", "hat"] == pytest.approx(1.0)
    assert (
        table.at["E", "note"]
        == "without this study the coefficients cannot be told apart"
        == coordinates.at["E", "note"]
    )
    assert table["note"].iloc[:4].tolist() == [""] * 4
    assert coordinates.at["E", "contribution"] == pytest.approx(0.0, abs=1e-20)


def test_an_outlier_is_called_influential():
    y = np.array([0.1, 0.2, 0.15, 0.1, 0.2, 0.15, 0.12, 1.0])
    assert bm.influence(fit_of(y, np.full(8, 0.2)))["influential"].tolist() == [False] * 7 + [True]


def test_baujat_is_for_classical_fits():
    studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    with pytest.raises(SpecError, match=r"baujat takes a fit with engine='frequentist' .* got an ExactFit"):
        bm.baujat(bm.fit(studies))
