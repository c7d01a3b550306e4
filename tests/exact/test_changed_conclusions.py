"""Other distributions of effects where they change a conclusion, and the evidence says so. The data are constructed."""

import numpy as np
import pytest
from scipy import stats

from bayesmeta.data.studies import Studies
from bayesmeta.exact.fit import fit_exact
from bayesmeta.spec.model import ModelSpec


def test_one_outlying_study_hides_an_effect_from_normal_effects_but_not_from_student_t_effects():
    y, se = [0.35, 0.42, 0.28, 0.51, 0.38, 0.31, -1.6], [0.12, 0.15, 0.1, 0.2, 0.14, 0.11, 0.25]
    studies = Studies(tuple("abcdefg"), y=np.array(y), se=np.array(se))
    priors = {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.5)"}
    normal = fit_exact(studies, ModelSpec("normal", **priors))
    student = fit_exact(studies, ModelSpec("normal", effects="student-t", nu=3.0, **priors))
    assert normal.summary().loc["mu", ["lower", "upper"]].tolist() == pytest.approx([-0.427, 0.640], abs=1e-3)
    assert student.summary().loc["mu", ["lower", "upper"]].tolist() == pytest.approx([0.013, 0.589], abs=1e-3)
    assert student.log_evidence - normal.log_evidence == pytest.approx(2.54, abs=0.01)


def test_beta_distributed_proportions_exclude_a_next_proportion_of_one_half_that_normal_logits_do_not():
    # counts at the quantiles of Beta(0.7, 6), whose logits are skewed to the left
    events = np.round(400.0 * stats.beta.ppf((np.arange(60) + 0.5) / 60, 0.7, 6.0))
    studies = Studies(tuple(f"s{i}" for i in range(60)), events=events, n=np.full(60, 400.0))
    normal, beta = (fit_exact(studies, ModelSpec("binomial", effects=effects)) for effects in ("normal", "beta"))
    assert normal.summary().loc["p_new", "upper"] == pytest.approx(0.543, abs=1e-3)
    assert beta.summary().loc["p_new", "upper"] == pytest.approx(0.408, abs=1e-3)
    assert beta.log_evidence - normal.log_evidence == pytest.approx(2.02, abs=0.01)
