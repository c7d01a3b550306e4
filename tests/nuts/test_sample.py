import os
import signal
import threading
import time

import numpy as np
import pymc as pm
import pytest
import xarray as xr

import bayesmeta as bm
from bayesmeta.errors import AccuracyError
from bayesmeta.nuts import sample as sampling

SMALL = {"engine": "nuts", "tune": 100, "draws": 300, "chains": 2, "seed": 1, "sampler": "pymc", "quiet": True}


@pytest.fixture
def interrupted_at(monkeypatch):
    """Press Ctrl-C at a given transition, counted over all chains, tuning included."""
    original = pm.sample

    def arrange(count):
        def sample(*, callback, **options):
            seen = 0

            def counting(**state):
                nonlocal seen
                seen += 1
                if seen == count:
                    os.kill(os.getpid(), signal.SIGINT)
                callback(**state)

            return original(callback=counting, cores=1, **options)

        monkeypatch.setattr(pm, "sample", sample)

    return arrange


@pytest.mark.parametrize(
    ("count", "chains", "draws"),
    [
        (250, 1, 150),  # in the first chain, after 150 draws
        (550, 1, 300),  # in the second, after 50: the first alone has more
        (700, 2, 200),  # in the second, after 200
    ],
)
def test_what_was_drawn_before_ctrl_c_is_kept_and_counted(pritz, interrupted_at, count, chains, draws):
    interrupted_at(count)
    fit = bm.fit(pritz, **SMALL)
    assert fit.interrupted
    # The draw at which the signal arrives may or may not be recorded.
    assert (fit.chains, fit.draws) == (chains, pytest.approx(draws, abs=1))
    words = f"sampling was interrupted: {fit.chains} chain{'s' if chains > 1 else ''} of {fit.draws} draws"
    assert any(note.startswith(words) for note in fit.notes), fit.notes
    assert fit.summary()["mean"].notna().all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_while_tuning_leaves_no_result(pritz, interrupted_at):
    interrupted_at(50)
    with pytest.raises(AccuracyError, match="interrupted before the first draws; there is no result"):
        bm.fit(pritz, **SMALL)


def test_sampling_outside_the_main_thread_works(pritz):
    results = []
    thread = threading.Thread(target=lambda: results.append(bm.fit(pritz, **SMALL | {"draws": 20})))
    thread.start()
    thread.join()
    assert results[0].draws == 20


@pytest.mark.parametrize("draws", [np.ones((3, 0)), np.full((3, 4), np.nan)])
def test_chains_without_any_draw_are_no_result(draws):
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"tau": (("chain", "draw"), draws)})})
    with pytest.raises(AccuracyError, match="there is no result"):
        sampling._equal_chains(tree)


def test_chains_of_unequal_length_are_cut_to_keep_most_draws():
    tau = np.ones((3, 10))
    tau[1, 8:] = np.nan
    tau[2, 2:] = np.nan
    dims = ("chain", "draw")
    groups = {"posterior": xr.Dataset({"tau": (dims, tau)}), "observed_data": xr.Dataset({"events": ("study", [1.0])})}
    cut = sampling._equal_chains(xr.DataTree.from_dict(groups))
    assert cut["posterior"]["tau"].shape == (2, 8)
    assert cut["observed_data"]["events"].shape == (1,)


@pytest.mark.usefixtures("compiled_anew")
def test_an_interrupt_while_compiling_leaves_no_result(pritz, monkeypatch):
    import nutpie

    monkeypatch.setattr(
        nutpie, "compile_pymc_model", lambda model: os.kill(os.getpid(), signal.SIGINT) or time.sleep(1)
    )
    with pytest.raises(AccuracyError, match="interrupted before the first draws; there is no result"):
        bm.fit(pritz, **SMALL | {"sampler": "nutpie"})
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_quiet_prints_nothing(pritz, capfd):
    bm.fit(pritz, **SMALL | {"draws": 20})
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
