from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import special

import bayesmeta as bm
from bayesmeta.errors import DataError, SpecError

KIND = list("aaabbbcc")
STUDIES = bm.Studies(
    tuple("ABCDEFGH"), events=[3, 9, 4, 12, 2, 17, 0, 1], n=[12, 20, 9, 15, 18, 30, 9, 14],
    moderators=pd.DataFrame({"kind": KIND, "same": ["x"] * 8}),
)  # fmt: skip
MEMBERS = {level: np.flatnonzero(np.array(KIND) == level) for level in "abc"}
FITS = {level: bm.fit(STUDIES.take(part)) for level, part in MEMBERS.items()}


@cache
def contrasts_with(tau):
    """Return the contrasts of all kinds, as no test may change them."""
    return bm.contrasts(STUDIES, by="kind", tau=tau).set_index(["level", "reference", "parameter", "contrast"])


def unit_rule():
    """Nodes and weights on (0, 1), dense at both ends."""
    gauss, weight = np.polynomial.legendre.leggauss(8)
    edges = special.ndtr(np.arange(-5.2, 5.21, 0.05))
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    return (middle[:, None] + half[:, None] * gauss).ravel(), (half[:, None] * weight).ravel()


U, WEIGHT = unit_rule()


@pytest.mark.parametrize("name", ["mu", "p_median", "p_mean"])
def test_separate_differences_are_convolutions_of_the_groups_own_marginals(name):
    table = contrasts_with("separate")
    for level, reference in (("b", "a"), ("c", "a"), ("c", "b")):
        first, second = FITS[level].marginal(name), FITS[reference].marginal(name)
        row, at = table.loc[(level, reference, name, "difference")], second.ppf(U)
        for column, expected in (("lower", 0.025), ("median", 0.5), ("upper", 0.975)):
            assert WEIGHT @ first.cdf(row[column] + at) == pytest.approx(expected, abs=1e-6)
        assert row["mean"] == pytest.approx(first.mean() - second.mean(), abs=1e-10)
        assert row["sd"] == pytest.approx(np.hypot(first.sd(), second.sd()), abs=1e-10)
        assert 1.0 - WEIGHT @ first.cdf(at) == pytest.approx(row["prob_above"], abs=1e-6)
        if name != "mu":
            row = table.loc[(level, reference, name, "ratio")]
            for column, expected in (("lower", 0.025), ("median", 0.5), ("upper", 0.975)):
                assert WEIGHT @ first.cdf(row[column] * at) == pytest.approx(expected, abs=1e-6)
            assert np.isnan([row["mean"], row["sd"]]).all()
    assert (table["numerical_error"] < 2e-6).all()


def test_odds_ratios_are_the_exponentials_of_differences():
    table = contrasts_with("common")
    ratio = table.loc[("b", "a", "p_median", "odds ratio"), ["median", "lower", "upper", "prob_above"]]
    difference = table.loc[("b", "a", "mu", "difference"), ["median", "lower", "upper", "prob_above"]]
    assert ratio.iloc[:3].tolist() == np.exp(difference.iloc[:3].astype(float)).tolist()
    assert ratio["prob_above"] == difference["prob_above"]


def test_with_a_common_tau_all_parameters_agree_on_who_is_higher():
    table = contrasts_with("common")
    for _, pair in table.groupby(["level", "reference"]):
        assert np.ptp(pair["prob_above"]) < 1e-6


@pytest.mark.parametrize("tau", ["separate", "common"])
def test_the_contrast_of_swapped_groups_is_the_opposite(tau):
    table = contrasts_with(tau)
    order = np.array([7, 6, 5, 4, 3, 2, 1, 0])
    swapped = bm.contrasts(STUDIES.take(order), by="kind", tau=tau)
    swapped = swapped.set_index(["level", "reference", "parameter", "contrast"])
    for name in ("mu", "p_mean"):
        one, other = table.loc[("b", "a", name, "difference")], swapped.loc[("a", "b", name, "difference")]
        allowed = one["numerical_error"] + other["numerical_error"]
        for here, there in (("mean", "mean"), ("median", "median"), ("lower", "upper"), ("upper", "lower")):
            assert one[here] == pytest.approx(-other[there], abs=allowed)
        assert one["sd"] == pytest.approx(other["sd"], abs=allowed)


def test_a_fit_by_cell_means_has_the_contrasts_of_a_common_tau():
    fit = bm.fit(STUDIES, bm.ModelSpec("binomial", formula="~ 0 + kind"))
    one, other = bm.contrasts(fit), contrasts_with("common").reset_index()
    assert one[["level", "reference", "parameter"]].equals(other[["level", "reference", "parameter"]])
    assert one["median"].to_numpy() == pytest.approx(other["median"].to_numpy(), abs=1e-10)


