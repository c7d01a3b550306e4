"""Is a model that was compiled before the same as one that is compiled now?"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest

import bayesmeta as bm
from bayesmeta.nuts import compiled
from bayesmeta.nuts.build import build_model, coords_of
from bayesmeta.nuts.compiled import Ready, forget
from bayesmeta.nuts.numbers import numbers_of
from bayesmeta.nuts.settings import Settings
from bayesmeta.nuts.structure import structure_by, structure_of
from bayesmeta.spec.observed import seen_by

SHORT = {"engine": "nuts", "tune": 60, "draws": 30, "chains": 2, "seed": 7, "quiet": True}


@pytest.fixture
def compilations(monkeypatch):
    """Record what is compiled for either sampler, and whether sums may be reordered then."""
    import nutpie

    seen, core = [], pm.model.core.BaseModel
    for owner, name in ((nutpie, "compile_pymc_model"), (core, "_logp_dlogp_function")):
        original = getattr(owner, name)

        def recording(*args, original=original, **options):
            seen.append(pytensor.config.numba__fastmath)
            return original(*args, **options)

        monkeypatch.setattr(owner, name, recording)
    keeping = pm.util.locally_cachedmethod(core._logp_dlogp_function, ignore=("initial_point",))
    monkeypatch.setattr(pm.FrozenModel, "_cached_logp_dlogp_function", keeping)
    return seen


def counts(k, seed, scale=20):
    rng = np.random.default_rng(seed)
    n = rng.integers(scale, 3 * scale, k).astype(float)
    return bm.Studies(tuple(f"{seed}-{i}" for i in range(k)), events=np.floor(n * rng.uniform(0.1, 0.9, k)), n=n)


def draws_elsewhere(studies, model) -> str:
    """Return the draws of a model that is compiled for nutpie in another process.

    There the compiled functions come from files; with Numba's fastmath the last digits would differ.
    """
    code = (
        "import bayesmeta as bm, numpy as np\n"
        f"studies = bm.Studies({studies.study!r}, events=np.array({studies.events.tolist()}),"
        f" n=np.array({studies.n.tolist()}))\n"
        f"model = bm.ModelSpec(mu={str(model.mu)!r}, tau={str(model.tau)!r})\n"
        f"fit = bm.fit(studies, model, sampler='nutpie', **{SHORT!r})\n"
        "print(fit.draws_of('theta').tobytes().hex())"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return run.stdout.strip()


def same_draws(one, other):
    assert {*one.tree["posterior"].data_vars} == {*other.tree["posterior"].data_vars}
    for name, values in one.tree["posterior"].data_vars.items():
        np.testing.assert_array_equal(values, other.tree["posterior"][name])
    np.testing.assert_array_equal(one.tree["sample_stats"]["diverging"], other.tree["sample_stats"]["diverging"])


@pytest.mark.parametrize("sampler", ["pymc", "nutpie"])
def test_refits_compile_nothing_and_draw_what_a_model_compiled_anew_draws(sampler, compilations):
    """New priors, then new data with 50 000 times as many patients; then the first again."""
    forget()
    first, other, before = counts(4, 1), counts(4, 2, scale=1_000_000), pytensor.config.numba__fastmath
    model, sceptical = bm.ModelSpec(), bm.ModelSpec(mu="Normal(-3, 0.4)", tau="HalfNormal(0.2)")
    analyses = [(first, model), (first, sceptical), (other, sceptical), (first, model)]
    refits = [bm.fit(studies, chosen, sampler=sampler, **SHORT) for studies, chosen in analyses]
    assert compilations == [False]
    assert pytensor.config.numba__fastmath is before
    same_draws(refits[0], refits[3])
    if sampler == "nutpie":
        assert draws_elsewhere(other, sceptical) == refits[2].draws_of("theta").tobytes().hex()
    else:
        forget()
        same_draws(bm.fit(other, sceptical, sampler=sampler, **SHORT), refits[2])
    tree = refits[2].tree
    for group in ("posterior", "observed_data", "constant_data"):
        assert tree[group]["study"].values.tolist() == list(other.study)
    assert tree["constant_data"]["n"].values.tolist() == other.n.tolist()
    assert tree["constant_data"]["prior_mu_mu"] == -3.0
    assert tree["observed_data"]["events"].values.tolist() == other.events.tolist()


def test_fits_in_threads_do_not_change_each_other():
    several = [counts(4, seed) for seed in (1, 2)]
    alone = [bm.fit(studies, sampler="nutpie", **SHORT) for studies in several]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda studies: bm.fit(studies, sampler="nutpie", **SHORT), several))
    for one, other in zip(alone, together, strict=True):
        same_draws(one, other)


TWO_ARMS = "binomial-conditional", "binomial-two-arm", "poisson-conditional"
ESTIMATES = {"likelihood": "normal", "mu": "Normal(0, 2)"}
RATES = {"likelihood": "poisson", "mu": "Normal(-1, 1)"}
OF_DRUG = {"Intercept": "Normal(0, 1)", "drug[T.b]": "StudentT(4, 0, 1)"}
MODERATORS = pd.DataFrame({"drug": list("abab"), "year": [2001.0, 2004.0, 2010.0, 2011.0]})
FORMS = [
    ({"tau": "Uniform(0, 3)"}, {"tau": "Uniform(0, 0.7)"}),
    ({"mu": "Beta(1, 1)"}, {"mu": "Beta(3, 9)"}),
    ({"link": "cloglog", "mu": "Cauchy(0, 1)", "tau": "LogNormal(0, 1)"}, {"mu": "Cauchy(2, 3)"}),
    ({"effects": "beta"}, {"tau": "HalfNormal(0.3)"}),
    ({"effects": "student-t", "nu": 3.0}, {"mu": "Normal(1, 1)"}),
    ({"effects": "none"}, {"mu": "Normal(1, 1)"}),
    *(({"likelihood": name}, {"mu": "Normal(1, 1)"}) for name in TWO_ARMS),
    ({**RATES, "tau": "Lomax(2, 1)"}, {"tau": "Lomax(4, 3)"}),
    ({**ESTIMATES, "tau": "DuMouchel"}, {"mu": "Normal(0, 5)"}),
    ({**ESTIMATES, "tau": "Jeffreys"}, {}),
    ({"formula": "~ year"}, {"beta": "Normal(0.2, 0.1)"}),
    ({"formula": "~ drug", "beta": OF_DRUG}, {"beta": {**OF_DRUG, "drug[T.b]": "StudentT(7, 1, 2)"}}),
]


def others(studies):
    """Return other studies of the same kind."""
    data = {name: values[::-1] + 1.0 for name, values in studies.data.items()}
    labels = tuple(f"other {label}" for label in studies.study)
    return bm.Studies(labels, **data, moderators=MODERATORS.iloc[[0, 1, 3, 2]].reset_index(drop=True))


def values_of(model, at):
    """Return starting point and log density of a model, by functions that it keeps if it is frozen."""
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        start = model.initial_point(3)
        point = {name: value + at for name, value in start.items()}
        return [*start.values(), model.compile_logp()(point)]


@pytest.mark.parametrize(("one", "change"), FORMS)
def test_a_model_that_is_filled_is_the_model_that_is_built(one, change, studies_for):
    was, now = bm.ModelSpec(**one), bm.ModelSpec(**{**one, **change})
    plain = studies_for(now)
    studies = bm.Studies(plain.study, **plain.data, moderators=MODERATORS)
    before, after = (arguments(model, data) for model, data in ((was, others(studies)), (now, studies)))
    assert form_of(*before) == form_of(*after)
    ready = Ready(compiled._frozen(build_model(*before)), coords_of(before[2], before[3]))
    old = values_of(ready.model, 0.1)
    ready.fill(numbers_of(now, after[1], after[3]), coords_of(after[2], after[3]))
    filled, built = values_of(ready.model, 0.1), values_of(build_model(*after), 0.1)
    assert filled[-1] != old[-1]
    for each, expected in zip(filled, built, strict=True):
        np.testing.assert_array_equal(each, expected)


def arguments(model, studies, structure=None):
    return model, seen_by(model, studies), studies.study, structure or structure_of(model, studies)


def form_of(model, data, _, structure):
    return compiled._form(model, data, structure, numbers_of(model, data, structure))


def test_what_numbers_cannot_change_is_another_form():
    """Each has functions of its own; the same but for numbers and words has not."""
    base = counts(4, 1)
    studies = bm.Studies(base.study, **base.data, moderators=MODERATORS)
    models = [
        {}, {"link": "probit", "mu": "Normal(0, 1)", "tau": "HalfNormal(1)"}, {"effects": "beta"}, {"effects": "none"},
        {"effects": "student-t"}, {"effects": "student-t", "nu": 5.0}, {"mu": "StudentT(4, 0, 1)"}, {"mu": "Flat()"},
        {"mu": "Beta(1, 1)"}, {"tau": "HalfCauchy(1)"}, {"tau": "Gamma(alpha=2, beta=1)"},
        {"tau": "Gamma(mu=2, sigma=1)"}, {"formula": "~ year"}, {"formula": "~ drug", "beta": OF_DRUG},
    ]  # fmt: skip
    forms = [form_of(*arguments(bm.ModelSpec(**model), studies)) for model in models]
    forms.append(form_of(*arguments(bm.ModelSpec(), counts(5, 1))))
    kinds = {"common": {}, "hierarchical": {}} | {omega: {"omega": omega} for omega in (0.3, "HalfCauchy(1)")}
    for kind, options in kinds.items():
        tau = "common" if kind == "common" else "hierarchical"
        omega = options.get("omega", "HalfNormal(0.5)")
        structure = structure_by(studies, bm.ModelSpec(), "drug", tau=tau, omega=omega)
        forms.append(form_of(*arguments(bm.ModelSpec(), studies, structure)))
    assert len(set(forms)) == len(forms) == 19
    same = bm.ModelSpec(name="another", title="Title", tau="HalfNormal(3)", sensitivity={"tau": ["HalfNormal(2)"]})
    assert form_of(*arguments(same, counts(4, 9))) == forms[0]


def test_few_models_are_kept_and_the_oldest_goes_first():
    kept = compiled._Kept(2)
    for key in "abc":
        kept.keep(key, Ready(key, {}))
    assert kept.take("a") is None
    assert kept.take("b").model == "b"
    assert kept.take("b") is None
    assert len(kept) == 1


@pytest.mark.usefixtures("compiled_anew")
def test_models_of_very_many_studies_and_those_whose_use_failed_are_not_kept(monkeypatch):
    model, data, labels, structure = arguments(bm.ModelSpec(), counts(4, 1))
    settings = Settings(100, 100, 1, 1, "pymc", 0.95, parametrisation="non-centred")
    with pytest.raises(KeyboardInterrupt), compiled.ready_model(model, data, labels, structure, settings):
        raise KeyboardInterrupt
    assert len(compiled._KEPT) == 0
    with compiled.ready_model(model, data, labels, structure, settings):
        assert len(compiled._KEPT) == 0
    assert len(compiled._KEPT) == 1
    forget()
    monkeypatch.setattr(compiled, "LARGEST", 8)
    with compiled.ready_model(model, data, labels, structure, settings):
        pass
    assert len(compiled._KEPT) == 0


def test_counts_that_pymc_would_wrap_are_refused():
    huge = bm.Studies(("A", "B"), events=np.array([3.0, 5.0]), n=np.array([9.0, 3e9]))
    with pytest.raises(bm.DataError, match="PyMC takes counts up to 2147483647, and 3000000000 is more"):
        bm.pymc_model(huge)
