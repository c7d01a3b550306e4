from dataclasses import FrozenInstanceError
from math import exp, inf, isnan, log

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.fit import fit_frequentist

EVENTS, N = [3, 9, 6, 14, 2], [10, 11, 12, 20, 9]


def counts(events, n):
    names = tuple(f"Lee {2001 + i}" for i in range(len(n)))
    return Studies(study=names, events=np.array(events, float), n=np.array(n, float))


def estimates(y, se, measure=None):
    names = tuple(f"Kim {2001 + i}" for i in range(len(y)))
    return Studies(study=names, y=np.array(y, float), se=np.array(se, float), measure=measure)


def has_no_prediction_interval(fit):
    limits = (*fit.prediction_interval, *fit.prediction_interval_natural)
    return all(isnan(limit) for limit in limits)


# The measure


def test_counts_are_pooled_on_the_logit_scale_by_default():
    fit = fit_frequentist(counts(EVENTS, N))
    assert (fit.engine, fit.measure, fit.tau2_method, fit.k) == ("frequentist", "PLO", "DL", 5)
    assert fit.y[0] == pytest.approx(log(3 / 7), rel=1e-14)


def test_estimates_are_pooled_on_their_own_scale_by_default():
    assert fit_frequentist(estimates([0.1, 0.2], [0.1, 0.1])).measure == "GEN"
    assert fit_frequentist(estimates([0.1, 0.2], [0.1, 0.1], "HR")).measure == "HR"


@pytest.mark.parametrize("measure", ["PLO", "PR"])
def test_a_measure_of_counts_is_refused_for_estimates(measure):
    with pytest.raises(SpecError, match=f"measure='{measure}' needs counts, but the studies hold estimates"):
        fit_frequentist(estimates([0.1], [0.1]), measure=measure)


def test_a_measure_of_estimates_is_refused_for_counts():
    with pytest.raises(SpecError, match=r"measure='HR' needs estimates, .* allowed: PR, PLN, PLO, PAS, PFT\."):
        fit_frequentist(counts(EVENTS, N), measure="HR")


def test_a_measure_that_contradicts_the_studies_is_refused():
    with pytest.raises(SpecError, match="measure='GEN' contradicts the studies, whose estimates are HR"):
        fit_frequentist(estimates([0.1], [0.1], "HR"), measure="GEN")


