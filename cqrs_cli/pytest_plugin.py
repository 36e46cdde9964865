"""The pytest plugin: scenarios in files are tests, `scenario` and `workbench` fixtures, differences told by field.

pytest imports this module in every project where the package is installed, so it imports nothing of the package
before something is asked of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cqrs_cli.domain.domain import Domain
    from cqrs_cli.scenario.scenario import Scenario
    from cqrs_cli.scenario.trial import Tried
    from cqrs_cli.scenario.vocabulary import Vocabulary
    from cqrs_cli.workbench.workbench import Workbench

_ENDINGS = (".scenario.yaml", ".scenario.yml")
_OURS = __name__.partition(".")[0]
_WORDS: pytest.StashKey[Vocabulary] = pytest.StashKey()
STORES = ("memory", "file")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings, for a project whose domain `[tool.cqrs]` doesn't name."""
    parser.addini("cqrs_app", "The domain of scenarios, MODULE:ATTR; without, that of [tool.cqrs].", default="")
    parser.addini("cqrs_store", "Where the fixture `workbench` keeps its log: memory or file.", default="memory")


def pytest_configure(config: pytest.Config) -> None:
    """The marker that says it for one test."""
    config.addinivalue_line(
        "markers", "cqrs_store(kind): the fixture `workbench` is on a store in memory, or in a file"
    )


# ── the domain, and the fixtures ──────────────────────────────────────────────────────────────


def _rule(config: pytest.Config, text: str) -> Callable[..., Any]:
    """The function that a rule of a scenario names. Raises `Misuse` and `DomainNotLoaded`."""
    from cqrs_cli.config import Settings
    from cqrs_cli.loading import load_rule

    settings = Settings(cwd=config.rootpath)
    return load_rule(text, settings.folder, config.getini("cqrs_app") or settings.app)


def _domain(config: pytest.Config) -> Domain:
    from cqrs_cli.config import Settings
    from cqrs_cli.errors import CqrsError
    from cqrs_cli.loading import load_domain

    try:
        settings = Settings(cwd=config.rootpath)
        app = config.getini("cqrs_app") or settings.app
        if not app:
            raise pytest.UsageError(
                'no setting names a domain: app = "module:attr" under [tool.cqrs], or cqrs_app of pytest'
            )
        return load_domain(app, settings.folder)
    except CqrsError as error:
        told = [
            error.message,
            *([f"hint: {error.hint}"] if error.hint else []),
            *([error.traceback] if error.traceback else []),
        ]
        raise pytest.UsageError("\n".join(told)) from None


@pytest.fixture(scope="session")
def cqrs_domain(pytestconfig: pytest.Config) -> Domain:
    """The domain of the project. Define a fixture of this name to have another."""
    return _domain(pytestconfig)


@pytest.fixture
def scenario(cqrs_domain: Domain) -> Scenario:
    """A new scenario of the domain: `scenario.given(…).when(…).then(…)`."""
    from cqrs_cli.scenario.scenario import Scenario

    return Scenario(cqrs_domain)


@pytest.fixture
def workbench(request: pytest.FixtureRequest, cqrs_domain: Domain) -> Iterator[Workbench]:
    """The domain on an empty store: in memory, or in a file of the test's folder (`cqrs_store`)."""
    from cqrs_cli.workbench.workbench import Workbench

    mark = request.node.get_closest_marker("cqrs_store")
    kind = mark.args[0] if mark is not None and mark.args else request.config.getini("cqrs_store")
    if kind not in STORES:
        raise pytest.UsageError(f"cqrs_store is {' or '.join(STORES)}, not {kind!r}")
    url = "memory:" if kind == "memory" else str(request.getfixturevalue("tmp_path") / "cqrs.db")
    with Workbench.open(url, cqrs_domain) as bench:
        yield bench


# ── files of scenarios ────────────────────────────────────────────────────────────────────────


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Files `*.scenario.yaml` hold tests."""
    return ScenarioFile.from_parent(parent, path=file_path) if file_path.name.endswith(_ENDINGS) else None


class ScenarioFile(pytest.File):
    """A file of scenarios."""

    def collect(self) -> Iterable[ScenarioItem]:
        """A test for each of them, and for what is none."""
        from cqrs_cli.scenario.described import Described, described_in

        for one in described_in(str(self.path)):
            name = one.name if isinstance(one, Described) else f"line {one.details['line']}"
            yield ScenarioItem.from_parent(self, name=name, described=one)


class _Failed(Exception):
    def __init__(self, tried: Tried) -> None:
        super().__init__(tried.message)
        self.tried = tried


class ScenarioItem(pytest.Item):
    """One scenario of a file."""

    def __init__(self, *, described: Any, **named: Any) -> None:
        super().__init__(**named)
        self._described = described

    def runtest(self) -> None:
        """Try it."""
        from cqrs_cli.scenario.trial import tried
        from cqrs_cli.scenario.vocabulary import Vocabulary

        if _WORDS not in self.config.stash:
            self.config.stash[_WORDS] = Vocabulary(_domain(self.config), partial(_rule, self.config))
        found = tried(self.config.stash[_WORDS], self._described)
        if not found.ok:
            raise _Failed(found)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Why it fails, in the words of `cqrs test`."""
        if isinstance(excinfo.value, pytest.UsageError):
            return str(excinfo.value)
        if not isinstance(excinfo.value, _Failed):
            return super().repr_failure(excinfo, style)
        tried = excinfo.value.tried
        lines = [f"{self.path.name}:{tried.line}: {self.name}", *(tried.message or "").splitlines()]
        lines += (tried.traceback or "").splitlines()
        return "\n".join([*lines, *([f"hint: {tried.hint}"] if tried.hint else [])])

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands."""
        line = getattr(self._described, "line", None) or self._described.details["line"]
        return self.path, line - 1, self.name


# ── tests in Python ───────────────────────────────────────────────────────────────────────────


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that left a scenario without a `then`; take our frames out of what a test raises."""
    from cqrs_cli.scenario.unfinished import watching

    with watching() as unfinished:
        try:
            yield
        except Exception as error:
            if not item.config.getoption("fulltrace") and not _is_our_own(item):
                _without_our_frames(error)
            raise
    if unfinished:
        pytest.fail("\n".join(unfinished), pytrace=False)


def _is_our_own(item: pytest.Item) -> bool:
    """Whether it is a test of this package, which wants to see its frames."""
    return item.path.is_relative_to(Path(__file__).parents[1])


def _without_our_frames(error: BaseException) -> None:
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        theirs = [one for one in _entries(found.__traceback__) if not _is_ours(one)]
        if theirs:
            found.__traceback__ = _joined(theirs)
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _entries(entry: TracebackType | None) -> Iterator[TracebackType]:
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _is_ours(entry: TracebackType) -> bool:
    name = str(entry.tb_frame.f_globals.get("__name__"))
    return name.partition(".")[0] == _OURS and not name.startswith(f"{_OURS}._samples")


def _joined(entries: list[TracebackType]) -> TracebackType | None:
    made: TracebackType | None = None
    for one in reversed(entries):
        made = TracebackType(made, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return made


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Two messages, rows or states, or lists of them, that should be the same: what differs, field by field."""
    messages = sys.modules.get(f"{_OURS}.domain.messages")
    if op != "==" or messages is None:
        return None
    from cqrs_cli.scenario.differences import differing

    found = differing(left, right)
    return ["not the same:", *found] if found else None
