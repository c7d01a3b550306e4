"""Tests between subgroups: identities, degenerate levels, refusals; metafor's values are in `tests/frequentist`."""

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.analyses.subgroup_test import COLUMNS
from bayesmeta.errors import SpecError

STUDIES = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["regimen", "age_group", "year"])


def table(by="regimen", **options):
    return bm.subgroup_test(STUDIES, by=by, **options).set_index("tau")


def test_without_heterogeneity_q_between_is_q_total_less_the_sum_of_q_within():
    common = bm.fit(STUDIES, engine="frequentist", tau2_method="EE", to="all")
    levels = STUDIES.moderators["regimen"]
    parts = [STUDIES.take(np.flatnonzero(levels == level)) for level in levels.unique()]
    within = sum(bm.fit(part, engine="frequentist", to="all").q for part in parts)
    assert table(to="all").at["none", "statistic"] == pytest.approx(common.q - within, rel=1e-10)


def test_a_common_tau2_is_the_meta_regressions_test():
    for ci_method, kind in (("wald", "chi-squared"), ("hartung-knapp", "F")):
        row = table(ci_method=ci_method, tau2_method="REML").loc["common"]
        fit = bm.fit(STUDIES, engine="frequentist", formula="~ regimen", ci_method=ci_method, tau2_method="REML")
        assert (row["statistic"], row["pvalue"], row["tau2"]) == pytest.approx(
            (fit.moderator_test.statistic, fit.moderator_test.pvalue, fit.tau2), rel=1e-9
        )
        assert row["test"] == kind


def test_separate_tau2_is_the_wald_test_of_the_subgroups_own_means():
    means = bm.subgroups(STUDIES, by="regimen", engine="frequentist").query("parameter == 'mu'")
    se = (means["upper"] - means["lower"]) / (2 * 1.959963984540054)
    z = (means["estimate"].iloc[0] - means["estimate"].iloc[1]) / np.hypot(*se)
    row = table().loc["separate"]
    assert row["statistic"] == pytest.approx(z**2, rel=1e-9)
    assert row["df"] == 1
    assert np.isnan(row["tau2"])


def test_a_common_tau_gives_the_means_of_the_regression_by_cell_means():
    fit = bm.fit(STUDIES, engine="frequentist", formula="~ 0 + regimen", ci_method="t", pi_method="metafor")
    options = {"engine": "frequentist", "tau": "common", "ci_method": "t", "pi_method": "metafor"}
    rows = bm.subgroups(STUDIES, by="regimen", **options).query("level == 'TKI'").set_index("parameter")
    assert list(rows.index) == ["mu", "tau", "p_median", "p_new"]
    expected = bm.predict(fit, {"regimen": "TKI"}).set_index("parameter")
    for name, other in (("mu", "eta"), ("p_median", "p_median"), ("p_new", "p_new")):
        for column in ("estimate", "lower", "upper"):
            assert rows.at[name, column] == pytest.approx(expected.at[other, column], rel=1e-9)
    assert rows.at["tau", "estimate"] == pytest.approx(fit.tau, rel=1e-9)
    assert set(rows["interval"]) == {"CI", "PI", ""}


def test_a_level_of_one_study_is_said_and_several_moderators_are_tested_each():
    found = bm.subgroup_test(STUDIES, by=["regimen", "age_group"])
    assert list(found.columns) == list(COLUMNS)
    assert found["variable"].tolist() == ["regimen"] * 3 + ["age_group"] * 3
    assert found["note"].tolist() == ["", "", "", "tau2 of one study is unknown and taken as 0: <18", "", ""]


def test_a_common_effect_analysis_has_one_test():
    assert table(tau2_method="EE").index.tolist() == ["none"]


def test_levels_of_one_study_each_leave_no_common_tau2():
    studies = bm.Studies.from_frame(
        pd.DataFrame({"study": list("ABC"), "y": [0.1, 0.5, 0.9], "se": [0.1, 0.2, 0.3], "kind": list("xyz")}),
        y="y", se="se", moderators="kind",
    )  # fmt: skip
    found = bm.subgroup_test(studies, by="kind", ci_method="hartung-knapp").set_index("tau")
    assert "not tested: every level is one study" in found.at["common", "note"]
    q = bm.fit(studies, engine="frequentist").q
    assert found.loc[["separate", "none"], "statistic"].tolist() == pytest.approx([q, q], rel=1e-12)


