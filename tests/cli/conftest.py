"""How the tests of the shell run it: inside this process for speed, or as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bayesmeta.cli.main import main


@pytest.fixture(autouse=True, scope="module")
def _corners_once(corners_once):
    pass


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BAYESMETA_DEBUG", raising=False)


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run a command line in this process."""

    def call(*args: str) -> Result:
        return CliRunner().invoke(main, args, prog_name="bayesmeta")

    return call


@pytest.fixture
def refused(run) -> Callable[..., str]:
    """Run a command line that must fail in one line, with nothing printed; return the line."""

    def call(*args: str, status: int = 1) -> str:
        before = sorted(Path().rglob("*"))
        result = run(*args)
        assert result.exit_code == status, result.stderr
        assert result.stdout == ""
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
        assert sorted(Path().rglob("*")) == before
        return result.stderr.removeprefix("Error: ").rstrip("\n")

    return call


@pytest.fixture
def shell() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command line as a process of its own."""

    def call(*args: str, **options) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **options.pop("env", {})}
        command = [sys.executable, "-W", "error", "-m", "bayesmeta", *args]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.run(command, env=environment, text=True, check=False, **streams)

    return call
