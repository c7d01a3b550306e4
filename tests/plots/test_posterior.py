"""Are the curves those of the posterior and of the prior that the priors induce, and what is said of them right?"""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.plots.posterior import plot_posterior, posterior_frame


def all_text(figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(Text)).replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture(scope="module")
def frame(remission):
    return posterior_frame(remission)


def test_curves_are_the_densities_and_hold_their_probability(remission, frame):
    curves = frame[(frame["kind"] == "curve") & (frame["distribution"] == "posterior")]
    assert list(curves["parameter"].unique()) == list(remission.parameters)
    for name, rows in curves.groupby("parameter"):
        x, density = rows["x"].to_numpy(), rows["density"].to_numpy()
        assert density == pytest.approx(remission.marginal(name).pdf(x))
        held = remission.marginal(name).cdf(x[[0, -1]])
        assert np.trapezoid(density, x) == pytest.approx(held[1] - held[0], abs=0.003)
        assert held[1] - held[0] > 0.99


def test_points_and_intervals_are_those_of_the_summary(remission):
    for kind in ("eti", "hdi"):
        frame = posterior_frame(remission, ci_prob=0.9, ci_kind=kind, point="mean", prior=False)
        marks = frame[frame["kind"] != "curve"].pivot(index="parameter", columns="kind", values="x")
        table = remission.summary(ci_prob=0.9, ci_kind=kind).loc[marks.index]
        # the shortest interval is flat about its best place: limits are good to some 1e-5
        assert marks["lower"].to_numpy() == pytest.approx(table["lower"].to_numpy(), abs=1e-4)
        assert marks["upper"].to_numpy() == pytest.approx(table["upper"].to_numpy(), abs=1e-4)
        assert marks["point"].to_numpy() == pytest.approx(table["mean"].to_numpy(), abs=1e-8)
    mode = posterior_frame(remission, "tau", point="mode").set_index("kind").at["point", "x"]
    x = np.linspace(0.01, 4.0, 2000)
    assert mode == pytest.approx(x[np.argmax(remission.marginal("tau").pdf(x))], abs=0.02)


def test_the_prior_of_mu_is_the_prior_and_that_of_p_median_follows_from_it(remission, frame):
    rows = frame[(frame["parameter"] == "mu") & (frame["distribution"] == "prior")]
    prior = remission.model.mu.logpdf(rows["x"].to_numpy())
    assert rows["density"].to_numpy() == pytest.approx(np.exp(prior))
    rows = frame[(frame["parameter"] == "p_median") & (frame["distribution"] == "prior")]
    p = rows["x"].to_numpy()
    expected = np.exp(remission.model.mu.logpdf(np.log(p / (1.0 - p)))) / (p * (1.0 - p))
    assert rows["density"].to_numpy() == pytest.approx(expected, abs=1e-4)  # the accuracy of derived priors


def test_an_improper_prior_is_not_drawn_and_the_figure_says_so(remission):
    fit = bm.fit(remission.studies, bm.ModelSpec(mu="Flat()"))
    frame = posterior_frame(fit)
    assert set(frame.loc[frame["distribution"] == "prior", "parameter"]) == {"tau"}
    axes = plot_posterior(fit)
    assert "No prior is drawn of mu, p_median, p_mean, p_new: the prior of mu is improper" in all_text(axes[0].figure)


def test_a_panel_is_drawn_for_each_parameter_in_its_unit(remission):
    axes = plot_posterior(remission, ["p_mean", "tau"], scale="per 1000")
    assert [ax.get_xlabel().replace("\N{NO-BREAK SPACE}", " ") for ax in axes] == [
        "Average study (p_mean), per 1000",
        "Heterogeneity (tau), logit scale",
    ]
    row = remission.summary().loc["p_mean"]
    assert axes[0].get_title(loc="left").startswith(f"{1000 * row['median']:.0f}"[:3])
    assert axes[0].get_xlim()[1] <= 1.0


def test_a_nuts_fit_is_drawn_from_its_draws_with_the_same_prior(remission, remission_nuts):
    exact, drawn = (posterior_frame(fit, "p_mean") for fit in (remission, remission_nuts))
    for frame in (exact, drawn):
        assert frame["is_reliable"].all()
    at = [f.set_index("kind").loc[["point", "lower", "upper"], "x"].to_numpy() for f in (exact, drawn)]
    assert at[1] == pytest.approx(at[0], abs=0.02)


def test_a_fit_that_failed_its_diagnosis_warns_in_bold(remission_failed):
    axes = plot_posterior(remission_failed, "mu", width_mm=85)
    bold = [text.get_text() for text in axes[0].figure.texts if text.get_weight() == "bold"]
    assert bold[0].startswith("NOT RELIABLE: do not use this figure. R-hat")
    assert not posterior_frame(remission_failed, "mu")["is_reliable"].any()
    _, ax = plt.subplots()
    plot_posterior(remission_failed, "mu", axes=ax)
    assert ax.get_title(loc="left").startswith("NOT RELIABLE") or "NOT RELIABLE" in all_text(ax.figure)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameters": "p_meen"}, "unknown quantity 'p_meen'. Did you mean 'p_mean'"),
        ({"parameters": []}, "parameters is empty; name some of mu, tau"),
        ({"point": "map"}, "unknown point 'map'. Allowed: median, mean, mode"),
        ({"ci_kind": "hpd"}, "unknown ci_kind 'hpd'. Did you mean 'hdi'"),
        ({"ci_prob": 95}, "Did you mean 0.95"),
        ({"parameters": "tau", "scale": "percent"}, "scale='percent' is for proportions, but tau is none"),
        ({"scale": "promille"}, "unknown scale 'promille'"),
        ({"width_mm": 10}, "width_mm=10 leaves no room for the text; give 40 or more"),
        ({"width_mm": -1}, "width_mm=-1 must be a positive number"),
        ({"axes": "here"}, "axes holds a str; give matplotlib Axes"),
    ],
)
def test_bad_options_are_refused_in_one_line(remission, options, message):
    with pytest.raises(SpecError) as error:
        plot_posterior(remission, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_too_few_axes_and_classical_fits_are_refused(remission, remission_dl):
    _, ax = plt.subplots()
    with pytest.raises(SpecError, match="axes holds 1 Axes, but there are 5 panels; give 5"):
        plot_posterior(remission, axes=ax)
    with pytest.raises(SpecError, match="plot_posterior takes a fit by engine='exact' or 'nuts'"):
        plot_posterior(remission_dl)
