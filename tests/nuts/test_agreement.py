"""NUTS at the package's own defaults, 4 chains of 1000 draws, against the exact posterior."""

import pytest

import bayesmeta as bm
from bayesmeta.nuts.fit import NutsFit


@pytest.mark.parametrize("name", ["pritz1997", "debruin2009", "CR", "CMR"])
def test_every_number_is_within_4_mcse_of_exact_and_nothing_diverges(fit_of, name):
    """By PyMC's sampler; by nutpie in `test_nutpie.py`, which needs ten seconds to compile for each k."""
    fit = fit_of(name, "pymc")
    assert (fit.sampler, fit.chains, fit.draws, fit.n_divergent) == ("pymc", 4, 1000, 0)
    table = fit.verification.table
    assert len(table) == 25
    assert table["difference"].abs().max() <= 4.0, fit.verification
    assert fit.verification.agrees


def test_the_same_seed_gives_the_same_draws(pritz):
    options = {"engine": "nuts", "draws": 50, "tune": 100, "chains": 2, "sampler": "pymc", "quiet": True}
    first, second, other = (bm.fit(pritz, seed=seed, **options) for seed in (5, 5, 6))
    assert isinstance(first, NutsFit)
    assert first.summary().equals(second.summary())
    assert not first.summary().equals(other.summary())


def test_normal_likelihood_agrees_too():
    frame = bm.load_dataset("pritz1997")
    studies = bm.Studies.from_frame(frame, events="events", n="n")
    model = bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfCauchy(0.5)")
    fit = bm.fit(studies, model, engine="nuts", measure="PLO", seed=2, sampler="pymc", quiet=True, draws=500, chains=2)
    assert (fit.measure, fit.link) == ("PLO", "logit")
    assert fit.verification.agrees, fit.verification
