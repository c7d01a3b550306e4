"""What holds for every test: figures need no screen, and a skip in CI is a failure."""

import os

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