def test_equal_effects_within_a_level_have_no_hartung_knapp_test():
    frame = pd.DataFrame({"study": list("ABCD"), "y": [0.5, 0.5, 0.1, 0.9], "se": 0.2, "kind": list("xxyy")})
    studies = bm.Studies.from_frame(frame, y="y", se="se", moderators="kind")
    found = bm.subgroup_test(studies, by="kind", ci_method="hartung-knapp").set_index("tau")
    assert "Hartung-Knapp variance is 0" in found.at["separate", "note"]
    assert np.isfinite(found.at["common", "pvalue"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": "regmen"}, "Did you mean 'regimen'?"),
        ({"by": "regimen", "ci_method": "profile"}, "unknown ci_method 'profile'"),
        ({"by": []}, "by is empty"),
        ({"by": "regimen", "formula": "~ year"}, "unknown option of subgroup_test 'formula'"),
        ({"by": "regimen", "tau2_metod": "DL"}, "Did you mean 'tau2_method'?"),
        ({"by": "regimen", "method": "glmm", "tau2_method": "DL"}, "method='glmm' takes no tau2_method"),
        ({"by": "regimen", "method": "glmm", "ci_method": "t"}, "ci_method='t' needs method='inverse-variance'"),
    ],
)
def test_what_cannot_be_tested_is_refused(options, said):
    with pytest.raises(SpecError) as caught:
        bm.subgroup_test(STUDIES, **options)
    assert said in str(caught.value)


def test_one_level_is_refused():
    part = STUDIES.take(np.flatnonzero(STUDIES.moderators["regimen"] == "TKI"))
    with pytest.raises(SpecError, match="is TKI for every study, so there are no groups"):
        bm.subgroup_test(part, by="regimen")


TWO_ARMS = bm.Studies.from_frame(
    pd.DataFrame(
        {
            "study": list("ABCDEFG"),
            "ai": [4, 6, 3, 62, 33, 1, 0],
            "n1i": [123, 306, 231, 13598, 5069, 148, 40],
            "ci": [11, 29, 11, 248, 47, 4, 0],
            "n2i": [139, 303, 220, 12867, 5808, 126, 38],
            "kind": ["x", "x", "x", "y", "y", "y", "z"],
        }
    ),
    events=("ai", "ci"),
    n=("n1i", "n2i"),
    moderators=["kind"],
)


@pytest.mark.parametrize(("method", "tau"), [("mantel-haenszel", "none"), ("peto", "none"), ("glmm", "separate")])
def test_methods_that_pool_counts_are_tested_by_the_levels_own_estimates(method, tau):
    studies = TWO_ARMS.take(np.arange(6))
    row = bm.subgroup_test(studies, by="kind", method=method).set_index("tau")
    assert list(row.index) == [tau]
    one, two = (bm.fit(studies.take(part), engine="frequentist", method=method) for part in ([0, 1, 2], [3, 4, 5]))
    expected = (one.mu - two.mu) ** 2 / (one.se_mu**2 + two.se_mu**2)
    assert row.at[tau, "statistic"] == pytest.approx(expected, rel=1e-9)
    assert row.at[tau, "df"] == 1


def test_a_level_without_an_estimate_is_named_where_there_is_no_test():
    for method in ("mantel-haenszel", "peto", "glmm"):
        (row,) = bm.subgroup_test(TWO_ARMS, by="kind", method=method).to_dict(orient="records")
        assert row["note"].startswith("not tested: z: ")
        assert np.isnan(row["statistic"])


@pytest.mark.parametrize("method", ["mantel-haenszel", "peto", "glmm"])
def test_a_common_tau_is_refused_where_counts_are_pooled(method):
    with pytest.raises(SpecError, match="tau='common' needs method='inverse-variance'"):
        bm.subgroups(TWO_ARMS, by="kind", engine="frequentist", method=method, tau="common")
