"""Are likelihoods found by name, and those to come said to be so?"""

import pytest

from bayesmeta.errors import SpecError
from bayesmeta.spec.likelihoods import LIKELIHOODS, PLANNED_LIKELIHOODS, find_likelihood
from bayesmeta.spec.roles import prior_for


@pytest.mark.parametrize("record", LIKELIHOODS.values(), ids=lambda record: record.name)
def test_every_record_is_found_and_says_what_each_link_means(record):
    assert find_likelihood(record.name) is record
    assert tuple(record.statements) == record.links
    assert all(" ~ " in statement for statement in record.statements.values())
    for parameter, prior in record.default_priors.items():
        prior_for(parameter, prior)


def test_what_each_likelihood_needs():
    assert {name: record.data for name, record in LIKELIHOODS.items()} == {
        "binomial": "counts",
        "normal": "estimates",
    }


@pytest.mark.parametrize("name", PLANNED_LIKELIHOODS)
def test_a_planned_likelihood_is_said_not_to_be_supported_yet(name):
    with pytest.raises(SpecError, match=rf"likelihood '{name}' is not supported yet\. Allowed: binomial, normal\."):
        find_likelihood(name)


def test_an_unknown_likelihood_gets_the_nearest():
    with pytest.raises(SpecError, match="Did you mean 'binomial'"):
        find_likelihood("binomal")
    with pytest.raises(SpecError, match="unknown likelihood"):
        find_likelihood(["binomial"])
