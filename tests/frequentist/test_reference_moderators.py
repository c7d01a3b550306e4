"""Meta-regressions, robust variances, influence statistics and subgroup tests against metafor's, value by value.

`<dataset>.json` is metafor 5.1-12's, `moderators.json` metafor 3.8's, with its R script beside it. Moderators are taken
as written, ``I(year)``, as R does.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
REFERENCE = json.loads((FOLDER / "moderators.json").read_text(encoding="utf-8"))
DATASETS = ("bcg", "crisafulli2020", "debruin2009", "hackshaw1998", "raudenbush1985")
ENTRIES = [
    (name, entry)
    for name in DATASETS
    for entry in json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["metaregression"]
]
CI_METHODS = {"z": "wald", "t": "t", "knha": "hartung-knapp", "adhoc": "hartung-knapp-adhoc"}
AS_WRITTEN = {
    "~ ablat": "~ I(ablat)",
    "~ scq": "~ I(scq)",
    "~ weeks": "~ I(weeks)",
    "~ year": "~ I(year)",
    "~ ablat + year": "~ I(ablat) + I(year)",
    "~ ablat * alloc": "~ I(ablat) * alloc",
    "~ weeks + setting": "~ I(weeks) + setting",
    "~ year + design": "~ I(year) + design",
    "~ scq + I(scq^2)": "~ I(scq) + I(scq**2)",
}
ITERATED = ("ML", "REML", "EB", "PM")
CLOSED_FORM, CONVERGED = {"rel": 1e-8, "abs": 1e-10}, {"rel": 1e-6, "abs": 1e-9}


@cache
def studies_of(dataset, measure=None):
    """The studies with metafor's own effect sizes; by default those of the first measure."""
    frame = pd.read_csv(FOLDER / f"{dataset}.csv")
    pooled = json.loads((FOLDER / f"{dataset}.json").read_text(encoding="utf-8"))["pooled"]
    effects = next(entry for entry in pooled if measure in (None, entry["measure"]))
    labels = tuple(f"study {i}" for i in range(len(frame)))
    return bm.Studies(labels, y=np.array(effects["yi"]), se=np.sqrt(effects["vi"]), moderators=frame)


def fit_of(case, **options):
    chosen = {"tau2_method": case["method"], "ci_method": CI_METHODS[case["test"]], "pi_method": "metafor", **options}
    written = AS_WRITTEN.get(case["formula"], case["formula"])
    studies = studies_of(case["dataset"])
    if written == "~ 1" and case["test"] == "z":
        return bm.fit(studies, engine="frequentist", **chosen)
    return bm.fit(studies, engine="frequentist", formula=written, **chosen)


def compare(values, expected, within):
    """Compare named values, and return how many numbers there were."""
    count = 0
    for name, value in values.items():
        wanted = np.array(expected[name], dtype=float)
        assert np.shape(value) == wanted.shape, name
        assert np.asarray(value).ravel().tolist() == pytest.approx(wanted.ravel().tolist(), nan_ok=True, **within), name
        count += wanted.size
    return count


def coefficients_of(known):
    lower, upper = known.limits(0.95)
    return {
        "beta": known.beta,
        "se": known.se,
        "statistic": known.statistics,
        "pvalue": known.pvalues,
        "lower": lower,
        "upper": upper,
    }


def within(method):
    return CONVERGED if method in ITERATED else CLOSED_FORM


def compare_entry(dataset, entry):
    """Compare every number of one meta-regression of metafor 5.1."""
    fit = bm.fit(
        studies_of(dataset, entry["measure"]),
        engine="frequentist",
        formula=AS_WRITTEN.get(entry["formula"], entry["formula"]),
        tau2_method=entry["method"],
        ci_method=CI_METHODS[entry["test"]],
    )
    known = coefficients_of(fit.coefficients)
    named = {"statistic": "stat", "pvalue": "pval", "lower": "ci_low", "upper": "ci_high"}
    values = {named.get(name, name): value for name, value in known.items()} | {
        "vb": fit.vb,
        "tau2": fit.tau2,
        "se_tau2": fit.se_tau2,
        "QE": fit.q,
        "QEp": fit.q_pvalue,
        "QM": fit.moderator_test.statistic,
        "QMp": fit.moderator_test.pvalue,
        "I2": 100 * fit.i2_tau2,
        "H2": fit.h2,
        "R2": 100 * fit.r2,
        "k": fit.k,
    }
    assert len(fit.design.coef) == len(entry["coef"])
    assert set(values) | {"measure", "formula", "method", "test", "coef"} == set(entry)
    return compare(values, entry, within(entry["method"]))


@pytest.mark.parametrize(
    ("dataset", "entry"), ENTRIES, ids=lambda part: part if isinstance(part, str) else part["formula"]
)
def test_meta_regressions_equal_metafor(dataset, entry):
    compare_entry(dataset, entry)


def test_all_48_meta_regressions_and_their_4044_numbers_are_compared():
    assert len(ENTRIES) == 48
    assert sum(compare_entry(*case) for case in ENTRIES) == 4044


