import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.errors import DataError, SpecError

NUTS = ("[engines.exact]", "[engines.exact]\n[engines.nuts]\nseed = 3")
SUBGROUPS = ("[output]", '[subgroups]\nby = ["kind"]\n[output]')


def test_the_fits_are_those_of_python(results):
    found = results(("[engines.frequentist]", '[engines.frequentist]\nmeasure = "PR"\nvariance = "exact-ci"'))
    studies = found.inputs.studies
    exact, classical = found.fits.values()
    assert exact.summary().equals(bm.fit(studies).summary())
    expected = bm.fit(studies, engine="frequentist", measure="PR", variance="exact-ci")
    assert classical.summary().equals(expected.summary())
    assert found.loo is not None
    assert found.loo.equals(bm.loo(bm.fit(studies)))


def test_several_frequentist_fits_are_numbered(results):
    two = "[[engines.frequentist]]\n[[engines.frequentist]]\nmeasure = 'PR'\nvariance = 'exact-ci'"
    found = results(("[engines.frequentist]", two))
    assert list(found.fits) == ["exact", "frequentist-1", "frequentist-2"]
    assert found.comparison["name"].unique().tolist() == list(found.fits)


def test_the_probability_of_intervals_is_one_for_all(results):
    found = results(("[output]", "[output]\nci_prob = 0.8"))
    studies = found.inputs.studies
    row = found.comparison.query("name == 'exact' and parameter == 'mu'").iloc[0]
    assert row["lower"] == bm.fit(studies).summary(ci_prob=0.8).at["mu", "lower"]
    row = found.comparison.query("name == 'frequentist' and parameter == 'mu'").iloc[0]
    assert row["lower"] == bm.fit(studies, engine="frequentist", ci_prob=0.8).lower


def test_an_engine_that_cannot_do_the_model_is_named_with_its_section(results):
    with pytest.raises(SpecError, match=r"^analysis\.toml: \[engines\.exact\] the binomial likelihood needs events"):
        results(
            ('file = "counts.csv"', 'file = "counts.csv"\nmeasure = "GEN"'),
            ('events = "events"\nn = "n"', 'y = "y"\nse = "se"'),
            data="study,y,se\nLee,0.1,0.2\nKim,0.3,0.2\n",
        )
    with pytest.raises(SpecError, match=r"^analysis\.toml: \[engines\.frequentist\] .*'PLX'.*'PLO'"):
        results(("[engines.frequentist]", '[engines.frequentist]\nmeasure = "PLX"'))
    two = '[[engines.frequentist]]\n[[engines.frequentist]]\nmeasure = "PLX"'
    with pytest.raises(SpecError, match=r"^analysis\.toml: \[engines\.frequentist\] \(no\. 2\) .*'PLX'"):
        results(("[engines.frequentist]", two))
    with pytest.raises(SpecError, match=r"^analysis\.toml: \[engines\.frequentist\] \(no\. 2\): unknown key 'measur'"):
        results(("[engines.frequentist]", two.replace("measure", "measur")))
    with pytest.raises(DataError, match=r"^analysis\.toml: \[engines\.frequentist\] study 'Ali 2021'"):
        results(("[engines.frequentist]", '[engines.frequentist]\nto = "none"'))


def test_faults_are_found_before_anything_is_sampled(results, monkeypatch):
    def fit(studies, model=None, *, engine="exact", **options):
        if engine == "nuts":
            pytest.fail("NUTS began")
        return bm.fit(studies, model, engine=engine, **options)

    monkeypatch.setattr("bayesmeta.report.compute.fit", fit)
    with pytest.raises(SpecError, match="frequentist"):
        results(NUTS, ("[engines.frequentist]", '[engines.frequentist]\nmeasure = "PLX"'))
    with pytest.raises(SpecError, match=r"^analysis\.toml: \[output\] .*'weigth'"):
        results(NUTS, ("[output]", '[output]\ncolumns = ["weigth"]'))
    with pytest.raises(SpecError, match=r"\[output\]"):
        results(NUTS, ("[output]", '[output]\norder = "nothing"'))


def test_nuts_has_a_seed_and_stands_after_exact(results, nuts_without_sampling):
    nuts_without_sampling()
    found = results(NUTS)
    assert list(found.fits) == ["exact", "nuts", "frequentist"]
    assert found.fits["nuts"].seed == 3
    assert found.bayesian is found.fits["exact"]
    found = results(("[engines.exact]", "[engines.nuts]"))
    assert found.fits["nuts"].seed == 1
    assert found.bayesian is found.fits["nuts"]


def test_sampling_that_failed_or_stopped_is_a_problem(results, nuts_without_sampling):
    nuts_without_sampling(draws=1000)
    assert results(NUTS).problems == ()
    nuts_without_sampling(apart=1.0)
    assert results(NUTS).problems[0].startswith("nuts: NOT RELIABLE: ")
    nuts_without_sampling(tune=1000, draws=1000, chains=4)
    found = results(NUTS)
    stopped = found.fits["nuts"]
    object.__setattr__(stopped.settings, "draws", 2000)
    assert found.problems == ("nuts: sampling was interrupted; its results are those of the draws made until then",)


def test_subgroups_are_those_of_python_by_every_engine_but_nuts(results, nuts_without_sampling):
    nuts_without_sampling()
    found = results(NUTS, SUBGROUPS)
    assert found.subgroups is not None
    assert found.subgroups["name"].unique().tolist() == ["exact", "frequentist"]
    expected = bm.fit(found.inputs.studies.take(np.array([0, 1]))).summary()
    row = found.subgroups.query("name == 'exact' and level == 'a' and parameter == 'p_mean'").iloc[0]
    assert row["estimate"] == expected.at["p_mean", "mean"]


def test_an_unknown_subgroup_column_is_refused(results):
    with pytest.raises(DataError, match=r"\[data\] counts.csv has no column 'kidn' for a moderator .*'kind'"):
        results(("[output]", '[subgroups]\nby = ["kidn"]\n[output]'))


def test_leave_one_out_that_does_not_exist_is_left_out(results):
    flat = '[model.priors]\nmu = "Flat()"\n[engines.exact]'
    data = "study,events,n,kind\nLee 2019,7,15,a\nAli 2021,9,9,b\n"
    assert results(("[engines.exact]", flat), data=data).loo is None
