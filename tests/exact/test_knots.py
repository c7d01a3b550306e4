import numpy as np
import pytest
from scipy import special, stats

from bayesmeta.errors import AccuracyError
from bayesmeta.exact.knots import Knots, place
from bayesmeta.exact.summary import FLOOR

MEAN, SD = np.array([0.0, 3.0, 3.5]), np.array([1.0, 0.05, 0.4])


def test_quantiles_between_knots_are_exact_within_the_stated_error():
    knots = place(MEAN, SD, reach=5.0)
    cdf = special.ndtr((knots.at - MEAN[:, None]) / SD[:, None])
    probability = np.array([0.5, 0.025, 0.975, 0.001])
    v, density, error, found = knots.solve(cdf, probability)
    exact = MEAN[:, None] + SD[:, None] * special.ndtri(probability)
    assert found.all()
    assert (np.abs(v - exact) <= error / density + 1e-14).all()
    assert (np.abs(v - exact) / SD[:, None]).max() < 1e-8
    np.testing.assert_allclose(density, stats.norm.pdf(exact, MEAN[:, None], SD[:, None]), rtol=1e-6)
    np.testing.assert_allclose(knots.values(cdf, v), np.tile(probability, (3, 1)), atol=1e-9)


def test_a_quantile_beyond_the_knots_is_reported_as_not_found():
    knots = Knots(np.linspace(-1.0, 1.0, 40))
    *_, found = knots.solve(special.ndtr(knots.at)[None], np.array([0.5, 0.025]))
    assert found.tolist() == [[True, False]]


def test_weights_integrate_densities_over_unequal_knots():
    knots = place(MEAN, SD, reach=9.0)  # good to 1e-7 where the steps grow
    pdf = stats.norm.pdf(knots.at, MEAN[:, None], SD[:, None])
    fine, coarse = knots.integration
    np.testing.assert_allclose(pdf @ fine, 1.0, atol=1e-7)
    np.testing.assert_allclose(pdf @ coarse, 1.0, atol=1e-6)
    lower, upper = knots.at[[0, -1]]
    powers = knots.at ** np.arange(11)[:, None]
    exact = (upper ** np.arange(1, 12) - lower ** np.arange(1, 12)) / np.arange(1, 12)
    np.testing.assert_allclose(powers @ fine, exact, rtol=1e-9)


def test_distributions_too_unlike_for_one_table_are_refused():
    with pytest.raises(AccuracyError, match="differ too much"):
        place(np.linspace(0.0, 100.0, 400), np.full(400, 1e-2), reach=5.0)


@pytest.mark.parametrize("kink", np.linspace(0.0, 0.4, 9))
def test_next_to_a_kink_no_quantile_is_taken_for_better_than_it_is(kink):
    def cdf(v):  # its density falls to a half at the kink
        return np.where(v < kink, special.ndtr(v), 0.5 * (special.ndtr(v) + special.ndtr(kink)))

    one, two = Knots(np.arange(-6.0, 6.0, 0.2)), Knots(np.arange(-6.1, 6.3, 0.2 / 0.9))
    at = kink + np.linspace(-4.0, 4.0, 161)
    v, density, error, _ = one.solve(cdf(one.at)[None], cdf(at))
    off = (error + np.abs(two.values(cdf(two.at)[None], v) - cdf(at))) / density
    accepted = off[0] <= 1e-6
    assert 0.1 < accepted.mean() < 0.9
    assert not accepted[np.abs(at - kink) < 0.4].any()
    assert (np.abs(v[0] - at)[accepted] <= off[0][accepted] + FLOOR).all()
