"""PET, PEESE and the choice between them."""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError

Y = np.array([0.9, 0.7, 0.4, 0.35, 0.32, 0.5])
SE = np.array([0.4, 0.3, 0.1, 0.06, 0.05, 0.3])


@pytest.fixture
def studies():
    return Studies(tuple("ABCDEF"), y=Y, se=SE)


def intercept(x):
    return float(np.polyfit(x, Y, 1, w=1.0 / SE)[1])


def test_pet_and_peese_are_intercepts_on_errors_and_on_variances(studies):
    table = bm.pet_peese(studies).set_index("method")
    assert table.loc["PET", "estimate"] == pytest.approx(intercept(SE), rel=1e-10)
    assert table.loc["PEESE", "estimate"] == pytest.approx(intercept(SE**2), rel=1e-10)
    assert (table["df"] == 4).all()


def test_peese_is_taken_where_pet_finds_an_effect(studies):
    table = bm.pet_peese(studies).set_index("method")
    assert table.loc["PET-PEESE", "estimate"] == table.loc["PEESE", "estimate"]
    assert table.loc["PET-PEESE", "note"].startswith("PEESE taken: one-sided P = ")
    strict = bm.pet_peese(studies, alpha=1e-9).set_index("method")
    assert strict.loc["PET-PEESE", "estimate"] == table.loc["PET", "estimate"]
    assert ">= 1e-09 for PET's mu > 0" in strict.loc["PET-PEESE", "note"]


def test_the_null_and_the_side_decide_the_test(studies):
    above = bm.pet_peese(studies, null=0.5).set_index("method").loc["PET-PEESE", "note"]
    assert "PET's mu < 0.5" in above
    other = bm.pet_peese(studies, alternative="less").set_index("method").loc["PET-PEESE", "note"]
    assert other.startswith("PET taken")


def test_mirrored_effects_have_mirrored_estimates(studies):
    table = bm.pet_peese(studies)
    mirrored = bm.pet_peese(Studies(studies.study, y=-Y, se=SE))
    assert mirrored["estimate"].tolist() == pytest.approx((-table["estimate"]).tolist(), rel=1e-12)
    assert mirrored["lower"].tolist() == pytest.approx((-table["upper"]).tolist(), rel=1e-12)


def test_pet_is_the_limit_of_egger(studies):
    row = bm.small_study_tests(studies, "egger").loc[0]
    table = bm.pet_peese(studies).set_index("method").loc["PET"]
    assert table[["estimate", "lower", "upper"]].tolist() == pytest.approx(row[["limit", "lower", "upper"]].tolist())


def test_proportions_have_a_row_on_their_scale():
    counts = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    table = bm.pet_peese(counts).set_index(["method", "parameter"])["estimate"]
    assert table["PET", "p_median"] == pytest.approx(1 / (1 + np.exp(-table["PET", "mu"])), rel=1e-12)


def test_what_cannot_be_extrapolated_is_refused(studies):
    with pytest.raises(SpecError, match=r"unknown alternative 'two-sided'. .*Allowed: greater, less"):
        bm.pet_peese(studies, alternative="two-sided")
    with pytest.raises(DataError, match="at least 3 studies"):
        bm.pet_peese(studies.take([0, 1]))
    with pytest.raises(DataError, match="all of them are equal"):
        bm.pet_peese(Studies(tuple("ABC"), y=Y[:3], se=np.full(3, 0.2)))
    with pytest.raises(DataError, match="lie on one, which leaves no error"):
        bm.pet_peese(Studies(tuple("ABC"), y=np.full(3, 0.3), se=SE[:3]))
