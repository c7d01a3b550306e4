"""What tests of the exact engine share: data by hand, and posteriors by brute force."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bayesmeta.data.studies import Studies
from bayesmeta.exact.fit import fit_exact
from bayesmeta.spec.model import ModelSpec


@pytest.fixture(scope="session")
def independent() -> ModuleType:
    """The module `independent.py` beside this file."""
    spec = importlib.util.spec_from_file_location("independent", Path(__file__).parent / "independent.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def labels(k):
    return tuple(f"study {i}" for i in range(k))


@pytest.fixture(scope="session")
def fit_counts():
    """Fit counts: ``fit_counts(events, n, mu, tau)``."""

    def fit(events, n, mu="Normal(0, 1.5)", tau="HalfNormal(1)"):
        studies = Studies(labels(len(n)), events=np.array(events, float), n=np.array(n, float))
        return fit_exact(studies, ModelSpec("binomial", mu=mu, tau=tau))

    return fit


@pytest.fixture(scope="session")
def fit_estimates():
    """Fit estimates: ``fit_estimates(y, se, mu, tau)``."""

    def fit(y, se, mu, tau):
        studies = Studies(labels(len(y)), y=np.array(y, float), se=np.array(se, float))
        return fit_exact(studies, ModelSpec("normal", mu=mu, tau=tau))

    return fit
