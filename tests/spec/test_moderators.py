import numpy as np
import pandas as pd
import pytest

from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.spec.formulas import check_formula
from bayesmeta.spec.moderators import design_of

FRAME = pd.DataFrame(
    {
        "year": [2000, 2005, 2010, 2012],
        "arm": ["a", "b", "a", "b"],
        "blind": [True, True, False, True],
        "same": [1, 1, 1, 1],
        "since": [0, 5, 10, 12],
        "gap": [1.0, None, 2.0, 3.0],
    }
)
STUDIES = Studies(tuple("ABCD"), events=[1, 2, 3, 4], n=[9] * 4, moderators=FRAME)


def test_groups_are_the_levels_of_cell_means_only():
    assert design_of("~ 0 + arm", STUDIES).groups == ("a", "b")
    assert design_of("~ 0 + C(since)", STUDIES).groups == ("0", "5", "10", "12")
    assert design_of("~ arm", STUDIES).groups == ()
    assert design_of("~ 1", STUDIES).groups == ("Intercept",)


def test_bare_numbers_are_centred_and_wrapped_ones_are_not():
    design = design_of("~ year * arm", STUDIES)
    assert design.coef == ("Intercept", "year", "arm[T.b]", "year:arm[T.b]")
    assert dict(design.means) == {"year": 2006.75}
    assert design.matrix[:, 1].tolist() == [-6.75, -1.75, 3.25, 5.25]
    assert design.matrix[:, 3].tolist() == [0.0, -1.75, 0.0, 5.25]
    raw = design_of("~ I(year - 2010)", STUDIES)
    assert not raw.means
    assert raw.matrix[:, 1].tolist() == [-10.0, -5.0, 0.0, 2.0]


def test_nothing_is_centred_without_a_constant():
    design = design_of("~ 0 + since", STUDIES)
    assert not design.means
    assert design.matrix.ravel().tolist() == [0.0, 5.0, 10.0, 12.0]


def test_a_row_at_stated_values_is_coded_as_the_studies_are():
    for formula in ("~ year * arm", "~ C(year)", "~ poly(since, 2)", "~ blind + log(year)", "~ 0 + arm + arm:year"):
        design = design_of(formula, STUDIES)
        for i in range(4):
            at = {name: FRAME[name].iloc[i] for name in design.variables}
            assert design.row(at) == pytest.approx(design.matrix[i], abs=1e-12)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("~ yeer", "names 'yeer', which is no moderator of the studies. Did you mean 'year'"),
        ("~ same", "'same' is 1 for every study"),
        ("~ year + since", "'year', 'since' of the formula '~ year [+] since' are collinear"),
        ("~ C(since) * arm", "8 coefficients for 4 studies; leave out at least 4"),
        ("~ 0 + arm:blind", "is 0 for every study"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(formula, message):
    with pytest.raises(SpecError, match=message):
        design_of(formula, STUDIES)


def test_missing_and_infinite_values_name_the_study():
    with pytest.raises(DataError, match="study 'B': the moderator 'gap' is missing"):
        design_of("~ gap", STUDIES)
    with pytest.raises(DataError, match=r"study 'A': 'log\(since\)' .* is -inf"):
        design_of("~ log(since)", STUDIES)


def test_studies_without_moderators_are_told_how_to_read_them():
    with pytest.raises(SpecError, match=r"read the studies with moderators=\['year'\]"):
        design_of("~ year", Studies(("A",), events=[1], n=[2]))


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ({"year": 2000}, "the value of 'arm' is missing"),
        ({"year": 2000, "arm": "c"}, "unknown level of 'arm' 'c'. Allowed: a, b"),
        ({"year": "then", "arm": "a"}, "year='then' must be a number"),
        ({"yer": 1}, "unknown moderator 'yer'. Did you mean 'year'"),
    ],
)
def test_values_that_do_not_fit_are_refused(at, message):
    with pytest.raises(SpecError, match=message):
        design_of("~ year + arm", STUDIES).row(at)


def test_a_level_that_was_not_there_is_refused():
    with pytest.raises(SpecError, match="has no value at"):
        design_of("~ C(year)", STUDIES).row({"year": 2001})


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ year", "nothing left of '~'"),
        ("~ year | arm", "one right-hand side"),
        ("~ year + (", "cannot be read"),
        ("~ 0", "has no terms"),
        ("", "is no formula"),
        (3, "is no formula"),
        ("~ lag(year)", "unknown function 'lag'. Did you mean 'log'"),
        ("~ I(open('x'))", "unknown function 'open'"),
        ("~ I([c for c in year])", "arithmetic and these functions only"),
        ("~ I(year.mean())", "unknown function|arithmetic"),
    ],
)
def test_formulas_are_parsed_and_never_run_as_python(formula, message):
    with pytest.raises(SpecError, match=message):
        check_formula(formula)


def test_formulas_have_one_spelling():
    assert check_formula("~0+arm") == check_formula("0 + arm") == "~ 0 + arm"
    assert check_formula("year+I(year+1)") == "~ year + I(year+1)"


def test_order_of_studies_permutes_the_rows():
    order = np.array([2, 0, 3, 1])
    one, other = design_of("~ year + arm", STUDIES), design_of("~ year + arm", STUDIES.take(order))
    assert np.array_equal(one.matrix[order], other.matrix)
