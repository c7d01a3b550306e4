"""Does a skipped test fail the run in CI, and only there?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def run_with_one_skip(folder: Path, ci: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    skip = "import pytest\ndef test_a(): pass\n@pytest.mark.skip(reason='no reason')\ndef test_b(): pass\n"
    (folder / "test_ab.py").write_text(skip)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    environment = {**os.environ, "CI": ci}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_skip_in_ci_fails_the_run_and_says_so(tmp_path):
    done = run_with_one_skip(tmp_path, ci="true")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 skipped: in CI a skip is a failure" in done.stdout


def test_a_skip_elsewhere_is_only_reported(tmp_path):
    assert run_with_one_skip(tmp_path, ci="").returncode == pytest.ExitCode.OK
