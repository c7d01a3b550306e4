"""Fits that the tests of analyses vary."""

import numpy as np
import pytest

from bayesmeta.api import fit
from bayesmeta.data.studies import Studies
from bayesmeta.spec.model import ModelSpec


@pytest.fixture(scope="session")
def counts_fit():
    """Fit counts: ``counts_fit(mu=..., tau=...)``."""

    def make(events=(9, 14, 3, 22, 17), n=(20, 31, 11, 40, 21), *, sensitivity=None, **priors):
        studies = Studies(tuple(f"s{i}" for i in range(len(n))), events=np.array(events, float), n=np.array(n, float))
        return fit(studies, ModelSpec("binomial", sensitivity=sensitivity, **priors))

    return make


@pytest.fixture(scope="session")
def estimates_fit():
    """Fit estimates: ``estimates_fit(mu=..., tau=...)``."""

    def make(y=(2.8, 0.8, -0.3, 0.7, -0.1), se=(1.5, 1.0, 1.6, 1.1, 0.9), *, mu, tau, **options):
        studies = Studies(tuple(f"s{i}" for i in range(len(y))), y=np.array(y), se=np.array(se))
        return fit(studies, ModelSpec("normal", mu=mu, tau=tau, **options))

    return make
