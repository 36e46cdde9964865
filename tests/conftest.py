"""Fixtures for every test: the program as its users run it, and the real data where it is there."""

import json
import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres_server
from tests.missing import missing
from tests.on_both import kept_on_which
from tests.servers import OnServer, in_force, program
from tests.slow import SLOW

# An example may take long on a busy machine: no property says how fast something is.
settings.register_profile("any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Suites that are modules, not test files: marked before any of them is imported, from whichever folder.
pytest.register_assert_rewrite(
    "tests.faults.calls",
    "tests.faults.copies",
    "tests.faults.transfers",
    "tests.faults.crashes",
    "tests.faults.crowds",
    "tests.faults.failovers",
    "tests.faults.kills",
    "tests.faults.power",
    "tests.faults.runs",
    "tests.faults.served_kills",
    "tests.faults.servers",
    "tests.faults.signals",
    "tests.faults.writers",
)

# What a pipeline of a pull request says of itself: `cqrs ci` would look for its branch in every test's folder.
PIPELINE = ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_DIFF_BASE_SHA", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
for _name in PIPELINE:
    os.environ.pop(_name, None)

ROOT = Path(__file__).resolve().parent.parent
NO_POSTGRESQL = "no server for the tests on PostgreSQL"
NO_BROWSER = "no chromium for the tests in a browser"
_MARKS = {"file": (), "server": (pytest.mark.slow,)}
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
            [*program(), *words],
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


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--kept-on`: where the stores of the tests are."""
    told = "file; server, of all tests that are not about files; both, of those that say the most of it (default)"
    parser.addoption("--kept-on", choices=("file", "server", "both"), default="both", help=told)


def pytest_xdist_auto_num_workers() -> int:
    """With `-n auto`: one more than there are processors, for many tests wait for servers and processes."""
    return (os.cpu_count() or 1) + 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with its store in a file, on a server, or both."""
    chosen = str(metafunc.config.getoption("--kept-on"))
    is_of_files = metafunc.definition.get_closest_marker("file") is not None
    kinds = kept_on_which(chosen, metafunc.definition.nodeid, is_of_files)
    if kinds and kinds != ("file",):
        metafunc.parametrize("kept_on", [pytest.param(kind, marks=_MARKS[kind]) for kind in kinds], indirect=True)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Don't even import a file of which the quick profile wants no test."""
    quick = "not slow" in config.option.markexpr
    return True if quick and collection_path.relative_to(ROOT).as_posix() in SLOW else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as `slow` what tests/slow.py tells; leave out what is to run on a server and can not."""
    if config.getoption("--kept-on") == "server":
        away = [item for item in items if "kept_on" not in getattr(getattr(item, "callspec", None), "params", {})]
        config.hook.pytest_deselected(items=away)
        items[:] = [item for item in items if item not in set(away)]
    for item in items:
        properties = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if properties or "cqrs" in getattr(item, "fixturenames", ()) or item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> None:
    """Ctrl-C means what it does to people: a background job of a script ignores it, and so would its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def kept_on(request: pytest.FixtureRequest) -> Iterator[OnServer | None]:
    """Where the stores of the test are: in files as it says, or on a server, which it then is not told."""
    if getattr(request, "param", "file") == "file":
        yield None
        return
    prefix = f"t_{uuid.uuid4().hex[:16]}"
    place = OnServer(request.getfixturevalue("postgresql"), str(request.getfixturevalue("tmp_path")), prefix)
    with pytest.MonkeyPatch.context() as patch, in_force(place):
        for name, value in place.environ.items():
            patch.setenv(name, value)
        yield place
    place.remove()


@pytest.fixture
def cqrs(tmp_path: Path, kept_on: OnServer | None) -> Shell:
    """The shell in an empty folder."""
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def retail_csv() -> Path:
    """December 2010 of the *Online Retail* data set; tests that need it are skipped where it is absent."""
    if not RETAIL_CSV.is_file():
        pytest.skip(f"the real data is not there: {RETAIL_CSV}")
    return RETAIL_CSV


@pytest.fixture(scope="session")
def server_for_roles() -> Iterator[Callable[[str], str]]:
    """The DSN of a PostgreSQL server for a role: the one that is named, or one of this process's own; else skipped."""
    named = os.environ.get(postgres_server.SETTING)
    if named:
        yield lambda role: named
        return
    try:
        server = postgres_server.Server(postgres_server.programs())
    except postgres_server.NoServer as error:
        missing(f"{NO_POSTGRESQL}: {error}")
    yield server.dsn
    server.close()


@pytest.fixture(scope="session")
def postgresql(server_for_roles: Callable[[str], str]) -> str:
    """The DSN of a PostgreSQL server, for a role that is no superuser."""
    return server_for_roles(postgres_server.ROLE)


@pytest.fixture
def postgres_url(postgresql: str) -> Iterator[str]:
    """The URL of a store on PostgreSQL that is not there yet, in a schema that goes after the test."""
    import psycopg
    from psycopg.sql import SQL, Identifier

    schema = f"t_{uuid.uuid4().hex[:16]}"
    yield f"{postgresql}{'&' if '?' in postgresql else '?'}schema={schema}&application_name={schema}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(schema)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say that tests on PostgreSQL or in a browser were skipped, and why, however quiet the run is."""
    reasons = {report.longrepr[2] for report in terminalreporter.stats.get("skipped", ()) if report.longrepr}
    for reason in sorted(reason for reason in reasons if NO_POSTGRESQL in reason or NO_BROWSER in reason):
        terminalreporter.write_line(reason, yellow=True)
