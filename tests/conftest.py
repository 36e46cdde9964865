"""Fixtures for every test: the program as its users run it, and the real data where it is there."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.slow import SLOW

# An example may take long on a busy machine: no property says how fast something is.
settings.register_profile("any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Suites that are modules, not test files: marked before any of them is imported, from whichever folder.
pytest.register_assert_rewrite(
    "tests.faults.crashes",
    "tests.faults.power",
    "tests.faults.runs",
)

ROOT = Path(__file__).resolve().parent.parent
RETAIL_CSV = ROOT.parent / "shared" / "data" / "online-retail-2010-12.csv.gz"


class Shell:
    """`cqrs …` in a process of its own, in a folder, with none of the caller's settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
        self.environ["PYTHONPATH"] = str(ROOT)
        self.environ.pop("FORCE_COLOR", None)

    def __call__(self, *words: str, exit_code: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run the words; what it printed is shown if the exit code is another."""
        ran = subprocess.run(
            [sys.executable, "-m", "cqrs_cli", *words],
            cwd=self.folder,
            env=self.environ,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        assert ran.returncode == exit_code, f"cqrs {' '.join(words)} gave {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        return ran

    def json(self, *words: str, exit_code: int = 0, stdin: str = "") -> Any:
        """What the words print with `--json`."""
        return json.loads(self(*words, "--json", exit_code=exit_code, stdin=stdin).stdout)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Don't even import a file of which the quick profile wants no test."""
    quick = "not slow" in config.option.markexpr
    return True if quick and collection_path.relative_to(ROOT).as_posix() in SLOW else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `slow` what tests/slow.py tells."""
    for item in items:
        properties = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if properties or "cqrs" in getattr(item, "fixturenames", ()) or item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> None:
    """Ctrl-C means what it does to people: a background job of a script ignores it, and so would its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def cqrs(tmp_path: Path) -> Shell:
    """The shell in an empty folder."""
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def retail_csv() -> Path:
    """December 2010 of the *Online Retail* data set; tests that need it are skipped where it is absent."""
    if not RETAIL_CSV.is_file():
        pytest.skip(f"the real data is not there: {RETAIL_CSV}")
    return RETAIL_CSV
