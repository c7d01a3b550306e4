"""Does bayesmeta work from its wheel, in an environment of its own, with the checkout out of sight?

``python .ci/check_wheel.py`` builds the wheel, installs it into a new virtual environment in a temporary
folder, and runs the commands there. It downloads what the package needs. Exit status 1 and one line on
standard error say what failed; nothing is left behind.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import NoReturn, final

CHECKOUT = Path(__file__).resolve().parents[1]
DATA_SUFFIXES = (".toml", ".csv", ".html", ".css", ".js", ".json", ".typed")
TIME_LIMIT = 900  # seconds for one command; installing PyMC is the longest
WHERE = """
import bayesmeta, bayesmeta.data.datasets, bayesmeta.spec.named
print(bayesmeta.__file__)
for name in bayesmeta.list_models()["name"]:
    print(bayesmeta.load_model(name).source.path)
for name in bayesmeta.list_datasets()["name"]:
    assert len(bayesmeta.load_dataset(name)), name
"""


def main() -> None:
    """Build, install, run; end with the first failure."""
    with tempfile.TemporaryDirectory(prefix="bayesmeta-wheel-") as folder:
        # resolved, because macOS shows its temporary folder under two names
        place = Path(folder).resolve()
        wheel = build(place / "dist")
        check_files(wheel)
        installed = Installed(place, wheel)
        installed.check_origin()
        check_commands(installed)
    say("the wheel works outside the checkout.")


@final
class Installed:
    """The wheel in an environment that holds nothing else, and an empty folder to work in.

    Parameters
    ----------
    place : pathlib.Path
        An empty folder outside the checkout.
    wheel : pathlib.Path
        What is installed.
    """

    def __init__(self, place: Path, wheel: Path) -> None:
        self.folder = place / "elsewhere"
        self.home = place / "home"  # caches of PyMC and Matplotlib go there, and with it
        self.environment = place / "environment"
        self.folder.mkdir()
        self.home.mkdir()
        say(f"installing {wheel.name} into an empty environment ...")
        venv.create(self.environment, with_pip=True, symlinks=os.name != "nt")
        self.bin = self.environment / ("Scripts" if os.name == "nt" else "bin")
        execute([str(self.bin / "python"), "-m", "pip", "install", "--quiet", str(wheel)])

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment; end if it fails."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BAYESMETA"))}
        changed = {"HOME": str(self.home), "PATH": f"{self.bin}{os.pathsep}{os.environ.get('PATH', '')}"}
        say(f"$ {shlex.join(command if command[0] == 'bayesmeta' else command[:2])}")
        return execute([str(self.bin / command[0]), *command[1:]], cwd=self.folder, env={**kept, **changed})

    def check_origin(self) -> None:
        """Check that code, models and data sets are those of the environment."""
        for line in self.run("python", "-c", WHERE).stdout.splitlines():
            if not Path(line).resolve().is_relative_to(self.environment):
                fail(f"{line} was used, which is not in the wheel's environment.")


def build(folder: Path) -> Path:
    """Return the wheel of the checkout, made as pip makes it."""
    say("building the wheel ...")
    execute([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT)])
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        fail(f"one wheel was to be built, not {len(wheels)}.")
    return wheels[0]


def check_files(wheel: Path) -> None:
    """Check that the wheel has every module, model, example and data file, and no test."""
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    package = CHECKOUT / "bayesmeta"
    wanted = {path for path in package.rglob("*") if path.suffix in (".py", *DATA_SUFFIXES)}
    names = {path.relative_to(CHECKOUT).as_posix() for path in wanted}
    names |= {f"bayesmeta/_models/{path.name}" for path in (CHECKOUT / "models").glob("*.toml")}
    if missing := sorted(names - packed):
        fail(f"the wheel lacks {', '.join(missing)}.")
    others = sorted(name for name in packed if not name.startswith(("bayesmeta/", "bayesmeta-")))
    if others:
        fail(f"the wheel has files that do not belong there: {', '.join(others)}.")
    say(f"the wheel has all {len(names)} files of the package and its models.")


def check_commands(installed: Installed) -> None:
    """Run the commands a newcomer would run, and check what they say and leave."""
    version = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    expect(installed.run("bayesmeta", "--version").stdout, [f"bayesmeta {version}"])
    models = sorted(path.stem for path in (CHECKOUT / "models").glob("*.toml"))
    expect(installed.run("bayesmeta", "models", "list").stdout, models)
    for name in models:
        expect(installed.run("bayesmeta", "models", "show", name, "--as", "pymc").stdout, ["pm.Model("])
    data = sorted(path.stem for path in (CHECKOUT / "bayesmeta" / "data" / "tables").glob("*.csv"))
    expect(installed.run("bayesmeta", "datasets").stdout, data)
    installed.run("bayesmeta", "demo")
    expect_files(installed.folder / "bayesmeta-demo", ["**/*.csv", "**/*.png"])
    expect(installed.run("bayesmeta", "demo", "--list").stdout, ["adverse-events", "hazard-ratios", "survival"])
    installed.run("bayesmeta", "demo", "--example", "adverse-events", "--out", "adverse-events")
    expect_files(installed.folder / "adverse-events", ["outcomes.csv", "report.html", "**/*.png"])
    installed.run("bayesmeta", "init")
    expect_files(installed.folder, ["analysis.toml", "*.csv"])
    installed.run("bayesmeta", "run", "--out", "results")
    expect_files(installed.folder / "results", ["results.json", "report.md", "**/*.csv", "**/*.png"])


def expect(text: str, words: list[str]) -> None:
    """End if a command did not print all of these."""
    if missing := [word for word in words if word not in text]:
        fail(f"it did not print {', '.join(missing)}, but:\n{text}")


def expect_files(folder: Path, patterns: list[str]) -> None:
    """End if a folder has no file of one of these patterns."""
    if missing := [pattern for pattern in patterns if not any(folder.glob(pattern))]:
        fail(f"it left no {', '.join(missing)} in {folder.name}.")


def execute(
    command: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command; end with what it said if it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            encoding="utf-8",
            timeout=TIME_LIMIT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        fail(f"{shlex.join(command)} took more than {TIME_LIMIT} s.")
    if done.returncode != 0:
        fail(f"{shlex.join(command)} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"check-wheel: {text}", flush=True)


def fail(text: str) -> NoReturn:
    """End; the temporary folder goes with the process."""
    sys.exit(f"check-wheel FAILED: {text}")


if __name__ == "__main__":
    main()
