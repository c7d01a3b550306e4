"""How many unseen studies of no effect would undo the result?"""

from bayesmeta._validate import check_number, check_probability, unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.fail_safe import METHODS, SIGNIFICANCE, equal_weights, orwin
from bayesmeta.frequentist.methods import not_pooled
from bayesmeta.frequentist.result import FrequentistFit


def fail_safe_n(
    fit: FrequentistFit,
    method: str = "rosenthal",
    *,
    alpha: float | None = None,
    target: float | None = None,
    weighted: bool | None = None,
    null: float = 0.0,
) -> int:
    """Return the number of unseen studies averaging no effect that would undo the result.

    Parameters
    ----------
    fit : FrequentistFit
        Its effects and standard errors are used.
    method : {"rosenthal", "rosenberg", "orwin"}
        ``"rosenthal"``: until Stouffer's combined one-sided P-value reaches `alpha`; ``"rosenberg"``: until that of the
        common-effect mean does (two-sided); ``"orwin"``: until the mean effect falls to `target`.
    alpha : float, optional
        Significance level for the first two; 0.05 by default.
    target : float, optional
        Effect that would no longer matter, link scale, not 0; needed for "orwin", where its sign is that of the mean.
    weighted : bool, optional
        For "orwin": whether the mean is weighted by 1 / se^2 (the default) or all studies count alike, as Orwin has it.

    null : float
        Effect that stands for no effect, link scale; `target` is a distance from it. For proportions 0 is 50 % (PLO):
        give the logit of a benchmark.

    Returns
    -------
    int
        0 if the result needs no further studies to be undone.

    Raises
    ------
    SpecError
        If the fit is not frequentist, or an option is unknown, missing or not of this method.

    Notes
    -----
    Of a single proportion "no effect" is a benchmark that the result is tested against, `null`. The number is not an
    estimate of how many studies are missing, ignores heterogeneity, and depends on the method more than on the data;
    Becker (2005) advises to abandon it [1]_. It is here because reviews report it.

    References
    ----------
    .. [1] B. J. Becker. Failsafe N or file-drawer number. In: Rothstein, Sutton, Borenstein (eds), Publication bias in
       meta-analysis, chapter 7. Wiley, 2005.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> df = bm.load_dataset("blinatumomab_comparative_effects").query("endpoint == 'OS' and preferred == 1")
    >>> columns = {"estimate": "estimate", "lower": "ci_low", "upper": "ci_high"}
    >>> studies = bm.Studies.from_frame(df, measure="HR", on_bad="drop", **columns)
    >>> fail_safe_n(bm.fit(studies, engine="frequentist"))
    25
    """
    if not isinstance(fit, FrequentistFit):
        raise not_pooled("fail_safe_n", fit)
    if method not in METHODS:
        raise SpecError(unknown_name("method", method, METHODS))
    y = fit.y - check_number("null", null)
    if method in SIGNIFICANCE:
        if target is not None or weighted is not None:
            raise SpecError(f"target and weighted are for method='orwin', not {method!r}; leave them out.")
        return SIGNIFICANCE[method](y, fit.se, 0.05 if alpha is None else check_probability("alpha", alpha))
    if alpha is not None:
        raise SpecError("alpha is not for method='orwin', which asks for an effect size; give target.")
    if target is None or not 0.0 < abs(target) < float("inf"):
        raise SpecError(f"method='orwin' needs target, an effect on the link scale that is not 0; got {target!r}.")
    return orwin(y, fit.se**-2.0 if weighted in (None, True) else equal_weights(y), target)
