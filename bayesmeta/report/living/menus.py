"""Which priors may a reader of the living report choose, and between which limits?"""

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.spec.priors import Prior

ROUND: Final = (1.0, 2.0, 5.0)


@final
@dataclass(frozen=True)
class Slider:
    """One parameter of a prior: its name, its limits, where it begins, and whether its steps are ratios."""

    name: str
    low: float
    high: float
    start: float
    is_log: bool

    def around(self, value: float) -> "Slider":
        """Return the slider that begins at a value, which its limits then hold."""
        return Slider(self.name, min(self.low, value), max(self.high, value), value, self.is_log and value > 0.0)


type Menu = dict[str, tuple[Slider, ...]]
"""Families by name, with the sliders of their parameters in order."""


def menus(fit: ExactFit) -> tuple[Menu, Menu]:
    """Return the families of priors of mu and of tau, on the scale of the data; those of the fit come first.

    Raises
    ------
    SpecError
        If the page has no sliders for a prior of the fit.
    """
    centre, unit = _scale(fit)
    mu, tau = _of_mu(centre, unit, is_proportion=LINKS[fit.link].natural == "proportion"), _of_tau(unit)
    return _with_own(mu, fit.model.mu, -1.0), _with_own(tau, fit.model.tau, 0.0)


def _scale(fit: ExactFit) -> tuple[float, float]:
    """Return where the data lie and how wide the sliders should reach: 1 for links of proportions and ratios."""
    if fit.link != "identity":
        return 0.0, 1.0
    centre, variance = fit.solution.problem.terms.rough()
    spread = float(np.ptp(centre) + np.sqrt(np.median(variance)))
    unit = _rounded(0.5 * spread)
    return unit * round(float(np.median(centre)) / unit), unit


def _rounded(value: float) -> float:
    """Return the largest of ..., 0.5, 1, 2, 5, 10, ... that is not above a value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * max(step for step in ROUND if step * power <= value * (1.0 + 1e-9)))


def _of_mu(centre: float, unit: float, *, is_proportion: bool) -> Menu:
    location = Slider("mu", centre - 4.0 * unit, centre + 4.0 * unit, centre, is_log=False)
    scale = Slider("sigma", 0.1 * unit, 5.0 * unit, 1.5 * unit, is_log=True)
    menu: Menu = {
        "Normal": (location, scale),
        "StudentT": (Slider("nu", 3.0, 30.0, 4.0, is_log=True), location, replace(scale, low=0.5 * unit)),
        "Logistic": (location, Slider("s", 0.1 * unit, 3.0 * unit, unit, is_log=True)),
        "Cauchy": (
            Slider("alpha", location.low, location.high, centre, is_log=False),
            Slider("beta", 0.5 * unit, 3.0 * unit, unit, is_log=True),
        ),
    }
    if is_proportion:
        menu["Beta"] = Slider("alpha", 0.5, 20.0, 1.0, is_log=True), Slider("beta", 0.5, 20.0, 1.0, is_log=True)
    return menu


def _of_tau(unit: float) -> Menu:
    scale = Slider("sigma", 0.05 * unit, 3.0 * unit, unit, is_log=True)
    return {
        "HalfNormal": (scale,),
        "HalfCauchy": (Slider("beta", 0.05 * unit, 2.0 * unit, 0.5 * unit, is_log=True),),
        "HalfStudentT": (Slider("nu", 2.0, 30.0, 4.0, is_log=True), scale),
        "Exponential": (Slider("lam", 0.3 / unit, 20.0 / unit, 1.0 / unit, is_log=True),),
        "LogNormal": (
            Slider("mu", np.log(unit) - 3.0, np.log(unit) + 1.0, np.log(unit) - 1.0, is_log=False),
            Slider("sigma", 0.2, 2.0, 1.0, is_log=True),
        ),
    }


OTHERS: Final = {
    "Flat", "HalfFlat", "Uniform", "Gamma", "InverseGamma", "Weibull", "HalfLogistic", "Lomax", "Turner2015",
}  # fmt: skip
"""Families of which the page knows the density, and which it offers if a fit has them."""


def _with_own(menu: Menu, prior: Prior, below: float) -> Menu:
    """Return the menu with the prior of the fit first, its sliders set to it; one set to 0 goes down to `below`."""
    if prior.name not in menu and prior.name not in OTHERS:
        raise SpecError(f"its prior {prior} is not among those that the page can compute")
    values = dict(prior.parameters)
    known = {slider.name: slider for slider in menu.get(prior.name, ())}
    if prior.name in menu and set(values) != set(known):
        raise SpecError(f"its prior {prior} is written in a form that the page does not have")
    order = known or {name: _slider(name, value, below) for name, value in values.items()}
    own = tuple(slider.around(values[name]) for name, slider in order.items())
    return {prior.name: own, **{name: sliders for name, sliders in menu.items() if name != prior.name}}


def _slider(name: str, value: float, below: float) -> Slider:
    """Return a slider for a parameter whose usual values are not known: from half to twice the value."""
    if value == 0.0:
        return Slider(name, below, abs(below), value, is_log=False)
    low, high = sorted((0.5 * value, 2.0 * value))
    return Slider(name, low, high, value, is_log=value > 0.0)
