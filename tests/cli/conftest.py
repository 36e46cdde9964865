"""Fixtures for the command line: a store with known events, and the shell inside this process."""

import json
import linecache
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partialmethod
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cqrs_cli import Workbench
from cqrs_cli.cli.shell import boundary
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.registry import open_store
from tests import office
from tests.reacting import pay

Fill = Callable[..., Path]
MEMBERS = Path(__file__).parents[1] / "members.py"
PARCELS = Path(__file__).with_name("parcels_domain.py")


def commit(number: int, stream: str, type: str, data: Any) -> Commit:
    """A commit of one event, with every member of the envelope given."""
    return Commit(
        id=f"command-{number}",
        events=(NewEvent(stream, type, 2, json.dumps(data, ensure_ascii=False).encode()),),
        command=SentCommand("CreateOrder", 1, b"d" * 32, b"{}", 0),
        correlation_id="story-1",
        causation_id=None,
        user_id="ada",
        metadata='{"channel":"web"}',
    )


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Append events to `cqrs.db` in the test's folder: (stream, type, data) each."""

    def append(*events: tuple[str, str, Any]) -> Path:
        path = tmp_path / "cqrs.db"
        with open_store(str(path), create=True) as store:
            head = store.head()
            store.append_many([Append(commit(head + number, *event)) for number, event in enumerate(events, 1)])
        return path

    return append


@pytest.fixture
def orders(fill: Fill) -> Path:
    """Seven events in three streams of two categories."""
    return fill(
        ("order-1", "OrderCreated", {"total": "12.50"}),
        ("order-2", "OrderCreated", {"total": "3"}),
        ("order-1", "ItemAdded", {"n": 1.10}),
        ("credit_note-C1", "CreditNoteIssued", {"amount": "-5"}),
        ("order-1", "OrderShipped", {}),
        ("order-2", "ItemAdded", {"n": 2}),
        ("order-2", "OrderShipped", {}),
    )


class Ran(NamedTuple):
    """What a run in this process gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        """The error object on standard error."""
        return json.loads(self.err.splitlines()[-1])["error"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """`cqrs WORDS` in this process, in the test's folder, with none of the caller's settings."""
    for name in [name for name in os.environ if name.startswith("CQRS_")] + ["NO_COLOR", "FORCE_COLOR", "COLUMNS"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Ran:
        capsys.readouterr()
        code = boundary.run(_words(words))
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run


def _words(words: Sequence[str]) -> list[str]:
    return words[0].split() if len(words) == 1 else list(words)


@pytest.fixture
def orders_app(monkeypatch: pytest.MonkeyPatch, here: Callable[..., Ran]) -> Callable[[str], Ran]:
    """`here`, split as a shell does, with the orders sample as the domain."""
    monkeypatch.setenv("CQRS_APP", "samples.orders:domain")
    return lambda line: here(*shlex.split(line))


@pytest.fixture
def parcels(monkeypatch: pytest.MonkeyPatch, here: Callable[..., Ran], tmp_path: Path) -> Callable[[str], Ran]:
    """`here`, split as a shell does, with `parcels_domain.py` as the domain."""
    (tmp_path / "parcels_domain.py").write_text(PARCELS.read_text())
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "parcels_domain", raising=False)
    monkeypatch.setenv("CQRS_APP", "parcels_domain:domain")
    return lambda line: here(*shlex.split(line))


@pytest.fixture
def send(parcels: Any, tmp_path: Path) -> Any:
    """Send lines as a batch file, with more words."""

    def run(lines: list[str], words: str = "") -> Any:
        (tmp_path / "lines.jsonl").write_text("\n".join(lines))
        return parcels(f"send --batch lines.jsonl {words}")

    return run


@pytest.fixture
def members(here: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """`cqrs …` with the members domain, in this process; `change` edits the domain's text first, `--app` loads it anew."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(line: str, *changes: tuple[str, str]) -> Ran:
        text = MEMBERS.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "members.py").write_text(text)
        sys.modules.pop("members", None)
        linecache.clearcache()
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            return here(*shlex.split(f"--app members:domain {line}"))
        finally:
            sys.dont_write_bytecode = before

    return run


@pytest.fixture
def filled(members: Any) -> Any:
    """Three members; six events, the fifth and sixth are scores."""
    for name, city in (("ann", "Oslo"), ("bob", "Oslo"), ("cid", "Rome")):
        assert members(f"send join --member-id {name} --email {name}@x.org --city {city}").code == 0
    for name, points in (("ann", "1.50"), ("bob", "2.25"), ("cid", "4")):
        assert members(f"send score --member-id {name} --points {points}").code == 0
    return members


@pytest.fixture
def shop(here: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Ran]:
    """`here` on the office domain, with a store where the reactions have begun."""
    monkeypatch.setenv("CQRS_APP", "tests.office:domain")
    # A slow machine would have more to say.
    monkeypatch.setattr(Workbench, "runner", partialmethod(Workbench.runner, ticks=lambda: 0.0))
    with Workbench.open(str(tmp_path / "cqrs.db"), office.domain) as bench:
        bench.runner().drain()
    return here


@pytest.fixture
def paid(tmp_path: Path) -> Callable[..., None]:
    """Pay orders by hand."""

    def orders(*names: str) -> None:
        with Workbench.open(str(tmp_path / "cqrs.db"), office.domain) as bench:
            pay(bench, *names)

    return orders
