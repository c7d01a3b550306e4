"""The stored calibration run: complete, passed, and what the code still gives."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesmeta.analyses.calibrate import PART
from bayesmeta.analyses.calibrate_sbc import FAMILY_WISE, SbcPart, sbc_part
from bayesmeta.analyses.calibrate_uniformity import holm

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RESULTS = BENCHMARKS / "results"


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RESULTS / "calibration.json").read_text(encoding="utf-8"))
    return result


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import calibration

    yield calibration
    sys.modules.pop("calibration")


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(RESULTS / f"calibration_{name}.csv")


def test_the_exact_engine_passed_in_all_36_designs(record: dict[str, Any]) -> None:
    sbc = table("sbc")
    assert len(sbc) == 36 * 5 * 3
    assert len(sbc[["k", "n", "p"]].drop_duplicates()) == 36
    assert (sbc["replicates"] >= 1000).all()
    assert (sbc["failed"] == 0).all()
    assert record["sbc"]["failed"] == 0
    np.testing.assert_allclose(holm(sbc["pvalue"]), sbc["pvalue_holm"], rtol=1e-4)
    assert sbc["pvalue_holm"].min() > FAMILY_WISE


def test_nuts_passed_in_six_designs_compiled_once_for_each_k(record: dict[str, Any]) -> None:
    nuts = table("nuts")
    assert len(nuts) == 6 * 5 * 3
    assert (nuts["replicates"] >= 200).all()
    assert record["nuts"]["compiled"] == nuts["k"].nunique()
    assert nuts["pvalue_holm"].min() > FAMILY_WISE


def test_every_interval_was_judged_in_every_design(record: dict[str, Any]) -> None:
    coverage = table("coverage")
    assert len(coverage) == 36 * 4 * 4 * 2
    assert coverage["tau"].drop_duplicates().tolist() == [0.0, 0.25, 0.5, 1.0]
    assert coverage["method"].drop_duplicates().tolist() == ["exact", "DL", "hartung-knapp", "glmm"]
    assert coverage["replicates"].nunique() == 1
    assert coverage.loc[coverage["method"].isin(["exact", "DL"]), "failed"].sum() == 0
    counted = sum(row["count"] for row in record["coverage"]["failures"])
    assert counted == coverage[coverage["target"] == "p_median"]["failed"].sum()


@pytest.mark.parametrize("cell", [(3, 5, 0.02), (15, 200, 0.5)])
def test_the_code_still_gives_the_stored_probabilities(
    record: dict[str, Any], script: Any, cell: tuple[int, int, float]
) -> None:
    index = list(script.cells()).index(cell)
    design = script.design_at(cell)
    pit, failed = sbc_part(SbcPart(design, design.model, script.SEED + index, 0, PART))
    stored = record["sbc"]["mean_probability_of_first_part"]["{}, {}, {}".format(*cell)]
    assert not failed
    assert pit.mean().to_dict() == pytest.approx(stored, abs=2e-6)  # twice the tolerance of a probability


def test_the_stored_results_are_printed_in_words(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    script.show()
    text = capsys.readouterr().out
    assert "Simulation-based calibration, exact engine: 36 designs x 1000 replicates (0 without an answer)" in text
    assert "Simulation-based calibration, NUTS: 6 designs x 200 replicates" in text
    assert "Coverage of nominal 95 % intervals: 36 designs x 200 replicates at each tau" in text
