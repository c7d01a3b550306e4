"""Calibration: over the prior truths lie uniformly in their posteriors, and coverage is what theory says."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesmeta as bm
from bayesmeta.analyses.calibrate import run_parts
from bayesmeta.analyses.calibrate_coverage import METHODS, CoveragePart, coverage_frame, coverage_part
from bayesmeta.analyses.calibrate_sbc import SbcPart, sbc_frame, sbc_part
from bayesmeta.analyses.calibrate_simulate import Design
from bayesmeta.analyses.calibrate_words import unseen

NORMAL = bm.ModelSpec("normal", mu="Normal(0, 1)", tau="HalfNormal(0.5)")
PROBIT = bm.ModelSpec("binomial", link="probit", mu="Normal(0, 1)", tau="HalfNormal(0.5)")


def counts(k: int, n: int) -> bm.Studies:
    return bm.Studies(tuple(f"s{i}" for i in range(k)), events=np.arange(k) % 2.0, n=np.full(k, float(n)))


def estimates(k: int, se: float) -> bm.Studies:
    return bm.Studies(tuple(f"s{i}" for i in range(k)), y=np.zeros(k), se=np.full(k, se))


def arms() -> bm.Studies:
    return bm.Studies(
        ("a", "b"), events_treatment=[3, 5], n_treatment=[30, 20], events_control=[6, 4], n_control=[31, 25]
    )


def person_time() -> bm.Studies:
    return bm.Studies(
        ("a", "b"), events_treatment=[3, 5], time_treatment=[30, 20], events_control=[6, 4], time_control=[31, 25]
    )


def probabilities(
    studies: bm.Studies, model: bm.ModelSpec, replicates: int, *, fitted: bm.ModelSpec | None = None, seed: int = 7
) -> pd.DataFrame:
    parts = [
        sbc_part(SbcPart(Design(studies, model), fitted or model, seed, i, 32)) for i in range(-(-replicates // 32))
    ]
    assert not [reason for _, failed in parts for reason in failed]
    return pd.concat([pit for pit, _ in parts], ignore_index=True)


@pytest.mark.parametrize(("k", "n", "logit"), [(3, 5, -3.89), (8, 20, -1.39), (15, 200, 0.0)])
def test_truths_lie_uniformly_in_their_exact_posteriors(k: int, n: int, logit: float) -> None:
    model = bm.ModelSpec("binomial", mu=bm.Prior("Normal", logit, 1.5), tau="HalfNormal(1)")
    frame = sbc_frame(probabilities(counts(k, n), model, 192))
    assert frame["pvalue_holm"].min() > 1e-3
    assert set(frame["verdict"]) == {"uniform"}
    assert frame["quantity"].drop_duplicates().tolist() == ["mu", "tau", "p_median", "p_mean", "p_new"]
    assert (frame["replicates"] == 192).all()
    assert (frame["failed"] == 0).all()


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_prior_of_tau_that_is_wrong_by_a_factor_of_2_is_found(factor: float) -> None:
    model = bm.ModelSpec("binomial", tau="HalfNormal(1)")
    wrong = bm.ModelSpec("binomial", tau=bm.Prior("HalfNormal", factor))
    frame = sbc_frame(probabilities(counts(3, 20), model, 256, fitted=wrong)).set_index(["quantity", "test"])
    assert frame.loc["tau", "verdict"].tolist() == ["not uniform"] * 3
    assert frame["pvalue_holm"].min() < 1e-6


def test_probabilities_of_truths_are_those_of_single_fits() -> None:
    design = Design(counts(5, 12), bm.ModelSpec("binomial"))
    rng = np.random.default_rng([3, 1, 0])  # as sbc_part draws
    mu, tau = design.model.mu.rvs(6, seed=rng), design.model.tau.rvs(6, seed=rng)
    theta = design.draw_effects(mu, tau, rng)
    truth = design.quantities(mu, tau, theta[:, -1])
    every = design.draw_studies(theta[:, :-1], rng)
    pit, _ = sbc_part(SbcPart(design, design.model, 3, 0, 6))
    for i, studies in enumerate(every):
        fit = bm.fit(studies)
        own = [float(fit.marginal(name).cdf(values[i])) for name, values in truth.items()]
        np.testing.assert_allclose(pit.iloc[i], own, atol=2e-6)


@pytest.mark.parametrize(
    ("studies", "model"),
    [
        (estimates(4, 0.3), NORMAL),
        (arms(), bm.ModelSpec("binomial-two-arm")),
        (arms(), bm.ModelSpec("binomial-conditional")),
        (person_time(), bm.ModelSpec("poisson-conditional")),
        (
            bm.Studies(("a", "b"), events=[3, 5], time=[30, 20]),
            bm.ModelSpec("poisson", mu="Normal(-1, 1)", tau="HalfNormal(0.5)"),
        ),
        (counts(3, 20), PROBIT),
        (counts(3, 20), bm.ModelSpec("binomial", effects="none")),
    ],
)
def test_other_models_are_calibrated_too(studies: bm.Studies, model: bm.ModelSpec) -> None:
    frame = sbc_frame(probabilities(studies, model, 64))
    assert frame["pvalue_holm"].min() > 1e-3


def test_wald_intervals_of_a_common_effect_cover_exactly_what_they_promise() -> None:
    design = Design(estimates(6, 0.4), NORMAL)
    method = METHODS["DL"].__class__("EE", "common effect", {"tau2_method": "EE"}, ("estimates",))
    jobs = [CoveragePart(design, (method,), 0.7, 0.0, 0.9, 1, 0, i, 500) for i in range(4)]
    frame = coverage_frame(jobs, [coverage_part(job)[0] for job in jobs]).set_index("target")
    row = frame.loc["mu"]
    assert abs(row["coverage"] - 0.9) < 4 * row["mcse"]
    assert row["mcse"] == pytest.approx(np.sqrt(0.9 * 0.1 / 2000), rel=0.1)
    assert row["width"] == pytest.approx(2 * 1.6448536269514722 * 0.4 / np.sqrt(6), rel=1e-12)
    assert frame.loc["theta_new", "failed"] == 2000  # a common effect has no prediction interval
    assert np.isnan(frame.loc["theta_new", "coverage"])


def test_averaged_over_the_prior_credible_and_prediction_intervals_cover_what_they_promise() -> None:
    design, rng = Design(estimates(5, 0.5), NORMAL), np.random.default_rng(4)
    mu, tau = NORMAL.mu.rvs(150, seed=rng), NORMAL.tau.rvs(150, seed=rng)
    held = np.array(
        [
            coverage_part(CoveragePart(design, (METHODS["exact"],), m, t, 0.8, 2, 0, i, 1))[0][0, 0, :, 0]
            for i, (m, t) in enumerate(zip(mu.tolist(), tau.tolist(), strict=True))
        ]
    )
    error = held.std(axis=0) / np.sqrt(len(held))
    assert (np.abs(held.mean(axis=0) - 0.8) < 4 * error).all()


def test_intervals_in_a_replicate_are_those_of_fit() -> None:
    design = Design(counts(4, 15), bm.ModelSpec("binomial"))
    values, _ = coverage_part(CoveragePart(design, tuple(METHODS.values()), -0.5, 0.4, 0.95, 9, 2, 0, 1))
    rng = np.random.default_rng([9, 2, 2, 0])
    theta = design.draw_effects(np.array([-0.5]), np.array([0.4]), rng)
    studies = design.draw_studies(theta[:, :-1], rng)[0]
    rows = bm.fit(studies).summary()
    widths = (rows["upper"] - rows["lower"])[["mu", "p_median", "p_new"]].to_numpy()
    np.testing.assert_allclose(values[0, 0, :, 1], widths, atol=2e-6)
    for i, name in enumerate(("DL", "hartung-knapp", "glmm"), start=1):
        fit = bm.fit(studies, engine="frequentist", **(METHODS[name].options or {}))  # type: ignore[call-overload]
        lower, upper = fit.summary().loc["p_median", ["lower", "upper"]]
        np.testing.assert_allclose(values[i, 0, 1, 1], upper - lower, rtol=1e-12)
        np.testing.assert_allclose(values[i, 0, 2, 1], np.diff(fit.prediction_interval_natural)[0], rtol=1e-12)


@pytest.fixture(scope="module")
def found() -> bm.Calibration:
    return bm.calibrate(counts(3, 5), replicates=40, tau=[0.0, 0.5], mu=-2.5, seed=5, processes=1)


def test_calibrate_gives_a_row_per_method_tau_and_target(found: bm.Calibration) -> None:
    assert len(found.coverage) == 4 * 2 * 3
    assert found.coverage["method"].drop_duplicates().tolist() == ["exact", "DL", "hartung-knapp", "glmm"]
    assert (found.coverage["replicates"] == 40).all()
    assert len(found.pit) == 40
    assert len(found.sbc) == 15
    assert found.is_calibrated == (found.pvalue > 1e-3)


def test_failures_are_counted_and_told(found: bm.Calibration) -> None:
    failed = found.coverage.groupby("method")["failed"].max()
    assert failed["exact"] == failed["DL"] == 0
    assert failed["glmm"] > 0
    counted = found.failures.groupby("method")["count"].sum()
    both = found.coverage[found.coverage["target"] == "mu"].groupby("method")["failed"].sum()
    assert counted["glmm"] == both["glmm"]
    assert "glmm failed" in repr(found)
    assert "grows without bound" in repr(found)


def test_a_calibration_says_in_words_what_it_found(found: bm.Calibration) -> None:
    text = repr(found)
    assert text.startswith("Calibration for k = 3 (counts), 40 replicates, seed 5")
    assert "the posterior shows no large fault: probabilities of the truths are uniform" in text
    many = replace(found, replicates=500)
    assert "the posterior is calibrated" in repr(many)
    assert "too few" not in repr(many)
    assert "Coverage of 95 % intervals at mu = -2.5" in text
    assert all(method.title in text for method in found.methods)


def test_few_replicates_say_which_faults_they_cannot_show(found: bm.Calibration) -> None:
    """What passes is the critical distance of Kolmogorov and Smirnov's exact test, to its asymptotic error."""
    tests = len(found.sbc)
    critical = float(stats.kstwo.isf(1e-3 / tests, 40))
    assert unseen(40, tests) == pytest.approx(critical, abs=0.02)
    said = (
        f"40 replicates are too few to show small faults: a probability may be off by {unseen(40, tests):.2f} unnoticed"
    )
    assert said in repr(found)


