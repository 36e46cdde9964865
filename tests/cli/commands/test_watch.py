"""`cqrs watch` on a real terminal: what it shows, what it lives through, and that it gives the terminal back."""

import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import Misuse
from cqrs_cli.log.stops import record_stop
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.registry import open_store
from tests import office
from tests.cli.terminal import BACK, Window
from tests.conftest import ROOT
from tests.reacting import pay
from tests.servers import program
from tests.stores.postgres.proxy import proxied

pytestmark = pytest.mark.slow
OFFICE = {"CQRS_APP": "tests.office:domain"}
Open = Callable[..., Window]


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open a window on `cqrs watch WORDS` in the test's folder."""
    monkeypatch.chdir(tmp_path)
    windows: list[Window] = []

    def opened(words: str = "", size: tuple[int, int] = (80, 24), **environ: str) -> Window:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_") and name != "COLUMNS"}
        env = {**ours, "TERM": "xterm", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", **environ}
        windows.append(Window([*program(), "watch", *words.split()], env, size))
        return windows[-1]

    yield opened
    for window in windows:
        window.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "cqrs.db"), office.domain) as opened:
        opened.runner().drain()
        yield opened


def append(path: Path, stream: str, type: str = "Happened", **data: Any) -> None:
    with open_store(str(path), create=True) as store:
        id = f"c{time.monotonic_ns()}"
        store.append(Commit(id, (NewEvent(stream, type, 1, json.dumps(data).encode()),), user_id="ada"))


def test_it_shows_the_log_lag_stops_and_dead_letters_as_they_come(bench: Workbench, watched: Open) -> None:
    pay(bench, "boom1", "o1")
    bench.runner(start=0).drain()
    bench.project()
    window = watched(size=(120, 24), **OFFICE)
    window.until(window.shows("order-boom1@1", "Shipped", "1 command came to nothing: cqrs run --failed"))
    window.until(window.shows("the carrier is on strike", "fulfilment  ready"))
    assert "behind for" not in "\n".join(window.screen)
    assert [len(line) for line in window.screen] == [120] * 24
    positions = [int(at) for at in re.findall(r"(?m)^@(\d+) ", "\n".join(window.screen))]
    assert positions == sorted(positions), "the newest is the last"
    pay(bench, "o2")
    window.until(window.shows("order-o2@1", "behind for"))
    assert re.search(r"welcome +behind +\d+ +1 +\d", "\n".join(window.screen))
    first = window.text
    window.until(lambda: window.text != first)  # the seconds count
    [event] = bench.store.read(Selection(backwards=True, limit=1))
    with bench.store.transaction() as rows:
        record_stop(rows, "welcome", event, Misuse("it can't greet"))
    window.until(window.shows("welcome stopped: at @", "it can't greet"))
    names = [line.split()[0] for line in window.screen if re.search(r"  (stopped|behind|ready)  ", line)]
    assert names[0] == "welcome", "the worst is the first"
    head = bench.store.head()
    window.type(b"q")
    assert window.end() == 0
    assert bench.store.head() == head
    assert {one.name for one in bench.reactions() if one.lag} == set(bench.domain.reactions), "it only reads"


# ── its end ───────────────────────────────────────────────────────────────────────────────────

ENDS = {
    "q": (lambda window: window.type(b"q"), 0),
    "Q": (lambda window: window.type(b"xQx"), 0),
    "Ctrl-C": (lambda window: window.type(b"\x03"), 130),
    "SIGINT": (lambda window: window.signal(signal.SIGINT), 130),
    "SIGTERM": (lambda window: window.signal(signal.SIGTERM), -signal.SIGTERM),
    "SIGHUP": (lambda window: window.signal(signal.SIGHUP), -signal.SIGHUP),
}


def check_given_back(window: Window) -> None:
    assert window.now_modes() == window.modes
    assert window.text.count("\x1b[?1049h") == window.text.count(BACK) > 0
    assert window.text.rpartition("\x1b[?25")[2].startswith("h"), "the cursor is seen"
    assert "Traceback" not in window.text


