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
from bayesmeta.analyses.compare_outcomes import OutcomeComparison, compare_outcomes
from bayesmeta.analyses.concordance import concordance
from bayesmeta.analyses.conflict import conflict
from bayesmeta.analyses.contrasts import contrasts, prob_best
from bayesmeta.analyses.crude_tests import crude_tests
from bayesmeta.analyses.cumulative import cumulative
from bayesmeta.analyses.decisions import prob_above, prob_rope
from bayesmeta.analyses.diagnose import diagnose
from bayesmeta.analyses.external_control import compare_control
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
from bayesmeta.review.audit import Audit, audit
from bayesmeta.review.evidence import evidence_table
from bayesmeta.review.extraction import Extraction, read_extraction
from bayesmeta.review.extraction_schema import extraction_fields
from bayesmeta.review.prisma import PrismaFlow, prisma_boxes, prisma_flow
from bayesmeta.review.quality import Quality, read_quality
from bayesmeta.review.quality_sensitivity import judgement_weights, quality_sensitivity
from bayesmeta.review.quality_tools import list_quality_tools, quality_tool
from bayesmeta.review.recover import possible_counts, recover_counts
from bayesmeta.review.templates import write_extraction_template, write_prisma_template, write_quality_template
from bayesmeta.spec.control import Control
from bayesmeta.spec.elicit import Elicited, elicit
from bayesmeta.spec.empirical import rhodes_prior, turner_prior
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.named import list_models, load_model
from bayesmeta.spec.priors import Prior
from bayesmeta.verify import verify

if TYPE_CHECKING:
    from bayesmeta.nuts.build import pymc_model
    from bayesmeta.plots.baujat import baujat_frame, plot_baujat
    from bayesmeta.plots.bubble import bubble_frame, plot_bubble
    from bayesmeta.plots.compare import compare_frame, plot_compare
    from bayesmeta.plots.conflict import conflict_frame, plot_conflict
    from bayesmeta.plots.flow import plot_prisma_flow
    from bayesmeta.plots.flow_frame import flow_frame
    from bayesmeta.plots.forest import plot_forest
    from bayesmeta.plots.forest_density import forest_densities
    from bayesmeta.plots.forest_frame import forest_frame
    from bayesmeta.plots.forest_steps import plot_cumulative, plot_leave_one_out
    from bayesmeta.plots.forest_steps_frame import cumulative_frame, leave_one_out_frame
    from bayesmeta.plots.forest_style import FOREST_STYLES, ForestStyle
    from bayesmeta.plots.funnel import funnel_frame, plot_funnel
    from bayesmeta.plots.gosh import gosh_frame, plot_gosh
    from bayesmeta.plots.influence import influence_frame, plot_influence
    from bayesmeta.plots.joint import joint_frame, plot_joint
    from bayesmeta.plots.labbe import labbe_frame, plot_labbe
    from bayesmeta.plots.posterior import plot_posterior, posterior_frame
    from bayesmeta.plots.power_scaling import plot_power_scaling, power_frame
    from bayesmeta.plots.predictive import plot_predictive, predictive_frame
    from bayesmeta.plots.quality import plot_quality_summary, plot_traffic_light
    from bayesmeta.plots.quality_frame import quality_summary_frame, traffic_light_frame
    from bayesmeta.plots.radial import plot_radial, radial_frame
    from bayesmeta.plots.save import save_figure
    from bayesmeta.plots.sensitivity import plot_sensitivity, sensitivity_frame
    from bayesmeta.plots.shrinkage_trace import plot_shrinkage_trace, shrinkage_frame
    from bayesmeta.plots.tipping import plot_tipping_point, tipping_frame
    from bayesmeta.report.living.page import living_report
    from bayesmeta.report.run import run_analysis

__version__ = "0.1.0"

