"""Selection models of studies."""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError

Y = np.array([0.9, 0.7, 0.4, 0.35, 0.1, 0.5, 0.05])
SE = np.array([0.4, 0.3, 0.15, 0.1, 0.09, 0.3, 0.1])


@pytest.fixture
def studies():
    return Studies(tuple("ABCDEFG"), y=Y, se=SE)


def test_less_is_greater_mirrored(studies):
    greater = bm.selection_model(studies, "negexp")
    less = bm.selection_model(Studies(studies.study, y=-Y, se=SE), "negexp", alternative="less")
    assert less.mu == pytest.approx(-greater.mu, rel=1e-9)
    assert less.log_likelihood == pytest.approx(greater.log_likelihood, rel=1e-12)


def test_the_null_shifts_what_pvalues_test(studies):
    shifted = bm.selection_model(Studies(studies.study, y=Y + 2.0, se=SE), "logistic", null=2.0)
    plain = bm.selection_model(studies, "logistic")
    assert shifted.mu == pytest.approx(plain.mu + 2.0, rel=1e-6)
    assert shifted.delta == pytest.approx(plain.delta, rel=1e-4)


def test_steps_count_their_studies(studies):
    fit = bm.selection_model(studies, steps=[0.025, 0.5])
    assert fit.steps.tolist() == [0.025, 0.5, 1.0]
    assert fit.counts.tolist() == [4, 3, 0]
    assert fit.lrt_df == 2
    assert any("no study has 0.5 < p <= 1" in note for note in fit.notes)
    assert list(fit.summary().index) == ["mu", "tau2", "delta[0.025 < p <= 0.5]", "delta[0.5 < p <= 1]"]


def test_known_weights_are_taken_as_given(studies):
    fit = bm.selection_model(studies, steps=[0.025], delta=[0.5])
    assert (fit.delta.tolist(), fit.lrt_df) == ([0.5], 0)
    assert "LRT" not in repr(fit)
    assert fit.notes == ()


def test_two_sided_selection_knows_no_direction(studies):
    fit = bm.selection_model(studies, "negexp", alternative="two-sided")
    mirrored = bm.selection_model(Studies(studies.study, y=-Y, se=SE), "negexp", alternative="two-sided")
    assert mirrored.mu == pytest.approx(-fit.mu, abs=1e-6)


def test_proportions_have_a_row_on_their_scale_and_a_word_of_what_is_tested():
    counts = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    fit = bm.selection_model(counts)
    table = fit.summary()
    assert table.loc["p_median", "estimate"] == pytest.approx(1 / (1 + np.exp(-fit.mu)), rel=1e-12)
    assert "P-values test mu = 0 on the link scale" in fit.notes[0]
    assert repr(fit).startswith("Selection model (step function, greater), ML, k = 14\n")


def test_a_flat_likelihood_has_no_standard_error_of_delta_and_says_so():
    counts = bm.Studies.from_frame(bm.load_dataset("crisafulli2020"), events="events", n="n")
    fit = bm.selection_model(counts)  # rates of 1 in 5000: no P-value below 0.5 against 50 %
    assert fit.se_mu == pytest.approx(0.0383063, abs=1e-6)  # metafor's, in tests/reference
    assert np.isnan(fit.se_delta).all()
    assert any("the likelihood is flat in delta" in note for note in fit.notes)
    assert any("no study has 0 < p <= 0.025" in note for note in fit.notes)


def test_few_studies_and_no_heterogeneity_are_said(studies):
    notes = bm.selection_model(studies, "negexp").notes
    assert "k = 7 < 10: too few studies to estimate selection; try known delta" in notes
    assert bm.selection_model(studies, delta=[1.0]).notes == ()
    y, se = np.array([0.1, 0.4, 0.2, 0.9]), np.array([0.1, 0.3, 0.2, 0.4])
    none = bm.selection_model(Studies(tuple("ABCD"), y=y, se=se))
    assert none.tau2 == 0.0
    assert "tau2 is estimated as 0, its bound, so that it has no standard error" in none.notes


def test_a_common_effect_has_no_heterogeneity(studies):
    assert bm.selection_model(studies, "negexp", tau2_method="EE").tau2 == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"selection": "stepfunction"}, r"unknown selection 'stepfunction'. Did you mean 'stepfun'\?"),
        ({"alternative": "two.sided"}, r"Did you mean 'two-sided'\?"),
        ({"steps": [0.5, 0.025]}, "in ascending order"),
        ({"steps": [1.0]}, "between 0 and 1"),
        ({"delta": [1.0, 0.5]}, "must be 1 number from 0 to 100"),
        ({"delta": [-1.0]}, "from 0 to 100"),
        ({"delta_max": 1e4}, "between 0 and 500"),
        ({"tau2_method": "DL"}, "Allowed: ML, EE"),
    ],
)
def test_wrong_options_are_refused_in_one_line(studies, options, message):
    with pytest.raises(SpecError, match=message):
        bm.selection_model(studies, **options)


def test_too_few_studies_are_refused(studies):
    with pytest.raises(DataError, match="at least 3 studies"):
        bm.selection_model(studies.take([0, 1]))