@pytest.mark.parametrize("how", ENDS)
def test_the_terminal_is_given_back(how: str, tmp_path: Path, watched: Open) -> None:
    append(tmp_path / "cqrs.db", "order-1")
    window = watched()
    window.until(window.shows("order-1@1"))
    assert window.now_modes() != window.modes, "keys are heard at once"
    end, code = ENDS[how]
    end(window)
    assert window.end() == code
    check_given_back(window)
    assert window.text.rpartition(BACK)[2].strip() in ("", "^C")


def test_many_signals_are_one(tmp_path: Path, watched: Open) -> None:
    append(tmp_path / "cqrs.db", "order-1")
    window = watched()
    window.until(window.shows("order-1@1"))
    for _ in range(30):
        if window.ended():
            break
        window.signal(signal.SIGTERM)
    assert window.end() == -signal.SIGTERM
    check_given_back(window)


def test_an_error_is_told_on_a_terminal_that_is_given_back(tmp_path: Path, watched: Open) -> None:
    append(tmp_path / "cqrs.db", "order-1")
    window = watched("--category order-1")
    assert window.end() == 2
    check_given_back(window)
    assert "order-1 is a stream, not a category" in window.text.rpartition(BACK)[2]
    window = watched(**OFFICE)
    assert window.end() == 2
    check_given_back(window)
    assert "[foreign-log]" in window.text.rpartition(BACK)[2]


def test_it_ends_when_its_terminal_goes(tmp_path: Path, watched: Open) -> None:
    append(tmp_path / "cqrs.db", "order-1")
    window = watched()
    window.until(window.shows("order-1@1"))
    window.hang_up()
    deadline = time.monotonic() + 60
    while not window.ended() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert window._code == -signal.SIGHUP


