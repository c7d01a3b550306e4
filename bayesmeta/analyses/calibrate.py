"""Do the intervals of an analysis of my size hold what they promise? Calibration of a model for a given design."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np
import pandas as pd

from bayesmeta._validate import check_counts, check_probability
from bayesmeta.analyses.calibrate_coverage import (
    CoverageMethod,
    CoveragePart,
    coverage_frame,
    coverage_part,
    failures_frame,
)
from bayesmeta.analyses.calibrate_options import Methods, checked_methods, checked_mu, checked_seed, checked_taus
from bayesmeta.analyses.calibrate_sbc import FAMILY_WISE, FEWEST, SbcPart, sbc_frame, sbc_part
from bayesmeta.analyses.calibrate_simulate import Design, sampler_of
from bayesmeta.analyses.calibrate_words import calibration_text
from bayesmeta.analyses.fit_many import Progress, teller
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import check_studies, model_for

PART: Final = 32  # replicates that share a generator of random numbers: with another number the data are others
FEW: Final = 200  # replicates that take less time than it takes to start processes


@final
@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """What a calibration found.

    Attributes
    ----------
    studies : Studies
        The design: their number and sizes, not their outcomes.
    model : ModelSpec
        The model.
    replicates, seed : int
        Simulated meta-analyses in each part, and where their randomness comes from.
    mu : float
        The mean at which coverage was judged, link scale.
    ci_prob : float
        Nominal coverage of the intervals.
    methods : tuple of CoverageMethod
        What was compared.
    pit : DataFrame
        Simulation-based calibration: the posterior probabilities of the truths, a row per replicate, a column per
        quantity; missing where a fit failed.
    coverage : DataFrame
        A row per ``method``, ``mu``, ``tau`` and ``target``: ``coverage`` and its Monte-Carlo standard error ``mcse``,
        mean ``width`` (over replicates with an interval), ``replicates``, ``failed``.
    failures : DataFrame
        ``method`` ("sbc" for simulation-based calibration), ``tau``, ``reason`` and ``count`` of all failures.
    notes : tuple of str
        What a reader should know, one line each.
    """

    studies: Studies
    model: ModelSpec
    replicates: int
    seed: int
    mu: float
    ci_prob: float
    methods: tuple[CoverageMethod, ...]
    pit: pd.DataFrame
    coverage: pd.DataFrame
    failures: pd.DataFrame
    notes: tuple[str, ...] = ()

    @cached_property
    def sbc(self) -> pd.DataFrame:
        """Tests of uniformity by ``quantity`` and ``test``.

        Columns ``statistic``, ``pvalue``, ``replicates``, ``failed``, ``pvalue_holm``, and ``verdict``.
        """
        return sbc_frame(self.pit)

    @property
    def pvalue(self) -> float:
        """Family-wise P-value of all tests of uniformity: the smallest of Holm's; nan if none was made."""
        return float(self.sbc["pvalue_holm"].min())

    @property
    def is_calibrated(self) -> bool:
        """Whether no fit of simulation-based calibration failed, and its family-wise P-value is above 0.001."""
        return self.pvalue > FAMILY_WISE and not self.pit.isna().to_numpy().any()

    def __repr__(self) -> str:
        return calibration_text(self)


