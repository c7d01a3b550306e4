import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.plots.forest_style import JUDGEMENTS as DRAWN
from bayesmeta.review.quality_tools import JUDGEMENTS, read_tool

ORDER = {"NOS": ["S1", "S2", "S3", "S4", "O1", "O2", "C1", "O3"]}


def minors(**changes):
    row = {"study": "Lee 2019", **{f"q{i}": 2 for i in range(1, 9)}, "printed_total": 16}
    return pd.DataFrame([row | changes])


def rob(**changes):
    row = {"Study": "Lee 2019", "D1": "low", "D2": "Low", "D3": "some_concerns", "D4": "low", "D5": "low"}
    return pd.DataFrame([row | changes])


@pytest.fixture(scope="module")
def table_2():
    return bm.read_quality(bm.load_dataset("blinatumomab_quality"), on_bad="keep", order=ORDER)


def test_the_two_wrong_totals_of_table_2_are_found_and_no_other(table_2):
    errors = table_2.problems.query("kind == 'error'")
    assert errors[["row", "study", "column"]].values.tolist() == [
        ["row 6", "Jabbour 2023 (ponatinib)", "printed_total"],
        ["row 7", "Foa 2020", "printed_total"],
    ]
    assert set(errors["problem"]) == {"printed is 16, but the items sum to 14; correct one of them"}
    warnings = table_2.problems.query("kind == 'warning'")  # half stars, which the scale does not have
    assert set(warnings["study"]) == {"Stolz 2025"}
    assert warnings["column"].tolist() == ["q1", "q5", "q6"]
    assert table_2.totals.set_index("study").loc["Foa 2020", ["total", "printed_total"]].tolist() == [14.0, 16.0]


def test_table_2_is_refused_unless_its_errors_are_kept():
    table = bm.load_dataset("blinatumomab_quality").query("tool == 'MINORS'")
    with pytest.raises(bm.DataError, match=r"row 6, study 'Jabbour .*', column 'printed_total': printed is 16"):
        bm.read_quality(table)


def test_two_points_in_the_place_of_an_item_of_one_point_to_the_order_of_the_columns():
    table = bm.load_dataset("blinatumomab_quality").query("tool == 'NOS'")
    with pytest.raises(
        bm.DataError, match=r"column 'q7': 2 is out of its range, 0 to 1 .*C1, here column 'q5'.*order="
    ):
        bm.read_quality(table)


@pytest.mark.parametrize(
    ("changes", "column", "message"),
    [
        ({"q3": 3}, "q3", "3 is out of its range, 0 to 2"),
        ({"q3": -1}, "q3", "-1 is out of its range"),
        ({"q3": "two"}, "q3", "'two' is no score; give 0 to 2"),
        ({"q3": None}, "q3", "the score is missing"),
        ({"q9": 2}, "q9", "MINORS has 8 items"),
        ({"printed_total": 15}, "printed_total", "printed is 15, but the items sum to 16"),
        ({"printed_total": "16/16"}, "printed_total", "'16/16' is no total"),
        ({"study": ""}, "study", "the label is missing"),
    ],
)
def test_a_wrong_score_is_refused_with_row_study_and_column(tmp_path, changes, column, message):
    file = tmp_path / "quality.csv"
    minors(**changes).to_csv(file, index=False)
    with pytest.raises(bm.DataError, match=rf"quality.csv, line 2.*, column '{column}': {message}"):
        bm.read_quality(file, tool="MINORS")
    kept = bm.read_quality(file, tool="MINORS", on_bad="keep")
    assert kept.problems["column"].tolist()[0] == column


def test_what_no_table_can_be_read_from_is_refused():
    for given, options, message in (
        (minors(), {}, "no column 'tool'"),
        (minors(), {"tool": "MINOR"}, "Did you mean 'MINORS'"),
        (minors(), {"tool": "NOS-CC", "order": {"NOS-CC": ["S1"]}}, "each of its items once"),
        (minors().drop(columns="q8"), {"tool": "MINORS"}, "no column 'q8'; MINORS needs"),
        (minors(), {"tool": "MINORS", "study": "author"}, "no column 'author'"),
        (minors(), {"tool": "MINORS", "on_bad": "drop"}, "unknown on_bad"),
        (pd.concat([minors(), minors()]), {"tool": "MINORS"}, "judges this study in row 0 already"),
        (minors(), {"tool": "MINORS", "order": {"MINORS": 3}}, "each of its items once"),
        (minors(tool="GRADE"), {"on_bad": "keep"}, "unknown quality tool 'GRADE'"),
        (minors(tool="GRADE"), {}, "column 'tool': unknown quality tool 'GRADE'"),
        (minors().iloc[:0], {"tool": "MINORS"}, "has no rows"),
        (3, {"tool": "MINORS"}, "not as an int"),
    ):
        frame = given.reset_index(drop=True) if isinstance(given, pd.DataFrame) else given
        with pytest.raises(bm.BayesmetaError, match=message):
            bm.read_quality(frame, **options)


