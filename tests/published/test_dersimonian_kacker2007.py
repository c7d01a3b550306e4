"""DerSimonian and Kacker 2007, Contemporary Clinical Trials 28:105-114: aspirin in pregnancy, Tables 3 and 4 (CLASP).

The paper's names: PM Paule-Mandel, CA Cochran's ANOVA (Hedges), DL2 two-step DerSimonian-Laird.
"""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.frequentist.tau2_roots import log_likelihood

STUDIES = bm.Studies(
    study=tuple("ABCDEF"),
    events_treatment=np.array([5, 5, 12, 69, 9, 313]),
    n_treatment=np.array([156, 303, 565, 1570, 103, 4659]),
    events_control=np.array([8, 17, 9, 94, 11, 352]),
    n_control=np.array([74, 303, 477, 1565, 105, 4650]),
)
PRINTED = {  # tau, mu, se on pages 111-112
    "PM": (0.3681, -0.3811, 0.2060),
    "HE": (0.4410, -0.4035, 0.2327),
    "DL": (0.2323, -0.3240, 0.1540),
    "DL2": (0.3254, -0.3655, 0.1901),
    "EB": (0.3681, -0.3811, 0.2060),
    "REML": (0.1843, -0.2980, 0.1343),
    "HS": (0.1330, -0.2666, 0.1125),
    "SJ": (0.4572, -0.4079, 0.2386),
}


@pytest.mark.parametrize("method", PRINTED)
def test_tau_mu_and_standard_error_are_those_printed(method):
    fit = bm.fit(STUDIES, engine="frequentist", measure="OR", tau2_method=method)
    assert tuple(round(value, 4) for value in (fit.tau, fit.mu, fit.se_mu)) == PRINTED[method]


def test_the_printed_maximum_likelihood_estimate_stopped_short_of_zero():
    # printed: tau = 0.0023, mu = -0.1974, se = 0.0694; the likelihood falls from tau = 0 on
    fit = bm.fit(STUDIES, engine="frequentist", measure="OR", tau2_method="ML")
    at = np.array([0.0, 0.001, 0.0023]) ** 2
    y, variance = np.tile(fit.y, (3, 1)), np.tile(fit.se**2, (3, 1))
    assert (np.diff(log_likelihood(at, y, variance, np.ones((6, 1)), restricted=False)) < 0).all()
    assert fit.tau == 0.0
    assert (fit.mu, fit.se_mu) == pytest.approx((-0.1974, 0.0694), abs=1.01e-4)
