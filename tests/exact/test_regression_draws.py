"""Draws of coefficients and tau follow the exact posterior, each by itself and together."""

import numpy as np
import pandas as pd
import pytest

from bayesmeta.api import fit
from bayesmeta.data.studies import Studies
from bayesmeta.errors import AccuracyError
from bayesmeta.exact import coefficient_draws
from bayesmeta.spec.model import ModelSpec

SIZE = 4000
MCSE = 4.5  # standard errors
Q = np.array([0.025, 0.25, 0.5, 0.75, 0.975])
FRAME = pd.DataFrame(
    {
        "study": list("ABCDEFGH"),
        "events": [3, 9, 12, 4, 0, 7, 21, 5],
        "n": [10, 14, 31, 6, 7, 11, 40, 5],
        "year": [2001, 2004, 2005, 2009, 2010, 2012, 2015, 2019],
        "arm": list("abababba"),
    }
)
STUDIES = Studies.from_frame(FRAME, moderators=["year", "arm"])
MODELS = {
    "two coefficients": ModelSpec("binomial", formula="~ year", beta="Normal(0, 1.5)"),
    "groups": ModelSpec("binomial", formula="~ 0 + arm", beta="Normal(0, 1.5)"),
    "bounded": ModelSpec("binomial", formula="~ 0 + arm", beta="Uniform(-0.5, 0.3)"),
    "heavy tails": ModelSpec("binomial", formula="~ 0 + arm", beta="Cauchy(0, 1)", tau="HalfCauchy(0.5)"),
    "one effect": ModelSpec("binomial", formula="~ arm", beta="StudentT(3, 0, 1)", effects="none"),
    "normal": ModelSpec("normal", formula="~ arm + year", beta="Normal(0, 2)", tau="HalfNormal(1)"),
    "flat": ModelSpec("normal", formula="~ arm + year", beta="Flat()", tau="HalfNormal(1)"),
}


@pytest.fixture(scope="module", params=MODELS.values(), ids=MODELS.keys())
def both(request):
    made = fit(STUDIES, request.param)
    return made, made.to_datatree(draws=SIZE // 4, seed=7)


def drawn_of(tree, name):
    kind, _, label = name.removesuffix("]").partition("[")
    values = tree["posterior"][kind]
    if label:
        values = values.sel({"coef" if kind == "beta" else "level": label})
    return np.asarray(values).ravel()


def check(drawn, marginal):
    assert drawn.size == SIZE
    if np.isfinite(marginal.sd()):
        assert abs(drawn.mean() - marginal.mean()) < MCSE * marginal.sd() / np.sqrt(SIZE)
    for q, x in zip(Q, marginal.ppf(Q), strict=True):
        assert abs((drawn <= x).mean() - q) < MCSE * np.sqrt(q * (1.0 - q) / SIZE)


def test_draws_follow_every_row_of_the_summary(both):
    made, tree = both
    for name in made.parameters:
        check(drawn_of(tree, name), made.marginal(name))


def test_linear_combinations_of_drawn_coefficients_follow_the_exact_ones(both):
    made, tree = both
    beta = np.asarray(tree["posterior"]["beta"]).reshape(SIZE, -1)
    if made.groups:
        row = made.design.matrix[0]
    else:
        row = made.design.row({name: FRAME[name].iloc[0] for name in made.design.variables})
    check(beta @ row, made.at(row)[0].marginal("mu"))


def test_dimensions_and_groups(both):
    made, tree = both
    posterior, dim = tree["posterior"], "level" if made.groups else "study"
    assert posterior["beta"].dims == ("chain", "draw", "coef")
    assert posterior["coef"].values.tolist() == list(made.design.coef)
    assert posterior["theta"].dims == ("chain", "draw", "study")
    assert posterior["theta_new"].dims == ("chain", "draw", dim)
    assert ("tau" in posterior) == made.model.has_tau
    assert tree["constant_data"]["design"].dims == ("study", "coef")
    assert ("prior" in tree.children) == (made.log_evidence is not None)
    assert tree["log_prior"]["beta"].dims == ("chain", "draw", "coef")


def test_estimates_made_from_counts_are_what_was_observed():
    tree = fit(STUDIES, MODELS["normal"], measure="PLO").to_datatree(draws=10, seed=1)
    assert [*tree["observed_data"].data_vars] == ["y"]
    assert [*tree["log_likelihood"].data_vars] == ["y"]
    assert {*tree["constant_data"].data_vars} == {"se", "events", "n", "design"}


def test_effects_of_groups_follow_their_exact_posteriors():
    made = fit(STUDIES, MODELS["groups"])
    tree, table = made.to_datatree(draws=SIZE // 4, seed=3), made.theta_table()
    drawn = np.asarray(tree["posterior"]["theta"]).reshape(SIZE, -1)
    assert (np.abs(drawn.mean(axis=0) - table["mean"]) < MCSE * table["sd"] / np.sqrt(SIZE)).all()
    assert drawn.std(axis=0) == pytest.approx(table["sd"], rel=0.06)


def test_one_seed_gives_one_set_of_draws():
    made = fit(STUDIES, MODELS["groups"])
    one, same, other = (np.asarray(made.to_datatree(draws=20, seed=seed)["posterior"]["beta"]) for seed in (5, 5, 6))
    assert (one == same).all()
    assert (one != other).any()


def test_an_envelope_that_is_too_low_gives_no_draws(monkeypatch):
    made = fit(STUDIES, MODELS["groups"])
    monkeypatch.setattr(coefficient_draws, "ENVELOPES", (0.5,))
    with pytest.raises(AccuracyError, match="could not be drawn"):
        made.to_datatree(draws=20, seed=1)