__all__ = [
    "FOREST_STYLES",
    "AccuracyError",
    "Audit",
    "BayesmetaError",
    "Calibration",
    "Control",
    "DataError",
    "Elicited",
    "Extraction",
    "ForestStyle",
    "ImproperPosteriorError",
    "ModelSpec",
    "OutcomeComparison",
    "OutputError",
    "PooledMany",
    "Prior",
    "PrismaFlow",
    "Quality",
    "SelectionFit",
    "SpecError",
    "Studies",
    "TippingPoint",
    "TrimFill",
    "adjusted_estimates",
    "audit",
    "average",
    "baujat",
    "baujat_frame",
    "bayes_factor",
    "bubble_frame",
    "calibrate",
    "cluster_robust",
    "compare",
    "compare_control",
    "compare_frame",
    "compare_outcomes",
    "concordance",
    "conflict",
    "conflict_frame",
    "contrasts",
    "crude_tests",
    "cumulative",
    "cumulative_frame",
    "diagnose",
    "elicit",
    "evidence_table",
    "extraction_fields",
    "fail_safe_n",
    "fit",
    "fit_many",
    "flow_frame",
    "forest_densities",
    "forest_frame",
    "funnel_frame",
    "gosh_frame",
    "heterogeneity",
    "influence",
    "influence_frame",
    "joint_frame",
    "judgement_weights",
    "labbe_frame",
    "leave_one_out",
    "leave_one_out_frame",
    "list_datasets",
    "list_models",
    "list_quality_tools",
    "living_report",
    "load_dataset",
    "load_model",
    "loo",
    "loo_pit",
    "outliers",
    "pet_peese",
    "plot_baujat",
    "plot_bubble",
    "plot_compare",
    "plot_conflict",
    "plot_cumulative",
    "plot_forest",
    "plot_funnel",
    "plot_gosh",
    "plot_influence",
    "plot_joint",
    "plot_labbe",
    "plot_leave_one_out",
    "plot_posterior",
    "plot_power_scaling",
    "plot_predictive",
    "plot_prisma_flow",
    "plot_quality_summary",
    "plot_radial",
    "plot_sensitivity",
    "plot_shrinkage_trace",
    "plot_tipping_point",
    "plot_traffic_light",
    "pool_many",
    "possible_counts",
    "posterior_frame",
    "power_frame",
    "power_scale",
    "power_sensitivity",
    "predict",
    "predictive_checks",
    "predictive_frame",
    "prisma_boxes",
    "prisma_flow",
    "prob_above",
    "prob_best",
    "prob_rope",
    "psis_loo",
    "pymc_model",
    "quality_sensitivity",
    "quality_summary_frame",
    "quality_tool",
    "radial_frame",
    "read_csv",
    "read_extraction",
    "read_quality",
    "read_studies",
    "recover_counts",
    "rhodes_prior",
    "run_analysis",
    "save_figure",
    "selection_model",
    "sensitivity",
    "sensitivity_frame",
    "shrinkage_frame",
    "small_study_tests",
    "stacking",
    "stratified_tests",
    "study_effects",
    "subgroup_test",
    "subgroups",
    "subsets",
    "summary",
    "tipping_frame",
    "tipping_point",
    "traffic_light_frame",
    "trim_fill",
    "turner_prior",
    "verify",
    "write_extraction_template",
    "write_prisma_template",
    "write_quality_template",
]

_LATE = {
    "FOREST_STYLES": "bayesmeta.plots.forest_style",
    "ForestStyle": "bayesmeta.plots.forest_style",
    "baujat_frame": "bayesmeta.plots.baujat",
    "bubble_frame": "bayesmeta.plots.bubble",
    "compare_frame": "bayesmeta.plots.compare",
    "conflict_frame": "bayesmeta.plots.conflict",
    "cumulative_frame": "bayesmeta.plots.forest_steps_frame",
    "flow_frame": "bayesmeta.plots.flow_frame",
    "forest_densities": "bayesmeta.plots.forest_density",
    "forest_frame": "bayesmeta.plots.forest_frame",
    "funnel_frame": "bayesmeta.plots.funnel",
    "gosh_frame": "bayesmeta.plots.gosh",
    "influence_frame": "bayesmeta.plots.influence",
    "joint_frame": "bayesmeta.plots.joint",
    "labbe_frame": "bayesmeta.plots.labbe",
    "leave_one_out_frame": "bayesmeta.plots.forest_steps_frame",
    "living_report": "bayesmeta.report.living.page",
    "plot_baujat": "bayesmeta.plots.baujat",
    "plot_bubble": "bayesmeta.plots.bubble",
    "plot_compare": "bayesmeta.plots.compare",
    "plot_conflict": "bayesmeta.plots.conflict",
    "plot_cumulative": "bayesmeta.plots.forest_steps",
    "plot_forest": "bayesmeta.plots.forest",
    "plot_funnel": "bayesmeta.plots.funnel",
    "plot_gosh": "bayesmeta.plots.gosh",
    "plot_influence": "bayesmeta.plots.influence",
    "plot_joint": "bayesmeta.plots.joint",
    "plot_labbe": "bayesmeta.plots.labbe",
    "plot_leave_one_out": "bayesmeta.plots.forest_steps",
    "plot_posterior": "bayesmeta.plots.posterior",
    "plot_power_scaling": "bayesmeta.plots.power_scaling",
    "plot_predictive": "bayesmeta.plots.predictive",
    "plot_prisma_flow": "bayesmeta.plots.flow",
    "plot_quality_summary": "bayesmeta.plots.quality",
    "plot_radial": "bayesmeta.plots.radial",
    "plot_sensitivity": "bayesmeta.plots.sensitivity",
    "plot_shrinkage_trace": "bayesmeta.plots.shrinkage_trace",
    "plot_tipping_point": "bayesmeta.plots.tipping",
    "plot_traffic_light": "bayesmeta.plots.quality",
    "posterior_frame": "bayesmeta.plots.posterior",
    "power_frame": "bayesmeta.plots.power_scaling",
    "predictive_frame": "bayesmeta.plots.predictive",
    "pymc_model": "bayesmeta.nuts.build",
    "quality_summary_frame": "bayesmeta.plots.quality_frame",
    "radial_frame": "bayesmeta.plots.radial",
    "run_analysis": "bayesmeta.report.run",
    "save_figure": "bayesmeta.plots.save",
    "sensitivity_frame": "bayesmeta.plots.sensitivity",
    "shrinkage_frame": "bayesmeta.plots.shrinkage_trace",
    "tipping_frame": "bayesmeta.plots.tipping",
    "traffic_light_frame": "bayesmeta.plots.quality_frame",
}  # they load matplotlib or PyMC


def __getattr__(name: str) -> Any:
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module 'bayesmeta' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
