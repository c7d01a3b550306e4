"""Which designs, truths and methods may be calibrated? The options of `calibrate`, checked."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import numpy as np

from bayesmeta._validate import unknown_name
from bayesmeta.analyses.calibrate_coverage import METHODS, CoverageMethod, fit_classical
from bayesmeta.analyses.calibrate_simulate import Design
from bayesmeta.effects.measures import get_measure
from bayesmeta.errors import DataError, SpecError
from bayesmeta.exact.fit import fit_exact
from bayesmeta.frequentist.fit import measure_record
from bayesmeta.spec.model import ModelSpec

LARGEST_SEED: Final = 2**31

type Methods = str | Sequence[str] | Mapping[str, Mapping[str, object]]


def checked_taus(tau: object, model: ModelSpec) -> tuple[float, ...]:
    """Return the SDs of the study effects, each once; only 0 where the model has none."""
    if not model.has_tau:
        return (0.0,)
    try:
        values = np.atleast_1d(np.asarray(tau, dtype=np.float64))
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.ndim != 1 or not values.size or not ((values >= 0.0) & np.isfinite(values)).all():
        raise SpecError(f"tau={tau!r} must be one or more standard deviations from 0 on, such as [0, 0.25, 0.5, 1].")
    return tuple(dict.fromkeys(values.tolist()))


def checked_mu(mu: object, design: Design) -> float:
    """Return the true mean, by default the posterior median of the design's own outcomes."""
    if mu is None:
        return float(fit_exact(design.studies, design.model, measure=design.measure).marginal("mu").ppf(0.5))
    if isinstance(mu, bool) or not isinstance(mu, int | float) or not np.isfinite(mu):
        raise SpecError(f"mu={mu!r} must be one number on the link scale, or None for the posterior median.")
    return float(mu)


def checked_seed(seed: int | np.random.Generator | None) -> int:
    """Return a whole number, drawn if none was given."""
    if seed is None or isinstance(seed, np.random.Generator):
        return int(np.random.default_rng(seed).integers(LARGEST_SEED))
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise SpecError(f"seed={seed!r} must be a whole number, 0 or more, or a numpy Generator.")
    return int(seed)


def checked_methods(methods: Methods | None, design: Design) -> tuple[CoverageMethod, ...]:
    """Return the methods, each of which accepts the studies."""
    if isinstance(methods, Mapping):
        own = [_own_method(name, options) for name, options in methods.items()]
    else:
        own = [_found(name, design) for name in _names(methods, design)]
    if not own:
        raise SpecError(f"methods is empty; name at least one of {', '.join(METHODS)}, or leave it out.")
    for method in own:
        if method.options is not None:
            _check_classical(method, design)
    return tuple(own)


def _own_method(name: object, options: object) -> CoverageMethod:
    if not isinstance(options, Mapping):
        raise SpecError(
            f"methods[{name!r}]={options!r} must be a mapping of the options of engine='frequentist', such as "
            "{'tau2_method': 'PM'}."
        )
    return CoverageMethod(str(name), str(name), dict(options), ())


def _names(methods: str | Sequence[str] | None, design: Design) -> Sequence[str]:
    if methods is None:
        suitable = [name for name, method in METHODS.items() if design.studies.kind in method.kinds]
        return suitable if _same_scale(design, {}) else ["exact"]
    return (methods,) if isinstance(methods, str) else tuple(dict.fromkeys(methods))


def _found(name: str, design: Design) -> CoverageMethod:
    if name not in METHODS:
        raise SpecError(unknown_name("method", name, METHODS))
    if design.studies.kind not in METHODS[name].kinds:
        raise SpecError(f"method={name!r} is for {', '.join(METHODS[name].kinds)}; leave it out for estimates.")
    return METHODS[name]


def _check_classical(method: CoverageMethod, design: Design) -> None:
    """Raise `SpecError` if the engine does not take the options, or estimates on another scale than the model."""
    if not _same_scale(design, method.options or {}):
        raise SpecError(
            f"method={method.code!r} estimates on another scale than the model, whose link is {design.link!r}; "
            "compare methods='exact' alone, or give options with a measure on that scale."
        )
    with suppress(DataError):  # of these outcomes, which are replaced
        fit_classical(design.studies, method.options or {})


def _same_scale(design: Design, options: Mapping[str, object]) -> bool:
    measure = options.get("measure", design.measure)
    record = measure_record(design.studies, None if measure is None else str(measure), "wald")
    return get_measure(record.code).link == design.link or design.studies.kind == "estimates"
