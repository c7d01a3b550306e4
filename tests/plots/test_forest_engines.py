"""Do three engines share one figure, told apart without colour, and does it say which is not reliable?"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

import bayesmeta as bm
from bayesmeta.plots.forest import forest_frame, plot_forest
from bayesmeta.plots.forest_fits import method_title
from bayesmeta.plots.forest_style import LOOKS
from bayesmeta.plots.forest_words import heterogeneity_line
from bayesmeta.result.verification import Verification


def bold_texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_weight() == "bold"]


def all_text(ax) -> str:
    return " ".join(text.get_text() for text in ax.findobj(Text)).replace("\N{NO-BREAK SPACE}", " ")


def grey(color: str) -> float:
    """Return how light a colour prints in grey, from 0 to 1 (the weights of ITU-R BT.601, which printers use)."""
    return float(np.dot(to_rgb(color), (0.299, 0.587, 0.114)))


def test_engines_are_named_where_there_are_two_and_only_there(remission, remission_nuts, remission_dl):
    methods = forest_frame(remission, compare=[remission_nuts, remission_dl])["method"].unique().tolist()
    assert methods == ["Bayesian model, exact", "Bayesian model, NUTS", "DerSimonian-Laird, raw proportion"]
    assert forest_frame(remission_nuts, compare=remission_dl)["method"].iloc[0] == "Bayesian model"
    assert method_title(remission_nuts) == "Bayesian model"
    named = forest_frame(remission, compare={"Sampled": remission_nuts})["method"].unique().tolist()
    assert named == ["Bayesian model", "Sampled"]


def test_the_rows_of_a_nuts_fit_are_those_of_its_summary_and_study_effects(remission_nuts):
    frame, table = forest_frame(remission_nuts, ci_prob=0.9), remission_nuts.summary(ci_prob=0.9)
    rows = frame.iloc[remission_nuts.k :].set_index("parameter")
    assert list(rows.index) == ["p_median", "p_mean", "p_new"]
    pd.testing.assert_frame_equal(rows[["lower", "upper"]], table.loc[rows.index, ["lower", "upper"]])
    assert rows.at["p_mean", "estimate"] == table.at["p_mean", "mean"]
    effects = bm.study_effects(remission_nuts, ci_prob=0.9)
    np.testing.assert_array_equal(frame["shrunken"].dropna(), effects["proportion"])
    np.testing.assert_array_equal(frame["weight"].dropna(), effects["weight"])


def test_the_line_of_a_nuts_fit_says_how_far_it_can_be_trusted(remission_nuts):
    found = remission_nuts.diagnostics
    tau = remission_nuts.summary().loc["tau"]
    assert heterogeneity_line("NUTS", remission_nuts, ci_prob=0.95) == (
        f"NUTS, heterogeneity: tau = {tau['median']:.2f} (95 % CrI {tau['lower']:.2f} to {tau['upper']:.2f}), "
        f"logit scale; PyMC's NUTS, 4 × 500 draws, largest R-hat {found['r_hat'].max():.3f}, "
        f"smallest effective sample size {found[['ess_bulk', 'ess_tail']].to_numpy().min():.0f}, agrees with exact"
    )


def test_a_nuts_fit_that_is_not_verified_or_was_interrupted_says_so(remission_nuts, remission_failed):
    cut = replace(remission_nuts, settings=replace(remission_nuts.settings, draws=2000), verification=None)
    line = heterogeneity_line("NUTS", cut, ci_prob=0.95)
    assert "4 × 500 draws (interrupted)" in line
    assert line.endswith("not verified")
    impossible = replace(cut, verification=Verification(pd.DataFrame(), reason="there is no exact posterior"))
    assert heterogeneity_line("NUTS", impossible, ci_prob=0.95).endswith("not verified")
    table = remission_nuts.verification.table.assign(difference=9.0)
    wrong = replace(remission_nuts, verification=Verification(table))
    assert heterogeneity_line("NUTS", wrong, ci_prob=0.95).endswith("differs from exact")
    assert "12 divergent" in heterogeneity_line("NUTS", remission_failed, ci_prob=0.95)


def test_a_compared_fit_that_failed_says_so_at_its_heading_and_in_a_note(remission, remission_failed, remission_dl):
    ax = plot_forest(remission, compare=[remission_failed, remission_dl])
    bold = bold_texts(ax)
    assert {"Bayesian model, exact", "NOT RELIABLE: Bayesian model, NUTS"} < set(bold)
    words = "NOT RELIABLE: Bayesian model, NUTS; do not use its estimates. R-hat "
    assert words in all_text(ax)
    assert any(text.startswith("NOT RELIABLE: Bayesian model, NUTS; do not use") for text in bold)
    frame = forest_frame(remission, compare=[remission_failed, remission_dl])
    assert frame.groupby("method", sort=False)["is_reliable"].all().tolist() == [True, False, True]


def test_a_main_fit_that_failed_warns_of_its_shrunken_estimates_too(remission_failed):
    ax = plot_forest(remission_failed, width_mm=85)
    assert "NOT RELIABLE: Bayesian model" in bold_texts(ax)
    assert "NOT RELIABLE: Bayesian model; do not use its estimates and the shrunken ones. " in all_text(ax)
    assert not forest_frame(remission_failed)["is_reliable"].any()


def test_a_fit_that_differs_from_the_exact_posterior_is_not_reliable(remission, remission_nuts):
    table = remission_nuts.verification.table.assign(difference=9.0)
    ax = plot_forest(remission, compare={"As sampled": replace(remission_nuts, verification=Verification(table))})
    assert "NOT RELIABLE: As sampled" in bold_texts(ax)


def test_fits_that_passed_carry_no_warning(remission, remission_nuts, remission_dl):
    ax = plot_forest(remission, compare=[remission_nuts, remission_dl])
    assert "NOT RELIABLE" not in all_text(ax)
    assert forest_frame(remission, compare=[remission_nuts, remission_dl])["is_reliable"].all()


def test_three_fits_differ_in_grey_and_three_more_by_lines_across():
    shades = sorted(grey(look.color) for look in LOOKS[:3])
    assert np.diff(shades).min() > 0.15
    assert shades[-1] < 0.75  # visible on white
    assert [look.hatch for look in LOOKS[:3]] == [""] * 3
    assert all(look.hatch for look in LOOKS[3:])
    assert len(set(LOOKS)) == len(LOOKS) == 6


def test_what_is_drawn_of_each_engine_has_the_look_of_its_own(remission, remission_nuts, remission_dl):
    ax = plot_forest(remission, compare=[remission_nuts, remission_dl])
    bars = [patch for patch in ax.patches if patch.get_label() == "_p_new"]
    shades = sorted(grey(bar.get_facecolor()[:3]) for bar in bars)
    assert len(shades) == 3
    assert np.diff(shades).min() > 0.15
    more = plot_forest(remission, compare=dict.fromkeys("abcde", remission_dl))
    looks = [(bar.get_facecolor(), bar.get_hatch()) for bar in more.patches if bar.get_label() == "_p_new"]
    assert len(set(looks)) == 6


@pytest.mark.parametrize("width_mm", [85, 170])
def test_the_numbers_of_all_three_engines_are_printed(remission, remission_nuts, remission_dl, width_mm):
    ax = plot_forest(remission, compare=[remission_nuts, remission_dl], width_mm=width_mm)
    row = remission_nuts.summary().loc["p_median"]
    sampled = f"{100 * row['median']:.1f} ({100 * row['lower']:.1f}–{100 * row['upper']:.1f})"
    assert {"86.8 (73.5–94.2)", sampled, "86.5 (78.2–94.9)"} <= {text.get_text() for text in ax.texts}
