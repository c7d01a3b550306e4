"""Do the classical figures show what their frames hold: radial, L'Abbé, bubble, Baujat, GOSH, influence, conflict?"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.plots.point_labels import label_points, spread
from tests.plots.figures import CASES
from tests.plots.geometry import overlaps

CASE = CASES["k = 15"]


def named(ax) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_label() == "_name"]


def drawn(ax, label: str) -> list[np.ndarray]:
    return [np.column_stack(line.get_data()) for line in ax.lines if line.get_label() == label]


def test_a_line_from_the_origin_to_a_point_of_the_radial_plot_has_its_effect_as_slope():
    fit = CASE.classical
    frame = bm.radial_frame(fit)
    assert (frame["standardised"] / frame["precision"]).to_numpy() == pytest.approx(fit.y)
    assert frame["precision"].to_numpy() == pytest.approx((fit.se**2 + fit.tau2) ** -0.5)
    ax = bm.plot_radial(fit)
    (points,) = drawn(ax, "_study")
    assert points == pytest.approx(frame[["precision", "standardised"]].to_numpy())
    (line,) = drawn(ax, "_pooled")
    assert line[1, 1] / line[1, 0] == pytest.approx(fit.mu)
    with pytest.raises(SpecError, match="plot_radial"):
        bm.plot_radial(CASE.exact)


@pytest.mark.parametrize("measure", ["OR", "RR", "RD"])
def test_labbes_curve_has_the_pooled_effect_everywhere(measure):
    fit = bm.fit(CASE.two_arms, engine="frequentist", measure=measure)
    frame = bm.labbe_frame(fit)
    curve = frame[frame["kind"] == "curve"].dropna(subset=["treatment"])
    inner = curve[(curve["control"] > 0.0) & (curve["control"] < 1.0)]
    p, q = inner["control"].to_numpy(), inner["treatment"].to_numpy()
    effect = {"OR": np.log(q / (1 - q)) - np.log(p / (1 - p)), "RR": np.log(q / p), "RD": q - p}[measure]
    assert effect == pytest.approx(fit.mu, abs=1e-9)
    studies = frame[frame["kind"] == "study"]
    data = CASE.two_arms.data
    assert studies["control"].to_numpy() == pytest.approx(data["events_control"] / data["n_control"])
    with pytest.raises(SpecError, match="plot_labbe takes a fit of events in two arms"):
        bm.plot_labbe(CASE.classical)


def test_the_line_of_a_bubble_plot_is_that_of_predictions():
    fit = CASE.regression
    frame = bm.bubble_frame(fit)
    line = frame[frame["kind"] == "line"]
    row = line.iloc[7]
    table = bm.predict(fit, {"year": row["x"]}).set_index("parameter")
    assert [row["y"], row["lower"], row["upper"]] == pytest.approx(
        table.loc["p_median", ["estimate", "lower", "upper"]].to_list()
    )
    assert [row["new_lower"], row["new_upper"]] == pytest.approx(table.loc["p_new", ["lower", "upper"]].to_list())
    ax = bm.plot_bubble(fit)
    (curve,) = drawn(ax, "_line")
    assert curve == pytest.approx(line[["x", "y"]].to_numpy(dtype=float))


def test_an_exact_line_is_interpolated_closely_between_predictions():
    frame = bm.load_dataset("blinatumomab_cr").head(3)
    studies = bm.Studies.from_frame(frame, moderators=["year"])
    fit = bm.fit(studies, bm.ModelSpec("binomial", formula="~ year", beta="Normal(0, 1.5)"))
    line = bm.bubble_frame(fit).query("kind == 'line'")
    row = line.iloc[14]
    table = bm.predict(fit, {"year": row["x"]}).set_index("parameter")
    # less than a line's width: a page's axis of 100 % has 0.05 % per dot
    assert [row["y"], row["lower"], row["upper"]] == pytest.approx(
        table.loc["p_median", ["median", "lower", "upper"]].to_list(), abs=1e-3
    )


def test_levels_have_lines_of_their_own_and_other_moderators_are_held():
    studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["year", "regimen"])
    fit = bm.fit(studies, engine="frequentist", formula="~ year + regimen")
    frame = bm.bubble_frame(fit, by="regimen")
    assert set(frame.loc[frame["kind"] == "line", "level"]) == {"chemotherapy", "TKI"}
    held = bm.bubble_frame(fit, at={"regimen": "TKI"})
    both = frame[(frame["kind"] == "line") & (frame["level"] == "TKI")]
    assert held.loc[held["kind"] == "line", "y"].to_numpy() == pytest.approx(both["y"].to_numpy())
    assert bm.bubble_frame(fit).attrs["held"] == {"regimen": fit.design.levels["regimen"][0]}
    for options, message in (
        ({"moderator": "yaer"}, "unknown numeric moderator 'yaer'. Did you mean 'year'"),
        ({"by": "year"}, "unknown moderator of levels 'year'"),
        ({"at": {"dose": 1}}, "unknown moderator in at 'dose'"),
        ({"parameter": "p_meen"}, "unknown parameter 'p_meen'"),
    ):
        with pytest.raises(SpecError, match=message):
            bm.bubble_frame(fit, **options)
    with pytest.raises(SpecError, match="plot_bubble takes a fit with a formula"):
        bm.plot_bubble(CASE.exact)


def test_baujats_plot_names_the_most_prominent_first():
    table = bm.baujat(CASE.classical)
    frame = bm.baujat_frame(table)
    assert frame["prominence"].is_monotonic_decreasing
    ax = bm.plot_baujat(table)
    (points,) = drawn(ax, "_study")
    assert points == pytest.approx(frame[["contribution", "influence"]].to_numpy())
    assert frame["study"].iloc[0] in named(ax)
    with pytest.raises(SpecError, match="nothing to draw: no study can be left out"):
        bm.plot_baujat(bm.baujat(CASES["one study"].classical))


def test_gosh_tells_subsets_with_a_study_from_those_without():
    table = bm.subsets(CASES["k = 3"].classical)
    frame = bm.gosh_frame(table, study=CASES["k = 3"].labels[0])
    assert len(frame) == 4
    assert frame["has_study"].to_list() == [subset[0] == "1" for subset in frame["subset"]]
    assert frame["x"].to_list() == table.loc[table["k"] >= 2, "p_median_estimate"].to_list()
    ax = bm.plot_gosh(table, study=CASES["k = 3"].labels[0])
    assert sum(len(part.get_offsets()) for part in ax.collections) == 4
    bayes = bm.subsets(CASES["k = 3"].exact)
    assert bm.gosh_frame(bayes).attrs["spread"] == "tau_median"
    for options, message in (
        ({"study": "Nobody"}, "unknown study 'Nobody'"),
        ({"parameter": "p"}, "unknown parameter 'p'"),
        ({"spread": "i3"}, "unknown spread 'i3'"),
    ):
        with pytest.raises(SpecError, match=message):
            bm.plot_gosh(table, **options)


def test_influence_panels_show_their_columns_and_mark_the_influential():
    table = bm.influence(CASE.classical)
    names = ["rstudent", "cook_d"]
    axes = bm.plot_influence(table, names)
    for ax, name in zip(axes, names, strict=True):
        points = np.vstack(drawn(ax, "_study"))
        assert sorted(points[:, 0]) == pytest.approx(sorted(table[name]))
        assert sorted(points[:, 1]) == list(range(15))
    with pytest.raises(SpecError, match=r"unknown statistic 'cook'\. Did you mean 'cook_d'"):
        bm.plot_influence(table, ["cook"])
    with pytest.raises(SpecError, match="do not fit into 85 mm; name at most 3"):
        bm.plot_influence(table, ["rstudent", "cook_d", "dffits", "cov_r"], width_mm=85)
    bayes = bm.influence_frame(bm.influence(CASES["k = 3"].exact))
    assert bayes["statistic"].unique().tolist() == ["median", "shift", "elpd_loo", "conflict_pvalue"]


def test_conflicts_are_sorted_and_point_to_their_side():
    table = bm.conflict(CASE.exact)
    frame = bm.conflict_frame(table)
    assert frame["conflict_pvalue"].is_monotonic_increasing
    assert frame["expected"].to_numpy() == pytest.approx(np.arange(1, 16) / 16)
    low = frame[frame["side"] == "below"]
    assert (low["prob_below"] <= 0.5).all()
    ax = bm.plot_conflict(table)
    points = np.vstack(drawn(ax, "_study"))
    assert sorted(points[:, 0]) == pytest.approx(sorted(np.maximum(frame["conflict_pvalue"], 1e-6)))


def test_names_cover_neither_one_another_nor_points():
    table = pd.DataFrame(
        {"contribution": [1.0, 1.02, 1.04, 3.0], "influence": [1.0, 1.01, 0.99, 2.0], "note": ""},
        index=pd.Index(["Alpha study", "Beta study", "Gamma study", "Delta study"], name="study"),
    )
    ax = bm.plot_baujat(table, width_mm=85)
    ax.figure.draw_without_rendering()
    texts = [text.get_window_extent().extents for text in ax.texts if text.get_label() == "_name"]
    points = ax.transData.transform(drawn(ax, "_study")[0])
    marks = np.column_stack([points - 2.0, points + 2.0])
    assert 2 <= len(texts) <= 4
    assert [pair for pair in overlaps(np.vstack([texts, marks])) if pair[0] < len(texts)] == []


def test_positions_of_names_are_in_order_apart_and_inside():
    rng = np.random.default_rng(1)
    wanted = np.sort(rng.uniform(0.0, 10.0, 12))
    found = spread(wanted, 0.8, 0.0, 10.0)
    assert np.diff(found).min() >= 0.8 - 1e-9
    assert found.min() >= 0.0
    assert found.max() <= 10.0
    far = np.array([1.0, 4.0, 9.0])
    assert spread(far, 0.8, 0.0, 10.0) == pytest.approx(far)


def test_names_keep_off_lines_where_there_is_a_free_place():
    figure, ax = plt.subplots(figsize=(4.0, 4.0))
    ax.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))
    x = np.linspace(0.0, 1.0, 400)
    right = np.column_stack([x, np.full(400, 0.5)])
    for lines, is_beside in ((None, True), (right, False)):
        assert label_points(ax, np.array([0.3]), np.array([0.5]), ["Lee 2019"], 7.0, lines=lines) == 1
        box = ax.texts[-1].get_window_extent(figure.canvas.get_renderer()).transformed(ax.transData.inverted())
        assert bool(box.y0 < 0.5 < box.y1) == is_beside
    everywhere = np.column_stack([axis.ravel() for axis in np.meshgrid(x, x)])
    assert label_points(ax, np.array([0.3]), np.array([0.2]), ["Kim 2020"], 7.0, lines=everywhere) == 1
