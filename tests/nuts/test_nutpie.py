"""Does nutpie sample the posterior that the exact engine computes, and stop when it is told to?

It is the default where it is installed. Compiling for it takes ten seconds, sampling none: what is of 14 studies here
shares one compiled model, and what is of three another.
"""

import os
import signal
import threading

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.errors import AccuracyError

OWN = {
    "of 8 to 20": ([11, 14, 13], [13, 19, 17]),
    "near zero": ([0, 3, 1], [12, 15, 9]),
    "one of a million": ([2, 0, 420_000], [9, 11, 1_000_000]),
}
SMALL = {"engine": "nuts", "tune": 100, "draws": 300, "chains": 2, "seed": 1, "sampler": "nutpie", "quiet": True}


def test_every_number_is_within_4_mcse_of_exact_and_nothing_diverges(pritz, capfd):
    fit = bm.fit(pritz, engine="nuts", seed=1, quiet=True)
    assert (fit.sampler, fit.chains, fit.draws, fit.n_divergent) == ("nutpie", 4, 1000, 0)
    table = fit.verification.table
    assert len(table) == 25
    assert table["difference"].abs().max() <= 4.0, fit.verification
    assert fit.verification.agrees
    assert capfd.readouterr() == ("", "")  # whether it was compiled now or before


@pytest.mark.parametrize("name", OWN)
def test_three_unequal_studies_are_sampled_without_divergences(name):
    events, n = OWN[name]
    studies = bm.Studies(("A", "B", "C"), events=np.array(events, float), n=np.array(n, float))
    fit = bm.fit(studies, engine="nuts", seed=11, quiet=True)
    assert (fit.sampler, fit.n_divergent, fit.parametrisation) == ("nutpie", 0, "partially-centred")
    assert fit.verification.table["difference"].abs().max() <= 4.0, fit.verification


@pytest.fixture
def interrupt_after(monkeypatch):
    """Let an interrupt come so many seconds after nutpie has begun to sample."""
    import nutpie

    original = nutpie.sample

    def set_to(seconds):
        def sample(*args, **options):
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
            return original(*args, **options)

        monkeypatch.setattr(nutpie, "sample", sample)

    return set_to


def test_it_is_interrupted(pritz, interrupt_after):
    interrupt_after(0.5)
    fit = bm.fit(pritz, **SMALL | {"draws": 200_000})
    assert fit.interrupted
    assert 0 < fit.draws < 200_000


def test_an_interrupt_while_tuning_leaves_no_result(pritz, interrupt_after):
    interrupt_after(0.3)
    with pytest.raises(AccuracyError, match="interrupted before the first draws; there is no result"):
        bm.fit(pritz, **SMALL | {"tune": 500_000})
