"""Are the curves of a forest plot the posterior of the next study, where there is one?"""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.errors import SpecError


def parts(ax, label: str) -> list:
    return [child for child in ax.get_children() if child.get_label() == label]


def test_a_curve_is_the_density_of_p_new_and_nearly_all_of_it(remission):
    curve = bm.forest_densities(remission)
    marginal = remission.marginal("p_new")
    np.testing.assert_array_equal(curve["density"], marginal.pdf(curve["x"].to_numpy()))
    assert np.trapezoid(curve["density"], curve["x"]) == pytest.approx(0.998, abs=2e-3)
    assert set(curve["parameter"]) == {"p_new"}


def test_the_density_of_a_ratio_is_that_of_its_logarithm(hazard):
    curve = bm.forest_densities(hazard)
    x = np.log(curve["x"].to_numpy())
    np.testing.assert_allclose(curve["density"], hazard.marginal("theta_new").pdf(x), rtol=1e-9)
    assert np.trapezoid(curve["density"], x) == pytest.approx(0.998, abs=2e-3)


def test_only_bayesian_fits_have_curves(judged, remission_dl, of_regimens, regimen_fits, by_regimen):
    assert bm.forest_densities(remission_dl).empty
    assert bm.forest_densities(judged, compare=remission_dl)["method"].unique().tolist() == ["Bayesian model"]
    assert bm.forest_densities(of_regimens)["group"].unique().tolist() == list(of_regimens.groups)
    assert set(bm.forest_densities(judged, groups=regimen_fits)["group"]) == {"", "TKI"}
    assert set(bm.forest_densities(judged, groups=by_regimen)["group"]) == {""}


def test_a_curve_stands_in_its_row_and_is_filled_over_the_prediction_interval(remission, remission_dl):
    ax = bm.plot_forest(remission, compare=remission_dl, prediction="density")
    frame = bm.forest_frame(remission, compare=remission_dl)
    row = frame.index[frame["kind"] == "prediction"][0]
    curve, bar = parts(ax, "_p_new")
    x, y = curve.get_xy().T
    lower, upper = frame.loc[row, ["lower", "upper"]]
    step = np.diff(bm.forest_densities(remission)["x"]).max()
    assert lower <= x.min() <= lower + step
    assert upper - step <= x.max() <= upper
    (label,) = [
        t
        for t in ax.texts
        if t.get_text() == "Next study (p_new), 95 % PI" and abs(t.get_position()[1] - y.max()) < 0.6
    ]
    middle = label.get_position()[1]
    assert middle - 0.5 < y.min() < middle < y.max() < middle + 0.5
    assert bar.get_x() == frame["lower"].iloc[-1]
    words = " ".join(t.get_text() for t in ax.texts).replace("\N{NO-BREAK SPACE}", " ")
    assert "Curves: posterior density of the next study's true value, filled over the 95 % PI. Bars: 95 %" in words


def test_a_common_effect_has_neither_curve_nor_bar(judged):
    fit = bm.fit(judged.studies, bm.ModelSpec(effects="none"))
    assert bm.forest_densities(fit).empty
    assert parts(bm.plot_forest(fit, prediction="density"), "_p_new") == []


def test_an_unknown_way_to_draw_predictions_is_refused(remission):
    with pytest.raises(SpecError, match=r"unknown prediction 'curve'\. Allowed: bar, density"):
        bm.plot_forest(remission, prediction="curve")
