from math import isnan, sqrt
from types import SimpleNamespace

import numpy as np
import pytest

from bayesmeta.errors import SpecError
from bayesmeta.frequentist.intervals import (
    ci_record,
    confidence_interval,
    normal_quantile,
    pi_record,
    prediction_interval,
    student_quantile,
)


def test_quantiles_equal_those_of_r():
    assert normal_quantile(0.95) == pytest.approx(1.959963984540054, rel=1e-14)  # qnorm(0.975)
    assert student_quantile(0.95, 12) == pytest.approx(2.1788128296672284, rel=1e-12)  # qt(0.975, 12)
    assert student_quantile(0.95, 1) == pytest.approx(12.706204736174707, rel=1e-12)  # qt(0.975, 1)
    assert student_quantile(0.5, 2) == pytest.approx(0.816496580927726, rel=1e-12)  # qt(0.75, 2)


def mean_of(k: int, mu: float = 1.0, se_mu: float = 0.5) -> SimpleNamespace:
    """Return a mean as a fit has it; of the effects only their number matters here."""
    return SimpleNamespace(y=np.zeros(k), se=np.ones(k), tau2=0.0, mu=mu, se_mu=se_mu)


def test_wald_interval_is_symmetric_and_as_wide_as_its_quantile_says():
    lower, upper = confidence_interval(mean_of(4), ci_method="wald", ci_prob=0.95)
    assert (lower + upper) / 2 == pytest.approx(1.0, rel=1e-15)
    assert upper - lower == pytest.approx(1.959963984540054, rel=1e-14)


def predict(k: int, pi_method: str, tau2: float = 0.3) -> tuple[float, float]:
    return prediction_interval(1.0, 0.5, tau2=tau2, k=k, ci_method="wald", pi_method=pi_method, ci_prob=0.95)


def test_hts_interval_uses_student_t_with_k_less_two_degrees_of_freedom():
    assert predict(14, "hts")[1] == pytest.approx(1 + 2.1788128296672284 * sqrt(0.55), rel=1e-12)


@pytest.mark.parametrize("k", [1, 2])
def test_hts_interval_does_not_exist_below_three_studies(k):
    assert all(isnan(limit) for limit in predict(k, "hts"))
    assert f"= {k - 2} degrees" in pi_record("hts").reason.format(df=k - 2)


def test_metafor_interval_uses_the_quantile_of_the_confidence_interval():
    assert predict(2, "metafor")[0] == pytest.approx(1 - 1.959963984540054 * sqrt(0.55), rel=1e-14)


def test_metafor_interval_without_heterogeneity_is_the_confidence_interval():
    expected = confidence_interval(mean_of(5), ci_method="wald", ci_prob=0.95)
    assert predict(5, "metafor", tau2=0.0) == pytest.approx(expected, rel=1e-15)


def test_a_misspelt_method_gets_the_nearest_name():
    with pytest.raises(SpecError, match=r"unknown ci_method 'wlad'. Did you mean 'wald'\?"):
        ci_record("wlad")
    with pytest.raises(SpecError, match=r"unknown pi_method 'metafro'. Did you mean 'metafor'\?"):
        pi_record("metafro")
