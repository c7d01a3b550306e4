"""Would another prior change the answer? The posterior under every pair of priors, from one surface."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmeta._validate import a_type, check_probability, unknown_name
from bayesmeta.analyses.sampled_sensitivity import sample_sensitivity
from bayesmeta.errors import ImproperPosteriorError, SpecError
from bayesmeta.exact.batch import Reference, Summaries, summarise
from bayesmeta.exact.existence import tail_orders
from bayesmeta.exact.fit import ExactFit
from bayesmeta.exact.prior_pairs import PriorPairs
from bayesmeta.exact.regression import refuse_regression
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.result.summary import COLUMNS
from bayesmeta.spec.observed import observed_by
from bayesmeta.spec.priors import Prior, PriorLike
from bayesmeta.spec.resolve import resolve_prior
from bayesmeta.spec.roles import Parameter, prior_for

SENSITIVITY_COLUMNS = (
    "mu", "tau", "parameter", "estimand", *COLUMNS, "numerical_error", "log_evidence", "log_evidence_error",
    "shift", "shift_error", "hellinger", "hellinger_error", "note",
)  # fmt: skip

type Progress = Callable[[int, int], None]
EXAMPLES = {"mu": "Normal(0, 1)", "tau": "HalfNormal(0.5)"}


def sensitivity(
    fit: ExactFit | NutsFit,
    *,
    mu: Iterable[PriorLike] | None = None,
    tau: Iterable[PriorLike] | None = None,
    parameters: Sequence[str] | None = None,
    ci_prob: float = 0.95,
    progress: Progress | None = None,
    quiet: bool = False,
) -> pd.DataFrame:
    """Return the estimates under other priors, and how far they move.

    Parameters
    ----------
    fit : ExactFit or NutsFit
        The analysis under its own priors, the reference.
    mu, tau : iterable of Prior, str or PreliZ distribution, optional
        Priors to try; all pairs of one of mu and one of tau are, the reference's own included. A list that is missing
        stands for the fit's own prior; if both are missing, the model's `sensitivity` alternatives are taken.
    parameters : sequence of str, optional
        Rows of the summary that are wanted; by default all.
    ci_prob : float
        Probability of the equal-tailed intervals.
    progress : callable, optional
        Called with the numbers of pairs that are done, and of all.
    quiet : bool
        For a NutsFit: whether to show no progress bar.

    Returns
    -------
    DataFrame
        A row per pair of priors and parameter; the reference pair comes first. ``mu``, ``tau``: the priors.
        ``mean sd median lower upper numerical_error`` as in `summary`. ``log_evidence``: nan if a prior is improper.
        ``shift``: (mean - mean under the reference) / sd under the reference. ``hellinger``: Hellinger distance of
        the two posterior distributions of the parameter, from 0 (the same) to 1 (nothing in common), the same on
        link and proportion scale. ``*_error``: absolute numerical errors. ``note``: why a pair has no numbers.
        By NUTS there are instead of errors, evidence and distances ``mcse_mean ess_bulk ess_tail r_hat``,
        ``shift_mcse`` and ``is_reliable``, whether the diagnosis of that refit found no trouble; of a model with a
        formula the priors of tau alone are varied, and there is no column ``mu``.

    Raises
    ------
    SpecError
        If the fit is of another kind, a prior does not suit its parameter, or an option is not allowed.
    AccuracyError
        If sampling was interrupted before the first refit; later on the rows that there are are kept.

    Notes
    -----
    The likelihood is tabulated once on a grid that holds the posteriors of all pairs, so that a further prior costs a
    sum. Every row is certified as a fit of its own is, and made a fit of its own where it cannot be. The squared
    Hellinger distance is H^2 = 1/2 integral of (sqrt p - sqrt q)^2 (Roos et al. 2015, doi:10.1214/14-BA909, for its
    use in sensitivity analysis).

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> table = bm.sensitivity(fit, tau=["HalfNormal(0.5)", "HalfCauchy(0.5)"])
    >>> table.query("parameter == 'p_mean'")[["tau", "median", "shift", "hellinger"]].round(3)
                          tau  median  shift  hellinger
    3     HalfNormal(sigma=1)   0.763  0.000      0.000
    8   HalfNormal(sigma=0.5)   0.765  0.078      0.055
    13   HalfCauchy(beta=0.5)   0.763  0.020      0.017
    """
    if not isinstance(fit, NutsFit):
        check_exact(fit, "sensitivity")
    names = _parameters(fit, parameters)
    check_probability("ci_prob", ci_prob)
    priors = alternatives(fit, mu=mu, tau=tau)
    if isinstance(fit, NutsFit):
        return sample_sensitivity(fit, *priors, names, ci_prob=ci_prob, progress=progress, quiet=quiet)
    pairs = np.stack(np.meshgrid(*(np.arange(len(p)) for p in priors), indexing="ij"), axis=-1).reshape(-1, 2)
    densities = _densities(fit, priors)
    notes = _improper(fit, *densities)
    proper = np.flatnonzero([tuple(pair) not in notes for pair in pairs.tolist()])
    problem, solution = fit.solution.problem, fit.solution
    family = PriorPairs(problem.terms, *densities, pairs[proper], problem.link)
    reference = Reference(0, solution.fine, solution.coarse)  # the reference pair is the first
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, proper.size)

    rows = summarise(family, proper.size, names, ci_prob=ci_prob, reference=reference, progress=advance)
    reasons = {i: notes[a, b] for i, (a, b) in enumerate(pairs.tolist()) if (a, b) in notes}
    reasons |= {int(proper[row]): reason for row, reason in rows.failure.items()}
    return _frame(priors, pairs, proper, rows, reasons)


def check_exact(fit: object, verb: str) -> None:
    """Raise `SpecError` unless a fit is one by quadrature."""
    if not isinstance(fit, ExactFit):
        refuse_regression(fit, verb)
        raise SpecError(f"{verb} takes a fit by engine='exact'; got {a_type(fit)}: refit with bm.fit(studies, model).")


def alternatives(
    fit: ExactFit | NutsFit, *, mu: Iterable[PriorLike] | None, tau: Iterable[PriorLike] | None
) -> tuple[tuple[Prior, ...], tuple[Prior, ...]]:
    """Return the priors to try of mu and of tau, each with the fit's own first and none twice."""
    if mu is not None and fit.model.formula is not None:
        raise SpecError(
            "a model with a formula has no mu; give priors of tau, or fit models with other priors of beta."
        )
    given: dict[Parameter, Iterable[PriorLike] | None] = {"mu": mu, "tau": tau}
    if mu is None and tau is None:
        given = {"mu": fit.model.sensitivity.get("mu"), "tau": fit.model.sensitivity.get("tau")}
        if not any(given.values()):
            raise SpecError(
                "the model names no alternative priors; give some, such as tau=['HalfNormal(0.5)', 'HalfCauchy(0.5)']."
            )
    if tau is not None and not fit.model.has_tau:
        raise SpecError("effects='none' gives all studies one effect, so there is no tau; leave its priors out.")
    own = {"mu": fit.model.mu, "tau": fit.model.tau}
    lists = []
    for name, values in given.items():
        if isinstance(values, str | Prior):
            values = [values]
        if values is not None and not isinstance(values, Iterable):
            raise SpecError(f"{name}={values!r} must be a list of priors, such as {name}=[{EXAMPLES[name]!r}].")
        lists.append(tuple(dict.fromkeys([own[name], *(prior_for(name, value) for value in values or ())])))
    return lists[0], lists[1]


