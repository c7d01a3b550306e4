"""What the pooled double arcsine says of a proportion, and how it is told."""

import json
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from bayesmeta.data.datasets import load_dataset
from bayesmeta.data.studies import Studies
from bayesmeta.effects.arcsine import double_arcsine
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.fit import fit_frequentist

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
MILLER = json.loads((FOLDER / "effect_sizes_arcsines_peto.json").read_text(encoding="utf-8"))["miller1978"]
DATASETS = ("crisafulli2020", "debruin2009", "pritz1997")


def studies_of(events, n):
    return Studies(tuple(f"study {i}" for i in range(len(n))), events=np.array(events, float), n=np.array(n, float))


def miller():
    return studies_of([3, 6, 10, 1], [11, 17, 21, 6])


def pooled(name, measure):
    every = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["pooled"]
    (found,) = [each for each in every if each["measure"] == measure]
    return {fit["method"]: fit for fit in found["fits"] if fit["test"] == "z"}


@pytest.mark.parametrize("measure", ["PR", "PLN", "PLO", "PAS", "PFT"])
@pytest.mark.parametrize("name", DATASETS)
def test_pooled_values_equal_metafors(name, measure):
    data = load_dataset(name)
    studies = studies_of(data["events"], data["n"])
    for method in ("EE", "DL"):
        fit, expected = fit_frequentist(studies, measure=measure, tau2_method=method), pooled(name, measure)[method]
        found = (fit.mu, fit.se_mu, fit.lower, fit.upper, fit.tau2, fit.q, 100 * fit.i2)
        names = ("beta", "se", "ci_low", "ci_high", "tau2", "QE", "I2")
        np.testing.assert_allclose(found, [expected[key] for key in names], rtol=1e-8, atol=1e-12)


def test_millers_example_is_transformed_back_as_he_printed_it():
    """Miller (1978), American Statistician 32:138: 0.3595 for the weighted mean; metafor has its limits too."""
    for expected in MILLER:
        if expected["weighted"]:
            fit = fit_frequentist(miller(), measure="PFT", tau2_method=expected["method"])
            assert fit.mu == pytest.approx(expected["mu"], rel=1e-12)
            row = fit.summary().loc["p_median"]
            assert row[["estimate", "lower", "upper"]].to_numpy() == pytest.approx(expected["p"], rel=1e-10)
    assert row["estimate"].round(4) == 0.3595


def test_the_two_sizes_are_millers_and_barendregts():
    harmonic = fit_frequentist(miller(), measure="PFT")
    assert harmonic.typical_n == pytest.approx(4 / (1 / 11 + 1 / 17 + 1 / 21 + 1 / 6), rel=1e-12)
    variance = fit_frequentist(miller(), measure="PFT", back_transformation="variance")
    assert variance.typical_n == pytest.approx(11 + 17 + 21 + 6 + 4 / 2, rel=1e-12)  # tau2 = 0: sum of n + 1/2
    t, n = 2 * variance.mu, variance.typical_n  # the formula of Barendregt et al. (2013), appendix
    p = 0.5 * (1 - np.sign(np.cos(t)) * np.sqrt(1 - (np.sin(t) + (np.sin(t) - 1 / np.sin(t)) / n) ** 2))
    assert variance.summary().loc["p_median", "estimate"] == pytest.approx(p, rel=1e-12)


def test_one_study_is_transformed_back_to_its_own_proportion():
    for back in ("harmonic", "variance"):
        fit = fit_frequentist(studies_of([3], [11]), measure="PFT", back_transformation=back)
        tolerance = 1e-12 if back == "harmonic" else 5e-3  # n + 1/2 instead of n
        assert fit.summary().loc["p_median", "estimate"] == pytest.approx(3 / 11, rel=tolerance)
        assert any("can mislead" in note for note in fit.notes) == (back == "variance")


def test_the_double_arcsine_always_warns_and_gives_both_values_where_they_differ_by_a_point():
    near = fit_frequentist(studies_of([40, 45], [100, 110]), measure="PFT").notes
    assert any("can mislead where sizes differ (Schwarzer et al. 2019" in note for note in near)
    assert not any("differ:" in note for note in near)
    for back, first in (("harmonic", "0.3595"), ("variance", "0.3685")):
        notes = fit_frequentist(miller(), measure="PFT", back_transformation=back).notes
        (note,) = [note for note in notes if "back-transformations of PFT differ" in note]
        assert note.startswith(f"the back-transformations of PFT differ: {first} (")
        assert all(value in note for value in ("0.3595", "0.3685"))


def test_values_outside_the_range_are_cut_and_said():
    fit = fit_frequentist(studies_of([0, 0, 3, 1, 5, 0], [10, 21000, 1200, 20, 400, 29]), measure="PFT")
    assert fit.mu < double_arcsine(0.0, fit.typical_n)
    row = fit.summary().loc["p_median"]
    assert (row["estimate"], row["lower"]) == (0.0, 0.0)
    assert isnan(row["se"])
    assert any(note.startswith("the estimate, 0.0717 on the scale of PFT, is cut at 0") for note in fit.notes)
    assert any(note.startswith("the lower limit of the CI, 0.0158 on the scale") for note in fit.notes)
    full = fit_frequentist(studies_of([5, 9], [5, 9]), measure="PAS")
    assert any(note.startswith("the upper limit of the CI, ") and "is cut at 1" in note for note in full.notes)
    assert full.summary().loc["p_median", "upper"] == 1.0


@pytest.mark.parametrize("measure", ["PLN", "PLO", "PAS", "PFT", "PR"])
def test_the_standard_error_of_the_proportion_is_that_of_the_delta_method(measure):
    fit = fit_frequentist(miller(), measure=measure)
    from bayesmeta.frequentist.natural import natural_value

    step = 1e-6
    up, down = (natural_value(fit.record, fit.mu + h, fit.typical_n) for h in (step, -step))
    rows = fit.summary()
    assert rows["se"].iloc[1] == pytest.approx(fit.se_mu * (up - down) / (2 * step), rel=1e-7)


def test_other_measures_take_no_back_transformation():
    with pytest.raises(SpecError, match=r"back_transformation='variance' is for measure='PFT'; measure PLO has one"):
        fit_frequentist(miller(), back_transformation="variance")
    with pytest.raises(SpecError, match=r"unknown back_transformation 'varance'. Did you mean 'variance'"):
        fit_frequentist(miller(), measure="PFT", back_transformation="varance")


def test_subsets_are_transformed_back_at_their_own_size():
    import bayesmeta as bm

    rows = bm.leave_one_out(bm.fit(miller(), engine="frequentist", measure="PFT"))
    rest = fit_frequentist(studies_of([3, 6, 10], [11, 17, 21]), measure="PFT").summary()
    found = rows[(rows["study"] == "study 3") & (rows["parameter"] == "p_median")]
    assert found["estimate"].item() == pytest.approx(rest.loc["p_median", "estimate"], rel=1e-12)


def test_bayesian_engines_refuse_the_arcsines_and_say_what_to_use():
    import bayesmeta as bm

    model = bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)")
    with pytest.raises(SpecError, match=r"measure='PFT' has a scale that ends at 0 and pi/2, .* likelihood='binomial'"):
        bm.fit(miller(), model, measure="PFT")