@pytest.mark.parametrize(
    ("overall", "message"),
    [
        ("low", "a domain is 'some concerns'"),
        ("high", "no domain is high and 1 of some concerns"),
        ("good", "no answer"),
    ],
)
def test_an_overall_judgement_that_the_domains_contradict_is_refused(overall, message):
    with pytest.raises(bm.DataError, match=f"column 'Overall': .*{message}"):
        bm.read_quality(rob(Overall=overall), tool="RoB 2", study="Study")


def test_robvis_tables_are_read_and_overall_is_the_worst_domain_if_not_given():
    quality = bm.read_quality(rob(Weight=1.0), tool="rob2", study="Study")
    assert quality.judgements() == {"Lee 2019": "some concerns"}
    several = rob(D1="some concerns", Overall="high")
    assert bm.read_quality(several, tool="RoB 2", study="Study").judgements() == {"Lee 2019": "high"}
    with pytest.raises(bm.DataError, match=r"column 'D1': 'lo' is no answer. Did you mean 'low'"):
        bm.read_quality(rob(D1="lo"), tool="RoB 2", study="Study")


def test_answers_in_words_are_counted():
    answers = {f"q{i}": answer for i, answer in enumerate(["yes"] * 6 + ["no", "Unclear", "not applicable"], 1)}
    quality = bm.read_quality(pd.DataFrame([{"study": "Lee", **answers}]), tool="JBI-P")
    assert quality.totals["total"].item() == 6
    assert quality.items["judgement"].tolist() == ["low"] * 6 + ["high", "unclear", "not applicable"]
    assert quality.judgements({"JBI-P": {"low": 7, "some concerns": 5}}) == {"Lee": "some concerns"}
    with pytest.raises(bm.SpecError, match="JBI-P has no overall judgement; state cutoffs"):
        quality.judgements()


@pytest.mark.parametrize(
    ("cutoffs", "message"),
    [
        ({"MINORS": {"good": 14}}, "unknown judgement 'good'"),
        ({"MINORS": {"low": 8, "some concerns": 14}}, "must fall"),
        ({"MINORS": {}}, "must fall"),
        ({"RoB 2": {"low": 3}}, "unknown tool"),
        (3, "cutoffs is an int"),
    ],
)
def test_cutoffs_must_be_clear(table_2, cutoffs, message):
    with pytest.raises(bm.SpecError, match=message):
        table_2.judgements(cutoffs)


def test_every_tool_has_the_published_numbers_of_items_and_points():
    table = bm.list_quality_tools().set_index("tool")
    assert table["items"].to_dict() == {
        "JBI-CS": 10, "JBI-P": 9, "MINORS": 8, "MINORS-C": 12, "NOS": 8, "NOS-CC": 8, "RoB 2": 5,
    }  # fmt: skip
    assert table["total"].dropna().to_dict() == {"MINORS": 16, "MINORS-C": 24, "NOS": 9, "NOS-CC": 9}
    assert (table["doi"].str.match(r"10\.\d{4,}/")).all()
    assert tuple(DRAWN) == JUDGEMENTS


def test_a_tool_of_ones_own_is_read_strictly(tmp_path):
    text = (
        'schema = 1\ncode = "Own"\ntitle = "Own"\nsource = "us"\nstep = 1\ntotal = 3\n'
        '[[items]]\ncode = "a"\ndomain = "d"\ntext = "t"\nhighest = 1\n'
        '[[items]]\ncode = "b"\ndomain = "d"\ntext = "t"\nhighest = 2\n'
    )
    file = tmp_path / "own.toml"
    file.write_text(text)
    table = pd.DataFrame({"study": ["Lee"], "a": [1], "B": [1]})
    assert bm.read_quality(table, tool=str(file)).totals["total"].item() == 2
    for old, new, message in (
        ("total = 3", "total = 4", "the items have up to 3 points"),
        ('code = "b"', 'code = "A"', "each with a code of its own"),
        ("highest = 2", "highest = 0", "must be a positive number"),
        (text[text.index("[[") :], "items = 3", "items must be an array of tables"),
        ("step = 1", "stpe = 1", "unknown key 'stpe'"),
        ("step = 1", 'zero = "bad"\nstep = 1', "unknown judgement 'bad'"),
    ):
        with pytest.raises(bm.SpecError, match=message):
            read_tool(text.replace(old, new), origin="own.toml")


@pytest.fixture(scope="module")
def three():
    df = pd.DataFrame(
        {"study": ["A", "B", "C"], "events": [7, 3, 19], "n": [15, 10, 20], "bias": ["low", "low", "high"]}
    )
    return bm.Studies.from_frame(df, moderators=["bias"])


