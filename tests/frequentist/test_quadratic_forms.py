import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import chdtr

from bayesmeta.frequentist.quadratic_forms import weighted_chi2_cdf

PLACES = (-6.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0)


@pytest.mark.parametrize(
    ("m", "z"), [*((m, z) for m in (1, 2, 3, 13, 100, 1000) for z in PLACES), (20_000, -3.0), (20_000, 3.0)]
)
def test_equal_weights_give_chi_squared(m, z):
    q = max(m + z * np.sqrt(2 * m), 1e-3 * m)
    assert weighted_chi2_cdf(2.5 * q, np.full(m, 2.5)) == pytest.approx(chdtr(m, q), abs=1e-11 if m < 500 else 1e-8)


@pytest.mark.parametrize(
    ("a", "q", "tails"),
    [
        ((0.6, 0.3, 0.1), (0.1, 0.7, 2.0), (0.9458, 0.5064, 0.1240)),
        ((0.6, 0.6, 0.3, 0.3, 0.1, 0.1), (0.2, 2.0, 6.0), (0.9936, 0.3998, 0.0161)),
        ((0.6,) * 6 + (0.3,) * 4 + (0.1,) * 2, (1.0, 5.0, 12.0), (0.9973, 0.4353, 0.0088)),
    ],
)
def test_tail_probabilities_are_those_of_imhofs_table_1(a, q, tails):
    """Biometrika 48 (1961): exact values for Q1, Q2 and Q3, four decimals."""
    for value, tail in zip(q, tails, strict=True):
        assert 1 - weighted_chi2_cdf(value, np.array(a)) == pytest.approx(tail, abs=6e-5)


@pytest.mark.parametrize("small", [1.0, 0.2, 1e-3, 1e-6])
@pytest.mark.parametrize("q", [0.01, 0.5, 2.0, 9.0])
def test_two_weights_give_the_integral_over_the_smaller(small, q):
    def integrand(z):
        return np.sqrt(2 / np.pi) * np.exp(-z * z / 2) * chdtr(1, q - small * z * z)

    exact, _ = quad(integrand, 0, min(40.0, np.sqrt(q / small)), points=(1, 4, 8), epsabs=1e-14, limit=500)
    assert weighted_chi2_cdf(q, np.array([1.0, small])) == pytest.approx(exact, abs=1e-12)


def test_weights_of_very_unequal_size_agree_with_simulation():
    rng = np.random.default_rng(11)
    for _ in range(6):
        a = np.exp(rng.normal(0, 3, 20))
        q = a.sum() * np.exp(rng.normal())
        drawn = ((rng.normal(size=(100_000, 20)) ** 2) @ a <= q).mean()
        assert weighted_chi2_cdf(q, a) == pytest.approx(drawn, abs=5 * np.sqrt(0.25 / 100_000))


def test_the_unit_of_the_sum_does_not_matter_and_no_sum_is_negative():
    a = np.array([3.0, 1.0, 0.1])
    assert weighted_chi2_cdf(4e-40, 1e-40 * a) == pytest.approx(weighted_chi2_cdf(4.0, a), rel=1e-12)
    assert weighted_chi2_cdf(0.0, a) == weighted_chi2_cdf(-1.0, a) == 0.0
    assert weighted_chi2_cdf(1e9, a) == 1.0
