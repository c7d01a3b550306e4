import pytest

import bayesmeta as bm
from bayesmeta.nuts.code import pymc_code

ONLY_EXACT = {
    "link='probit'": bm.ModelSpec("binomial", link="probit", mu="Normal(0, 1)", tau="HalfNormal(1)"),
    "link='cloglog' with effects='none'": bm.ModelSpec("binomial", link="cloglog", mu="Normal(0, 1)", effects="none"),
    "effects='student-t'": bm.ModelSpec("binomial", effects="student-t"),
    "effects='beta'": bm.ModelSpec("binomial", effects="beta"),
    "effects='none'": bm.ModelSpec("normal", mu="Normal(0, 1)", effects="none"),
    "likelihood='poisson'": bm.ModelSpec("poisson", mu="Normal(0, 1)", tau="HalfNormal(1)"),
    "likelihood='binomial-two-arm'": bm.ModelSpec("binomial-two-arm"),
    "likelihood='binomial-conditional'": bm.ModelSpec("binomial-conditional"),
    "likelihood='poisson-conditional'": bm.ModelSpec("poisson-conditional"),
}


@pytest.mark.parametrize("what", ONLY_EXACT)
def test_models_that_only_exact_knows_are_refused_by_name(what, studies_for):
    model = ONLY_EXACT[what]
    message = f"NUTS does not sample {what} yet: use engine='exact', which does."
    calls = (
        lambda: bm.fit(studies_for(model), model, engine="nuts"),
        lambda: bm.pymc_model(studies_for(model), model),
        lambda: pymc_code(model),
    )
    for call in calls:
        with pytest.raises(bm.SpecError) as caught:
            call()
        assert str(caught.value) == message


def test_quiet_is_true_or_false(studies_for):
    with pytest.raises(bm.SpecError, match=r"quiet='no' must be True or False"):
        bm.fit(studies_for(bm.ModelSpec()), engine="nuts", quiet="no")