def test_it_ends_when_its_terminal_goes_though_nobody_tells_it(tmp_path: Path, watched: Open) -> None:
    append(tmp_path / "cqrs.db", "order-1")
    shell = tmp_path / "deaf"
    shell.write_text(f"#!/bin/sh\ntrap '' HUP\n{' '.join(program())} watch 2> told\necho $? > code\n")
    shell.chmod(0o755)
    env = {"PATH": os.environ["PATH"], "TERM": "xterm", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    window = Window([str(shell)], {**os.environ, **env})
    try:
        window.until(window.shows("order-1@1"))
        window.hang_up()
        deadline = time.monotonic() + 60
        while not window.ended() and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        window.close()
    assert (tmp_path / "code").read_text() == "129\n"
    assert (tmp_path / "told").read_text() == ""


def test_it_rests_and_goes_on(tmp_path: Path, watched: Open) -> None:
    append(tmp_path / "cqrs.db", "order-1")
    window = watched()
    window.until(window.shows("order-1@1"))
    window.type(b"\x1a")
    window.until(lambda: os.waitid(os.P_PID, window.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None)
    window.read(0.2)
    check_given_back(window)
    append(tmp_path / "cqrs.db", "order-2")
    window.signal(signal.SIGCONT)
    window.until(window.shows("order-1@1", "order-2@1"))
    window.type(b"q")
    assert window.end() == 0
    check_given_back(window)


# ── its window ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("told", [{}, {"COLUMNS": "100", "LINES": "30"}], ids=["not told", "told another one"])
def test_it_follows_the_size_of_its_window(bench: Workbench, watched: Open, told: dict[str, str]) -> None:
    pay(bench, *(f"o{number}" for number in range(40)))
    window = watched(**OFFICE, **told)
    window.until(window.shows("order-o39@1", "fulfilment"))
    for size in ((40, 12), (120, 50), (40, 24), (20, 6), (80, 3), (3, 2), (80, 24)):
        window.resize(*size)
        window.until(lambda size=size: [len(line) for line in window.screen] == [size[0]] * size[1])  # type: ignore[misc]
        if size[0] >= 40 and size[1] >= 12 and not told:
            shown = re.findall(r"(?m)^@(\d+) ", "\n".join(window.screen))
            assert shown[-1] == "40"
            assert [int(at) for at in shown] == list(range(41 - len(shown), 41)), "a line each, none is missing"
            assert re.search(r"fulfil.* behind +(\d+ +)?40 ", "\n".join(window.screen))
    window.type(b"q")
    assert window.end() == 0


def test_what_is_chosen(tmp_path: Path, watched: Open) -> None:
    path = tmp_path / "cqrs.db"
    for number in range(1, 7):
        append(path, f"order-{number}", "Placed" if number % 2 else "Paid")
    append(path, "invoice-1", "Paid")

    def positions(window: Window) -> list[int]:
        return [int(at) for at in re.findall(r"(?m)^@(\d+) ", "\n".join(window.screen))]

    for words, wanted, new in (
        ("--lines 2", [6, 7], True),
        ("--lines 0", [], True),
        ("--category order --type paid", [2, 4, 6], False),
        ("order-3", [3], False),
        ("order 3 --type Paid", [], False),
    ):
        window = watched(words)
        window.until(window.shows("q ends", "no domain, so no lag is known"))
        window.until(lambda window=window, wanted=wanted: positions(window) == wanted)  # type: ignore[misc]
        with open_store(str(path)) as store:
            head = store.head()
        append(path, "other-1", "Other")
        window.until(window.shows(f"@{head + 1} "))
        expected = [*wanted[1:], head + 1] if new and wanted else wanted
        assert positions(window) == ([head, head + 1] if new and wanted else expected)
        window.type(b"q")
        assert window.end() == 0


def test_what_comes_to_nothing_is_said(tmp_path: Path, watched: Open) -> None:
    append(tmp_path / "cqrs.db", "order-1", "Placed")
    window = watched("--type Plased")
    window.until(window.shows("no event has the type 'Plased'; did you mean 'Placed'?"))
    window.type(b"q")
    assert window.end() == 0
    assert "no event has the type 'Plased'" in window.text.rpartition(BACK)[2], "and it stays when the picture is gone"


@pytest.mark.parametrize("words", ["order-1@1", "@1", "--lines -1", "--lines x", "--json", "-o out.txt", "--csv"])
def test_what_means_nothing_is_refused_before_anything_is_drawn(words: str, tmp_path: Path, watched: Open) -> None:
    append(tmp_path / "cqrs.db", "order-1")
    window = watched(words)
    assert window.end() == 2
    assert "\x1b[?1049h" not in window.text
    assert "hint" in window.text


def test_it_wants_a_terminal(shop: Any, tmp_path: Path, watched: Open) -> None:
    ran = shop("watch")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("hint: cqrs log -f\n")
    window = watched(TERM="dumb")
    assert window.end() == 2
    assert "cqrs log -f" in window.text


# ── what is in the log ────────────────────────────────────────────────────────────────────────


def test_payloads_are_harmless(tmp_path: Path, watched: Open) -> None:
    nasty = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\u202etxt\r\nq\x08[red]x[/red] :smile:"
    append(tmp_path / "cqrs.db", "order-1", "Placed", note=nasty)
    window = watched(size=(200, 24))
    window.until(window.shows("order-1@1", "[red]x[/red] :smile:"))
    for harmful in ("\x1b]", "\x1b[2J", "\x9b", "\u202e", "\x08", "\x07"):
        assert harmful not in window.text
    assert len(window.screen) == 24


def test_what_is_masked_is_not_seen(tmp_path: Path, watched: Open) -> None:
    path = tmp_path / "cqrs.db"
    append(path, "person-0815ada", "Joined", email="ada@example.org", key="0815ada")
    window = watched("--type Joined --mask email --mask key --mask user_id", size=(160, 24))
    window.until(window.shows("Joined", "email="))
    append(path, "letter-1", "Sent", email="zoe@example.org")  # it is not shown
    append(
        path,
        "person-4711eve",
        "Joined",
        email="eve@example.org",
        key="4711eve",
        friends="ada@example.org zoe@example.org",
    )
    window.until(window.shows("@3 ", "friends="))
    window.type(b"q")
    assert window.end() == 0
    for value in ("ada@example.org", "eve@example.org", "zoe@example.org", "0815ada", "4711eve", "by ada"):
        assert value not in window.text, value
    plain = watched(size=(160, 24))
    plain.until(plain.shows("ada@example.org", "4711eve", "by ada"))


# ── what becomes of the store ─────────────────────────────────────────────────────────────────


def test_a_store_that_is_made_later_is_waited_for(tmp_path: Path, watched: Open) -> None:
    window = watched(**OFFICE)
    window.until(window.shows("waiting: no store at"))
    assert not (tmp_path / "cqrs.db").exists()
    with Workbench.open(str(tmp_path / "cqrs.db"), office.domain) as bench:
        pay(bench, "o1")
    window.until(window.shows("order-o1@1", "fulfilment"))
    assert "waiting:" not in "\n".join(window.screen)
    window.type(b"q")
    assert window.end() == 0


def test_a_store_that_goes_and_comes(tmp_path: Path, watched: Open) -> None:
    path = tmp_path / "cqrs.db"
    append(path, "order-1")
    window = watched("--mask nothing")
    window.until(window.shows("order-1@1"))
    for name in ("cqrs.db", "cqrs.db-wal", "cqrs.db-shm"):
        if (tmp_path / name).exists():
            shutil.move(tmp_path / name, tmp_path / name.replace("cqrs", "away"))
    window.until(window.shows("waiting: ", "order-1@1"))
    append(path, "invoice-7", note="another log")
    append(path, "invoice-8")
    window.until(window.shows("invoice-7@1", "invoice-8@1"))
    assert "order-1@1" not in "\n".join(window.screen), "it is another log"
    assert "waiting:" not in "\n".join(window.screen)
    for name in ("cqrs.db", "cqrs.db-wal", "cqrs.db-shm"):
        if (tmp_path / name.replace("cqrs", "away")).exists():
            os.replace(tmp_path / name.replace("cqrs", "away"), tmp_path / name)
    window.until(window.shows("order-1@1"))
    append(path, "order-9")
    window.until(window.shows("order-9@1"))
    window.type(b"q")
    assert window.end() == 0


@pytest.mark.file
def test_a_server_that_is_away(postgres_url: str, watched: Open) -> None:
    with proxied(postgres_url) as proxy:
        store = f"{proxy.url}&timeout=0"
        with Workbench.open(postgres_url, office.domain) as bench:
            pay(bench, "o1")
            window = watched(f"--store {store}", **OFFICE)
            window.until(window.shows("order-o1@1", "fulfilment"))
            proxy.cut = lambda letter, answered: True
            window.until(window.shows("waiting: ", "order-o1@1"))
            pay(bench, "o2")
            proxy.cut = lambda letter, answered: False
            window.until(window.shows("order-o1@1", "order-o2@1"))
            assert "waiting: " not in "\n".join(window.screen)
            window.type(b"q")
            assert window.end() == 0
            password = urlsplit(postgres_url).password
            assert password is None or f":{password}@" not in window.text


def test_it_idles(bench: Workbench, watched: Open) -> None:
    """Something waits, so that its seconds count: at most two hundredths of a processor, in one of some whiles.

    On a busy machine the same work takes more of its time now and then; who never rests has no quiet while at all.
    """
    pay(bench, *(f"o{number}" for number in range(50)))
    window = watched(size=(120, 40), **OFFICE)
    window.until(window.shows("order-o49@1", "fulfilment"))

    def used() -> float:
        fields = Path(f"/proc/{window.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    if not sys.platform.startswith("linux"):
        pytest.skip("/proc tells of Linux")

    def share() -> float:
        before, began = used(), time.monotonic()
        window.read(6)
        return (used() - before) / (time.monotonic() - began)

    window.read(2)
    assert any(share() < 0.02 for _ in range(8))
