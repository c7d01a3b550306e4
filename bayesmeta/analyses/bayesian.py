"""Is it a Bayesian fit, whatever engine made it?"""

from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.exact.regression import RegressionFit
from bayesmeta.nuts.fit import NutsFit

type Bayesian = ExactFit | RegressionFit | NutsFit


def check_bayesian(fit: object, verb: str) -> Bayesian:
    """Return the fit if it is Bayesian; raise `SpecError` if it is not, with the way out."""
    if isinstance(fit, ExactFit | RegressionFit | NutsFit):
        return fit
    engine = getattr(fit, "engine", None)
    what = f"a fit by engine={engine!r}" if engine else f"a {type(fit).__name__}"
    raise SpecError(f"{verb} takes a fit by engine='exact' or 'nuts'; got {what}.")
