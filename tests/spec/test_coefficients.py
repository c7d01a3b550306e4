import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.spec.coefficients import priors_of


def test_a_formula_is_stated_and_survives_toml():
    one = bm.ModelSpec("binomial", formula="~0+regimen", beta="Normal(0, 1.5)", tau="HalfNormal(1)")
    assert repr(one).splitlines()[2:] == [
        "  theta  ~ Normal(x'beta, tau),  x: ~ 0 + regimen",
        "  beta   ~ Normal(mu=0, sigma=1.5)",
        "  tau    ~ HalfNormal(sigma=1)",
    ]
    each = bm.ModelSpec(
        "normal", formula="~ year", beta={"Intercept": "Normal(0, 2)", "year": "Normal(0, 0.5)"}, tau="HalfNormal(1)"
    )
    for model in (one, each):
        again = bm.ModelSpec.from_toml_text(model.to_toml())
        assert again == model
        assert hash(again) == hash(model)


def test_priors_change_together_or_by_name():
    model = bm.ModelSpec("binomial", formula="~ x", beta={"Intercept": "Normal(0, 2)", "x": "Normal(0, 1)"})
    changed = model.with_priors(beta={"x": "Normal(0, 0.1)"})
    assert [str(prior) for prior in priors_of(changed.beta, ("Intercept", "x"))] == [
        "Normal(mu=0, sigma=2)", "Normal(mu=0, sigma=0.1)",
    ]  # fmt: skip
    assert model.with_priors(beta="Flat()").beta == bm.Prior("Flat")
    assert model.with_priors(tau="HalfNormal(2)").beta == model.beta


def test_counts_have_a_default_prior_of_coefficients_and_estimates_have_none():
    assert bm.ModelSpec("binomial", formula="~ x").beta == bm.Prior("Normal", 0, 1.5)
    with pytest.raises(SpecError, match="the coefficients of the formula need a prior"):
        bm.ModelSpec("normal", formula="~ x", tau="HalfNormal(1)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formula": "~ x", "mu": "Normal(0, 1)"}, "a model with a formula has no mu"),
        ({"beta": "Normal(0, 1)"}, "give formula='~ ...' as well"),
        ({"formula": "~ x", "beta": "HalfNormal(1)"}, "for beta allows no negative value"),
        ({"formula": "~ x", "beta": {"x": "Nrmal(0, 1)"}}, r"prior for beta\[x\]: unknown prior 'Nrmal'"),
        ({"formula": "~ x", "beta": {}}, "beta is empty"),
    ],
)
def test_contradictions_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        bm.ModelSpec("binomial", **options)


def test_what_takes_no_formula_yet_says_so_in_one_line():
    studies = bm.Studies(("A", "B", "C"), events=[1, 2, 3], n=[9, 9, 9], moderators=pd.DataFrame({"x": [1, 2, 4]}))
    model = bm.ModelSpec("binomial", formula="~ x")
    fit = bm.fit(studies, model)
    for refused in (
        lambda: bm.forest_frame(fit),
        lambda: bm.compare(fit),
    ):
        with pytest.raises(SpecError, match=r"takes no model with a formula yet \(here '~ x'\)"):
            refused()
