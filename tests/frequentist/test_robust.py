"""Cluster-robust variances: identities and refusals; metafor's values are in `test_reference_moderators.py`."""

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import DataError, SpecError

FRAME = pd.DataFrame(
    {
        "study": list("ABCDEF"),
        "y": [0.4, -0.2, 1.1, 0.9, 0.1, 1.6],
        "se": [0.2, 0.3, 0.25, 0.5, 0.15, 0.4],
        "year": [2001, 2003, 2008, 2010, 2011, 2015],
        "team": ["a", "a", "b", "b", "c", "d"],
    }
)
STUDIES = bm.Studies.from_frame(FRAME, y="y", se="se", moderators=["year", "team"])
POOLED = bm.fit(STUDIES, engine="frequentist")
REGRESSION = bm.fit(STUDIES, engine="frequentist", formula="~ year")


def test_the_variance_of_a_mean_is_the_sum_of_squared_cluster_scores():
    found = bm.cluster_robust(POOLED, "team", kind="CR0")
    scores = pd.Series(POOLED.weights * (POOLED.y - POOLED.mu)).groupby(FRAME["team"]).sum()
    row = found.summary().loc["mu"]
    assert row["se"] == pytest.approx(np.sqrt((scores**2).sum()), rel=1e-12)
    assert row["estimate"] == pytest.approx(POOLED.mu, rel=1e-14)
    assert found.coefficients.df == 3
    assert bm.cluster_robust(POOLED, "team").summary().loc["mu", "se"] == pytest.approx(row["se"] * np.sqrt(4 / 3))


def test_labels_may_be_given_and_their_order_does_not_matter():
    by_name, given = bm.cluster_robust(REGRESSION, "team"), bm.cluster_robust(REGRESSION, [1, 1, 7, 7, 3, 2])
    assert by_name.summary().equals(given.summary())
    assert given.clusters == ("1", "7", "3", "2")
    order = [5, 3, 1, 0, 2, 4]
    moved = bm.fit(STUDIES.take(order), engine="frequentist", formula="~ year")
    again = bm.cluster_robust(moved, "team").summary()
    assert again.to_numpy().ravel() == pytest.approx(by_name.summary().to_numpy().ravel(), rel=1e-9)


def test_the_fit_keeps_its_estimates_and_predicts_with_the_robust_covariance():
    found = bm.cluster_robust(REGRESSION, "team")
    assert (found.coefficients.beta == REGRESSION.beta).all()
    assert found.fit is REGRESSION
    at_mean = bm.predict(found, {"year": 2008})["se"].iloc[0]
    assert at_mean == pytest.approx(found.coefficients.se[0], rel=1e-9)
    text = repr(found)
    assert text.startswith("Cluster-robust variance (CR1), k = 6 studies in 4 clusters")
    assert "95 % CI (t with 2 df)" in text
    assert "test of moderators: F(1, 2)" in text
    assert "note: 4 clusters: with fewer than 40" in text
    assert bm.summary(found, ci_prob=0.9).equals(found.summary(ci_prob=0.9))


def test_a_proportion_has_its_row():
    studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["year"])
    found = bm.cluster_robust(bm.fit(studies, engine="frequentist"), "study")
    assert list(found.summary().index) == ["mu", "p_median"]
    assert list(found.estimates["estimand"]) == ["mu", "p_median"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: bm.cluster_robust(POOLED, "taem"), "Did you mean 'team'?"),
        (lambda: bm.cluster_robust(POOLED, "team", kind="CR2"), "unknown kind 'CR2'"),
        (lambda: bm.cluster_robust(POOLED, [1, 2]), "cluster has 2 labels for 6 studies"),
        (lambda: bm.cluster_robust(POOLED, 3), "must be the name of a moderator, or a label"),
        (lambda: bm.cluster_robust(POOLED, ["a"] * 6), "1 cluster cannot tell the variance of 1 coefficient"),
        (lambda: bm.cluster_robust(REGRESSION, list("aaabbb")), "2 clusters cannot tell the variance of 2"),
        (lambda: bm.cluster_robust(None, "team"), "with or without a formula; got a NoneType"),
    ],
)
def test_what_has_no_robust_variance_is_refused_in_one_line(call, said):
    with pytest.raises(SpecError) as caught:
        call()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_cluster_names_its_study():
    with pytest.raises(DataError, match="study 'C': its cluster is missing"):
        bm.cluster_robust(POOLED, ["a", "a", None, "b", "c", "d"])
