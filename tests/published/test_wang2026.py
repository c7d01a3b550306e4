"""Wang et al. 2026, Oncology Letters, doi 10.3892/ol.2026.15552: the pooled response and adverse-event rates.

The paper prints pooled figures only, here the bundled `blinatumomab_published_results`; the counts were
reconstructed by an exhaustive integer search against them (see `status` in `blinatumomab_outcomes`).
Its convention: raw proportions with standard errors from the exact 95 % intervals, DerSimonian-Laird, normal
limits cut at 0 and 100 %; a single study prints its exact interval.
"""

import pandas as pd
import pytest

from bayesmeta.analyses.subgroup_test import subgroup_test
from bayesmeta.data.datasets import load_dataset
from bayesmeta.data.studies import Studies
from bayesmeta.effects.one_arm import clopper_pearson
from bayesmeta.frequentist.fit import fit_frequentist

OUTCOMES = ("CR", "MRD response", "CMR", "All-grade AE")
RESULTS = load_dataset("blinatumomab_published_results")
PRINTED = RESULTS[RESULTS["outcome"].isin(OUTCOMES) & RESULTS["estimate_pct"].notna()]
POOLED = PRINTED[PRINTED["k"] > 1].to_dict("records")
SINGLE = PRINTED[PRINTED["k"] == 1].to_dict("records")
COLUMNS = ["estimate_pct", "ci_low_pct", "ci_high_pct", "i2_pct", "q_pvalue"]


def label(row):
    return f"{row['outcome']}-{row['subgroup_variable']}-{row['subgroup_level']}"


def rows_of(row):
    """The counts that a printed row pools."""
    covariates = load_dataset("blinatumomab_studies")
    outcomes = load_dataset("blinatumomab_outcomes")
    frame = outcomes[outcomes["outcome"] == row["outcome"]].merge(covariates, on="study", suffixes=("", "_table1"))
    if row["subgroup_variable"] != "overall":
        frame = frame[frame[row["subgroup_variable"]] == row["subgroup_level"]]
    return frame


def studies_of(row):
    return Studies.from_frame(rows_of(row), study="study", events="events", n="n")


def in_print(pvalue):
    return "<0.001" if pvalue < 0.001 else round(pvalue, 3)


@pytest.mark.parametrize("row", POOLED, ids=label)
def test_exact_interval_variances_reproduce_the_printed_pool(row):
    fit = fit_frequentist(studies_of(row), measure="PR", variance="exact-ci")
    assert fit.k == row["k"]
    limits = fit.summary().loc["p_mean", ["estimate", "lower", "upper"]]
    assert [round(100 * value) for value in limits] == [row[name] for name in COLUMNS[:3]]
    assert round(100 * fit.i2, 1) == row["i2_pct"]
    printed = row["q_pvalue"] if row["q_pvalue"] == "<0.001" else float(row["q_pvalue"])
    assert in_print(fit.q_pvalue) == printed


@pytest.mark.parametrize("row", SINGLE, ids=label)
def test_a_single_study_prints_its_exact_interval(row):
    study = studies_of(row)
    lower, upper = clopper_pearson(study.events, study.n)
    values = [study.events[0] / study.n[0], lower[0], upper[0]]
    assert [round(100 * value) for value in values] == [row[name] for name in COLUMNS[:3]]


def test_the_wald_test_of_the_two_regimens_is_the_printed_between_subgroup_p():
    printed = RESULTS[RESULTS["subgroup_level"] == "between-subgroup test"]
    assert printed[["outcome", "subgroup_variable"]].to_numpy().tolist() == [["All-grade AE", "regimen"]]
    frame = rows_of({"outcome": "All-grade AE", "subgroup_variable": "overall"})
    studies = Studies.from_frame(frame, study="study", events="events", n="n", moderators=["regimen"])
    tests = subgroup_test(studies, by="regimen", measure="PR", variance="exact-ci").set_index("tau")
    assert round(tests.at["separate", "pvalue"], 2) == float(printed["q_pvalue"].iloc[0])


def test_every_printed_figure_of_these_outcomes_is_compared():
    assert (len(POOLED), len(SINGLE)) == (29, 3)
    assert sum(pd.notna(row[name]) for row in POOLED + SINGLE for name in COLUMNS) == 154


def test_complete_remission_is_87_per_cent_from_78_to_95_with_i2_of_77():
    studies = Studies.from_frame(load_dataset("blinatumomab_cr"), study="study", events="events", n="n")
    fit = fit_frequentist(studies, measure="PR", variance="exact-ci")
    assert fit.mu == pytest.approx(0.8652, abs=5e-5)
    assert (fit.lower, fit.upper) == pytest.approx((0.7818, 0.9486), abs=5e-5)
    assert fit.i2 == pytest.approx(0.770, abs=5e-4)


@pytest.mark.parametrize("options", [{"measure": "PR"}, {"measure": "PLO"}])
def test_the_usual_conventions_do_not_reproduce_complete_remission(options):
    fit = fit_frequentist(studies_of({"outcome": "CR", "subgroup_variable": "overall"}), **options)
    assert round(100 * fit.i2, 1) != 77.0
