import numpy as np
import pytest

from bayesmeta.effects.links import LINKS

NATURAL = {
    "logit": [1e-12, 0.2, 0.5, 0.999],
    "probit": [1e-12, 0.2, 0.5, 0.999],
    "cloglog": [1e-12, 0.2, 0.5, 0.999],
    "arcsine": [1e-12, 0.2, 0.5, 0.999],
    "double-arcsine": [1e-12, 0.2, 0.5, 0.999],
    "log": [1e-9, 1.0, 7.5],
    "identity": [-3.0, 0.0, 2.5],
}


@pytest.mark.parametrize("name", sorted(LINKS))
def test_inverse_undoes_the_link(name):
    link = LINKS[name]
    np.testing.assert_allclose(link.inverse(link.link(NATURAL[name])), NATURAL[name], rtol=1e-12)


def test_the_links_are_those_with_a_test():
    assert set(LINKS) == set(NATURAL)


def test_logit_and_log_have_their_textbook_values():
    np.testing.assert_allclose(LINKS["logit"].link([0.25, 0.8]), np.log([1 / 3, 4.0]), rtol=1e-14)
    np.testing.assert_allclose(LINKS["log"].link([np.e, 1.0]), [1.0, 0.0], atol=1e-15)


def test_probit_and_cloglog_have_their_textbook_values():
    np.testing.assert_allclose(LINKS["probit"].link([0.975, 0.5]), [1.959963984540054, 0.0], rtol=1e-14)
    np.testing.assert_allclose(LINKS["cloglog"].link([1.0 - np.exp(-1.0), 0.5]), [0.0, np.log(np.log(2.0))], atol=1e-15)


def test_the_ends_of_the_scale_map_to_infinity_without_a_warning():
    for name in ("logit", "probit", "cloglog"):
        np.testing.assert_array_equal(LINKS[name].link([0.0, 1.0]), [-np.inf, np.inf])
        np.testing.assert_array_equal(LINKS[name].inverse([-np.inf, np.inf]), [0.0, 1.0])
    np.testing.assert_array_equal(LINKS["log"].link([0.0]), [-np.inf])


def test_identity_returns_a_copy():
    values = np.array([1.0, 2.0])
    assert not np.shares_memory(LINKS["identity"].link(values), values)
