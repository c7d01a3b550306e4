import pytest

from bayesmeta.errors import SpecError
from bayesmeta.result.quantity import find_quantity

LABELS = ("Lee 2019", "Rossi 2020", "Foà 2021", "Okafor 2022", "Berg 2023")


def test_a_quantity_is_found_by_its_name_and_study():
    assert find_quantity("p_new", "logit", LABELS) == ("p_new", None)
    assert find_quantity("theta_new", "logit", LABELS) == ("theta_new", None)
    assert find_quantity(f"theta[{LABELS[1]}]", "log", LABELS) == ("theta", 1)


def test_a_label_may_hold_brackets():
    assert find_quantity("p[Lee [a]]", "logit", ["Kim", "Lee [a]"]) == ("p", 1)


def test_the_nearest_quantity_is_found_among_all_studies():
    with pytest.raises(SpecError) as error:
        find_quantity("p[Berg 2032]", "logit", LABELS)
    assert str(error.value) == (
        "unknown quantity 'p[Berg 2032]'. Did you mean 'p[Berg 2023]'? "
        "Allowed: mu, tau, p_median, p_mean, p_new, theta_new; "
        f"for each of the {len(LABELS)} studies theta[...] and p[...], as in theta[{LABELS[0]}]."
    )


def test_the_quantities_of_one_study_are_told():
    with pytest.raises(SpecError, match=r"for the study theta\[\.\.\.\], as in theta\["):
        find_quantity("nope", "identity", LABELS[:1])


@pytest.mark.parametrize("link", ["log", "identity"])
def test_proportions_are_of_the_logit_only(link):
    with pytest.raises(SpecError, match="unknown quantity 'p_median'"):
        find_quantity("p_median", link, LABELS)


def test_a_name_is_a_string():
    with pytest.raises(SpecError, match="the name of a quantity is a string, such as 'tau'; got 3"):
        find_quantity(3, "logit", LABELS)