def test_numbers_depend_on_the_seed_and_not_on_processes(found: bm.Calibration) -> None:
    options = {"replicates": 40, "tau": 0.5, "mu": -2.5, "methods": "DL"}
    one, two = (bm.calibrate(counts(3, 5), seed=5, processes=p, **options) for p in (1, 2))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(one.pit, two.pit)
    pd.testing.assert_frame_equal(one.coverage, two.coverage)
    pd.testing.assert_frame_equal(one.pit, found.pit)
    other = bm.calibrate(counts(3, 5), seed=np.random.default_rng(1), processes=1, **options)  # type: ignore[arg-type]
    assert not other.pit.equals(one.pit)
    assert other.seed != 5


def test_an_improper_prior_leaves_coverage_and_says_so() -> None:
    model = bm.ModelSpec("normal", mu="Flat()", tau="HalfNormal(1)")
    found = bm.calibrate(estimates(4, 0.3), model, replicates=10, tau=0.2, seed=1, processes=1, methods=["exact", "DL"])
    assert found.sbc.empty
    assert not found.is_calibrated
    assert "nothing can be drawn from the improper prior mu ~ Flat()" in repr(found)
    assert len(found.coverage) == 4


def test_methods_of_ones_own_are_options_of_the_frequentist_engine() -> None:
    found = bm.calibrate(
        counts(4, 30),
        replicates=10,
        tau=0.2,
        seed=1,
        processes=1,
        methods={"PM, t": {"tau2_method": "PM", "ci_method": "t"}},
    )
    assert found.coverage["method"].unique().tolist() == ["PM, t"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": "DLL"}, "unknown method 'DLL'. Did you mean 'DL'?"),
        ({"methods": []}, "methods is empty"),
        ({"methods": {"own": {"tau2_method": "nope"}}}, "nope"),
        ({"methods": {"own": "DL"}}, "must be a mapping of the options"),
        ({"methods": {"own": {"measure": "PR"}}}, "another scale"),
        ({"replicates": 3}, "too few"),
        ({"replicates": 0}, "positive whole number"),
        ({"tau": -1.0}, "tau=-1.0 must be"),
        ({"tau": []}, "must be one or more"),
        ({"tau": "big"}, "must be one or more"),
        ({"mu": "0"}, "one number on the link scale"),
        ({"mu": np.nan}, "one number on the link scale"),
        ({"seed": -1}, "seed=-1"),
        ({"processes": 0}, "processes=0"),
        ({"ci_prob": 95}, "Did you mean 0.95?"),
        ({"model": bm.ModelSpec("binomial", formula="~ 1")}, "without a formula"),
        ({"model": PROBIT, "methods": "DL"}, "another scale"),
    ],
)
def test_wrong_options_are_refused(options: Mapping[str, object], message: str) -> None:
    with pytest.raises(bm.SpecError) as raised:
        bm.calibrate(counts(3, 5), **options)  # type: ignore[arg-type]
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_data_that_the_model_cannot_simulate_are_refused() -> None:
    with pytest.raises(bm.SpecError, match="says nothing of how the counts of an arm arise"):
        bm.calibrate(arms(), NORMAL)
    with pytest.raises(bm.SpecError, match="leave it out for estimates"):
        bm.calibrate(estimates(3, 0.2), NORMAL, methods="glmm")


def test_parts_are_done_by_one_process_or_more() -> None:
    design = Design(counts(3, 5), bm.ModelSpec("binomial"))
    done: list[int] = []
    run_parts(
        [SbcPart(design, design.model, 1, i, 2) for i in range(3)], processes=1, progress=lambda n, of: done.append(n)
    )
    assert done == [2, 4, 6]
