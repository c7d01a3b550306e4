import numpy as np
import pytest
from scipy import special

from bayesmeta.errors import SpecError
from bayesmeta.result.marginal import Marginal


def standard_normal(x):
    return special.ndtr(x), np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)


KNOTS = np.linspace(-6, 6, 25)
NORMAL = Marginal("mu", standard_normal, (KNOTS, special.ndtr(KNOTS)), (0.0, 1.0))


def test_quantiles_invert_the_distribution_function():
    q = np.array([[1e-9, 0.3], [0.5, 0.999]])
    np.testing.assert_allclose(NORMAL.cdf(NORMAL.ppf(q)), q, rtol=1e-10)


@pytest.mark.parametrize("verb", ["cdf", "pdf", "ppf"])
@pytest.mark.parametrize("given", ["a", [0.1, "b"], [[0.1], [0.2, 0.3]], object(), 1j])
def test_what_is_no_number_is_refused_in_one_line(verb, given):
    with pytest.raises(SpecError, match=r"of mu must be a number or an array of numbers; got ") as caught:
        getattr(NORMAL, verb)(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("q", "shown"), [(1.5, "1.5"), ([0.5, -0.1, 7], "-0.1"), (float("nan"), "nan")])
def test_the_first_wrong_probability_is_named(q, shown):
    with pytest.raises(SpecError, match=f"quantiles of mu need probabilities between 0 and 1; got {shown}\\.$"):
        NORMAL.ppf(q)


@pytest.mark.parametrize("size", [0, -1, 1.5, "a"])
def test_the_number_of_draws_is_checked(size):
    with pytest.raises(SpecError, match="must be a positive whole number"):
        NORMAL.rvs(size)
