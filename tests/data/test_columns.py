import pandas as pd
import pytest

from bayesmeta.data.columns import resolve_columns
from bayesmeta.errors import DataError, SpecError


def frame(*columns, rows=1):
    return pd.DataFrame([[1] * len(columns)] * rows, columns=list(columns))


def resolve(df, **roles):
    return resolve_columns(df, source="f.csv", **roles)


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        (("study", "events", "n"), "counts"),
        (("study", "y", "se"), "estimates"),
        (("study", "estimate", "lower", "upper"), "intervals"),
        (("study", "events", "n", "estimate"), "counts"),
    ],
)
def test_without_named_columns_the_canonical_ones_are_taken(columns, kind):
    found = resolve(frame(*columns))
    assert found.kind == kind
    assert all(role == column for role, column in found.names.items())


def test_metafors_names_are_aliases():
    assert resolve(frame("slab", "xi", "ni")).names == {"study": "slab", "events": "xi", "n": "ni"}


@pytest.mark.parametrize("alias", ["slab", "label", "author", "trial"])
def test_each_alias_of_study_is_accepted(alias):
    assert resolve(frame(alias, "events", "n")).names["study"] == alias


def test_an_alias_yields_to_the_canonical_name_and_to_a_named_column():
    df = frame("study", "slab", "events", "xi", "n", "treated")
    assert resolve(df).names == {"study": "study", "events": "events", "n": "n"}
    assert resolve(df, study="slab", n="treated").names == {
        "study": "slab",
        "events": "events",
        "n": "treated",
    }


def test_an_alias_is_not_taken_for_a_column_the_user_named():
    with pytest.raises(DataError, match=r"no column 'events'\. Columns: study, xi, n"):
        resolve(frame("study", "xi", "n"), events="events")


def test_a_missing_column_is_reported_with_the_nearest():
    with pytest.raises(DataError, match=r"f\.csv has no column 'evnts' for events \(did you mean 'events'\?\)"):
        resolve(frame("study", "events", "n"), events="evnts")
    with pytest.raises(DataError, match=r"no column 'n' \(did you mean 'N'\?\)\. Columns: study, events, N\."):
        resolve(frame("study", "events", "N"))


def test_all_missing_columns_are_reported_at_once():
    with pytest.raises(DataError, match=r"'Study'\?\) and no column 'events' .*'Events'.* and no column 'n' .*'N'"):
        resolve(frame("Study", "Events", "N"))


def test_a_frame_without_any_known_column_says_how_to_name_them():
    with pytest.raises(DataError, match=r"no columns 'events' and 'n'; name the columns .* Columns: a, b\."):
        resolve(frame("a", "b"))
    with pytest.raises(DataError, match=r"no columns 'y' and 'se'"):
        resolve(frame("a", "b"), measure="HR")


def test_a_missing_header_line_is_suspected_when_a_name_is_a_number():
    with pytest.raises(DataError, match=r"Is the header line missing\?"):
        resolve(frame("Lee 2019", "3", "10"))


def test_a_long_list_of_columns_is_cut():
    with pytest.raises(DataError, match=r"c19 and 30 more\."):
        resolve(frame(*(f"c{i}" for i in range(50))))


def test_one_column_for_two_roles_is_refused():
    with pytest.raises(DataError, match=r"f\.csv: column 'n' is named for both events and n"):
        resolve(frame("study", "n"), events="n", n="n")


def test_a_doubled_column_is_refused_where_it_is_used():
    df = pd.DataFrame([["a", 1, 2, 3]], columns=["study", "events", "n", "n"])
    with pytest.raises(DataError, match=r"2 columns named 'n'"):
        resolve(df)
    assert resolve(df.set_axis(["study", "x", "x", "y"], axis=1).assign(events=1, n=1)).kind == "counts"


def test_counts_and_estimates_in_one_frame_need_a_choice():
    df = frame("study", "events", "n", "y", "se")
    with pytest.raises(SpecError, match=r"columns for counts and for estimates; name one"):
        resolve(df)
    assert resolve(df, y="y").kind == "estimates"
    assert resolve(df, measure="HR").kind == "estimates"


def test_roles_of_two_kinds_do_not_go_together():
    with pytest.raises(SpecError, match=r"events and se do not go together"):
        resolve(frame("study", "events", "se"), events="events", se="se")


def test_measures_are_those_of_estimates():
    assert resolve(frame("study", "y", "se")).measure == "GEN"
    assert resolve(frame("study", "y", "se"), measure="HR").measure == "HR"
    assert resolve(frame("study", "events", "n")).measure is None
    with pytest.raises(SpecError, match=r"'PLO' is computed from counts or rates.*measures of estimates: GEN, HR"):
        resolve(frame("study", "y", "se"), measure="PLO")
    with pytest.raises(SpecError, match=r"measure='HR' is for estimates, but events name counts"):
        resolve(frame("study", "events", "n"), events="events", measure="HR")
    with pytest.raises(SpecError, match=r"Did you mean 'HR'"):
        resolve(frame("study", "y", "se"), measure="HRR")


TWO_ARMS = {"events_treatment": "ai", "n_treatment": "n1i", "events_control": "ci", "n_control": "n2i"}
TWO_ARM_RATES = {"events_treatment": "x1i", "time_treatment": "t1i", "events_control": "x2i", "time_control": "t2i"}


