"""The pooled effect beside its adjusted versions."""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError


@pytest.fixture(scope="module")
def studies():
    return bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")


def test_each_method_has_the_numbers_of_its_own_function(studies):
    table = bm.adjusted_estimates(studies, ci_prob=0.9).set_index(["method", "parameter"])["estimate"]
    fit = bm.fit(studies, engine="frequentist")
    assert table["none", "mu"] == fit.mu
    assert table["trim and fill", "mu"] == bm.trim_fill(fit).filled.mu
    pet = bm.pet_peese(studies).set_index(["method", "parameter"])["estimate"]
    assert table["PET-PEESE", "p_median"] == pet["PET-PEESE", "p_median"]
    for code in ("stepfun", "logistic", "negexp"):
        assert table[code, "mu"] == bm.selection_model(studies, code).mu


def test_the_favoured_side_is_that_of_the_pooled_mean():
    y, se = np.array([-0.9, -0.7, -0.4, -0.35, -0.1]), np.array([0.4, 0.3, 0.15, 0.1, 0.09])
    studies = Studies(tuple("ABCDE"), y=y, se=se)
    table = bm.adjusted_estimates(studies).set_index("method")["estimate"]
    assert table["negexp"] == bm.selection_model(studies, "negexp", alternative="less").mu
    other = bm.adjusted_estimates(studies, alternative="greater").set_index("method")["estimate"]
    assert other["negexp"] == bm.selection_model(studies, "negexp").mu


def test_a_method_without_an_answer_gives_its_reason():
    studies = Studies(tuple("ABC"), y=np.array([0.1, 0.4, 0.2]), se=np.full(3, 0.2))
    table = bm.adjusted_estimates(studies).set_index("method")
    assert np.isfinite(table.loc["none", "estimate"])
    assert np.isnan(table.loc["PET-PEESE", "estimate"])
    assert "all of them are equal" in table.loc["PET-PEESE", "note"]
    assert "give side=" in table.loc["trim and fill", "note"]


def test_wrong_options_are_refused_not_noted(studies):
    with pytest.raises(SpecError, match="unknown alternative"):
        bm.adjusted_estimates(studies, alternative="more")
    with pytest.raises(SpecError, match="unknown tau2_method"):
        bm.adjusted_estimates(studies, tau2_method="XX")


@pytest.mark.parametrize("measure", ["PR", "PLO", "PLN", "PAS", "PFT"])
def test_every_measure_of_proportions_comes_back_as_a_proportion(measure):
    studies = bm.Studies.from_frame(bm.load_dataset("debruin2009"), events="events", n="n")
    table = bm.adjusted_estimates(studies, measure=measure)
    natural = table[table["parameter"] != "mu"].set_index("method")
    assert (
        natural.loc["none", "estimate"] == bm.fit(studies, engine="frequentist", measure=measure).summary().iloc[1, 0]
    )
    assert natural["estimate"].between(0.2, 0.8).all()
    assert (natural["lower"] <= natural["estimate"]).all()
