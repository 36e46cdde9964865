"""`cqrs run`: draining, running on, dead letters, where reactions stand."""

import getpass
import itertools
import json
import os
import signal
import subprocess
import sys
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from tests import office
from tests.conftest import ROOT
from tests.reacting import sent


def log(tmp_path: Path) -> list[str]:
    with Workbench.open(str(tmp_path / "cqrs.db"), office.domain) as bench:
        return sent(bench.store)


def test_once_drains_and_says_so_in_a_line(shop, paid, tmp_path):
    paid("o1", "bad1")
    ran = shop("run --once")
    assert (ran.code, ran.err) == (0, "")
    (line,) = ran.lines
    assert line.pop("at").endswith("Z")
    assert line == {
        "position": 6,
        "answered": 5,
        "sent": 3,
        "rejected": 1,
        "failed": 0,
        "held": 0,
        "at_work": None,
        "next_deadline": None,
        "stopped": [],
    }
    assert len(log(tmp_path)) == 6
    assert shop("run --once --json").json["sent"] == 0
    assert shop("run --once --jsonl").lines[0]["answered"] == 0


def test_a_backlog_is_worked_off_with_a_line_now_and_then(shop, paid, monkeypatch):
    monkeypatch.setattr(Workbench, "runner", partialmethod(Workbench.runner, ticks=itertools.count().__next__))
    paid("o1", "o2")
    *lines, last = shop("run --once").lines
    assert lines[0]["at_work"] == {"name": "counts", "position": 2, "head": 2}
    assert lines[0]["position"] == 2  # all of them went on together
    assert {line["at_work"]["name"] for line in lines if line["at_work"]} == {
        "counts",
        "orders",
        "fulfilment",
        "welcome",
    }
    assert (last["position"], last["at_work"]) == (6, None)
    assert sum(line["sent"] for line in (*lines, last)) == 4
    paid("o3")
    assert shop("run --once --json").json["sent"] == 2  # one object, with all of it


def test_commands_that_came_to_nothing_and_stops_are_exit_1(shop, paid, monkeypatch):
    paid("boom1")
    ran = shop("run --once")
    assert ran.code == 1
    assert "1 command came to nothing: cqrs run --failed" in ran.err
    assert shop("run --once").code == 0  # it is no news

    def grumble(self, event):
        raise ValueError("no")

    paid("o1")
    clause = office.domain.react_routes["fulfilment"][office.Paid]
    changed: dict[Any, Any] = {
        **office.domain.react_routes["fulfilment"],
        office.Paid: clause._replace(clause=clause.clause._replace(function=grumble)),
    }
    monkeypatch.setitem(office.domain.react_routes, "fulfilment", changed)
    ran = shop("run --once")
    assert ran.code == 1
    assert ran.lines[0]["stopped"][0]["name"] == "fulfilment"
    assert ran.lines[0]["stopped"][0]["code"] == "domain-failed"
    assert "fulfilment stopped at @2" in ran.err
    assert "cqrs run --skip fulfilment@2" in ran.err


def test_new_reactions_start_where_they_are_told(here, paid, tmp_path, monkeypatch):
    monkeypatch.setenv("CQRS_APP", "tests.office:domain")
    paid("o1", "o2")
    assert here("run --once --from @3").code == 2
    assert "the head is @2" in here("run --once --from @3").err
    assert here("run --once --from @1").code == 0
    assert log(tmp_path)[2:] == ["Ship order-o2", "Greet order-o2"]


def test_there_must_be_a_store(here, monkeypatch, tmp_path):
    monkeypatch.setenv("CQRS_APP", "tests.office:domain")
    ran = here("run --once")
    assert ran.code == 3
    assert not (tmp_path / "cqrs.db").exists()


