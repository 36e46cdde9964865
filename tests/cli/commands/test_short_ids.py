"""Wherever a stream, a command or an event is named, the beginning of its UUID is enough; several are listed."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.cli.shell import boundary
from cqrs_cli.log import letters
from cqrs_cli.log.outbox import Outgoing
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.operational import DEAD_LETTERS
from cqrs_cli.stores.registry import open_store

ONE, TWO = "019cd4f8-0001-7c3e-9b10-5f2d8e6a4c01", "019cd4f8-0002-7c3e-9b10-5f2d8e6a4c01"
ORDER, OTHER = "6db370b2-0c41-4a7e-8f6e-2b1f6b7f3c01", "6db370b3-0c41-4a7e-8f6e-2b1f6b7f3c01"


def sent(id: str, stream: str, correlation: str | None = None) -> Append:
    events = tuple(NewEvent(stream, type, 1, b'{"n":1}') for type in ("Opened", "Paid"))
    command = SentCommand("Open", 1, b"d" * 32, b"{}", 0)
    return Append(Commit(id, events, command, correlation or id, None, "ada", "{}"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two commands on two streams, and one whose id is no UUID though it looks like the beginning of one."""
    path = tmp_path / "cqrs.db"
    with open_store(str(path), create=True) as store:
        store.append_many(
            [
                sent(ONE, f"order-{ORDER}"),
                sent(TWO, f"order-{OTHER}", ONE),
                sent("019cd4f8-9", "order-17"),
                sent("c4", "credit_note-a,b"),
            ]
        )
    return path


def positions(ran: Any) -> list[int]:
    found = ran.json
    return [one["position"] for one in (found if isinstance(found, list) else [found])]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("show 019cd4f8-0001", [1, 2]),
        ("show 019cd4f8-0002:2", [4]),
        ("show 019cd4f8-9", [5, 6]),
        ("show order-6db370b2@2", [2]),
        ("log order-6db370b3", [3, 4]),
        ("log order 6db370b3", [3, 4]),
        ("log order 6db370b3@1", [3]),
        ("log order 17", [5, 6]),
        ("log credit-note a b", [7, 8]),
        ("log --correlation 019cd4f8-0001", [1, 2, 3, 4]),
    ],
)
def test_the_beginning_is_enough(store: Path, here: Callable[..., Any], words: str, found: list[int]) -> None:
    assert positions(here(f"{words} --json")) == found


@pytest.mark.parametrize("words", ["trace 019cd4f8-0002", "trace 019cd4f8-0002:1", f"trace {TWO}"])
def test_of_a_trace_too(store: Path, here: Callable[..., Any], words: str) -> None:
    assert [node["id"] for node in here(f"{words} --json").json] == [ONE, TWO]


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        ("show 019cd4f8", [ONE, TWO]),
        ("show 019cd4f8-000:1", [ONE, TWO]),
        ("trace 019c", [ONE, TWO]),
        ("log --correlation 019cd4f8-000", [ONE, TWO]),
        ("log order-6db370b", [f"order-{ORDER}", f"order-{OTHER}"]),
        ("show order-6db3@1", [f"order-{ORDER}", f"order-{OTHER}"]),
        ("show order-6db3", [f"order-{ORDER}", f"order-{OTHER}"]),
        ("snapshot drop order-6db3", [f"order-{ORDER}", f"order-{OTHER}"]),
    ],
)
def test_several_are_listed(store: Path, here: Callable[..., Any], words: str, listed: list[str]) -> None:
    ran = here(f"{words} --json")
    assert (ran.code, ran.out, ran.error["code"], ran.error["candidates"]) == (2, "", "ambiguous", listed)
    assert all(one in here(words).err for one in listed)


@pytest.mark.parametrize("words", ["show 019cd4f8-1", "trace 019c1", "show 019", "trace ''"])
def test_what_begins_nothing_is_not_found(store: Path, here: Callable[..., Any], words: str) -> None:
    assert here(words).code == 3


def test_of_dead_letters(store: Path, here: Callable[..., Any]) -> None:
    def letter(id: str, position: int) -> tuple[Any, ...]:
        event = f"{ONE}:{position}"
        sent = Outgoing("r", event, 1, 0, position, 0, "", "c", None, 0, "Pay", 1, "{}", event, None, "{}")
        return (*sent, id, "rejected", "no", 0, None, None, None)

    with open_store(str(store), create=False) as opened, opened.transaction() as rows:
        rows.put(DEAD_LETTERS, [letter(ORDER, 1), letter(OTHER, 2)])
    with open_store(str(store), create=False, read_only=True) as opened:
        assert [one.command_id for one in letters.letters_named(opened.rows, "6db370b2")] == [ORDER]
        assert letters.letters_named(opened.rows, "6db370b4") == []
    for words in ("trace 6db370b", "run --drop 6db370b --reason x"):
        ran = here("--json", *words.split())
        assert (ran.code, ran.error["code"]) == (2, "ambiguous"), words
    assert here("run --drop 6db370b2 --reason x").code == 0
    assert [one["id"] for one in here("run --failed --json").json] == [OTHER]
    assert here("trace 6db370b2 --json").code == 0, "dropped ones have a story too"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def seen(store: Path, here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """What a wide terminal shows."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def show(words: str) -> str:
        out = Terminal()
        with monkeypatch.context() as only_now:
            only_now.setattr(sys, "stdout", out)
            boundary.run(words.split())
        return out.getvalue()

    return show


def test_what_is_shown_is_understood(store: Path, seen: Callable[[str], str], here: Callable[..., Any]) -> None:
    """Though nothing else that begins so is shown: the store is asked."""
    more = "6db370b2-0c42-4a7e-8f6e-2b1f6b7f3c01"
    with open_store(str(store), create=False) as opened:
        opened.append_many([sent(more.replace("6db370b2", "aaaaaaaa"), f"order-{more}")])
    line = seen("log -n 1").splitlines()[1]
    assert "  order-6db370b2-0c41@1  " in line
    root = seen("trace @1").splitlines()[0]
    assert root == "Open  019cd4f8-0001"
    typed = [word for word in (*line.split(), *root.split()) if "-" in word]
    for word in typed:
        assert here("show", word, "--json").code == 0, word
    assert f"order-{ORDER}@1" in seen("log -n 1 --wide")
    assert f"order-{ORDER}@1" in here("log -n 1").out