def compare_regression(case):
    fit = fit_of(case)
    test = fit.moderator_test
    random = case["method"] != "EE"
    values = coefficients_of(fit.coefficients) | {
        "tau2": fit.tau2,
        "q": fit.q,
        "q_pvalue": fit.q_pvalue,
        "qm": test.statistic,
        "qm_df": test.df,
        "qm_pvalue": test.pvalue,
        "i2": 100 * (fit.i2_tau2 if random else fit.i2),
        "h2": fit.h2,
    }
    if random:
        values["se_tau2"] = fit.se_tau2
    if random and fit.null.tau2 == 0.0:  # nothing to explain: metafor prints 0
        assert (np.isnan(fit.r2), case["r2"]) == (True, 0)
    elif not case["formula"].startswith("~ 0"):  # metafor gives no R2 without an intercept
        values["r2"] = 100 * fit.r2
    return compare(values, case, within(case["method"]))


@pytest.mark.parametrize("method", ["DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM", "EE"])
def test_every_estimator_and_test_of_coefficients_equals_metafor(method):
    for case in (case for case in REFERENCE["regressions"] if case["method"] == method):
        compare_regression(case)


def test_all_regressions_with_other_estimators_and_tests_are_compared():
    assert len(REFERENCE["regressions"]) == 105
    assert sum(map(compare_regression, REFERENCE["regressions"])) == 2971


@pytest.mark.parametrize("case", REFERENCE["predictions"], ids=lambda c: f"{c['method']}-{c['test']}-{c['at']}")
def test_predictions_equal_metafor(case):
    for pi_method in ("metafor", "hts"):
        table = bm.predict(fit_of(case, pi_method=pi_method), {"ablat": case["at"]}).set_index("parameter")
        mean, new = table.loc["eta"], table.loc["theta_new"]
        values = {name: mean[name] for name in ("estimate", "se", "lower", "upper")}
        values[pi_method] = [new["lower"], new["upper"]]
        assert compare(values, case, within(case["method"])) == 6


@pytest.mark.parametrize("case", REFERENCE["robust"], ids=lambda c: f"{c['dataset']}-{c['formula']}-{c['cluster']}")
def test_cluster_robust_variances_equal_metafor(case):
    kind, fit = "CR1" if case["adjust"] else "CR0", fit_of(case)
    found = bm.cluster_robust(fit, case["cluster"], kind=kind)
    if case["test"] == "knha":  # metafor has the factor s2 in one half of the sandwich: see the README
        s2 = fit.vb[0, 0] / fit_of(case | {"test": "t"}).vb[0, 0]
        compare({"se": found.coefficients.se * s2}, case, within(case["method"]))
        return
    values = {name: value for name, value in coefficients_of(found.coefficients).items() if name != "beta"} | {
        "vb": found.coefficients.vb.ravel(),
        "df": np.array([found.coefficients.df]),
        "clusters": len(found.clusters),
        "qm": found.moderator_test.statistic,
        "qm_pvalue": found.moderator_test.pvalue,
    }
    compare(values, case, within(case["method"]))


@pytest.mark.parametrize(
    "case", REFERENCE["influence"], ids=lambda c: f"{c['dataset']}-{c['formula']}-{c['method']}-{c['test']}"
)
def test_influence_statistics_and_baujat_coordinates_equal_metafor(case):
    fit = fit_of(case)
    table, coordinates = bm.influence(fit), bm.baujat(fit)
    named = ("rstudent", "dffits", "cook_d", "cov_r", "tau2", "q", "hat")
    values = {name: table[name].to_numpy() for name in named}
    values |= {
        "weight": 100 * table["weight"].to_numpy(),
        "dfbetas": table.filter(like="dfbetas").to_numpy(),
        "baujat_x": coordinates["contribution"].to_numpy(),
        "baujat_y": coordinates["influence"].to_numpy(),
    }
    compare(values, case, within(case["method"]))
    assert table["influential"].tolist() == case["influential"]


@pytest.mark.parametrize("case", REFERENCE["groups"], ids=lambda c: f"{c['dataset']}-{c['by']}-{c['method']}")
def test_subgroup_tests_and_means_equal_metafor(case):
    studies, by, method = studies_of(case["dataset"]), case["by"], {"tau2_method": case["method"]}
    tests = bm.subgroup_test(studies, by=by, **method).set_index("tau")[["statistic", "pvalue"]]
    scaled = bm.subgroup_test(studies, by=by, ci_method="hartung-knapp", **method).set_index("tau")
    separate = bm.subgroups(studies, by=by, engine="frequentist", **method).query("parameter == 'mu'")
    common = bm.subgroups(studies, by=by, engine="frequentist", tau="common", **method)
    means = common.query("parameter == 'mu'").set_index("level").loc[case["common_levels"]]
    half = 1.959963984540054
    values = {name: tests.loc[name].to_numpy() for name in ("separate", "common", "none")} | {
        "common_knha": scaled.loc["common", ["statistic", "pvalue"]].to_numpy(dtype=float),
        "mu": separate["estimate"].to_numpy(),
        "se": (separate["upper"] - separate["lower"]).to_numpy() / (2 * half),
        "common_mu": means["estimate"].to_numpy(),
        "common_se": (means["upper"] - means["lower"]).to_numpy() / (2 * half),
        "common_tau2": common.query("parameter == 'tau'")["estimate"].iloc[0] ** 2,
    }
    assert separate["level"].tolist() == case["levels"]
    compare(values, case, within(case["method"]))


def test_the_reference_cases_are_all_there():
    sizes = {name: len(cases) for name, cases in REFERENCE.items() if name != "provenance"}
    assert sizes == {"regressions": 105, "predictions": 24, "robust": 96, "influence": 28, "groups": 15}
