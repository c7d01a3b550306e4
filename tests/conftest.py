"""What holds for every test: figures need no screen, a skip in CI is a failure, and few fits are sampled."""

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import lru_cache

import numpy as np
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")


def skips_forbidden() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if skips_forbidden() and reporter is not None and reporter.stats.get("skipped") and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if skips_forbidden() and skipped:
        terminalreporter.write_sep("=", f"{len(skipped)} skipped: in CI a skip is a failure", red=True)


@lru_cache(maxsize=32)
def _drawn(exact, draws, chains):
    return exact.to_datatree(draws=draws, chains=chains, seed=1)


def _as_nuts(exact, *, apart=0.0, divergent=0, chains=4, draws=500, asked_for=None, **changes):
    import xarray as xr

    from bayesmeta.nuts.fit import NutsFit
    from bayesmeta.nuts.parametrisations import choose_parametrisation
    from bayesmeta.nuts.settings import Settings
    from bayesmeta.nuts.structure import OVERALL

    tree = _drawn(exact, draws, chains).copy(deep=True)
    tree["posterior"]["mu"] = tree["posterior"]["mu"] + apart * xr.DataArray(np.arange(chains), dims="chain")
    dims, shape = ("chain", "draw"), (chains, draws)
    diverging = np.arange(chains * draws).reshape(shape) < divergent
    energy = np.random.default_rng(1).normal(size=shape)
    tree["sample_stats"] = xr.DataTree(xr.Dataset({"diverging": (dims, diverging), "energy": (dims, energy)}))
    asked = {
        "draws": asked_for or draws,
        "tune": 1000,
        "chains": chains,
        "seed": 1,
        "sampler": "pymc",
        "target_accept": 0.95,
    }
    asked["parametrisation"] = choose_parametrisation(None, exact.model, OVERALL, exact.studies.k)
    settings = Settings(**{**asked, **changes})
    return NutsFit(exact.studies, exact.model, exact.measure, exact.link, settings, tree)


@pytest.fixture(scope="session")
def as_nuts() -> Callable[..., object]:
    """Turn an exact fit into a NUTS fit that holds independent draws of it, in chains `apart`: none is sampled."""
    return _as_nuts


_CORNERS: dict[str, tuple] = {}


@pytest.fixture(scope="module")
def corners_once() -> Iterator[None]:
    """Compute the corners of a report's sliders once for each fit: they take most of the time of a small report."""
    from bayesmeta.report.living import payload

    checked = payload.checked

    def remembered(fit, mu, tau):
        numbers = (fit.summary().to_numpy(float).tobytes(), fit.log_evidence)
        key = repr((fit.studies.to_frame().to_csv(), fit.model, fit.measure, fit.link, numbers, mu, tau))
        if key not in _CORNERS:
            _CORNERS[key] = checked(fit, mu, tau)
        return deepcopy(_CORNERS[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(payload, "checked", remembered)
        yield


@pytest.fixture
def corners_anew(monkeypatch):
    """Compute them in each report of this test."""
    from bayesmeta.report.living import checks, payload

    monkeypatch.setattr(payload, "checked", checks.checked)


@pytest.fixture
def compiled_anew(monkeypatch):
    """Compile the models of this test anew, and let no other test have them: another may have built them otherwise."""
    from bayesmeta.nuts import compiled

    monkeypatch.setattr(compiled, "_KEPT", compiled._Kept(compiled.MOST))


@pytest.fixture(scope="session")
def studies_for() -> Callable[..., object]:
    """Return a few studies of the kind of data that a model needs."""
    from bayesmeta.data.studies import Studies
    from bayesmeta.effects.measures import ROLES_OF_DATA
    from bayesmeta.spec.likelihoods import LIKELIHOODS

    values = {"events": [3, 7, 12, 4], "n": [20, 31, 44, 25], "time": [90.5, 210.0, 301.0, 80.0]}
    values |= {"y": [0.1, 0.5, -0.2, 0.3], "se": [0.2, 0.3, 0.15, 0.4]}

    def call(model):
        roles = ROLES_OF_DATA[LIKELIHOODS[model.likelihood].data]
        data = {role: np.array(values[role.partition("_")[0]], dtype=float) for role in roles}
        if "events_control" in data:
            data["events_control"] += [2, 1, 0, 3]
        return Studies(("Lee 2019", "Kim 2020", "Ali 2021", "Roy 2022"), **data)

    return call
