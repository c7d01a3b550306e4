"""How is it sampled? The settings of a run, checked before anything is compiled."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import final

import numpy as np

from bayesmeta._validate import check_counts, check_probability, unknown_name
from bayesmeta.errors import SpecError

SAMPLERS = ("pymc", "nutpie")
SAMPLER_TITLES = {"pymc": "PyMC's NUTS", "nutpie": "nutpie's NUTS"}
FEWEST_DRAWS = 4  # a chain is halved to compute R-hat, and a half needs two


@final
@dataclass(frozen=True)
class Settings:
    """Settings of a NUTS run.

    Attributes
    ----------
    draws, tune, chains : int
        Draws kept and tuning steps of each chain, and chains.
    seed : int
        Where the randomness comes from.
    sampler : {"pymc", "nutpie"}
        The program that samples.
    target_accept : float
        Acceptance rate that the step size is tuned to.
    note : str
        Why the sampler is another than the one asked for; otherwise empty.
    parametrisation : str
        The form in which the study effects were sampled, as `choose_parametrisation` has it.
    """

    draws: int
    tune: int
    chains: int
    seed: int
    sampler: str
    target_accept: float
    note: str = ""
    parametrisation: str = ""


def check_settings(
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int | np.random.Generator | None,
    sampler: str | None,
    target_accept: float,
) -> Settings:
    """Return the settings, complete: a seed is drawn where none was given, and the sampler decided.

    Raises
    ------
    SpecError
        If a setting is not allowed.
    """
    check_counts(draws=draws, tune=tune, chains=chains)
    if draws < FEWEST_DRAWS:
        raise SpecError(f"draws={draws} are too few to judge convergence; take at least {FEWEST_DRAWS}, usually 1000.")
    accept = check_probability("target_accept", target_accept)
    used, note = _choose_sampler(sampler)
    return Settings(int(draws), int(tune), int(chains), _seed(seed), used, accept, note)


def _choose_sampler(sampler: str | None) -> tuple[str, str]:
    if sampler is not None and sampler not in SAMPLERS:
        raise SpecError(unknown_name("sampler", sampler, SAMPLERS))
    if sampler == "pymc" or (sampler is None and not _has_nutpie()):
        return "pymc", ""
    if not _has_nutpie():
        return "pymc", (
            "sampled by PyMC's NUTS, because nutpie is not installed (pip install 'bayesmeta[nutpie]' installs it)"
        )
    return "nutpie", ""


def _has_nutpie() -> bool:
    return find_spec("nutpie") is not None


def _seed(seed: int | np.random.Generator | None) -> int:
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**31))
    if seed is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise SpecError(f"seed={seed!r} must be a whole number, 0 or more, or a numpy Generator.")
    return int(seed)
