import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import bayesmeta
from bayesmeta.cli.main import Program, main
from bayesmeta.errors import AccuracyError, DataError, SpecError

RAISED = {
    "data": (DataError("bad row"), 1, "Error: bad row\n"),
    "accuracy": (AccuracyError("too far off"), 1, "Error: too far off\n"),
    "spec": (SpecError("no such prior"), 2, "Error: no such prior\n"),
    "full": (
        OSError(errno.ENOSPC, "No space left"),
        1,
        "Error: the output cannot be written: No space left.\n",
    ),
}


@pytest.fixture
def run_raising(run, monkeypatch):
    """Run a command that raises."""

    def call(error: Exception, *args: str):
        def fail() -> None:
            raise error

        monkeypatch.setitem(main.commands, "fail", click.Command("fail", callback=fail))
        return run("fail", *args)

    return call


@pytest.mark.parametrize("kind", RAISED)
def test_an_error_is_one_line_and_has_its_exit_status(run_raising, kind):
    error, status, line = RAISED[kind]
    result = run_raising(error)
    assert (result.exit_code, result.stdout, result.stderr) == (status, "", line)


def test_a_bug_is_called_one_and_can_be_traced(run_raising, monkeypatch):
    result = run_raising(ZeroDivisionError("division by zero"))
    assert result.exit_code == 1
    assert "bug in bayesmeta (ZeroDivisionError: division by zero)" in result.stderr
    assert result.stderr.count("\n") == 1
    monkeypatch.setenv("BAYESMETA_DEBUG", "1")
    assert isinstance(run_raising(ZeroDivisionError()).exception, ZeroDivisionError)


def test_a_message_cannot_send_escapes_or_further_lines_to_the_terminal(run_raising):
    assert run_raising(DataError("study \x1b[2J\nError: fake")).stderr == "Error: study \\x1b[2J\\nError: fake\n"


def test_interrupting_ends_with_status_1_and_no_traceback(run_raising):
    result = run_raising(KeyboardInterrupt())
    assert result.exit_code == 1
    assert result.stderr.strip() == "Aborted!"


def test_from_python_the_errors_themselves_are_raised():
    with pytest.raises(DataError, match=r"nothing\.csv"):
        main(["fit", "nothing.csv"], standalone_mode=False)


def test_the_commands_of_this_version_are_listed(run):
    names = [
        "demo",
        "init",
        "run",
        "fit",
        "sensitivity",
        "influence",
        "subgroups",
        "bias",
        "audit",
        "check",
        "review",
        "models",
        "datasets",
    ]
    assert list(main.commands) == names
    shown = run("--help").stdout
    assert all(f"  {name} " in shown for name in main.commands)
    assert isinstance(main, Program)


@pytest.mark.parametrize("command", list(main.commands))
def test_every_command_explains_itself_and_its_options(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 100
    assert all(option.help for option in main.commands[command].params if isinstance(option, click.Option))


def test_the_version_is_printed(run):
    assert run("--version").stdout == f"bayesmeta {bayesmeta.__version__}\n"


@pytest.mark.parametrize("args", [["fti"], ["fit"], ["fit", "a.csv", "b.csv"], ["fit", "a.csv", "--fromat", "json"]])
def test_wrong_usage_has_status_2_and_names_the_help(run, args):
    result = run(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "--help" in result.stderr


def test_python_m_bayesmeta_is_the_same_command(shell):
    done = shell("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"bayesmeta {bayesmeta.__version__}\n", "")


def test_an_error_of_a_real_process_has_no_traceback(shell):
    done = shell("fit", "nothing.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: nothing.csv does not exist.\n"


def test_a_reader_that_goes_away_causes_no_traceback():
    command = [sys.executable, "-W", "error", "-m", "bayesmeta", "datasets"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == 1


@pytest.mark.parametrize("args", [["datasets"], ["--help"]])
def test_an_output_that_cannot_be_written_is_said_in_one_line(shell, args):
    with Path(os.devnull).open() as only_for_reading:
        done = shell(*args, stdout=only_for_reading)
    assert done.returncode == 1
    assert done.stderr == "Error: the output cannot be written: Bad file descriptor.\n"


def test_a_terminal_without_a_letter_gets_its_code(shell):
    Path("a.csv").write_text("study,events,n\n李 2019,7,5\n", encoding="utf-8")
    done = shell("check", "a.csv", env={"PYTHONIOENCODING": "latin-1"}, encoding="latin-1")
    assert r"\u674e 2019" in done.stdout
    assert done.stderr == "Error: a.csv: 1 error.\n"