@pytest.mark.parametrize(
    "words",
    [
        "run --json",
        "run -o x.json",
        "run --once --csv",
        "run --failed --status",
        "run --once --failed",
        "run --from @1 --status",
        "run --retry a --drop b",
        "run --drop a",
        "run --skip fulfilment@1",
        "run --reason x",
        "run --as ada",
        "run --drop a --reason x --as=",
        "run --skip fulfilment@1 --reason x --as=",
        "run --skip fulfilment --reason x",
        "run --skip @1 --reason x",
        "run --once --from x",
    ],
)
def test_what_does_not_go_together_is_usage(shop, words):
    ran = shop(words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(("error[", '{"error":'))


def test_status_says_where_reactions_stand(shop, paid, tmp_path):
    paid("o1", "boom1")
    assert [(one["status"], one["lag"]) for one in shop("run --status --json").json] == [("behind", 2), ("behind", 2)]
    shop("run --once")
    fulfilment, welcome = shop("run --status --json").json
    assert fulfilment == {
        "reaction": "fulfilment",
        "kind": "process",
        "status": "ready",
        "position": 4,
        "lag": 0,
        "rows": 2,
        "waiting": 0,
        "deadlines": 1,
        "failed": 1,
        "reason": None,
        "source": None,
        "skipped": [],
    }
    assert (welcome["kind"], welcome["failed"]) == ("policy", 0)
    ran = shop("run --status")
    assert "fulfilment: 1 command came to nothing: cqrs run --failed" in ran.err
    assert ran.out.splitlines()[0].split()[:3] == ["reaction", "status", "position"]


def test_a_skip_is_on_record(shop, paid):
    paid("o1")
    assert shop("run", "--skip", "fulfilment@1", "--reason", "a test", "--as", "ada").code == 0
    (skip,) = shop("run --status --json").json[0]["skipped"]
    assert (skip["position"], skip["by"], skip["reason"]) == (1, "ada", "a test")
    assert shop("run --once").lines[0]["sent"] == 0
    assert shop("run", "--skip", "nobody@1", "--reason", "x").code == 3
    assert shop("run", "--skip", "welcome@7", "--reason", "x").code == 3
    assert shop("run", "--skip", "welcome@1", "--reason", "x").code == 2  # it is past that


def test_dead_letters_are_listed_retried_and_dropped(shop, paid):
    paid("boom1", "boom2")
    shop("run --once")
    ran = shop("run --failed")
    assert "the carrier is on strike" in ran.out
    first, second = shop("run --failed --json").json
    assert (first["reaction"], first["process"], first["command"]) == ("fulfilment.ship", "boom1", "Ship")
    assert (first["code"], first["position"], first["event_id"]) == ("domain-failed", 1, "pay-boom1:1")
    assert first["data"] == {"order_id": "boom1", "items": ["evolved"]}
    failed = shop("run --failed --csv").out.splitlines()
    nothing_dropped = shop("run --dropped --csv").out

    ran = shop(f"run --retry {first['id']} --json")
    assert (ran.code, ran.json[0]["status"]) == (1, "failed")
    assert shop("run --retry nothing").code == 3
    assert shop("run", "--drop", first["id"], "--drop", second["id"], "--reason", "by hand").code == 0
    assert shop("run --failed --json").json == []
    assert shop("run --failed --csv").out.splitlines() == failed[:1]
    assert shop("run --dropped --csv").out.splitlines()[0] == nothing_dropped.strip()
    assert [one["dropped_because"] for one in shop("run --dropped --json").json] == ["by hand", "by hand"]
    assert shop("run", "--drop", first["id"], "--reason", "again").code == 3


def test_who_drops_and_skips_is_on_record(shop, paid):
    paid("boom1", "boom2")
    shop("run --once")
    first, second = (one["id"] for one in shop("run --failed --json").json)
    assert shop("run", "--drop", first, "--reason", "x", "--as", "eve").code == 0
    assert shop("run", "--drop", second, "--reason", "x").code == 0
    dropped = {one["id"]: one["dropped_by"] for one in shop("run --dropped --json").json}
    assert dropped == {first: "eve", second: getpass.getuser()}
    paid("o1", "o2")
    assert shop("run", "--skip", "fulfilment@3", "--reason", "x", "--as", "eve").code == 0
    assert shop("run", "--skip", "fulfilment@4", "--reason", "x").code == 0
    skipped = shop("run --status --json").json[0]["skipped"]
    assert [(one["position"], one["by"]) for one in skipped] == [(3, "eve"), (4, getpass.getuser())]


def test_dead_letters_can_be_looked_at_when_the_domain_is_broken(shop, paid, monkeypatch):
    paid("boom1")
    shop("run --once")
    monkeypatch.setenv("CQRS_APP", "no_such_module:domain")
    (letter,) = shop("run --failed --json").json
    assert shop("run", "--drop", letter["id"], "--reason", "x").code == 0
    assert shop("run --dropped").code == 0


def test_process_rows_are_printed_checked_and_rebuilt_like_a_projections(shop, paid):
    paid("o1")
    shop("run --once")
    assert shop("project fulfilment --json").json["rows"][0]["state"] == "shipped"
    assert shop("project fulfilment --check").code == 0
    assert shop("project fulfilment --rebuild").code == 0
    assert shop("run --status --json").json[0]["position"] == 3
    paid("o2")
    assert [row["order_id"] for row in shop("project fulfilment --json").json["rows"]] == ["o1"]
    assert shop("run --status --json").json[0]["lag"] == 1  # printing moved nothing


class Running:
    """`cqrs run` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cqrs_cli", "--app", "tests.office:domain", "run"],
            cwd=folder,
            env=environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def line(self) -> Any:
        """The next line of progress."""
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; exit code and complaints."""
        self.process.send_signal(number)
        _, complaint = self.process.communicate(timeout=100)
        return self.process.returncode, complaint


def test_it_waits_for_a_store_that_is_not_there_and_misses_nothing(paid, tmp_path):
    running = Running(tmp_path)
    assert running.process.stderr
    assert "waiting for the store cqrs.db: the first send makes it" in running.process.stderr.readline()
    assert not (tmp_path / "cqrs.db").exists()
    paid("o1")
    while running.line()["position"] < 3:  # the order, and two commands that answer it
        pass
    assert running.end(signal.SIGTERM) == (0, "")
    assert len(log(tmp_path)) == 3


def test_a_run_that_waits_ends_well(tmp_path):
    running = Running(tmp_path)
    assert running.process.stderr
    running.process.stderr.readline()
    assert running.end(signal.SIGINT) == (0, "")


def test_once_does_not_wait(here, monkeypatch):
    monkeypatch.setenv("CQRS_APP", "tests.office:domain")
    ran = here("run", "--once")
    assert (ran.code, "store-not-found" in ran.err) == (3, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_until_a_signal_and_ends_well(shop, paid, tmp_path, number):
    running = Running(tmp_path)
    assert running.line()["position"] == 0
    paid("o1")
    lines = [running.line()]
    while lines[-1]["position"] < 3:
        lines.append(running.line())
    assert sum(line["sent"] for line in lines) == 2
    assert running.end(number) == (0, "")
    assert log(tmp_path)[1:] == ["Ship order-o1", "Greet order-o1"]


def test_on_a_terminal_it_is_one_line(shop, paid, tmp_path):
    import pty
    import select
    import time

    paid("o1")
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cqrs_cli", "--app", "tests.office:domain", "run"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    said, end = b"", time.monotonic() + 100
    while b"position 3" not in said and time.monotonic() < end:
        if select.select([controller], [], [], 0.2)[0]:
            said += os.read(controller, 4096)
    process.send_signal(signal.SIGTERM)
    assert process.wait(100) == 0
    os.close(controller)
    assert b"2 sent" in said
    assert b"\n" not in said
    assert b"{" not in said
