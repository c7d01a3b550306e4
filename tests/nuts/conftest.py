"""Fits that the tests share: sampling takes seconds."""

from functools import cache

import pytest

import bayesmeta as bm

SEED = 1


@cache
def studies_of(name: str) -> bm.Studies:
    if name in ("CR", "CMR"):
        frame = bm.load_dataset("blinatumomab_outcomes")
        frame = frame[frame["outcome"] == name]
    else:
        frame = bm.load_dataset(name)
    return bm.Studies.from_frame(frame, study="study", events="events", n="n")


@cache
def default_fit(name: str, sampler: str):
    return bm.fit(studies_of(name), engine="nuts", seed=SEED, sampler=sampler, quiet=True)


@pytest.fixture(scope="session")
def named_studies():
    return studies_of


@pytest.fixture(scope="session")
def fit_of():
    return default_fit


@pytest.fixture(scope="session")
def pritz():
    return studies_of("pritz1997")


@pytest.fixture(scope="session")
def exact(pritz):
    return bm.fit(pritz)


@pytest.fixture(scope="session")
def sampled(fit_of):
    return fit_of("pritz1997", "pymc")
