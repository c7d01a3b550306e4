"""Are likelihoods found by name, and what do they need?"""

import pytest

from bayesmeta.errors import SpecError
from bayesmeta.spec.likelihoods import EFFECTS, LIKELIHOODS, find_likelihood
from bayesmeta.spec.roles import prior_for


@pytest.mark.parametrize("record", LIKELIHOODS.values(), ids=lambda record: record.name)
def test_every_record_is_found_and_says_what_each_link_means(record):
    assert find_likelihood(record.name) is record
    assert tuple(record.statements) == record.links
    assert all(" ~ " in statement for statement in record.statements.values())
    for parameter, prior in record.default_priors.items():
        prior_for("tau" if parameter == "tau" else "mu", prior)


def test_what_each_likelihood_needs():
    assert {name: record.data for name, record in LIKELIHOODS.items()} == {
        "binomial": "counts",
        "normal": "estimates",
        "poisson": "rates",
        "binomial-conditional": "two-arm-counts",
        "binomial-two-arm": "two-arm-counts",
        "poisson-conditional": "two-arm-rates",
    }


def test_every_distribution_of_effects_has_words_and_a_likelihood():
    assert set(EFFECTS) == {name for record in LIKELIHOODS.values() for name in record.effects}


def test_an_unknown_likelihood_gets_the_nearest():
    with pytest.raises(SpecError, match="Did you mean 'binomial'"):
        find_likelihood("binomal")
    with pytest.raises(SpecError, match="unknown likelihood"):
        find_likelihood(["binomial"])
