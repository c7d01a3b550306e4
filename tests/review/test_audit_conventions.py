"""What each convention gives of the same studies, against the package's own fits and by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, norm

import bayesmeta as bm
from bayesmeta.effects.measures import MEASURES
from bayesmeta.frequentist.natural import natural_interval, natural_value
from bayesmeta.review.audit_conventions import TRANSFORMATIONS, between_pvalue, conventions_for, recompute

OF_FIT = {
    "raw-wald": {"measure": "PR"},
    "raw-wald-all": {"measure": "PR", "to": "all"},
    "raw-exact": {"measure": "PR", "variance": "exact-ci"},
    "logit": {"measure": "PLO"},
    "logit-all": {"measure": "PLO", "to": "all"},
    "log": {"measure": "PLN"},
    "arcsine": {"measure": "PAS"},
    "arcsine-half": {"measure": "PAS", "add": 0.5},
    "freeman-tukey-harmonic": {"measure": "PFT", "back_transformation": "harmonic"},
    "freeman-tukey-variance": {"measure": "PFT", "back_transformation": "variance"},
}
"""The conventions that `bayesmeta.fit` has too."""
BY_HAND = ("raw-wilson", "raw-agresti-coull", "raw-jeffreys", "log-exact")


def counts(name="pritz1997"):
    return bm.Studies.from_frame(bm.load_dataset(name), events="events", n="n")


def test_every_convention_of_proportions_is_checked_here():
    assert {way.code for way in TRANSFORMATIONS["counts"]} == {*OF_FIT, *BY_HAND}
    assert len(conventions_for(counts())) == 14 * 5


@pytest.mark.parametrize("name", ["pritz1997", "debruin2009", "crisafulli2020", "blinatumomab_cr"])
def test_each_convention_gives_what_fit_gives(name):
    studies = counts(name)
    searched = [c for c in conventions_for(studies) if c.transformation.code in OF_FIT]
    found = recompute(studies, searched)
    for convention in searched:
        fit = bm.fit(
            studies, engine="frequentist", tau2_method=convention.tau2_method, ci_method=convention.ci_method,
            **OF_FIT[convention.transformation.code],
        )  # fmt: skip
        values = found[convention.code][0].values
        row = fit.summary().iloc[1]
        for role in ("estimate", "lower", "upper"):
            assert values[role][0] == pytest.approx(row[role], rel=1e-9, abs=1e-12), (convention.code, role)
        expected = {"i2": fit.i2, "q": fit.q, "q_pvalue": fit.q_pvalue, "tau2": fit.tau2}
        for role, value in expected.items():
            assert values[role][0] == pytest.approx(value, rel=1e-7, abs=1e-12), (convention.code, role)
        assert values["i2"][-1] == pytest.approx(fit.i2_tau2, rel=1e-7, abs=1e-12)


def test_wilson_widths_are_pooled_as_written_out():
    studies = counts()
    r, n = studies.events, studies.n
    z = norm.ppf(0.975)
    half = z / (n + z**2) * np.sqrt(r * (n - r) / n + z**2 / 4)
    w = (half / z) ** -2.0
    mu = (w * r / n).sum() / w.sum()
    values = recompute(studies, conventions_for(studies, ["EE"]))["raw-wilson EE wald"][0].values
    assert values["estimate"][0] == pytest.approx(mu, rel=1e-12)
    assert values["lower"][0] == pytest.approx(mu - z * w.sum() ** -0.5, rel=1e-12)
    assert values["q"][0] == pytest.approx((w * (r / n - mu) ** 2).sum(), rel=1e-12)


def test_limits_beyond_0_and_1_are_given_cut_and_as_they_are():
    studies = bm.Studies(("A", "B", "C"), events=[0.0, 1.0, 8.0], n=[20.0, 30.0, 40.0])
    cut, whole = recompute(studies, conventions_for(studies, ["DL"]))["raw-exact DL hartung-knapp"]
    assert cut.values["lower"] == (0.0,)
    assert whole.values["lower"][0] < 0.0
    assert whole.title == "limits not cut at 0 and 100 %"
    assert cut.values["upper"] == whole.values["upper"]
    assert len(recompute(studies, conventions_for(studies, ["DL"]))["logit DL wald"]) == 1


def test_a_single_study_prints_its_own_interval_or_the_normal_one():
    studies = bm.Studies(("A",), events=[4.0], n=[5.0])
    forms = recompute(studies, conventions_for(studies))["raw-exact DL wald"]
    exact = binomtest(4, 5).proportion_ci(method="exact")
    assert (forms[0].values["lower"][0], forms[0].values["upper"][0]) == pytest.approx(tuple(exact), rel=1e-9)
    wilson = binomtest(4, 5).proportion_ci(method="wilson")
    assert (forms[1].values["lower"][0], forms[1].values["upper"][0]) == pytest.approx(tuple(wilson), rel=1e-9)
    assert forms[-1].values["upper"][0] == pytest.approx(0.8 + (exact.high - exact.low) / 2)
    assert all(form.values["i2"][0] == 0.0 for form in forms)


def test_a_convention_without_an_answer_is_left_out():
    studies = bm.Studies(("A", "B"), events=[0.0, 3.0], n=[10.0, 12.0])
    found = recompute(studies, conventions_for(studies))
    assert not any(code.startswith("log-exact") for code in found)  # ln(0)
    assert "logit DL wald" in found


@pytest.mark.parametrize("measure", ["OR", "RR", "RD", "PETO"])
def test_two_arms_are_searched_too(measure):
    frame = pd.DataFrame(
        {"study": list("ABC"), "a": [4, 3, 5], "n1": [123, 100, 80], "c": [11, 9, 6], "n2": [139, 100, 82]}
    )
    studies = bm.Studies.from_frame(frame, events=("a", "c"), n=("n1", "n2"))
    values = recompute(studies, conventions_for(studies))[f"{measure.lower()} DL wald"][0].values
    fit = bm.fit(studies, engine="frequentist", measure=measure)
    record = MEASURES[measure]
    assert values["estimate"][0] == pytest.approx(natural_value(record, fit.mu))
    assert (values["lower"][0], values["upper"][0]) == pytest.approx(natural_interval(record, (fit.lower, fit.upper)))


def test_estimates_and_rates_are_searched_too():
    frame = pd.DataFrame(
        {"study": list("ABC"), "hr": [0.71, 0.5, 0.6], "lo": [0.55, 0.3, 0.4], "hi": [0.93, 0.83, 0.9]}
    )
    studies = bm.Studies.from_frame(frame, estimate="hr", lower="lo", upper="hi", measure="HR")
    values = recompute(studies, conventions_for(studies))["given DL wald"][0].values
    assert values["estimate"][0] == pytest.approx(np.exp(bm.fit(studies, engine="frequentist").mu))
    rates = bm.Studies(("A", "B"), events=[3.0, 9.0], time=[100.0, 120.0])
    values = recompute(rates, conventions_for(rates))["irln DL wald"][0].values
    assert values["estimate"][0] == pytest.approx(np.exp(bm.fit(rates, engine="frequentist").mu))


def test_the_test_between_subgroups_is_that_of_subgroup_test():
    frame = bm.load_dataset("debruin2009")
    studies = bm.Studies.from_frame(frame, events="events", n="n", moderators=["ethnicity"])
    levels = [studies.take((studies.moderators["ethnicity"] == level).to_numpy()) for level in ("caucasian", "other")]
    for convention in conventions_for(studies, ["DL", "EE"], ["wald"]):
        code = convention.transformation.code
        if code in ("raw-wald", "raw-exact", "logit", "arcsine"):
            options = OF_FIT[code] | {"tau2_method": convention.tau2_method}
            tests = bm.subgroup_test(studies, by="ethnicity", **options)
            assert between_pvalue(levels, convention) == pytest.approx(tests["pvalue"].iloc[0], rel=1e-9)