@pytest.mark.parametrize(
    ("kind", "aliases"),
    [("two-arm-counts", TWO_ARMS), ("rates", {"events": "xi", "time": "ti"}), ("two-arm-rates", TWO_ARM_RATES)],
)
def test_two_arms_and_rates_are_known_by_the_fields_names_and_by_metafors(kind, aliases):
    canonical = resolve(frame("study", *aliases))
    assert (canonical.kind, canonical.measure) == (kind, None)
    assert canonical.names == {"study": "study", **dict(zip(aliases, aliases, strict=True))}
    assert resolve(frame("study", *aliases.values())).names == {"study": "study", **aliases}


def test_a_pair_of_columns_names_the_treatment_arm_first():
    df = frame("study", "r1", "m1", "r2", "m2")
    counts = resolve(df, events=("r1", "r2"), n=["m1", "m2"])
    assert counts.kind == "two-arm-counts"
    assert [counts.names[role] for role in TWO_ARMS] == ["r1", "m1", "r2", "m2"]
    rates = resolve(df, events=("r1", "r2"), time=("m1", "m2"))
    assert rates.kind == "two-arm-rates"
    assert [rates.names[role] for role in TWO_ARM_RATES] == ["r1", "m1", "r2", "m2"]
    assert resolve(df, events="r1", time="m1").kind == "rates"


def test_events_alone_are_of_patients_or_of_person_time_as_the_other_columns_tell():
    assert resolve(frame("study", "r", "n"), events="r").kind == "counts"
    assert resolve(frame("study", "r", "time"), events="r").kind == "rates"
    assert resolve(frame("study", "r1", "r2", "t1i", "t2i"), events=("r1", "r2")).kind == "two-arm-rates"
    with pytest.raises(
        SpecError, match=r"columns for counts and for rates; name one: events=\.\.\., n=\.\.\. for counts"
    ):
        resolve(frame("study", "events", "n", "time"))
    assert resolve(frame("study", "events", "n", "time"), n="n").kind == "counts"
    assert resolve(frame("study", "events", "n", "time"), moderators="time").kind == "counts"


def test_arms_that_do_not_match_are_refused():
    df = frame("study", "r1", "m1", "r2", "m2")
    with pytest.raises(SpecError, match=r"events names 3 columns; give one, or two: treatment, control\."):
        resolve(df, events=("r1", "r2", "m1"), n=("m1", "m2"))
    with pytest.raises(
        SpecError, match=r"events names a column for each .* n only 'm1'; give n=\(treatment, control\)"
    ):
        resolve(df, events=("r1", "r2"), n="m1")
    with pytest.raises(SpecError, match=r"y must be the name of a column, a string, not tuple"):
        resolve(df, y=("r1", "r2"), se="m1")
    with pytest.raises(SpecError, match=r"events must be the name of a column, a string, not int"):
        resolve(df, events=("r1", 2), n=("m1", "m2"))
    with pytest.raises(SpecError, match=r"events and n and time do not go together"):
        resolve(df, events="r1", n="m1", time="m2")
    with pytest.raises(DataError, match=r"column 'm1' is named for both n_treatment and n_control"):
        resolve(df, events=("r1", "r2"), n=("m1", "m1"))
    with pytest.raises(DataError, match=r"no column 'n_control' \(did you mean 'n_contrl'\?\)"):
        resolve(frame("study", "events_treatment", "n_treatment", "events_control", "n_contrl"))


def test_a_column_that_is_like_one_of_two_arms_does_not_make_two_arms():
    with pytest.raises(DataError, match=r"no columns 'events' and 'n'; name the columns"):
        resolve(frame("study", "or", "ci"))


def test_moderators_must_exist_once_under_a_free_name():
    df = frame("study", "events", "n", "year")
    assert resolve(df, moderators="year").moderators == ("year",)
    with pytest.raises(DataError, match=r"no column 'yaer' for a moderator \(did you mean 'year'\?\)"):
        resolve(df, moderators=["yaer"])
    with pytest.raises(SpecError, match=r"listed twice"):
        resolve(df, moderators=["year", "year"])
    with pytest.raises(SpecError, match=r"'n' has a reserved name"):
        resolve(df, moderators=["n"])
    with pytest.raises(SpecError, match=r"'time' has a reserved name"):
        resolve(frame("study", "r", "days", "time"), events="r", time="days", moderators=["time"])


def test_columns_are_given_by_name():
    df = frame("study", "events", "n")
    with pytest.raises(SpecError, match=r"events must be the name of a column, a string, not Series"):
        resolve(df, events=df["events"])
    with pytest.raises(SpecError, match=r"a moderator must be the name of a column"):
        resolve(df, moderators=[3])
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'evnts'"):
        resolve(df, evnts="events")


def test_other_tables_than_data_frames_are_refused():
    with pytest.raises(DataError, match=r"pandas DataFrame, not dict"):
        resolve({"study": ["a"]})


def test_the_probability_of_the_interval_is_checked():
    with pytest.raises(SpecError, match=r"interval_prob=95 .* Did you mean 0.95"):
        resolve(frame("study", "estimate", "lower", "upper"), interval_prob=95)