def test_a_variance_that_belongs_to_another_measure_names_that_measure():
    with pytest.raises(SpecError, match=r"does not go with measure PLO .* measure='PR'"):
        fit_frequentist(counts(EVENTS, N), measure="PLO", variance="exact-ci")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "PLX"}, r"unknown measure 'PLX'. Did you mean 'PLO'\?"),
        ({"tau2_method": "RML"}, "unknown tau2_method 'RML'"),
        ({"ci_method": "hartung"}, r"unknown ci_method 'hartung'. Did you mean 'hartung-knapp'\?"),
        (
            {"ci_method": "henmi-copas", "tau2_method": "REML"},
            "'henmi-copas' goes with tau2_method='DL' only; got 'REML'",
        ),
        (
            {"ci_method": "profile"},
            "'profile' goes with tau2_method='ML' only; got 'DL'.*: wald, t, hartung-knapp, hart",
        ),
        ({"pi_method": "hst"}, r"unknown pi_method 'hst'. Did you mean 'hts'\?"),
        ({"ci_prob": 95}, r"ci_prob=95 .* Did you mean 0\.95\?"),
        (
            {"variance": "x"},
            r"unknown variance 'x'. Allowed: wald \(measure PR, PLN, .*\); exact-ci \(measure PR\)\.$",
        ),
        ({"measure": "PR", "variance": "exactci"}, r"unknown variance 'exactci'. Did you mean 'exact-ci'\?"),
        ({"to": "only"}, "unknown zero-cell rule to 'only'"),
        ({"add": -0.5}, r"add=-0\.5"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(options, message):
    with pytest.raises(SpecError, match=message) as caught:
        fit_frequentist(counts(EVENTS, N), **options)
    assert "\n" not in str(caught.value)


# Zero cells


@pytest.mark.parametrize("measure", ["PLO", "PR"])
@pytest.mark.parametrize("options", [{"to": "none"}, {"add": 0}])
def test_a_zero_cell_left_uncorrected_is_refused_with_the_study_and_the_way_out(measure, options):
    with pytest.raises(DataError, match=r"study 'Lee 2002' has events=9, n=9, a zero cell.*variance='exact-ci'"):
        fit_frequentist(counts([3, 9, 6], [10, 9, 12]), measure=measure, **options)


def test_the_exact_variance_needs_no_correction():
    fit = fit_frequentist(counts([0, 9, 6], [10, 9, 12]), measure="PR", variance="exact-ci", to="none")
    assert fit.y.tolist() == [0.0, 1.0, 0.5]
    assert not fit.corrected.any()


def test_corrected_studies_are_marked_and_counted_in_a_note():
    fit = fit_frequentist(counts([0, 5, 3, 7], [6, 5, 9, 10]))
    assert fit.corrected.tolist() == [True, True, False, False]
    assert fit.notes == (
        "2 of 4 studies have a zero cell; 0.5 was added to their events and non-events (metafor's rule)",
    )


def test_a_correction_of_all_studies_says_so():
    fit = fit_frequentist(counts([0, 5, 3, 7], [6, 6, 9, 10]), to="all", add=0.25)
    assert fit.notes[0] == (
        "1 of 4 studies has a zero cell; 0.25 was added to all studies' events and non-events (to='all')"
    )


def test_without_corrections_or_cuts_there_are_no_notes():
    assert fit_frequentist(counts(EVENTS, N)).notes == ()


# Results


def test_weights_sum_to_one_and_give_the_estimate():
    fit = fit_frequentist(counts(EVENTS, N))
    assert fit.weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert fit.mu == pytest.approx(np.sum(fit.weights * fit.y), rel=1e-14)


@pytest.mark.parametrize(("measure", "variance"), [("PLO", "wald"), ("PR", "wald"), ("PR", "exact-ci")])
def test_the_order_of_studies_does_not_matter(measure, variance):
    rng = np.random.default_rng(5)
    fit = fit_frequentist(counts(EVENTS, N), measure=measure, variance=variance)
    order = rng.permutation(5)
    other = fit_frequentist(counts(np.array(EVENTS)[order], np.array(N)[order]), measure=measure, variance=variance)
    for name in ("mu", "se_mu", "lower", "upper", "tau2", "q", "q_pvalue", "i2", "i2_tau2", "h2"):
        assert getattr(other, name) == pytest.approx(getattr(fit, name), rel=1e-12), name
    assert other.weights == pytest.approx(fit.weights[order], rel=1e-12)


def test_counting_failures_instead_of_events_mirrors_the_result():
    fit = fit_frequentist(counts(EVENTS, N))
    mirror = fit_frequentist(counts([n - r for r, n in zip(EVENTS, N, strict=True)], N))
    assert (mirror.mu, mirror.lower, mirror.upper) == pytest.approx((-fit.mu, -fit.upper, -fit.lower), rel=1e-12)
    assert mirror.tau2 == pytest.approx(fit.tau2, rel=1e-12)


def test_without_heterogeneity_random_and_common_effect_agree():
    studies = estimates([0.1, 0.12, 0.09], [0.2, 0.3, 0.25])
    dl, ee = fit_frequentist(studies), fit_frequentist(studies, tau2_method="EE")
    assert dl.tau2 == 0.0
    assert (dl.mu, dl.se_mu) == (ee.mu, ee.se_mu)


def test_summary_has_a_median_row_for_the_logit_and_transformed_limits():
    fit = fit_frequentist(counts(EVENTS, N))
    frame = fit.summary()
    assert frame.index.name == "parameter"
    assert frame.index.tolist() == ["mu", "p_median"]
    assert frame.columns.tolist() == ["estimate", "se", "lower", "upper"]
    p = expit(fit.mu)
    row = [p, p * (1 - p) * fit.se_mu, expit(fit.lower), expit(fit.upper)]
    assert frame.loc["p_median"].tolist() == pytest.approx(row, rel=1e-14)


def test_delta_method_standard_error_is_the_slope_of_the_transformation():
    fit = fit_frequentist(counts(EVENTS, N))
    step = 1e-6 * fit.se_mu
    slope = (expit(fit.mu + step) - expit(fit.mu - step)) / (2 * step)
    assert fit.summary().loc["p_median", "se"] == pytest.approx(slope * fit.se_mu, rel=1e-7)


def test_summary_of_raw_proportions_has_a_mean_row_cut_at_one_and_a_note():
    fit = fit_frequentist(counts([5, 9, 12], [5, 9, 12]), measure="PR")
    frame = fit.summary()
    assert frame.index.tolist() == ["mu", "p_mean"]
    assert frame.loc["mu", "upper"] > 1.0
    assert frame.loc["p_mean", "upper"] == 1.0
    assert "the upper limit of the CI, 1.0297, is cut at 1 as a proportion" in fit.notes


def test_summary_of_estimates_has_no_back_transformed_row():
    assert fit_frequentist(estimates([0.1, 0.3], [0.1, 0.2], "HR")).summary().index.tolist() == ["mu"]


def test_estimates_name_what_each_row_estimates():
    frame = fit_frequentist(counts(EVENTS, N), measure="PR").estimates
    assert frame.columns.tolist() == ["parameter", "estimand", "estimate", "se", "lower", "upper"]
    assert frame["estimand"].tolist() == ["mu", "p_mean"]


def test_summary_at_another_probability_equals_a_fit_at_that_probability():
    fit, narrow = (fit_frequentist(counts(EVENTS, N), ci_prob=prob) for prob in (0.95, 0.8))
    pd.testing.assert_frame_equal(fit.summary(ci_prob=0.8), narrow.summary())
    assert narrow.upper < fit.upper


def test_summary_refuses_a_highest_density_interval():
    with pytest.raises(SpecError, match="ci_kind='hdi' is not defined for a confidence interval"):
        fit_frequentist(counts(EVENTS, N)).summary(ci_kind="hdi")


def test_the_fit_cannot_be_changed():
    fit = fit_frequentist(counts(EVENTS, N))
    with pytest.raises(FrozenInstanceError):
        fit.mu = 0.0
    with pytest.raises(ValueError, match="read-only"):
        fit.weights[0] = 0.0


# Prediction intervals


def test_the_prediction_interval_is_wider_than_the_confidence_interval():
    fit = fit_frequentist(counts(EVENTS, N))
    assert fit.prediction_interval[0] < fit.lower < fit.upper < fit.prediction_interval[1]
    assert fit.prediction_interval_natural == pytest.approx(expit(fit.prediction_interval), rel=1e-14)


def test_limits_of_a_predicted_proportion_are_cut_with_a_note():
    fit = fit_frequentist(counts([0, 5, 3, 7], [6, 5, 9, 10]), measure="PR")
    assert fit.prediction_interval_natural == (0.0, 1.0)
    assert [note.split(",")[0] for note in fit.notes[1:]] == [
        "the lower limit of the PI",
        "the upper limit of the PI",
    ]


def test_a_ratio_is_predicted_on_the_scale_of_ratios():
    fit = fit_frequentist(estimates([0.1, 0.2, -0.4], [0.1, 0.2, 0.2], "HR"), pi_method="metafor")
    assert fit.prediction_interval_natural == pytest.approx(
        tuple(exp(limit) for limit in fit.prediction_interval), rel=1e-14
    )


def test_a_ratio_that_overflows_is_infinite_without_a_warning():
    fit = fit_frequentist(estimates([0.0, 900.0, 1800.0], [1.0, 1.0, 1.0], "HR"))
    assert fit.prediction_interval_natural[1] == inf


@pytest.mark.parametrize("k", [1, 2])
def test_too_few_studies_have_no_prediction_interval_and_a_reason(k):
    fit = fit_frequentist(counts(EVENTS[:k], N[:k]))
    assert has_no_prediction_interval(fit)
    reason = f"k = {k}: no prediction interval, because t with k - 2 = {k - 2} degrees of freedom does not exist"
    assert reason in fit.notes


def test_the_common_effect_model_has_no_prediction_interval_and_a_reason():
    fit = fit_frequentist(counts(EVENTS, N), tau2_method="EE", pi_method="metafor")
    assert has_no_prediction_interval(fit)
    assert any("all studies share one true effect" in note for note in fit.notes)


# Extremes


def test_one_study_gives_itself():
    fit = fit_frequentist(counts([4], [5]), pi_method="metafor")
    assert (fit.mu, fit.se_mu) == pytest.approx((log(4), (1 / 4 + 1) ** 0.5), rel=1e-14)
    assert (fit.tau2, fit.q, fit.df, fit.q_pvalue, fit.i2, fit.i2_tau2, fit.h2) == (0, 0, 0, 1, 0, 0, 1)
    assert fit.prediction_interval == (fit.lower, fit.upper)
    assert fit.notes[0].startswith("k = 1: the estimate is that of the one study")


@pytest.mark.parametrize("measure", ["PLO", "PR"])
@pytest.mark.parametrize("events", [[0, 0, 0], [5, 9, 12]])
def test_all_or_no_events_give_a_finite_answer(measure, events):
    fit = fit_frequentist(counts(events, [5, 9, 12]), measure=measure)
    assert np.isfinite(fit.summary().to_numpy()).all()
    assert fit.tau2 == 0.0


def test_one_patient_beside_a_million_gives_a_finite_answer_that_the_million_dominate():
    fit = fit_frequentist(counts([1, 3, 450000], [1, 7, 1000000]))
    assert fit.weights[2] > 0.9999
    assert np.isfinite(fit.summary().to_numpy()).all()


@pytest.mark.parametrize(("y", "se"), [(0.2, 1e-70), (0.2, 1e70), (1e70, 1.0)])
def test_a_study_that_no_weight_can_hold_is_named(y, se):
    with pytest.raises(DataError, match="study 'Kim 2002' has y="):
        fit_frequentist(estimates([0.1, y], [0.1, se]))


@pytest.mark.parametrize("scale", [1e-50, 1e50])
def test_the_unit_of_measurement_may_be_very_small_or_large(scale):
    y, se = np.array([0.1, 0.9, -0.4]), np.array([0.1, 0.2, 0.2])
    fit, scaled = fit_frequentist(estimates(y, se)), fit_frequentist(estimates(scale * y, scale * se))
    assert scaled.mu == pytest.approx(scale * fit.mu, rel=1e-12)
    assert scaled.tau2 == pytest.approx(scale**2 * fit.tau2, rel=1e-12)
    assert (scaled.q, scaled.i2_tau2) == pytest.approx((fit.q, fit.i2_tau2), rel=1e-12)


# In print


def test_the_printed_fit_says_model_heterogeneity_estimates_and_notes():
    text = repr(fit_frequentist(counts([0, 5, 3, 7], [6, 5, 9, 10])))
    assert text.splitlines()[:3] == [
        "Random effects (DerSimonian-Laird), logit-transformed proportion (PLO), k = 4",
        "tau2 1.5751 (tau 1.2550), I2 63.1 %, H2 2.71",
        "Q(df = 3) = 8.14, P = 0.0432",
    ]
    assert "p_median    0.5049 0.2039  0.1710 0.8345" in text
    assert "95 % PI (Higgins-Thompson-Spiegelhalter, t with k - 2 df): -6.4202 to 6.4594" in text
    assert text.endswith("(metafor's rule)")


def test_i2_by_q_and_by_tau2_are_told_apart_where_they_differ():
    fit = fit_frequentist(counts([0, 5, 3, 7], [6, 5, 9, 10]), tau2_method="SJ")
    printed = f"I2 63.1 % (from Q), {100 * fit.i2_tau2:.1f} % (from tau2), H2 {fit.h2:.2f} (from tau2)"
    assert printed in repr(fit)
    assert fit.h2 == pytest.approx(1.0 / (1.0 - fit.i2_tau2), rel=1e-12)
    assert "(from" not in repr(fit_frequentist(counts([0, 5, 3, 7], [6, 5, 9, 10]), tau2_method="EE"))


def test_small_proportions_keep_their_digits_in_print():
    text = repr(fit_frequentist(counts([1, 3, 2, 4], [6000, 9000, 8000, 7000])))
    (row,) = (line.split() for line in text.splitlines() if line.startswith("p_median"))
    assert all(0.0 < float(number) < 1e-3 and len(number.rstrip("0")) > 6 for number in row[1:])


def test_the_printed_fit_of_a_ratio_shows_it_back_transformed():
    fit = fit_frequentist(estimates([log(0.5), log(0.5)], [0.1, 0.1], "HR"))
    assert "back-transformed 0.5000 (0.4353 to 0.5743)" in repr(fit)


def test_the_notebook_form_is_the_escaped_text():
    html = fit_frequentist(counts([4, 9], [5, 10]))._repr_html_()
    assert html.startswith("<pre>Random effects")
    assert html.endswith("</pre>")


def two_arms(treatment, control, size="n"):
    values = {f"events_{arm}": np.array(r, float) for arm, (r, _) in (("treatment", treatment), ("control", control))}
    sizes = {f"{size}_{arm}": np.array(n, float) for arm, (_, n) in (("treatment", treatment), ("control", control))}
    return Studies(("Lee 2002", "Kim 2004", "Han 2009"), **values, **sizes)


ARMS = ([0, 9, 3], [10, 9, 12]), ([4, 5, 2], [11, 9, 13])


def test_corrected_cells_of_both_arms_are_noted():
    fit = fit_frequentist(two_arms(*ARMS))
    note = "2 of 3 studies have a zero cell; 0.5 was added to their events and non-events in both arms (metafor's rule)"
    assert note in fit.notes
    rates = fit_frequentist(two_arms(*ARMS, size="time"))
    assert "1 of 3 studies has a zero cell; 0.5 was added to its events in both arms (metafor's rule)" in rates.notes


def test_a_zero_cell_of_two_arms_left_uncorrected_is_refused_with_the_study():
    with pytest.raises(DataError, match=r"study 'Lee 2002' has events_treatment=0, .*; use add=0.5, to='only0'\.$"):
        fit_frequentist(two_arms(*ARMS), to="none")
    assert fit_frequentist(two_arms(*ARMS), measure="RD", to="none").corrected.tolist() == [False] * 3


def test_a_measure_or_variance_of_other_data_is_refused_for_two_arms():
    with pytest.raises(
        SpecError, match=r"measure='PLO' needs counts, .* hold two-arm-counts; allowed: OR, RR, RD, AS,"
    ):
        fit_frequentist(two_arms(*ARMS), measure="PLO")
    with pytest.raises(
        SpecError, match=r"measure='OR' needs two-arm-counts, .* hold two-arm-rates; allowed: IRR, IRD\."
    ):
        fit_frequentist(two_arms(*ARMS, size="time"), measure="OR")
    with pytest.raises(SpecError, match=r"variance='exact-ci' does not go with measure OR \(wald\); leave it out\."):
        fit_frequentist(two_arms(*ARMS), variance="exact-ci")


def test_one_study_with_two_arms_gives_itself():
    one = two_arms(*ARMS).take([2])
    fit = fit_frequentist(one, measure="RR")
    assert fit.mu == pytest.approx(np.log((3 / 12) / (2 / 13)), rel=1e-14)
    assert (fit.tau2, fit.q) == (0.0, 0.0)
