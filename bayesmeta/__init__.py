"""bayesmeta: Bayesian random-effects meta-analysis, exact where others sample or approximate.

>>> import bayesmeta as bm
>>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
>>> bm.summary(bm.fit(studies)).loc["p_median"].round(3).tolist()
[0.79, 0.049, 0.791, 0.687, 0.88, 0.0]
"""

from typing import TYPE_CHECKING, Any

from bayesmeta.analyses.adjusted import adjusted_estimates
from bayesmeta.analyses.average import average
from bayesmeta.analyses.baujat import baujat
from bayesmeta.analyses.bayes_factor import bayes_factor
from bayesmeta.analyses.calibrate import Calibration, calibrate
from bayesmeta.analyses.compare import compare
from bayesmeta.analyses.concordance import concordance
from bayesmeta.analyses.conflict import conflict
from bayesmeta.analyses.contrasts import contrasts, prob_best
from bayesmeta.analyses.cumulative import cumulative
from bayesmeta.analyses.decisions import prob_above, prob_rope
from bayesmeta.analyses.diagnose import diagnose
from bayesmeta.analyses.fail_safe import fail_safe_n
from bayesmeta.analyses.fit_many import fit_many
from bayesmeta.analyses.influence import loo
from bayesmeta.analyses.leave_one_out import leave_one_out
from bayesmeta.analyses.loo_pit import loo_pit
from bayesmeta.analyses.outliers import outliers
from bayesmeta.analyses.pet_peese import pet_peese
from bayesmeta.analyses.power_scaling import power_scale, power_sensitivity
from bayesmeta.analyses.predict import predict
from bayesmeta.analyses.predictive_checks import predictive_checks
from bayesmeta.analyses.psis import psis_loo
from bayesmeta.analyses.selection import SelectionFit, selection_model
from bayesmeta.analyses.sensitivity import sensitivity
from bayesmeta.analyses.small_study import small_study_tests
from bayesmeta.analyses.stacking import stacking
from bayesmeta.analyses.study_influence import influence
from bayesmeta.analyses.subgroup_test import subgroup_test
from bayesmeta.analyses.subgroups import subgroups
from bayesmeta.analyses.subsets import subsets
from bayesmeta.analyses.tipping import TippingPoint, tipping_point
from bayesmeta.analyses.trim_fill import TrimFill, trim_fill
from bayesmeta.api import fit
from bayesmeta.data.datasets import list_datasets, load_dataset
from bayesmeta.data.read import read_csv, read_studies
from bayesmeta.data.studies import Studies
from bayesmeta.errors import (
    AccuracyError,
    BayesmetaError,
    DataError,
    ImproperPosteriorError,
    OutputError,
    SpecError,
)
from bayesmeta.frequentist.heterogeneity_intervals import heterogeneity
from bayesmeta.frequentist.many import PooledMany, pool_many
from bayesmeta.frequentist.robust import cluster_robust
from bayesmeta.frequentist.stratified import stratified_tests
from bayesmeta.result.study_table import study_effects
from bayesmeta.result.summary import summary
from bayesmeta.spec.elicit import Elicited, elicit
from bayesmeta.spec.empirical import rhodes_prior, turner_prior
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.named import list_models, load_model
from bayesmeta.spec.priors import Prior
from bayesmeta.verify import verify

if TYPE_CHECKING:
    from bayesmeta.nuts.build import pymc_model
    from bayesmeta.plots.forest import plot_forest
    from bayesmeta.plots.forest_frame import forest_frame
    from bayesmeta.plots.save import save_figure
    from bayesmeta.report.living.page import living_report
    from bayesmeta.report.run import run_analysis

__version__ = "0.1.0"

__all__ = [
    "AccuracyError",
    "BayesmetaError",
    "Calibration",
    "DataError",
    "Elicited",
    "ImproperPosteriorError",
    "ModelSpec",
    "OutputError",
    "PooledMany",
    "Prior",
    "SelectionFit",
    "SpecError",
    "Studies",
    "TippingPoint",
    "TrimFill",
    "adjusted_estimates",
    "average",
    "baujat",
    "bayes_factor",
    "calibrate",
    "cluster_robust",
    "compare",
    "concordance",
    "conflict",
    "contrasts",
    "cumulative",
    "diagnose",
    "elicit",
    "fail_safe_n",
    "fit",
    "fit_many",
    "forest_frame",
    "heterogeneity",
    "influence",
    "leave_one_out",
    "list_datasets",
    "list_models",
    "living_report",
    "load_dataset",
    "load_model",
    "loo",
    "loo_pit",
    "outliers",
    "pet_peese",
    "plot_forest",
    "pool_many",
    "power_scale",
    "power_sensitivity",
    "predict",
    "predictive_checks",
    "prob_above",
    "prob_best",
    "prob_rope",
    "psis_loo",
    "pymc_model",
    "read_csv",
    "read_studies",
    "rhodes_prior",
    "run_analysis",
    "save_figure",
    "selection_model",
    "sensitivity",
    "small_study_tests",
    "stacking",
    "stratified_tests",
    "study_effects",
    "subgroup_test",
    "subgroups",
    "subsets",
    "summary",
    "tipping_point",
    "trim_fill",
    "turner_prior",
    "verify",
]

_LATE = {
    "plot_forest": "bayesmeta.plots.forest",
    "forest_frame": "bayesmeta.plots.forest_frame",
    "save_figure": "bayesmeta.plots.save",
    "living_report": "bayesmeta.report.living.page",
    "run_analysis": "bayesmeta.report.run",
    "pymc_model": "bayesmeta.nuts.build",
}  # they load matplotlib or PyMC


def __getattr__(name: str) -> Any:
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module 'bayesmeta' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