def _densities(
    fit: ExactFit, priors: tuple[tuple[Prior, ...], tuple[Prior, ...]]
) -> tuple[tuple[Prior, ...], tuple[Prior, ...]]:
    """Return priors as densities of mu and tau: some are stated on the proportion, or made from the studies."""
    data = observed_by(fit.model, fit.studies, measure=fit.measure)
    of_mu, of_tau = (tuple(resolve_prior(prior, fit.model, data) for prior in part) for part in priors)
    return of_mu, of_tau


def _parameters(fit: ExactFit | NutsFit, parameters: Sequence[str] | None) -> tuple[str, ...]:
    listed = isinstance(parameters, Iterable) and not isinstance(parameters, str)
    if parameters is not None and not (listed and list(parameters)):
        raise SpecError(f"parameters={parameters!r} must be a list of {', '.join(fit.parameters)}.")
    wanted = fit.parameters if parameters is None else tuple(parameters)
    for name in wanted:
        if name not in fit.parameters:
            raise SpecError(unknown_name("parameter", name, fit.parameters))
    return tuple(dict.fromkeys(wanted))


def _improper(fit: ExactFit, mu: tuple[Prior, ...], tau: tuple[Prior, ...]) -> dict[tuple[int, int], str]:
    """Return why pairs of priors have no posterior, by their positions; few priors are improper or have heavy tails."""
    terms = fit.solution.problem.terms
    known: dict[tuple[float, bool, float], bool] = {}
    notes = {}
    keys_of_tau = [b.tail_order for b in tau]
    for i, a in enumerate(mu):
        key_of_mu = a.tail_order, a.is_proper
        for j, b in enumerate(tau):
            key = *key_of_mu, keys_of_tau[j]
            if known.get(key):
                continue
            try:
                tail_orders(a, b, *terms.limits(), kernel_order=terms.kernel.tail_order)
                known[key] = True
            except ImproperPosteriorError as error:
                notes[i, j] = str(error)
    return notes


