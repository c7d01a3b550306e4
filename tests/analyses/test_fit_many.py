"""Many meta-analyses at once: the answers of `fit`, in order, whatever fails and however many processes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.analyses import fit_many as module
from bayesmeta.analyses.fit_many import NUMBERS

COLUMNS = ["name", "k", "parameter", "estimand", *NUMBERS, "note"]


def simulated(count: int, k: int = 6, seed: int = 1) -> list[bm.Studies]:
    """Return meta-analyses of k studies."""
    rng = np.random.default_rng(seed)
    every = []
    for _ in range(count):
        n = rng.integers(5, 80, k)
        every.append(bm.Studies(tuple(f"s{i}" for i in range(k)), events=rng.binomial(n, rng.beta(2, 3, k)), n=n))
    return every


@pytest.fixture(scope="module")
def mixed() -> list[object]:
    """Return meta-analyses some of which fail."""
    every: list[object] = [*simulated(5)]
    every[1] = "not studies"
    every[3] = bm.Studies(("a", "b"), y=np.array([0.1, 0.3]), se=np.array([0.2, 0.2]))
    return every


def test_every_row_is_that_of_its_own_fit() -> None:
    every = [*simulated(2), *simulated(1, 3), *simulated(1, 9)]
    frame = bm.fit_many(every)
    assert list(frame.columns) == COLUMNS
    for i, studies in enumerate(every):
        own, part = bm.fit(studies), frame[frame["name"] == i]
        summary = own.summary()
        assert part["parameter"].tolist() == part["estimand"].tolist() == summary.index.tolist()
        error = part["numerical_error"].to_numpy() + summary["numerical_error"].to_numpy()
        difference = np.abs(part[list(summary)[:5]].to_numpy() - summary[list(summary)[:5]].to_numpy())
        assert (difference <= error[:, None]).all()
        assert part["log_evidence"].to_numpy() == pytest.approx(own.log_evidence, abs=2e-8)
        assert (part["k"] == studies.k).all()
        assert (part["note"] == "").all()


DEGENERATE = {
    "one study": ([3], [10]),
    "two studies": ([0, 5], [12, 9]),
    "no events": ([0, 0, 0, 0], [12, 30, 7, 150]),
    "only events": ([12, 30, 7], [12, 30, 7]),
    "alike": ([5] * 10, [20] * 10),
    "far apart": ([1, 99, 50, 2, 88], [100, 100, 100, 100, 100]),
    "large and small": ([2, 412_000, 1, 30], [3, 1_000_000, 1, 55]),
    "rare": ([0, 1, 0, 2], [30_000, 20_000, 9_000, 45_000]),
    "many studies": (list(range(2, 42)), [50 + i for i in range(40)]),
}


def test_degenerate_data_beside_each_other_and_failures_have_the_rows_of_their_own_fits() -> None:
    every: dict[str, object] = {
        name: bm.Studies(tuple(f"s{i}" for i in range(len(n))), events=np.array(events), n=np.array(n))
        for name, (events, n) in DEGENERATE.items()
    }
    failing = {"nothing": None, "no counts": bm.Studies(("a", "b"), y=np.array([0.1, 0.3]), se=np.array([0.2, 0.2]))}
    frame = bm.fit_many(every | failing, bm.ModelSpec("binomial"))  # type: ignore[operator]
    for name in failing:
        assert frame.loc[frame["name"] == name, "parameter"].tolist() == [""]
        assert frame.loc[frame["name"] == name, "note"].str.contains("Studies|events").all()
    for name, studies in every.items():
        own, part = bm.fit(studies, bm.ModelSpec("binomial")), frame[frame["name"] == name]  # type: ignore[arg-type]
        summary = own.summary()
        error = part["numerical_error"].to_numpy() + summary["numerical_error"].to_numpy()
        difference = np.abs(part[list(summary)[:5]].to_numpy() - summary[list(summary)[:5]].to_numpy())
        assert (difference <= error[:, None]).all(), name
        assert (error <= 3e-6 * np.maximum(1.0, summary["sd"].to_numpy())).all(), name
        assert part["log_evidence"].to_numpy() == pytest.approx(own.log_evidence, abs=2e-8)


def test_failures_are_rows_with_reasons_in_their_place(mixed: list[object]) -> None:
    frame = bm.fit_many(mixed)  # type: ignore[arg-type]
    assert frame["name"].drop_duplicates().tolist() == [0, 1, 2, 3, 4]
    bad = frame[frame["name"].isin([1, 3])]
    assert bad["note"].str.contains("not Studies|need events and n|binomial|need a model").tolist() == [True, True]
    assert bad["parameter"].tolist() == ["", ""]
    assert bad[list(NUMBERS)].isna().all().all()
    assert bad["k"].tolist() == [pd.NA, 2]
    assert frame[~frame["name"].isin([1, 3])]["mean"].notna().all()


def test_an_improper_posterior_is_a_row_with_its_reason() -> None:
    model = bm.ModelSpec("binomial", mu="Normal(0, 1.5)", tau="Flat()")
    one = bm.Studies(("a",), events=np.array([3.0]), n=np.array([10.0]))
    frame = bm.fit_many({"one": one, "many": simulated(1)[0]}, model)
    assert frame.loc[0, "name"] == "one"
    assert "improper" in frame.loc[0, "note"]
    assert frame.loc[1:, "log_evidence"].isna().all()
    assert frame.loc[1:, "mean"].notna().all()


def test_an_error_that_nobody_foresaw_is_a_row_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fit", "pose_model"):
        monkeypatch.setattr(f"bayesmeta.analyses.fit_many.{name}", _breaks_for_two(getattr(module, name)))
    frame = bm.fit_many([*simulated(1, 2), *simulated(1, 3)], parameters="tau")
    assert frame["note"].tolist() == ["ZeroDivisionError: by zero", ""]


def _breaks_for_two(real: Callable[..., object]) -> Callable[..., object]:
    def breaks(studies: bm.Studies, *args: object, **options: object) -> object:
        if studies.k == 2:
            raise ZeroDivisionError("by zero")
        return real(studies, *args, **options)

    return breaks


def test_processes_give_the_same_frame_in_the_same_order(mixed: list[object]) -> None:
    every = [*simulated(70, 3, seed=2), *mixed]
    alone = bm.fit_many(every, processes=1)  # type: ignore[arg-type]
    shared = bm.fit_many(iter(every), processes=2)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(alone, shared, rtol=1e-12, atol=1e-13)


def test_a_generator_is_read_no_further_than_needed_when_it_fails() -> None:
    taken = []

    def endless() -> Iterator[bm.Studies]:
        for i, studies in enumerate(simulated(1, 2) * 1000):
            taken.append(i)
            yield studies

    def stop(done: int, total: int | None) -> None:
        assert total is None
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bm.fit_many(endless(), processes=2, progress=stop)
    assert len(taken) < 500


def test_a_script_without_a_guard_runs_once_and_leaves_no_process(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, numpy as np, bayesmeta as bm\n"
        "print('started')\n"
        "one = bm.Studies(('a', 'b'), events=np.array([3, 4]), n=np.array([10, 20]))\n"
        "frame = bm.fit_many([one] * 40, processes=2, progress=True)\n"
        "print(len(frame), len(multiprocessing.active_children()))\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", str(script)], capture_output=True, timeout=120)
    assert done.stdout.split() == [b"started", b"200", b"0"], done.stderr
    assert done.stderr.rstrip() == b"\r32 of 40 meta-analyses\r40 of 40 meta-analyses"


def test_ctrl_c_ends_all_processes_at_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, os, signal, time, numpy as np, bayesmeta as bm\n"
        "one = bm.Studies(('a', 'b'), events=np.array([3, 4]), n=np.array([10, 20]))\n"
        "def interrupt(done, total):\n"
        "    global start\n"
        "    start = time.perf_counter()\n"
        "    os.killpg(0, signal.SIGINT)\n"
        "    time.sleep(5)\n"
        "try:\n"
        "    bm.fit_many([one] * 20_000, processes=2, progress=interrupt)\n"
        "except KeyboardInterrupt:\n"
        "    print(time.perf_counter() - start, len(multiprocessing.active_children()))\n"
    )
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, start_new_session=True)
    seconds, left = done.stdout.split()
    assert float(seconds) < 4.0
    assert left == "0"
    assert done.stderr == ""


def test_a_process_that_dies_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesmeta.analyses.fit_many.outcomes_of", _dies)
    with pytest.raises(bm.BayesmetaError, match="ended by itself"):
        bm.fit_many(simulated(1, 2) * 40, processes=2)


def _dies(wanted: object, part: object) -> None:
    import os

    os._exit(9)


def test_parameters_choose_rows_and_say_what_there_is_not() -> None:
    studies = simulated(1)[0]
    both = bm.fit_many([studies], parameters=["tau", "theta_new"])
    assert both["parameter"].tolist() == ["tau", "theta_new"]
    assert both.loc[1, "median"] == pytest.approx(float(bm.fit(studies).marginal("theta_new").ppf(0.5)), abs=1e-6)
    estimates = bm.Studies(("a", "b"), y=np.array([0.1, 0.3]), se=np.array([0.2, 0.2]))
    model = bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)")
    frame = bm.fit_many([estimates], model, parameters=["p_mean", "mu"])
    assert frame["note"].tolist() == ["this fit has no p_mean", ""]
    assert frame["mean"].isna().tolist() == [True, False]


def test_a_model_with_moderators_gives_the_rows_of_its_summary() -> None:
    df = bm.load_dataset("blinatumomab_cr")
    studies = bm.Studies.from_frame(df, moderators=["regimen"])
    model = bm.ModelSpec("binomial", formula="~ 0 + regimen", beta="Normal(0, 1.5)", tau="HalfNormal(1)")
    own = bm.fit(studies, model).summary()
    frame = bm.fit_many([studies], model)
    assert frame["parameter"].tolist() == own.index.tolist()
    assert frame["median"].tolist() == own["median"].tolist()
    some = bm.fit_many([studies], model, parameters=["tau", "beta[nothing]"])
    assert some["note"].tolist()[1] == "this fit has no beta[nothing]"
    assert some.loc[0, "mean"] == own.loc["tau", "mean"]


def test_a_moment_that_does_not_exist_has_its_note() -> None:
    model = bm.ModelSpec("binomial", mu="Normal(0, 1.5)", tau="HalfCauchy(1)")
    none = bm.Studies(("a", "b"), events=np.array([0.0, 0.0]), n=np.array([10.0, 12.0]))
    frame = bm.fit_many([none], model, parameters="tau")
    assert frame.loc[0, "mean"] == np.inf
    assert "does not exist" in frame.loc[0, "note"] or "do not exist" in frame.loc[0, "note"]


def test_no_meta_analyses_give_an_empty_frame() -> None:
    frame = bm.fit_many([])
    assert list(frame.columns) == COLUMNS
    assert len(frame) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["a"]}, "names must be as many as the 2 meta-analyses; there are only 1"),
        ({"names": ["a", "b", "c"]}, "there are more"),
        ({"names": ["a", "a"]}, "names holds 'a' more than once"),
        ({"processes": 0}, "processes=0 must be a whole number"),
        ({"parameters": "taw"}, "'taw'.*tau"),
        ({"parameters": []}, "parameters is empty"),
        ({"ci_prob": 95}, "ci_prob"),
        ({"model": "binomial"}, "model is a str, not a ModelSpec"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(bm.SpecError, match=message):
        bm.fit_many(simulated(2, 2), **options)  # type: ignore[arg-type]


def test_one_meta_analysis_or_a_frame_is_refused_with_the_way_out() -> None:
    with pytest.raises(bm.SpecError, match=r"use bm\.fit for one"):
        bm.fit_many(simulated(1)[0])  # type: ignore[arg-type]
    with pytest.raises(bm.SpecError, match="a DataFrame"):
        bm.fit_many(pd.DataFrame())
    with pytest.raises(bm.SpecError, match="names of its own"):
        bm.fit_many({"a": simulated(1)[0]}, names=["b"])
