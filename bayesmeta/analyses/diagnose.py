"""Can a Bayesian fit be trusted, whatever engine made it? A verdict in words, with what to do."""

from typing import Final

import numpy as np

from bayesmeta.analyses.bayesian import check_bayesian
from bayesmeta.exact.fit import ExactFit
from bayesmeta.exact.regression import RegressionFit
from bayesmeta.exact.solve import ACCEPTABLE
from bayesmeta.exact.summary import LARGE_VALUE, WIDE_INTERVAL
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.result.diagnosis import LEVELS, Check, Diagnosis, identified, is_its_prior
from bayesmeta.spec.priors import Prior

MEANS: Final = ("mu", "beta[")


def diagnose(fit: object) -> Diagnosis:
    """Judge a Bayesian fit.

    Parameters
    ----------
    fit : ExactFit, RegressionFit or NutsFit
        The fit.

    Returns
    -------
    Diagnosis
        ``verdict`` in words, ``ok``, ``table`` with each check, and ``notes``. Of draws: the largest R-hat (there is
        none of a single chain, which fails), the smallest effective sample sizes (all parameters, those of the studies
        included), the largest Monte-Carlo error of a mean in its SDs, the number of divergences (and whether they lie
        in the neck of a funnel), the energy's fraction of missing information, the share of trees cut at their greatest
        depth, draws that an improper prior lets run away, and the largest difference from the exact posterior, if there
        is one. Of an exact fit: its numerical error. Of both: means of which the data say nothing, so that their
        posterior is their prior; of tau that is a note, because the answer is right.

    Raises
    ------
    SpecError
        If the fit is not Bayesian.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> print(diagnose(bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))).verdict)
    no sign of trouble: exact, with errors of at most 1e-07
    >>> one = bm.Studies(("A",), events=[3.0], n=[10.0])
    >>> diagnose(bm.fit(one)).notes
    ('the data say nothing about tau: its posterior is its prior',)
    """
    checked = check_bayesian(fit, "diagnose")
    return checked.diagnosis if isinstance(checked, NutsFit) else _of_exact(checked)


def _of_exact(fit: ExactFit | RegressionFit) -> Diagnosis:
    table = fit.summary()
    lower, upper, median, errors = table[["lower", "upper", "median", "numerical_error"]].to_numpy().T
    scale = np.maximum(np.maximum((upper - lower) / WIDE_INTERVAL, np.abs(median) / LARGE_VALUE), 1.0)
    relative = float((errors / scale).max())
    found = f"exact, with errors of at most {fit.numerical_error:.0e}"
    advice = "the numbers hold to that error only; use less extreme priors"
    error = Check("numerical_error", relative, f"<= {ACCEPTABLE:g}", relative <= ACCEPTABLE, advice, found)
    nothing = [name for name, prior in _priors(fit).items() if is_its_prior(prior, fit.marginal(name).ppf(LEVELS))]
    means = [name for name in nothing if name.startswith(MEANS)]
    learnt, notes = identified(means, [name for name in nothing if name not in means])
    return Diagnosis((error, learnt), (*fit.notes, *notes))


def _priors(fit: ExactFit | RegressionFit) -> dict[str, Prior]:
    """Return the priors of the parameters that all studies share, by their rows of the summary."""
    *of_beta, of_tau = fit.drawable.priors
    names = ("mu",) if isinstance(fit, ExactFit) else tuple(f"beta[{name}]" for name in fit.design.coef)
    return dict(zip(names, of_beta, strict=True)) | ({"tau": of_tau} if fit.model.has_tau else {})
