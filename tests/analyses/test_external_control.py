import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import AccuracyError, SpecError

TOWER = bm.Control.from_counts(119, 271)
CR = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["regimen"])


@pytest.fixture(scope="module")
def fit():
    return bm.fit(CR)


@pytest.fixture(scope="module")
def table(fit):
    return bm.compare_control(fit, TOWER).set_index(["parameter", "contrast"])


def test_the_three_estimands_are_named_and_answer_differently(table):
    assert table.index.get_level_values("parameter").unique().tolist() == ["p_median", "p_mean", "p_new"]
    difference = table.xs("difference", level="contrast")
    assert difference["median"].round(3).tolist() == [0.427, 0.380, 0.426]
    assert difference["prob_above"].round(3).tolist() == [1.0, 1.0, 0.948]
    assert (difference["upper"] - difference["lower"]).idxmax() == "p_new"
    assert (table["numerical_error"] < 1e-6).all()


def test_moments_of_a_difference_are_those_of_independent_terms(fit, table):
    summary, (mean, sd) = bm.summary(fit), TOWER.rate.moments()
    for name in ("p_median", "p_mean", "p_new"):
        row = table.loc[(name, "difference")]
        assert row["mean"] == pytest.approx(summary.loc[name, "mean"] - mean, abs=1e-9)
        assert row["sd"] == pytest.approx(np.hypot(summary.loc[name, "sd"], sd), abs=1e-9)
    assert table.xs("ratio", level="contrast")[["mean", "sd"]].isna().all(axis=None)


def test_contrasts_of_one_parameter_agree_on_which_is_higher(table):
    assert np.ptp(table["prob_above"].to_numpy().reshape(3, 3), axis=1) == pytest.approx(0.0, abs=1e-9)


def test_draws_of_a_sampled_fit_give_the_same_within_their_error(fit, table, as_nuts):
    sampled = bm.compare_control(as_nuts(fit), TOWER, seed=1).set_index(["parameter", "contrast"])
    assert (np.abs(sampled["prob_above"] - table["prob_above"]) < 4.0 * sampled["mcse"] + 1e-4).all()
    difference = sampled.xs("difference", level="contrast")
    gap = difference["mean"] - table.xs("difference", level="contrast")["mean"]
    assert (gap.abs() < 4.0 * difference["mcse_mean"]).all()
    assert sampled["median"].to_numpy() == pytest.approx(table["median"].to_numpy(), rel=0.1)
    assert "is_reliable" in sampled
    assert "numerical_error" not in sampled
    again = bm.compare_control(as_nuts(fit), TOWER, parameters="p_median", seed=1).set_index(["parameter", "contrast"])
    pd.testing.assert_frame_equal(sampled.loc[["p_median"]], again)


def test_shortest_intervals_hold_their_probability_and_are_shorter(fit, table):
    shortest = bm.compare_control(fit, TOWER, parameters="p_median", ci_kind="hdi").set_index(["parameter", "contrast"])
    width = (shortest["upper"] - shortest["lower"]) / (table["upper"] - table["lower"]).loc[["p_median"]]
    assert (width < 1.0).all()
    assert (shortest["numerical_error"] < 1e-6).all()
    assert shortest["median"].tolist() == table.loc[["p_median"], "median"].tolist()


def test_a_vague_control_widens_the_difference_and_the_prior_matters_little_with_many_patients(fit):
    rows = [
        bm.compare_control(fit, bm.Control.from_counts(*counts, prior=prior), parameters="p_mean").iloc[0]
        for counts in ((4, 9), (119, 271))
        for prior in ("Beta(1, 1)", "Beta(0.5, 0.5)")
    ]
    widths = [row["upper"] - row["lower"] for row in rows]
    assert min(widths[:2]) > max(widths[2:])
    assert abs(rows[2]["median"] - rows[3]["median"]) < 5e-4


