"""The fail-safe N, as arrays."""

import numpy as np
from scipy.stats import norm

from bayesmeta.frequentist.fail_safe import orwin, rosenberg, rosenthal


def test_the_numbers_equal_metafor_fsn(case):
    assert rosenthal(case.y, case.se, 0.05) == case.metafor["fsn_Rosenthal"]
    assert rosenberg(case.y, case.se, 0.05) == case.metafor["fsn_Rosenberg"]
    assert orwin(case.y, np.ones_like(case.y), case.y.mean() / 2.0) == case.metafor["fsn_Orwin"]


def test_the_number_is_the_least_that_is_enough():
    y, se = np.array([0.9, 0.7, 0.4, 0.35]), np.array([0.4, 0.3, 0.15, 0.1])
    n = rosenthal(y, se, 0.05)
    combined = [norm.sf((y / se).sum() / np.sqrt(4 + added)) for added in (n - 1, n)]
    assert combined[0] < 0.05 <= combined[1]
    n = rosenberg(y, se, 0.05)
    w = se**-2.0
    z = [(w * y).sum() / np.sqrt(w.sum() * (1.0 + added / 4)) for added in (n - 1, n)]
    assert 2 * norm.sf(z[0]) < 0.05 <= 2 * norm.sf(z[1])
    n = orwin(y, w, 0.1)
    assert (w * y).sum() / (w.sum() * (1 + n / 4)) <= 0.1 < (w * y).sum() / (w.sum() * (1 + (n - 1) / 4))


def test_a_result_that_is_not_significant_needs_no_studies():
    y, se = np.array([0.1, -0.1, 0.05]), np.array([0.4, 0.3, 0.5])
    assert rosenthal(y, se, 0.05) == rosenberg(y, se, 0.05) == 0
    assert orwin(y, np.ones(3), 0.5) == 0


def test_rounding_adds_no_study():
    assert orwin(np.array([0.3, 0.3, 0.3]), np.ones(3), 0.1) == 6


def test_targets_and_effects_of_any_sign_are_taken_by_size():
    y = np.array([-0.5, -0.7, -0.2])
    assert orwin(y, np.ones(3), 0.1) == orwin(-y, np.ones(3), 0.1) == orwin(y, np.ones(3), -0.1)
