"""What does a model with moderators say of a study with stated values of them?"""

from collections.abc import Iterable, Mapping
from functools import partial

import pandas as pd

from bayesmeta.errors import SpecError
from bayesmeta.exact.regression import RegressionFit
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.frequentist.robust import ClusterRobust
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.nuts.predict import predict_draws
from bayesmeta.result.summary import with_reliability

DEFAULT_PROB = 0.95


def predict(
    fit: RegressionFit | NutsFit | FrequentistRegression | ClusterRobust,
    at: Mapping[str, object] | pd.DataFrame | Iterable[Mapping[str, object]],
    *,
    ci_prob: float | None = None,
    ci_kind: str = "eti",
) -> pd.DataFrame:
    """Return the mean and the proportions at stated values of the moderators.

    Parameters
    ----------
    fit : RegressionFit, NutsFit, FrequentistRegression or ClusterRobust
        A fit with a formula.
    at : mapping, DataFrame, or mappings
        Values of the moderators, uncentred, as they stand in the data.
    ci_prob : float, optional
        Probability of the interval; by default the fit's own, 0.95 for a Bayesian one.
    ci_kind : {"eti", "hdi"}
        Equal-tailed, or shortest; of a classical fit only "eti".

    Returns
    -------
    DataFrame
        For each of the values (their columns come first): ``eta``, the linear predictor x'beta (link scale), and for
        proportions ``p_median``, ``p_mean``, ``p_new``, otherwise ``theta_new``, named in ``parameter``; then ``mean sd
        median lower upper`` and their accuracy, as in `summary`. Classical: ``eta``, for proportions its back-transform
        (`p_median`, of raw proportions `p_mean`) and ``p_new``, otherwise ``theta_new``; then ``estimate se lower
        upper`` and ``interval``: CI, or PI of a new study.

    Raises
    ------
    SpecError
        If the fit has no moderators, a moderator is unknown or missing, or has no such level.
    AccuracyError
        If a row cannot be computed accurately.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["year"])
    >>> fit = bm.fit(studies, bm.ModelSpec("binomial", formula="~ year", beta="Normal(0, 1.5)"))
    >>> table = predict(fit, {"year": 2020}).set_index("parameter")
    >>> table.loc["p_mean", ["median", "lower", "upper"]].round(2).tolist()
    [0.81, 0.63, 0.91]
    """
    if isinstance(fit, ClusterRobust) and isinstance(fit.fit, FrequentistRegression):
        fit = fit.regression
    if not isinstance(fit, RegressionFit | NutsFit | FrequentistRegression):
        raise SpecError("predict needs a fit of a model with a formula, such as bm.ModelSpec(formula='~ year', ...).")
    own = fit.ci_prob if isinstance(fit, FrequentistRegression) else DEFAULT_PROB
    prob = own if ci_prob is None else ci_prob
    given = at.to_dict("records") if isinstance(at, pd.DataFrame) else [at] if isinstance(at, Mapping) else at
    rows = list(given) if isinstance(given, Iterable) else [None]
    if not all(isinstance(values, Mapping) for values in rows):
        raise SpecError(f"at={at!r} must be values of the moderators, such as {{'year': 2020}}, or a list of such.")
    frames = []
    for values in rows:
        named = {str(name): value for name, value in values.items()}
        call = partial(predict_draws, fit) if isinstance(fit, NutsFit) else fit.predict
        frame = call(named, ci_prob=prob, ci_kind=ci_kind)
        frame = frame.rename_axis("parameter").reset_index()
        for i, (name, value) in enumerate(values.items()):
            frame.insert(i, str(name), value)
        frames.append(frame)
    if not frames:
        raise SpecError("predict needs at least one set of values, such as {'year': 2020}.")
    return with_reliability(fit, pd.concat(frames, ignore_index=True))
