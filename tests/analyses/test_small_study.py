"""The table of tests for small-study effects."""

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.analyses.small_study import COLUMNS, OWN_ERROR, TESTS
from bayesmeta.data.datasets import load_dataset
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError

ARMS = {
    "events_treatment": [4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5],
    "n_treatment": [123, 306, 231, 13598, 5069, 1541, 2545, 88391, 7499, 1716, 50634, 2498],
    "events_control": [11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3],
    "n_control": [139, 303, 220, 12867, 5808, 1451, 629, 88391, 7277, 1665, 27338, 2341],
}


def studies(k=None, **columns):
    arrays = {name: np.array(values, float)[:k] for name, values in columns.items()}
    return Studies(tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(next(iter(arrays.values())))]), **arrays)


@pytest.fixture
def two_arms():
    return studies(**ARMS)


@pytest.fixture
def proportions():
    return Studies.from_frame(load_dataset("pritz1997"), events="events", n="n")


def test_the_table_has_a_row_per_test_and_form(two_arms):
    table = bm.small_study_tests(two_arms, TESTS, predictors=["sei", "ninv"])
    assert tuple(table.columns) == COLUMNS
    assert table[["test", "model", "predictor"]].to_numpy().tolist() == [
        ["egger", "lm", "sei"], ["egger", "mixed", "sei"], ["egger", "lm", "ninv"], ["egger", "mixed", "ninv"],
        ["begg", "exact", "vi"], ["begg", "continuity-corrected", "vi"], ["harbord", "lm", "1/sqrt(V)"],
        ["peters", "lm", "1/n"], ["macaskill", "lm", "n"], ["deeks", "lm", "1/sqrt(ESS)"],
    ]  # fmt: skip
    assert table["pvalue"].between(0, 1).all()
    assert table["df"].dropna().unique().tolist() == [10.0]
    assert table.loc[table["test"].isin(["begg", "macaskill"]), "limit"].isna().all()


def test_single_proportions_are_tested_by_size_and_the_reason_is_given(proportions):
    table = bm.small_study_tests(proportions)
    assert table["test"].unique().tolist() == ["egger", "deeks", "peters"]
    assert not table["predictor"].isin(["sei", "vi"]).any()
    assert table["note"].tolist() == [f"by study size: {OWN_ERROR}"] * 4


def test_tests_by_standard_error_are_given_for_proportions_on_request_with_a_warning(proportions):
    table = bm.small_study_tests(proportions, ["egger", "begg"], predictors="sei")
    assert table["note"].str.startswith(f"misleading: {OWN_ERROR}").all()


def test_defaults_fit_the_data(two_arms, proportions):
    def chosen(data, **options):
        return bm.small_study_tests(data, **options)["test"].unique().tolist()

    assert chosen(two_arms) == ["egger", "begg", "harbord", "peters"]
    assert chosen(two_arms, measure="RR") == ["egger", "begg"]
    assert chosen(proportions, measure="PR", variance="exact-ci") == ["egger", "deeks"]
    assert chosen(studies(y=[0.1, 0.4, 0.2], se=[0.1, 0.3, 0.2])) == ["egger", "begg"]
    rates = studies(events=[3, 5, 9, 20], time=[100.0, 220, 300, 900])
    assert chosen(rates) == ["egger"]
    assert "standard error of a rate" in bm.small_study_tests(rates)["note"][0]
    both = {"events_treatment": [3, 5, 9], "time_treatment": [100.0, 200, 300], "events_control": [4, 4, 7]}
    assert chosen(studies(**both, time_control=[110.0, 190, 310])) == ["egger", "begg"]


def test_few_studies_are_said_to_have_little_power():
    note = bm.small_study_tests(studies(9, **ARMS))["note"]
    assert note.str.contains(r"k = 9 < 10: too few studies .*Sterne et al. 2011").all()
    assert not bm.small_study_tests(studies(10, **ARMS))["note"].str.contains("too few").any()


def test_fewer_than_three_studies_are_refused():
    with pytest.raises(DataError, match="need at least 3 studies; data has 2"):
        bm.small_study_tests(Studies(("A", "B"), y=np.array([0.1, 0.2]), se=np.array([0.1, 0.2]), source="data"))


def test_estimates_take_their_sizes_from_a_moderator():
    data = Studies(
        tuple("ABCD"),
        y=np.array([0.1, 0.4, 0.2, 0.9]),
        se=np.array([0.1, 0.3, 0.2, 0.4]),
        moderators=pd.DataFrame({"patients": [90, 30, 70, 10], "empty": [90, 0, 70, 10]}),
    )
    table = bm.small_study_tests(data, "egger", predictors="ninv", n="patients")
    line = np.polyfit([1 / 90, 1 / 30, 1 / 70, 1 / 10], data.y, 1, w=1.0 / data.se)
    assert table["bias"][0] == pytest.approx(line[0], rel=1e-9)
    with pytest.raises(SpecError, match="need n='COLUMN'"):
        bm.small_study_tests(data, "egger", predictors="ninv")
    with pytest.raises(SpecError, match=r"unknown moderator 'patient'. Did you mean 'patients'\?"):
        bm.small_study_tests(data, "egger", predictors="ninv", n="patient")
    with pytest.raises(DataError, match="study 'B' has empty=0"):
        bm.small_study_tests(data, "egger", predictors="ninv", n="empty")


