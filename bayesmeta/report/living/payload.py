"""What does the page carry? The studies, the menus, where it starts, and the answers that it must find."""

import base64
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.data.display import data_texts
from bayesmeta.data.studies import Studies
from bayesmeta.effects.links import LINKS
from bayesmeta.exact.fit import ExactFit
from bayesmeta.plots.forest_columns import Printing
from bayesmeta.report.living.checks import checked
from bayesmeta.report.living.menus import Menu, Slider, menus
from bayesmeta.result.study_table import study_effects
from bayesmeta.tables.render import printable

type Payload = dict[str, Any]

COLUMNS: Final = {
    "counts": 'study="study", events="events", n="n"',
    "estimates": 'study="study", y="y", se="se"',
    "two-arm-counts": (
        'study="study", events=("events_treatment", "events_control"), n=("n_treatment", "n_control")'
    ),
    "rates": 'study="study", events="events", time="time"',
    "two-arm-rates": (
        'study="study", events=("events_treatment", "events_control"), time=("time_treatment", "time_control")'
    ),
}  # fmt: skip
"""By kind of data: how `Studies.from_frame` is called."""


def payload(
    fit: ExactFit, *, ci_prob: float, by: Sequence[str], threshold: float | None, printing: Printing
) -> Payload:
    """Return what the page's program works with, as JSON can hold it.

    Parameters
    ----------
    fit : ExactFit
        The fit that the page starts from.
    ci_prob : float
        Probability of the intervals.
    by : sequence of str
        Moderators by whose levels studies may be chosen.
    threshold : float or None
        The benchmark, natural scale.
    printing : Printing
        Unit and decimals.
    """
    mu, tau, checks = checked(fit, *menus(fit))
    studies, model = fit.studies, fit.model
    observed = study_effects(fit, ci_prob=ci_prob)
    return {
        "likelihood": model.likelihood,
        "link": fit.link,
        "natural": LINKS[fit.link].natural,
        "unit": LINKS[fit.link].natural or "effect",
        "printing": {"factor": printing.unit.factor, "sign": printing.unit.sign, "places": printing.places},
        "labels": [printable(label) for label in studies.study],
        "data": {name: _encoded(values) for name, values in _seen(fit).items()},
        "texts": {}
        if studies.kind == "estimates"
        else {k: list(v) for k, v in data_texts(studies.kind, studies.data).items()},
        "observed": [_encoded(observed[name].to_numpy()) for name in ("observed", "observed_lower", "observed_upper")],
        "moderators": {name: [str(value) for value in studies.moderators[name]] for name in by},
        "menus": {"mu": _menu(mu), "tau": _menu(tau)},
        "start": {"mu": _prior(model.mu), "tau": _prior(model.tau), "ci": ci_prob, "threshold": threshold},
        "checks": checks,
        "source": _source(fit, studies),
    }


def _seen(fit: ExactFit) -> dict[str, FloatArray]:
    """Return what the likelihood sees of the studies."""
    if fit.model.likelihood == "binomial":
        return {"events": np.asarray(fit.studies.events), "n": np.asarray(fit.studies.n)}
    observed: Any = fit.observed
    return {"y": observed.y, "se": observed.se}


def _encoded(values: FloatArray) -> str:
    """Return numbers as base64 of little-endian doubles, so that none is rounded."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode("ascii")


def _menu(menu: Menu) -> list[dict[str, Any]]:
    def record(slider: Slider) -> dict[str, Any]:
        names = {"name": slider.name, "low": slider.low, "high": slider.high, "start": slider.start}
        return {**names, "log": slider.is_log}

    return [{"family": name, "sliders": [record(slider) for slider in sliders]} for name, sliders in menu.items()]


def _prior(prior: Any) -> list[Any]:
    return [prior.name, *prior.parameters.values()]


def _source(fit: ExactFit, studies: Studies) -> dict[str, Any]:
    """Return what the page needs to write a program that makes the same fit: data and calls."""
    given = (
        dict(studies.data)
        if studies.kind != "estimates"
        else {"y": np.asarray(studies.y), "se": np.asarray(studies.se)}
    )
    measure = fit.measure if fit.measure not in (None, "GEN") else None
    arguments = COLUMNS[studies.kind]
    if studies.kind == "estimates" and measure:
        arguments += f', measure="{measure}"'
    named = [f'"{fit.model.likelihood}"', f'link="{fit.model.link}"']
    return {
        "labels": list(studies.study),
        "columns": {name: [float(value) for value in values] for name, values in given.items()},
        "arguments": arguments,
        "model": ", ".join(named),
        "fit": f', measure="{measure}"' if measure and studies.kind != "estimates" else "",
        "toml": f'schema = 1\nlikelihood = "{fit.model.likelihood}"\nlink = "{fit.model.link}"\neffects = "normal"\n',
    }
