"""Is trouble found in fits that were really sampled, not only in draws made to show it?"""

import numpy as np
import pytest

import bayesmeta as bm

OPTIONS = {"engine": "nuts", "seed": 1, "sampler": "pymc", "quiet": True, "tune": 200, "draws": 200, "chains": 2}
SPARSE = bm.Studies(tuple("ABC"), events=np.array([1.0, 5.0, 3.0]), n=np.array([9.0, 9.0, 12.0]))


@pytest.mark.parametrize(
    ("options", "check", "said"),
    [
        ({"draws": 12}, "ess_bulk", "too few draws to tell whether the chains have met; take more (tune=500, draws="),
        ({"chains": 1}, "chains", "only one chain: R-hat cannot be computed"),
        (
            {"tune": 1, "draws": 30},
            "r_hat",
            "too few draws to tell whether the chains have met; take more (tune=500, draws=1000)",
        ),
    ],
)
def test_too_little_sampling_is_named_with_what_to_do(options, check, said):
    fit = bm.fit(SPARSE, **OPTIONS | options)
    assert check in [each.name for each in bm.diagnose(fit).checks if not each.passed]
    assert said in fit.diagnosis.verdict
    assert fit.notes[0].startswith("NOT RELIABLE: ")


def test_a_mean_that_the_data_do_not_identify_is_named():
    studies = bm.Studies(tuple("ABC"), y=np.array([0.1, 0.4, 0.2]), se=np.full(3, 3e3))
    fit = bm.fit(studies, bm.ModelSpec("normal", mu="Normal(0, 1)", tau="HalfNormal(1)"), **OPTIONS | {"draws": 1000})
    assert "the data say nothing about mu, whose posterior is its prior" in fit.diagnosis.verdict
    assert not fit.is_reliable


def test_a_posterior_that_does_not_exist_is_not_sampled():
    with pytest.raises(bm.ImproperPosteriorError, match="the posterior of tau is improper"):
        bm.fit(SPARSE.take([0]), bm.ModelSpec(mu="Flat()", tau="Flat()"), **OPTIONS)
