"""How is a whole analysis run? From one file to a folder with tables, figures and a report."""

from dataclasses import replace
from os import PathLike
from pathlib import Path

from bayesmeta.report.analysis import Analysis
from bayesmeta.report.compute import Results, compute
from bayesmeta.report.files import write_files
from bayesmeta.report.folder import whole_folder
from bayesmeta.report.inputs import load_inputs, load_outcomes
from bayesmeta.report.outcome_files import write_outcomes
from bayesmeta.report.outcomes import Outcomes, compute_outcomes


def run_analysis(
    path: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    quiet: bool = True,
) -> Results | Outcomes:
    """Run an analysis file and write the results into a folder.

    Parameters
    ----------
    path : path-like
        The analysis file; ``bayesmeta init`` writes one to begin with.
    out : path-like, optional
        The folder to make; by default, in the current folder, the file's name with ``-results``.
    overwrite : bool
        Whether an earlier result in that folder is replaced. Anything else there is always kept.
    quiet : bool
        Whether NUTS shows no progress.

    Returns
    -------
    Results or Outcomes
        The fits and tables, or those of each outcome if the analysis has several; ``folder`` is where the files are,
        ``problems`` what makes them unfit for use.

    Raises
    ------
    SpecError
        If the file is no analysis, or asks for what is not possible.
    DataError
        If the data cannot be used, or are not the ones whose hash the file gives.
    ImproperPosteriorError, AccuracyError
        As `bayesmeta.fit` raises them.
    OutputError
        If the folder cannot be written, or is there and kept.

    Notes
    -----
    The folder appears whole when all is written, or not at all. Sampling that is interrupted (Ctrl-C) still gives a
    folder, made with the draws there are, and `problems` says so.
    """
    analysis = Analysis.from_toml(path)
    target = Path(f"{Path(path).stem}-results") if out is None else Path(out)
    if analysis.outcomes:
        parts = load_outcomes(analysis)
        with whole_folder(target, overwrite=overwrite) as draft:
            of_all = write_outcomes(compute_outcomes(analysis, parts), draft)
        return replace(of_all, folder=target)
    inputs = load_inputs(analysis)
    with whole_folder(target, overwrite=overwrite) as draft:
        results = compute(analysis, inputs, quiet=quiet)
        written = write_files(results, draft)
    return replace(written, folder=target)
