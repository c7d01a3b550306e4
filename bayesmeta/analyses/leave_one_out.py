"""How much does the answer depend on each single study? The summary without it."""

import numpy as np
import pandas as pd

from bayesmeta.analyses.conflict import depends_on_studies
from bayesmeta.analyses.parts import PartFit, check_fit, check_prob, summarise_parts
from bayesmeta.analyses.sampled_parts import sample_parts
from bayesmeta.exact.fit import ExactFit
from bayesmeta.nuts.fit import NutsFit


def leave_one_out(fit: PartFit | NutsFit, *, ci_prob: float | None = None, quiet: bool = False) -> pd.DataFrame:
    """Return the summary without each study in turn.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit or GlmmFit
        The analysis of all k studies.
    ci_prob : float, optional
        Probability of the intervals; by default the fit's own, 0.95 for a Bayesian one.
    quiet : bool
        For a NutsFit: whether to show no progress bar.

    Returns
    -------
    DataFrame
        A row per study left out (column ``study``) and ``parameter``. Bayesian: ``mean sd median lower upper``; exact
        ``elpd_loo`` (log predictive density of that study given the others, the same in each of its rows) and
        ``numerical_error``, the largest absolute error of the row; by NUTS ``mcse_mean ess_bulk ess_tail r_hat`` and
        ``is_reliable``, whether the diagnosis of that refit found no trouble. Frequentist: ``estimate se lower upper``
        and, the same in each of a study's rows, ``tau2 i2 h2 q q_pvalue`` (``i2`` from Q, of a mixed model from tau2;
        ``h2`` from tau2, of a common effect from Q). ``shift``: by how much the median (the estimate) differs from that
        of all studies, in units of the SD (the standard error) that it has with all of them. ``note``: why a row has no
        numbers (an improper posterior, no study left), or, by NUTS, what is wrong with them; else empty. By NUTS
        ``attrs["note"]`` says of the table if engine="exact" has the same rows, which take it milliseconds.

    Raises
    ------
    SpecError
        If the fit cannot be repeated, or ``ci_prob`` is no probability.
    AccuracyError
        If sampling was interrupted before the first refit; later on the rows that there are are kept.

    Notes
    -----
    Bayesian rows are sums over one surface, p(mu, tau | data without i) ~ prior(mu, tau) prod_(j != i) m_j(mu, tau), on
    a grid that holds all k posteriors; a row that is not certified there to 1e-6 is computed by its own fit. Classical
    rows are fits with the same options, as R's metafor does in ``leave1out`` [1]_.

    References
    ----------
    .. [1] W. Viechtbauer, M. W.-L. Cheung. Outlier and influence diagnostics for meta-analysis. Research Synthesis
       Methods 1:112-125, 2010. doi:10.1002/jrsm.11

    Examples
    --------
    >>> import bayesmeta as bm
    >>> df = bm.load_dataset("pritz1997")
    >>> table = leave_one_out(bm.fit(bm.Studies.from_frame(df, events="events", n="n")))
    >>> table.query("parameter == 'p_median'").set_index("study")["shift"].nlargest(2).round(2).to_dict()
    {'Otsubo et al.': 0.36, 'Awad et al.': 0.34}
    """
    checked = fit if isinstance(fit, NutsFit) else check_fit(fit, "leave_one_out")
    prob = check_prob(checked, ci_prob)
    labels = checked.studies.study
    include = ~np.eye(len(labels), dtype=np.bool_)
    if isinstance(checked, NutsFit):
        rows = sample_parts(checked, include, prob, what="leave-one-out", quiet=quiet)
    else:
        rows = summarise_parts(checked, include, prob)
    table = rows.tidy([{"study": label} for label in labels])
    point, spread = ("median", "sd") if isinstance(checked, ExactFit | NutsFit) else ("estimate", "se")
    if rows.log_evidence is not None and rows.log_evidence_error is not None and isinstance(checked, ExactFit):
        each = np.repeat(np.arange(len(labels)), len(rows.parameters))
        wrong = checked.log_evidence_error + rows.log_evidence_error
        elpd = checked.solution.fine.posterior.log_evidence - rows.log_evidence
        if depends_on_studies(checked.model):
            elpd = np.full_like(elpd, np.nan)  # the evidences are of different priors
        table.insert(len(table.columns) - 2, "elpd_loo", elpd[each])
        table["numerical_error"] = np.maximum(table["numerical_error"], wrong[each])
    whole = checked.summary(ci_prob=prob).loc[table["parameter"]]
    shift = (table[point].to_numpy() - whole[point].to_numpy()) / whole[spread].to_numpy()
    table.insert(len(table.columns) - (2 if "is_reliable" in table else 1), "shift", shift)
    return table