@pytest.mark.parametrize(
    ("made", "options", "message"),
    [
        ("dl", {}, "compare_control takes a fit by engine='exact' or 'nuts'; got a fit by engine='frequentist'."),
        ("formula", {}, "compare_control is for models without a formula, not '~ 0 + regimen'"),
        ("rates", {}, "compare_control is for proportions, not for effects with link 'identity'."),
        ("fit", {"parameters": "p_avg"}, "unknown parameter 'p_avg'. Allowed: p_median, p_mean, p_new."),
        ("fit", {"ci_kind": "hpd"}, "unknown ci_kind 'hpd'."),
        ("fit", {"control": (119, 271)}, "the control is a tuple; make one by bm.Control.from_counts(events, n)"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(fit, made, options, message):
    if made == "dl":
        fit = bm.fit(CR, engine="frequentist")
    elif made == "formula":
        fit = bm.fit(CR, bm.ModelSpec("binomial", formula="~ 0 + regimen", beta="Normal(0, 1.5)", tau="HalfNormal(1)"))
    elif made == "rates":
        model = bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)")
        fit = bm.fit(bm.Studies(("A", "B"), y=[0.1, 0.4], se=[0.2, 0.3]), model)
    with pytest.raises(SpecError) as caught:
        bm.compare_control(fit, **{"control": TOWER, **options})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


SMALL = {"a": bm.Studies(("A", "B"), events=[3, 5], n=[10, 12]), "b": bm.Studies(("A", "B"), events=[1, 6], n=[9, 20])}


def test_outcomes_alone_are_those_of_compare_control_and_shrinkage_draws_them_together():
    fits = {name: bm.fit(studies) for name, studies in SMALL.items()}
    controls = {"a": bm.Control.from_counts(4, 40), "b": bm.Control.from_counts(20, 40)}
    compared = bm.compare_outcomes(fits, controls, parameters="p_median")
    table = compared.table.set_index(["outcome", "adjustment", "contrast"]).sort_index()
    for name, fit in fits.items():
        alone = bm.compare_control(fit, controls[name], parameters="p_median").set_index("contrast")
        pd.testing.assert_frame_equal(table.loc[(name, "none")], alone[table.columns], check_like=True)
    ratios = np.log(table.xs("odds ratio", level="contrast")["median"])
    assert ratios["a", "none"] > ratios["a", "hierarchical"] > ratios["b", "hierarchical"] > ratios["b", "none"]
    assert compared.hierarchy.index.tolist() == ["m", "omega", "delta_new"]
    assert (compared.table["numerical_error"] < 1e-5).all()
    assert "delta_new" in repr(compared)
    tight = bm.compare_outcomes(fits, controls, parameters="p_median", omega="HalfNormal(0.02)").table
    tight = np.log(tight.query("contrast == 'odds ratio' and adjustment == 'hierarchical'")["median"])
    assert np.ptp(tight) < 0.02


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fits": {}}, "compare_outcomes needs at least two outcomes; got 0; for one, use compare_control."),
        ({"fits": [1, 2]}, "fits must map outcomes to their fits; got a list."),
        ({"without": "b"}, "outcome 'b' is missing among the controls; both must hold the same outcomes."),
        ({"omega": "HalfFlat()"}, "omega ~ HalfFlat(): the hierarchy needs a proper prior"),
        ({"link": "probit"}, "outcome 'a': link 'probit' with normal effects; log odds ratios need link 'logit'"),
        ({"effects": "beta"}, "outcome 'a': link 'logit' with beta effects"),
    ],
)
def test_outcomes_that_do_not_fit_together_are_refused(change, message):
    priors = {"mu": "Normal(0, 1.5)", "tau": "HalfNormal(1)"}
    if "effects" in change:
        model = bm.load_model("beta-binomial")
    else:
        model = bm.ModelSpec(likelihood="binomial", link=change.get("link", "logit"), **priors)
    fits = change.get("fits", {name: bm.fit(studies, model) for name, studies in SMALL.items()})
    controls = {name: TOWER for name in SMALL if name != change.get("without")}
    with pytest.raises(SpecError) as caught:
        bm.compare_outcomes(fits, controls, **({"omega": change["omega"]} if "omega" in change else {}))
    assert message in str(caught.value)


def test_an_outcome_known_too_well_for_a_table_is_refused_and_not_waited_for():
    fits = {"a": bm.fit(SMALL["a"]), "b": bm.fit(bm.Studies(("A", "B"), events=[4100, 3900], n=[9000, 9000]))}
    with pytest.raises(AccuracyError, match=r"compare that outcome by itself with bm\.compare_control"):
        bm.compare_outcomes(fits, dict.fromkeys(fits, TOWER))


def test_models_that_are_averaged_are_compared_as_well(fit):
    averaged = bm.average([fit, bm.fit(CR, bm.load_model("binomial-student"))])
    found = bm.compare_control(averaged, TOWER, parameters="p_mean").iloc[0]
    assert found["median"] == pytest.approx(averaged.marginal("p_mean").mean() - TOWER.rate.moments()[0], abs=0.02)
    assert found["numerical_error"] < 1e-6