@pytest.mark.parametrize("name", ["mu", "p_mean"])
def test_ranks_of_separate_groups_are_integrals_of_their_own_marginals(name):
    table = bm.prob_best(STUDIES, by="kind", parameter=name)
    for level, fit in FITS.items():
        others = [FITS[other].marginal(name) for other in FITS if other != level]
        below = [other.cdf(fit.marginal(name).ppf(U)) for other in others]
        assert table.at[level, "prob_best"] == pytest.approx(WEIGHT @ (below[0] * below[1]), abs=1e-6)
        assert table.at[level, "rank_3"] == pytest.approx(WEIGHT @ ((1 - below[0]) * (1 - below[1])), abs=1e-6)


@pytest.mark.parametrize("tau", ["separate", "common", "hierarchical"])
def test_ranks_are_a_doubly_stochastic_matrix_and_the_lowest_reverses_it(tau):
    table = bm.prob_best(STUDIES, by="kind", tau=tau, omega=0.5)
    ranks = table[["rank_1", "rank_2", "rank_3"]].to_numpy()
    assert np.abs(ranks.sum(axis=0) - 1.0).max() < 1e-6
    assert np.abs(ranks.sum(axis=1) - 1.0).max() < 1e-6
    assert (table["numerical_error"] < 1e-6).all()
    lowest = bm.prob_best(STUDIES, by="kind", tau=tau, omega=0.5, best="lowest")
    assert lowest["prob_best"].to_numpy() == pytest.approx(table["rank_3"].to_numpy(), abs=1e-12)


def test_two_groups_best_is_the_sign_of_their_difference():
    pair = STUDIES.take(np.r_[MEMBERS["a"], MEMBERS["b"]])
    best = bm.prob_best(pair, by="kind", tau="common").at["b", "prob_best"]
    assert best == pytest.approx(bm.contrasts(pair, by="kind", tau="common").iloc[0]["prob_above"], abs=1e-6)


def test_ratio_measures_have_ratios_of_ratios_and_no_proportions():
    studies = bm.Studies(
        tuple("ABCD"), y=[0.1, 0.3, -0.2, 0.0], se=[0.1, 0.2, 0.1, 0.2], measure="HR",
        moderators=pd.DataFrame({"kind": list("aabb")}),
    )  # fmt: skip
    model = bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(0.5)")
    table = bm.contrasts(studies, model, by="kind")
    assert table[["parameter", "contrast"]].to_numpy().tolist() == [["mu", "difference"], ["mu", "ratio"]]
    assert table["median"].iloc[1] == np.exp(table["median"].iloc[0])
    with pytest.raises(SpecError, match="needs effects that are proportions"):
        bm.contrasts(studies, model, by="kind", scale="proportion")
    with pytest.raises(SpecError, match="unknown parameter 'p_mean'"):
        bm.prob_best(studies, model, by="kind", parameter="p_mean")


def test_groups_that_a_heavy_prior_leaves_without_moments_keep_their_quantiles():
    model = bm.ModelSpec("binomial", mu="Cauchy(0, 2.5)")
    row = bm.contrasts(STUDIES.take([0, 1, 2, 6]), model, by="kind", scale="link").iloc[0]
    assert np.isinf(row["sd"])
    assert np.isfinite([row["lower"], row["median"], row["upper"]]).all()


def test_bad_input_is_told_in_one_line():
    with pytest.raises(SpecError, match="by is missing; name the moderator"):
        bm.contrasts(STUDIES)
    with pytest.raises(SpecError, match="is x for every study, so there are no groups"):
        bm.contrasts(STUDIES, by="same")
    with pytest.raises(SpecError, match="Did you mean 'proportion'"):
        bm.contrasts(STUDIES, by="kind", scale="proportions")
    with pytest.raises(SpecError, match="Did you mean 'common'"):
        bm.prob_best(STUDIES, by="kind", tau="comon")
    with pytest.raises(SpecError, match="Did you mean 'lowest'"):
        bm.prob_best(STUDIES, by="kind", best="lowes")
    with pytest.raises(SpecError, match="model needs no formula"):
        bm.contrasts(STUDIES, bm.ModelSpec("binomial", formula="~ 0 + kind"), by="kind")
    fit = bm.fit(STUDIES, bm.ModelSpec("binomial", formula="~ 1"))
    with pytest.raises(SpecError, match="the fit has no groups: code them by cell means"):
        bm.contrasts(fit)
    with pytest.raises(SpecError, match="leave out by and model"):
        bm.contrasts(fit, by="kind")
    with pytest.raises(SpecError, match="compare takes no model with a formula yet"):
        bm.compare(fit)
    for omega in (-1.0, 7.0, "HalfCauchy(1)", "HalfNormal(5)"):
        with pytest.raises(SpecError, match="omega="):
            bm.prob_best(STUDIES, by="kind", tau="hierarchical", omega=omega)
    gaps = bm.Studies(("A", "B"), events=[1, 2], n=[3, 4], moderators=pd.DataFrame({"kind": ["x", None]}))
    with pytest.raises(DataError, match="study 'B': the moderator 'kind' is missing"):
        bm.contrasts(gaps, by="kind")
