import pytest

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.methods import POOLING_METHODS, POOLING_OPTIONS, fit_by_method


@pytest.fixture(scope="module")
def studies():
    return bm.Studies.from_frame(bm.load_dataset("pritz1997"), study="study", events="events", n="n")


def test_inverse_variance_is_the_default_method(studies):
    default = bm.fit(studies, engine="frequentist", tau2_method="EE")
    named = bm.fit(studies, engine="frequentist", method="inverse-variance", tau2_method="EE")
    assert default.estimates.equals(named.estimates)


def test_an_unknown_method_names_the_nearest(studies):
    with pytest.raises(SpecError, match=r"unknown method 'inverse variance'. Did you mean 'inverse-variance'\?"):
        bm.fit(studies, engine="frequentist", method="inverse variance")


def test_an_option_of_no_method_is_refused_with_those_that_there_are(studies):
    with pytest.raises(SpecError, match=r"method='inverse-variance' takes no draws; leave it out\. It takes measure,"):
        fit_by_method(studies, draws=5)


def test_the_options_are_those_of_all_methods_together():
    assert POOLING_OPTIONS[0] == "method"
    assert set(POOLING_OPTIONS[1:]) == {name for record in POOLING_METHODS.values() for name in record.options}