def test_equal_standard_errors_and_equal_effects_have_no_result_but_a_reason():
    table = bm.small_study_tests(studies(y=[0.1, 0.4, 0.2], se=[0.2, 0.2, 0.2]))
    assert table["pvalue"].isna().all()
    assert table["note"].str.contains("do not vary").all()
    table = bm.small_study_tests(studies(y=[0.3, 0.3, 0.3, 0.3], se=[0.1, 0.4, 0.2, 0.3]), "egger")
    assert "lie on a line" in table["note"][0]
    assert table["pvalue"][1] == pytest.approx(1.0)


@pytest.mark.parametrize("scale", [1e-50, 1e50])
def test_tiny_and_huge_standard_errors_give_the_same_pvalues(scale):
    y, se = np.array([0.1, 0.4, 0.2, 0.9]), np.array([0.1, 0.3, 0.2, 0.4])
    expected = bm.small_study_tests(studies(y=y, se=se))["pvalue"]
    assert bm.small_study_tests(studies(y=scale * y, se=scale * se))["pvalue"].tolist() == pytest.approx(
        expected.tolist(), rel=1e-9
    )


def test_the_zero_cell_rule_is_that_of_the_fit():
    data = studies(events=[0, 5, 9, 20], n=[10, 22, 30, 90])
    first, second = (bm.small_study_tests(data, "egger", add=add)["bias"] for add in (0.5, 0.1))
    assert first[0] != pytest.approx(second[0], rel=1e-3)
    with pytest.raises(DataError, match="a zero cell"):
        bm.small_study_tests(data, to="none")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tests": "eger"}, r"unknown test 'eger'. Did you mean 'egger'\?"),
        ({"predictors": "se"}, r"unknown predictor 'se'. Did you mean 'sei'\?"),
        ({"tests": "begg", "predictors": "sei"}, "predictors are those of the test 'egger'"),
        ({"tests": "harbord"}, "'harbord' needs two-arm-counts, but the studies hold counts"),
        ({"tests": "peters", "measure": "PR", "variance": "exact-ci"}, "made for measure='PLO'; got 'PR'"),
        ({"n": "size"}, "is for estimates"),
        ({"tau2_method": "XX"}, "unknown tau2_method"),
        ({"ci_prob": 95}, "Did you mean 0.95"),
    ],
)
def test_wrong_options_are_refused_in_one_line(proportions, options, message):
    with pytest.raises(SpecError, match=message) as raised:
        bm.small_study_tests(proportions, **options)
    assert "\n" not in str(raised.value)


def test_the_limit_is_the_effect_at_predictor_0(two_arms):
    row = bm.small_study_tests(two_arms, "deeks", ci_prob=0.9).loc[0]
    assert row["lower"] < row["limit"] < row["upper"]
    wider = bm.small_study_tests(two_arms, "deeks", ci_prob=0.99).loc[0]
    assert wider["lower"] < row["lower"]


def test_without_bias_tests_by_size_reject_as_often_as_they_should_and_by_standard_error_far_more():
    from bayesmeta.effects.measures import effect_sizes
    from bayesmeta.frequentist.egger import SIZE_TESTS, egger
    from bayesmeta.frequentist.tau2 import TAU2_METHODS

    rng, replicates = np.random.default_rng(20), 300
    rejected = dict.fromkeys(("sei", "sqrtninv", "deeks", "peters"), 0)
    for _ in range(replicates):
        n = np.round(np.exp(rng.normal(3.6, 0.9, 12))).clip(6, 1000)
        p = 1.0 / (1.0 + np.exp(-rng.normal(np.log(0.85 / 0.15), 0.7, 12)))
        data = {"events": rng.binomial(n.astype(int), p).astype(float), "n": n}
        effects = effect_sizes("PLO", *data.values())
        for name, x in (("sei", effects.se), ("sqrtninv", n**-0.5)):
            line = egger(effects.y, effects.se, x, model="lm", tau2_rule=TAU2_METHODS["DL"])
            rejected[name] += line.pvalue < 0.05
        for name in ("deeks", "peters"):
            rejected[name] += SIZE_TESTS[name].regress(effects.y, data).pvalue < 0.05
    rates = {name: count / replicates for name, count in rejected.items()}
    assert rates["sei"] > 0.2  # nominally 0.05, with a Monte Carlo error of 0.013
    assert max(rates[name] for name in ("sqrtninv", "deeks", "peters")) < 0.1
