import numpy as np
import pytest

from bayesmeta.errors import SpecError
from bayesmeta.nuts import settings
from bayesmeta.nuts.settings import check_settings

DEFAULTS = {"draws": 1000, "tune": 1000, "chains": 4, "seed": 1, "sampler": None, "target_accept": 0.95}


@pytest.fixture
def without_nutpie(monkeypatch):
    monkeypatch.setattr(settings, "find_spec", lambda name: None)


def test_nutpie_is_the_default_where_it_is_installed_as_in_pymc():
    chosen = check_settings(**DEFAULTS)
    assert (chosen.sampler, chosen.note) == ("nutpie", "")


@pytest.mark.usefixtures("without_nutpie")
def test_pymc_is_the_default_where_nutpie_is_absent():
    chosen = check_settings(**DEFAULTS)
    assert (chosen.sampler, chosen.note) == ("pymc", "")


@pytest.mark.usefixtures("without_nutpie")
def test_pymc_samples_and_says_so_when_nutpie_is_asked_for_and_absent():
    chosen = check_settings(**DEFAULTS | {"sampler": "nutpie"})
    assert chosen.sampler == "pymc"
    assert "because nutpie is not installed" in chosen.note


def test_a_seed_is_drawn_and_recorded_where_none_is_given():
    seeds = {check_settings(**DEFAULTS | {"seed": None}).seed for _ in range(5)}
    assert len(seeds) == 5


def test_a_generator_gives_the_seed_and_moves_on():
    rng = np.random.default_rng(3)
    first, second = (check_settings(**DEFAULTS | {"seed": rng}).seed for _ in range(2))
    again = check_settings(**DEFAULTS | {"seed": np.random.default_rng(3)}).seed
    assert first == again != second


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"draws": 0}, "draws=0 must be a positive whole number"),
        ({"draws": 3}, "draws=3 are too few to judge convergence; take at least 4"),
        ({"tune": 10.5}, "tune=10.5 must be a positive whole number"),
        ({"chains": True}, "chains=True must be a positive whole number"),
        ({"seed": -1}, "seed=-1 must be a whole number, 0 or more"),
        ({"seed": "a"}, "seed='a' must be a whole number"),
        ({"sampler": "nutpy"}, "unknown sampler 'nutpy'. Did you mean 'nutpie'?"),
        ({"target_accept": 95}, "target_accept=95 must lie strictly between 0 and 1. Did you mean 0.95?"),
    ],
)
def test_a_setting_that_is_not_allowed_is_named(change, message):
    with pytest.raises(SpecError) as error:
        check_settings(**DEFAULTS | change)
    assert message in str(error.value)
