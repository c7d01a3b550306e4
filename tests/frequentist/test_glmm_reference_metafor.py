"""Mixed models against metafor's rma.glmm (5.1-12), value by value.

metafor integrates by adaptive Gauss-Hermite quadrature with 7 or 21 nodes and stops its optimiser at about 1e-5, so
that its values differ from the maximum by up to 4e-5; ours are held against dense integration in `test_glmm.py`.
nAGQ = 1 is Laplace's approximation, another estimator, and is left out here. Its log likelihood is that of a saturated
scale except for CM.EL of counts, where it is the sum of log probabilities, as ours.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from bayesmeta.data.read import read_studies
from bayesmeta.frequentist.glmm import fit_glmm
from bayesmeta.surface.quadrature import level

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
NAMES = ("bcg", "crins2014", "crisafulli2020", "debruin2009", "nielweise2008", "pritz1997")
CODES = {"binomial-normal": "BN"}
LAPLACE_ONLY = "UM.RS"  # compared in test_glmm_random.py
ITERATED = 1e-4  # the issue asks for 2e-3


def cases():
    for name in NAMES:
        entries = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["glmm"]
        for entry in entries:
            if entry.get("nAGQ") != 1 and entry["model"] != LAPLACE_ONLY:
                yield name, entry


CASES = list(cases())


def pairs(fit, entry):
    """Ours, metafor's, tolerance."""
    yield fit.mu, entry["beta"], ITERATED
    yield fit.se_mu, entry["se"], ITERATED
    yield fit.tau2, entry["tau2"], ITERATED
    yield fit.mu / fit.se_mu, entry["stat"], 2 * ITERATED * abs(entry["stat"])
    yield fit.lower, entry["ci_low"], 3 * ITERATED
    yield fit.upper, entry["ci_high"], 3 * ITERATED
    yield 100 * fit.i2_tau2, entry["I2"], 100 * ITERATED * entry["H2"]
    yield fit.h2, entry["H2"], 10 * ITERATED * entry["H2"]
    if entry["se_tau2"]:
        yield fit.se_tau2, entry["se_tau2"], ITERATED
        yield fit.log_likelihood, entry["ll"], 1e-8
    if "QE_Wld" in entry:  # metafor's from a glm with a tolerance of 1e-8
        yield fit.q_wald, entry["QE_Wld"], 1e-5
        yield fit.q, entry["QE_LRT"], 1e-6


def test_all_reference_values_are_compared():
    assert len(CASES) == 6 + 8
    assert sum(len(list(pairs(fit_of(name, entry), entry))) for name, entry in CASES) == 14 * 8 + 2 * 2 + 6 * 2


FITS = {}


def fit_of(name, entry):
    code = CODES.get(entry["model"], entry["model"])
    if (name, code) not in FITS:
        FITS[name, code] = fit_glmm(read_studies(FOLDER / f"{name}.csv"), glmm_model=code)
    return FITS[name, code]


@pytest.mark.parametrize(
    ("name", "entry"), CASES, ids=lambda value: value if isinstance(value, str) else value["model"]
)
def test_mixed_models_equal_metafor(name, entry):
    for ours, theirs, tolerance in pairs(fit_of(name, entry), entry):
        assert ours == pytest.approx(theirs, rel=0, abs=tolerance)


@pytest.mark.parametrize(
    ("name", "entry"), CASES, ids=lambda value: value if isinstance(value, str) else value["model"]
)
def test_where_they_differ_the_likelihood_at_metafors_estimates_is_lower(name, entry):
    fit = fit_of(name, entry)
    rule = fit.terms.marginal(level(2))
    theirs = rule(np.array([entry["beta"]]), np.array([entry["tau2"] ** 0.5])).sum()
    assert fit.log_likelihood - 1e-7 < theirs < fit.log_likelihood + 1e-9


def test_laplace_is_another_estimator_near_by():
    entry = json.loads((FOLDER / "pritz1997.json").read_text(encoding="utf-8"))["glmm"][0]
    fit = fit_of("pritz1997", entry)
    assert entry["nAGQ"] == 1
    assert 1e-3 < abs(fit.tau2 - entry["tau2"]) < 3e-2