def _frame(
    priors: tuple[tuple[Prior, ...], tuple[Prior, ...]],
    pairs: np.ndarray[Any, np.dtype[np.intp]],
    proper: np.ndarray[Any, np.dtype[np.intp]],
    rows: Summaries,
    reasons: dict[int, str],
) -> pd.DataFrame:
    """Return one row per pair and parameter."""
    count, size = len(rows.names), len(pairs)

    def spread(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        full = np.full((size, *values.shape[1:]), np.nan)
        full[proper] = values
        return full.reshape(size * count, -1)[:, 0] if values.ndim == 2 else np.repeat(full, count)

    columns: dict[str, Any] = {}
    for i, name in enumerate(("mu", "tau")):
        texts = [str(prior) for prior in priors[i]]
        categories = list(dict.fromkeys(texts))
        codes = np.array([categories.index(text) for text in texts])
        columns[name] = pd.Categorical.from_codes(np.repeat(codes[pairs[:, i]], count), categories=pd.Index(categories))
    columns["parameter"] = pd.Categorical.from_codes(np.tile(np.arange(count), size), categories=pd.Index(rows.names))
    columns["estimand"] = columns["parameter"]
    for i, name in enumerate(COLUMNS):
        columns[name] = spread(rows.values[:, :, i])
    columns["numerical_error"] = spread(rows.error)
    has_evidence = np.array([[a.is_proper and b.is_proper for b in priors[1]] for a in priors[0]])[
        tuple(pairs[proper].T)
    ]
    columns["log_evidence"] = spread(np.where(has_evidence, rows.log_evidence, np.nan))
    columns["log_evidence_error"] = spread(np.where(has_evidence, rows.log_evidence_error, np.nan))
    mean, sd, error = rows.values[:, :, 0], rows.values[0, :, 1], rows.error[0]
    with np.errstate(invalid="ignore"):
        shift = (mean - mean[0]) / sd
        shift_error = np.where(mean == mean[0], 0.0, (rows.error + error + np.abs(shift) * error) / sd)
    columns["shift"] = spread(np.where(np.isfinite(sd), shift, np.nan))
    columns["shift_error"] = spread(np.where(np.isfinite(shift) & np.isfinite(sd), shift_error, np.nan))
    columns["hellinger"], columns["hellinger_error"] = spread(rows.hellinger), spread(rows.hellinger_error)
    note = np.full(size, "", dtype=object)
    for row, reason in reasons.items():
        note[row] = reason
    columns["note"] = np.repeat(note, count)
    return pd.DataFrame(columns, columns=list(SENSITIVITY_COLUMNS))
