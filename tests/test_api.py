import pytest

import bayesmeta as bm


@pytest.fixture(scope="module")
def studies():
    return bm.Studies.from_frame(bm.load_dataset("pritz1997"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "exat"}, "unknown engine 'exat'. Did you mean 'exact'? Allowed: exact, nuts, frequentist."),
        ({"engin": "exact"}, "unknown option 'engin'. Did you mean 'engine'?"),
        ({"engine": "nuts", "drawz": 10}, "unknown option 'drawz'. Did you mean 'draws'?"),
        ({"engine": "exact", "ci_prob": 0.9}, "whose fit gives any interval: bm.summary(fit, ci_prob=...)."),
        ({"engine": "nuts", "ci_kind": "hdi"}, "whose fit gives any interval: bm.summary(fit, ci_kind=...)."),
        ({"measure": "PR"}, "or pool PR by engine='frequentist'."),
        ({"seed": 1}, "seed is an option of engine='nuts', not of 'exact'; leave it out."),
        ({"engine": "nuts", "power_weights": 1}, "power_weights is an option of engine='exact', not of 'nuts'"),
        ({"measure": "PLX"}, "unknown measure 'PLX'. Did you mean 'PLO'?"),
    ],
)
def test_an_option_that_is_not_allowed_is_named_with_what_to_do(studies, options, message):
    with pytest.raises(bm.SpecError) as error:
        bm.fit(studies, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("engine", ["exact", "nuts"])
def test_estimates_need_a_model_for_their_scale(studies, engine):
    estimates = bm.Studies(("A", "B"), y=[0.1, 0.4], se=[0.2, 0.3])
    with pytest.raises(bm.SpecError, match="need a model with priors on their scale"):
        bm.fit(estimates, engine=engine)


def test_the_frequentist_engine_takes_no_model(studies):
    with pytest.raises(bm.SpecError, match="takes no model, because it has no priors"):
        bm.fit(studies, bm.ModelSpec(), engine="frequentist")


def test_estimates_on_the_logit_scale_have_proportions():
    estimates = bm.Studies(("A", "B", "C"), y=[0.1, 0.4, 0.9], se=[0.2, 0.3, 0.2])
    model = bm.ModelSpec("normal", link="logit", mu="Normal(0, 2)", tau="HalfNormal(1)")
    assert "p_new" in bm.fit(estimates, model).summary().index
    hazards = bm.Studies(("A", "B"), y=[0.1, 0.4], se=[0.2, 0.3], measure="HR")
    with pytest.raises(bm.SpecError, match=r"link='logit' contradicts the studies, whose estimates are HR"):
        bm.fit(hazards, model)


@pytest.mark.parametrize("engine", ["exact", "nuts"])
def test_an_improper_posterior_is_refused_before_anything_is_computed(engine):
    two = bm.Studies(("A", "B"), events=[3, 0], n=[10, 12])
    with pytest.raises(bm.ImproperPosteriorError, match="the posterior of tau is improper"):
        bm.fit(two, bm.ModelSpec(tau="Flat()"), engine=engine)