def calibrate(
    studies: Studies,
    model: ModelSpec | None = None,
    *,
    replicates: int = 500,
    tau: float | Sequence[float] = (0.0, 0.25, 0.5, 1.0),
    mu: float | None = None,
    seed: int | np.random.Generator | None = None,
    methods: Methods | None = None,
    measure: str | None = None,
    ci_prob: float = 0.95,
    processes: int | None = None,
    progress: Progress = False,
) -> Calibration:
    """Simulate meta-analyses of the size of one's own, and see whether posterior and intervals are calibrated.

    Parameters
    ----------
    studies : Studies
        The design: k studies with their n (or standard errors, times, arms). Their outcomes are replaced.
    model : ModelSpec, optional
        The model, as in `fit`; without a formula.
    replicates : int
        Simulated meta-analyses of simulation-based calibration, and of coverage at each tau; at least 10.
    tau : float or sequence of float
        The true SDs of the study effects at which coverage is judged, link scale.
    mu : float, optional
        The true mean there, link scale; by default the posterior median of the studies as they are.
    seed : int or numpy.random.Generator, optional
        Source of randomness; drawn and recorded if there is none. The numbers do not depend on ``processes``.
    methods : str, sequence of str, or mapping, optional
        Whose intervals are compared: "exact" (the model), "DL" (DerSimonian-Laird, Wald), "hartung-knapp" (with REML),
        "glmm" (of counts); by default all that suit the data. Or a mapping from names of one's own to the options
        of ``bm.fit(studies, engine="frequentist", ...)``.
    measure : str, optional
        As in `fit`, for the normal likelihood with counts.
    ci_prob : float
        Nominal coverage.
    processes : int, optional
        How many processes share the work; by default one per processor, or this one alone for fewer than 200
        replicates in all.
    progress : bool or callable
        As in `fit_many`.

    Returns
    -------
    Calibration
        ``sbc``, ``coverage`` and ``failures``, frames; ``is_calibrated``; and all in words when printed.

    Raises
    ------
    SpecError
        If an option is not allowed, or data cannot be simulated from the model.

    Notes
    -----
    Simulation-based calibration [1]_: mu and tau are drawn from their priors, data from the model, and
    u = P(quantity <= truth | data) is uniform if posterior and model belong together. The exact engine gives u itself
    in place of a rank among draws. Tests: Kolmogorov-Smirnov, chi-squared, and the simultaneous band of the ECDF [2]_,
    adjusted by Holm's method; "not uniform" means an adjusted P-value up to 0.001. A normal likelihood of counts is
    judged by simulated counts: what fails is the approximation.

    Coverage is a frequentist property, at one (mu, tau); credible intervals owe it on average over the prior only. The
    coverage of a prediction interval is its probability under the true distribution of effects. ``mcse`` is
    sd / sqrt(replicates) (it is 0 where all held). Replicates without an interval are counted in ``failed`` and are in
    no average.

    References
    ----------
    .. [1] S. Talts, M. Betancourt, D. Simpson, A. Vehtari, A. Gelman. Validating Bayesian inference algorithms with
       simulation-based calibration. arXiv:1804.06788, 2018. doi:10.48550/arXiv.1804.06788
    .. [2] T. Säilynoja, P.-C. Bürkner, A. Vehtari. Graphical test for discrete uniformity and its applications in
       goodness-of-fit evaluation and multiple sample comparison. Statistics and Computing 32:32, 2022.
       doi:10.1007/s11222-022-10090-6

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("debruin2009"))
    >>> found = calibrate(studies, replicates=50, tau=0.5, methods="DL", seed=1)
    >>> found.is_calibrated
    True
    >>> found.coverage.query("target == 'p_median'")[["method", "tau", "coverage"]]
      method  tau  coverage
    1     DL  0.5      0.86
    """
    check_studies(studies)
    design = Design(studies, model_for(studies, model), measure)
    if design.model.formula is not None:
        raise SpecError("calibrate takes a model without a formula, whose mean is mu.")
    sampler_of(design)
    check_counts(replicates=replicates)
    if replicates < FEWEST:
        raise SpecError(f"replicates={replicates} are too few to test anything; take at least {FEWEST}, usually 500.")
    taus, prob = checked_taus(tau, design.model), check_probability("ci_prob", ci_prob)
    chosen = checked_methods(methods, design)
    mean = checked_mu(mu, design)
    number = checked_seed(seed)
    notes = _notes(design)
    sbc_jobs = [] if notes else [SbcPart(design, design.model, number, i, s) for i, s in parts_of(replicates)]
    coverage_jobs = [
        CoveragePart(design, chosen, mean, value, prob, number, cell, i, size)
        for cell, value in enumerate(taus)
        for i, size in parts_of(replicates)
    ]
    results = run_parts([*sbc_jobs, *coverage_jobs], processes=processes, progress=progress)
    sbc, coverage = results[: len(sbc_jobs)], results[len(sbc_jobs) :]
    reasons = [("sbc", np.nan, reason) for _, failed in sbc for reason in failed]
    reasons += [failure for _, failed in coverage for failure in failed]
    pit = pd.concat([part for part, _ in sbc], ignore_index=True) if sbc else pd.DataFrame()
    frame = coverage_frame(coverage_jobs, [part for part, _ in coverage])
    return Calibration(
        studies, design.model, replicates, number, mean, prob, chosen, pit, frame, failures_frame(reasons), notes
    )


def parts_of(replicates: int) -> Iterator[tuple[int, int]]:
    """Yield number and size of the parts that a process does at once; they do not depend on how many there are."""
    for i, start in enumerate(range(0, replicates, PART)):
        yield i, min(PART, replicates - start)


def run_parts(
    jobs: Sequence[SbcPart | CoveragePart], *, processes: int | None = None, progress: Progress = False
) -> list[tuple[Any, list[Any]]]:
    """Return what `sbc_part` and `coverage_part` give for each job, in order."""
    if processes is not None and not (isinstance(processes, int) and processes >= 1):
        raise SpecError(f"processes={processes!r} must be a whole number from 1 on, or None for one per processor.")
    from bayesmeta.analyses.workers import available_processes, in_order  # loads multiprocessing

    total = sum(job.size for job in jobs)
    tell, done = teller(progress, total), 0
    out = []
    count = processes or (1 if total < FEW else available_processes())
    with closing(in_order(run_part, jobs, processes=count)) as results:
        for job, result in zip(jobs, results, strict=True):
            out.append(result)
            done += job.size
            tell(done)
    return out


def run_part(job: SbcPart | CoveragePart) -> tuple[Any, list[Any]]:
    """Do one part of the work."""
    return sbc_part(job) if isinstance(job, SbcPart) else coverage_part(job)


def _notes(design: Design) -> tuple[str, ...]:
    """Return why there is no simulation-based calibration; empty if there is."""
    priors = {"mu": design.priors[0], "tau": design.priors[1]}
    if design.studies.kind != "estimates" and any(prior.family.needs == "studies" for prior in priors.values()):
        return ("no simulation-based calibration: the prior of tau is made from the data that are simulated",)
    improper = [f"{name} ~ {prior}" for name, prior in priors.items() if not prior.is_proper]
    if not improper:
        return ()
    return (f"no simulation-based calibration: nothing can be drawn from the improper prior {' and '.join(improper)}",)
