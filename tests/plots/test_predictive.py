"""Is the predictive distribution of the next count that of draws, and of a beta-binomial where it is known?"""

import numpy as np
import pytest
from scipy import special

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.exact.draws import draw_mu_tau
from bayesmeta.plots.joint import joint_frame, plot_joint
from bayesmeta.plots.predictive import plot_predictive, predictive_frame
from bayesmeta.plots.shrinkage_trace import plot_shrinkage_trace, shrinkage_frame


def test_probabilities_sum_to_1_and_are_those_of_draws(remission):
    frame = predictive_frame(remission, 20)
    assert frame.groupby("distribution")["probability"].sum().to_numpy() == pytest.approx(1.0, abs=1e-6)
    rng = np.random.default_rng(1)
    p = special.expit(rng.normal(*draw_mu_tau(remission.solution.fine.posterior, 20_000, rng)))
    drawn = np.bincount(np.random.default_rng(2).binomial(20, p), minlength=21) / p.size
    own = frame[frame["distribution"] == "posterior"]
    assert own["probability"].to_numpy() == pytest.approx(drawn, abs=4.5 * 0.5 / np.sqrt(p.size))


def test_one_patient_has_the_event_with_the_mean_of_p_new(remission, remission_nuts):
    for fit, error in ((remission, 1e-6), (remission_nuts, 1e-12)):
        own = predictive_frame(fit, 1, prior=False)
        assert own["probability"].iloc[1] == pytest.approx(fit.marginal("p_new").mean(), abs=error)


def test_the_prior_of_a_uniform_proportion_predicts_every_count_alike(remission):
    fit = bm.fit(remission.studies, bm.ModelSpec("binomial", mu="Logistic(0, 1)", effects="none"))
    prior = predictive_frame(fit, 12).query("distribution == 'prior'")
    assert prior["probability"].to_numpy() == pytest.approx(1.0 / 13.0, abs=1e-5)


def test_the_interval_holds_at_least_its_probability(remission):
    own = predictive_frame(remission, 30, ci_prob=0.8, prior=False)
    inside = own[own["in_interval"]]
    assert inside["probability"].sum() >= 0.8
    assert inside["probability"].iloc[1:-1].sum() < 0.8


def test_bars_are_as_high_as_the_frame_says(remission):
    ax = plot_predictive(remission, 15)
    heights = sorted((round(bar.get_x() + bar.get_width() / 2), bar.get_height()) for bar in ax.patches)
    own = predictive_frame(remission, 15).query("distribution == 'posterior'")
    assert [height for _, height in heights] == pytest.approx(own["probability"].to_list())


def test_estimates_have_no_counts_and_sizes_must_be_whole(effects, remission):
    with pytest.raises(SpecError, match=r"draws counts of events, but the studies hold estimates; see plot_posterior"):
        plot_predictive(effects)
    with pytest.raises(SpecError, match=r"n_new=2\.5 must be a positive whole number"):
        plot_predictive(remission, 2.5)
    with pytest.raises(SpecError, match="n_new=1000000 is more than a figure of counts can show"):
        plot_predictive(remission, 10**6)


def test_figures_of_a_nuts_fit_that_failed_say_so(remission_failed):
    for plot in (plot_predictive, plot_joint, plot_shrinkage_trace):
        texts = [text.get_text() for text in plot(remission_failed, width_mm=85).figure.texts]
        assert texts[0].startswith("NOT RELIABLE: do not use")
    for frame in (joint_frame(remission_failed), shrinkage_frame(remission_failed)):
        assert not frame["is_reliable"].any()


def test_the_trace_draws_a_line_for_each_study_and_names_it(remission):
    ax = plot_shrinkage_trace(remission)
    lines = {line.get_label(): line for line in ax.lines}
    frame = shrinkage_frame(remission)
    for name in remission.studies.study:
        rows = frame[frame["study"] == name]
        assert lines[f"_{name}"].get_ydata() == pytest.approx(rows["mean"].to_numpy())
        assert rows["natural"].to_numpy() == pytest.approx(1.0 / (1.0 + np.exp(-rows["mean"].to_numpy())))
    named = [text.get_text().partition("…")[0] for text in ax.texts]
    assert len(named) == remission.k
    assert all(label.startswith(tuple(named)) for label in remission.studies.study)


def test_the_joint_figure_has_a_line_for_each_region(remission):
    ax = plot_joint(remission, prob=[0.5, 0.9])
    legend = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert legend == ["50 % HPD", "90 % HPD", "Medians"]
    for bad in (0.5, [], [0.5, 1.2], "0.5"):
        with pytest.raises(SpecError):
            plot_joint(remission, prob=bad)
