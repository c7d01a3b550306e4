"""Does the registry of priors speak PyMC's language?"""

import inspect

import pytest

from bayesmeta.spec.families import PRIORS
from bayesmeta.spec.pymc_forms import PYMC_FORMS


@pytest.mark.parametrize(
    "family", [family for family in PRIORS.values() if family.name not in PYMC_FORMS], ids=lambda family: family.name
)
def test_names_and_order_of_parameters_are_those_of_pymc(family):
    import pymc as pm

    theirs = list(inspect.signature(getattr(pm, family.name).dist).parameters)
    assert set(family.parameter_names) <= set(theirs)
    assert tuple(name for name in theirs if name in family.main_form) == family.main_form


def test_the_families_that_pymc_has_no_name_for_are_these():
    import pymc.distributions as theirs

    assert {name for name in PRIORS if not hasattr(theirs, name)} == set(PYMC_FORMS)


def test_every_family_is_registered_under_its_name_and_shows_how_to_write_it():
    assert all(name == family.name for name, family in PRIORS.items())
    assert PRIORS["HalfStudentT"].template() == "HalfStudentT(nu=..., sigma=...)"
    assert PRIORS["Gamma"].template(("mu", "sigma")) == "Gamma(mu=..., sigma=...)"
    assert PRIORS["Flat"].template() == "Flat()"