def test_less_weight_is_the_likelihood_to_a_power_by_brute_force(three):
    table = bm.quality_sensitivity(three, "bias", weights={"high": 0.3}).set_index(["analysis", "parameter"])
    mu, tau = np.linspace(-7.0, 7.0, 201)[:, None, None], (np.arange(400.0) + 0.5)[None, :, None] * 0.015
    z, w = np.polynomial.hermite_e.hermegauss(80)
    log_likelihood = 0.0
    for events, n, power in ((7, 15, 1.0), (3, 10, 1.0), (19, 20, 0.3)):
        theta = mu + tau * z
        each = power * (events * theta - n * np.logaddexp(0.0, theta))
        log_likelihood = log_likelihood + np.log(np.exp(each) @ (w / w.sum()))
    prior = -0.5 * (mu[..., 0] / 1.5) ** 2 - 0.5 * tau[..., 0] ** 2
    density = np.exp(log_likelihood + prior - (log_likelihood + prior).max())
    mean = (density * (1.0 / (1.0 + np.exp(-mu[..., 0])))).sum() / density.sum()
    # midpoints of tau 0.015 apart, of error 1e-5 or so
    assert table.loc[("weighted: high 0.3", "p_median"), "mean"] == pytest.approx(mean, abs=5e-5)


def test_without_studies_is_the_fit_of_the_others(three):
    table = bm.quality_sensitivity(three, "bias").set_index(["analysis", "parameter"])
    assert table.index.unique("analysis").tolist() == ["all studies", "without high", "weighted: high 0.5"]
    rest = bm.fit(three.take([0, 1])).summary()
    whole = bm.fit(three).summary()
    for name in ("tau", "p_median", "p_mean", "p_new"):
        row = table.loc[("without high", name)]
        assert row["median"] == rest.loc[name, "median"]
        assert row["shift"] == (rest.loc[name, "median"] - whole.loc[name, "median"]) / whole.loc[name, "sd"]
        between = sorted([rest.loc[name, "median"], whole.loc[name, "median"]])
        assert between[0] < table.loc[("weighted: high 0.5", name), "median"] < between[1]
    assert table.loc["without high", "k"].tolist() == [2] * 4
    assert (table["numerical_error"] < 1e-6).all()


def test_no_study_left_and_none_to_leave_out_are_said(three):
    table = bm.quality_sensitivity(three, "bias", exclude=["low", "high"]).query("analysis == 'without low or high'")
    assert table["note"].unique().tolist() == ["no study is left"]
    assert table["median"].isna().all()
    same = bm.quality_sensitivity(three, "bias", exclude="critical")
    assert same.groupby("parameter")["median"].nunique().eq(1).all()
    assert same["note"].tolist() == [""] * 4 + ["no study is judged so"] * 8


def test_either_analysis_can_be_left_out(three):
    names = [bm.quality_sensitivity(three, "bias", **options)["analysis"].unique().tolist()
             for options in ({"exclude": [], "weights": {"high": 0.2}}, {"weights": {}})]  # fmt: skip
    assert names == [["all studies", "weighted: high 0.2"], ["all studies", "without high"]]


def test_hazard_ratios_are_answered_on_the_scale_of_the_model():
    df = pd.DataFrame({"study": list("ABC"), "y": [-0.3, -0.5, 0.4], "se": [0.2, 0.3, 0.3]})
    studies = bm.Studies.from_frame(df, y="y", se="se", measure="HR")
    table = bm.quality_sensitivity(studies, {"A": "low", "B": "low", "C": "serious"}, bm.load_model("normal-normal"),
                                   exclude="serious")  # fmt: skip
    assert table["parameter"].unique().tolist() == ["mu", "tau", "theta_new"]


@pytest.mark.parametrize(
    ("judgements", "options", "message"),
    [
        ({"A": "low", "B": "low"}, {}, "study 'C' has no judgement"),
        ({"A": "low", "B": "low", "C": "bad"}, {}, "study 'C': unknown judgement 'bad'"),
        ("biass", {}, "Did you mean 'bias'"),
        (3, {}, "give judgements by study"),
        ("bias", {"exclude": "hihg"}, "exclude: unknown judgement 'hihg'. Did you mean 'high'"),
        ("bias", {"weights": {"high": 0.0}}, "a power lies above 0 and up to 1"),
        ("bias", {"weights": {"worst": 0.5}}, "weights: unknown judgement"),
        ("bias", {"weights": 0.5}, "give powers by judgement"),
    ],
)
def test_unclear_judgements_and_weights_are_refused(three, judgements, options, message):
    with pytest.raises(bm.BayesmetaError, match=message):
        bm.quality_sensitivity(three, judgements, **options)


def test_the_remissions_of_review_1_hardly_depend_on_the_quality_of_its_studies(table_2):
    studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), events="events", n="n")
    judgements = table_2.judgements({"NOS": {"low": 9, "some concerns": 7}, "MINORS": {"low": 14}})
    assert sorted(judgements) == sorted(bm.load_dataset("blinatumomab_studies")["study"])
    table = bm.quality_sensitivity(studies, judgements, exclude=["high", "some concerns"], weights={"high": 0.5})
    assert table.query("parameter == 'p_mean'")["shift"].abs().max() < 0.5
