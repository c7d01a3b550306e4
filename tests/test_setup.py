"""Does `.ci/setup.sh` find a Python that works, and say plainly when there is none?"""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
TOOLS = ("cat", "cksum", "dirname", "grep", "ln", "mkdir", "readlink", "rm", "sed", "sh", "sleep", "tail")


class Machine:
    """A copy of the set-up on a pretended machine that has only the Pythons a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "check out"
        self.bin, self.home = folder / "bin", folder / "home"
        for made in (self.checkout / ".ci", self.bin, self.home):
            made.mkdir(parents=True)
        for file in (".ci/setup.sh", "pyproject.toml"):
            shutil.copy(CHECKOUT / file, self.checkout / file)
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.bin / tool).symlink_to(found)
        self.environment = {"PATH": str(self.bin), "HOME": str(self.home), "BAYESMETA_PYTHON_DIRS": ""}

    def put(self, path: Path, script: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def set_up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", ".ci/setup.sh", *arguments]
        return subprocess.run(
            command, cwd=self.checkout, env=self.environment, capture_output=True, text=True, check=False
        )


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def is_this_python(path: str) -> bool:
    return Path(path.strip()).resolve() == Path(sys.executable).resolve()


THIS = f'exec "{sys.executable}" "$@"'
SHIM = 'echo "pyenv: python: command not found" >&2; exit 127'
OLD = f"""exec "{sys.executable}" -c 'import sys; sys.version_info = (3, 11, 7); exec(sys.argv[3])' "$@" """
NO_VENV = f"""exec "{sys.executable}" -c 'import sys; sys.modules["ensurepip"] = None; exec(sys.argv[3])' "$@" """


def test_a_working_python_on_the_path_is_used(machine):
    machine.put(machine.bin / "python3", THIS)
    assert is_this_python(machine.set_up("--find").stdout)


def test_a_shim_that_fails_and_an_old_python_are_passed_over_for_pyenvs_versions(machine):
    machine.put(machine.bin / "python3.13", SHIM)
    machine.put(machine.bin / "python3", OLD)
    machine.put(machine.home / ".pyenv/versions/3.13.0/bin/python", THIS)
    done = machine.set_up("--find")
    assert is_this_python(done.stdout)
    assert done.stderr == ""


def test_pyenv_elsewhere_is_found(machine, tmp_path):
    machine.put(tmp_path / "else where/versions/3.12.1/bin/python", THIS)
    machine.environment["PYENV_ROOT"] = str(tmp_path / "else where")
    assert is_this_python(machine.set_up("--find").stdout)


def test_the_python_that_uv_knows_is_found(machine, tmp_path):
    hidden = machine.put(tmp_path / "uv's/python", THIS)
    machine.put(machine.bin / "uv", f'echo "{hidden}"')
    assert is_this_python(machine.set_up("--find").stdout)


def test_a_python_in_a_folder_off_the_path_is_found(machine, tmp_path):
    machine.put(tmp_path / "opt/python3.14", THIS)
    machine.environment["BAYESMETA_PYTHON_DIRS"] = f"/nonexistent:{tmp_path / 'opt'}"
    assert is_this_python(machine.set_up("--find").stdout)


def test_without_a_fit_python_two_lines_say_what_to_install(machine):
    machine.put(machine.bin / "python3", OLD)
    done = machine.set_up()
    assert done.returncode == 1
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first == "bayesmeta needs Python 3.12, 3.13 or 3.14, and none was found. python3 is Python 3.11.7."
    assert second.startswith("Install one (python.org,")
    assert sorted(path.name for path in machine.checkout.iterdir()) == [".ci", "pyproject.toml"]


def test_a_python_that_cannot_make_an_environment_is_named_with_the_remedy(machine):
    machine.put(machine.bin / "python3.12", NO_VENV)
    machine.put(machine.bin / "python3", OLD)
    done = machine.set_up()
    assert done.returncode == 1
    assert "cannot make a virtual environment" in done.stderr
    assert "apt-get install python3-venv" in done.stderr


@pytest.mark.parametrize(("script", "reason"), [(OLD, "is Python 3.11.7."), (SHIM, "does not run.")])
def test_an_unfit_python_that_was_asked_for_is_refused_though_others_would_do(machine, script, reason):
    machine.put(machine.bin / "python3", THIS)
    machine.environment["BAYESMETA_PYTHON"] = str(machine.put(machine.home / "mine", script))
    done = machine.set_up()
    assert done.returncode == 1
    assert done.stderr.startswith("BAYESMETA_PYTHON must name a working Python")
    assert done.stderr.endswith(f"{reason}\n")


def test_a_failed_install_shows_the_end_of_pips_log_and_is_not_taken_for_done(machine):
    machine.put(machine.bin / "python3", THIS)
    machine.environment["PIP_CONFIG_FILE"] = os.devnull
    machine.environment["PIP_NO_INDEX"] = "1"
    for _ in range(2):
        done = machine.set_up()
        assert done.returncode == 1
        assert "pip could not install bayesmeta" in done.stderr
        assert "No matching distribution found for hatchling" in done.stderr
        assert not (machine.checkout / ".setup-lock").is_symlink()
