"""`cqrs run`: draining, running on, dead letters, where reactions stand."""

import getpass
import itertools
import json
import os
import signal
import subprocess
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.cli.printing.printer import Printer
from tests import office
from tests.conftest import ROOT
from tests.reacting import sent
from tests.servers import program


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
        "honoured": 0,
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
        "run --rewind fulfilment",
        "run --to @1",
        "run --yes",
        "run --rewind fulfilment --to x",
        "run --rewind fulfilment --to @0 --once",
        "run --deadlines --failed",
        "run --deadlines --yes",
        "run --status --reaction fulfilment",
        "run --retry a --reaction fulfilment",
        "run --retry a --retry all",
        "run --once --now never",
        "run --once --now 2h",
        "run --once --now 2000-01-01",
        "run --now 2099-01-01 --status",
        "run --max-lag 5",
        "run --once --max-lag 5",
        "run --status --max-lag often",
        "run --once --from @0",
        "run --once --from @9",
    ],
)
def test_what_does_not_go_together_is_usage(shop, words):
    ran = shop(words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(("error[", '{"error":'))


def test_status_says_where_reactions_stand(shop, paid, tmp_path):
    paid("o1", "boom1")
    assert [shop(f"run --status --max-lag {most}").code for most in ("1", "2", "0s", "1d")] == [1, 0, 1, 0]
    assert "beyond --max-lag: fulfilment (behind, 2 behind), welcome" in shop("run --status --max-lag 1").err
    assert [(one["status"], one["lag"]) for one in shop("run --status --json").json] == [("behind", 2), ("behind", 2)]
    shop("run --once")
    assert shop("run --status --max-lag 0").code == 0
    fulfilment, welcome = shop("run --status --json").json
    assert fulfilment == {
        "reaction": "fulfilment",
        "kind": "process",
        "status": "ready",
        "position": 4,
        "lag": 0,
        "lag_seconds": 0.0,
        "rows": 2,
        "waiting": 0,
        "deadlines": 1,
        "failed": 1,
        "reason": None,
        "source": None,
        "skipped": [],
        "rewound": [],
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
    assert ran.err == "1 command tried again: 1 failed (cqrs run --failed says why)\n"
    assert shop("run --retry nothing").code == 3
    ran = shop(f"run --retry {first['id']} --retry nothing")
    assert (ran.code, "1 command tried again: 1 failed" in ran.err, first["id"] in ran.out) == (3, True, True)
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
            [*program(), "--app", "tests.office:domain", "run"],
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
        [*program(), "--app", "tests.office:domain", "run"],
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


def test_on_a_terminal_the_first_of_each_kind_is_listed(shop, paid, monkeypatch):
    paid(*(f"boom{n}" for n in range(1, 5)))
    shop("run --once")
    every = shop("run --failed --jsonl").lines
    assert len(every) >= 4
    assert len(shop("run --failed").out.splitlines()) >= 2 + len(every), "nothing is left out where nobody looks"
    monkeypatch.setattr(Printer, "on_terminal", property(lambda _: True))
    ran = shop("run --failed")
    assert [one["id"] in ran.out for one in every] == [True] + [False] * (len(every) - 1)
    positions = [one["position"] for one in every]
    assert f"… and {len(every) - 1} more like it (@{positions[1]}–@{positions[-1]})" in ran.err
    assert f"{len(every)}  domain-failed  @{positions[0]}–@{positions[-1]}\n" in ran.err
    assert f"all {len(every)}: cqrs run --failed --format jsonl" in ran.err
    assert len(shop("run --failed --jsonl").lines) == len(every)


# ── deadlines, and a clock for tests ──────────────────────────────────────────────────────────


def test_deadlines_are_listed_with_the_store_alone(here, shop, paid):
    ran = shop("run --deadlines")
    assert (ran.code, "no deadline is set" in ran.err) == (0, True)
    paid("boom1", "boom2")
    shop("run --once")
    first, second = here("run --deadlines --json").json
    assert (first["reaction"], first["process"], first["deadline"]) == ("fulfilment.ship", "boom1", "CancelOrder")
    assert (first["overdue"], first["data"], first["position"]) == (False, {"order_id": "boom1"}, 1)
    assert first["due_at"] < second["due_at"]
    assert here("run --deadlines --csv").out.startswith("due_at,overdue,reaction,process,deadline,command,data,id,")
    assert "CancelOrder" in here("run --deadlines --reaction fulfilment").out
    assert here("run --deadlines --reaction welcome --json").json == []
    ran = here("run --deadlines --reaction fullfilment")
    assert (ran.code, "error[no-such-reaction]" in ran.err) == (3, True), (
        "no list is no answer to a name that nobody has"
    )


def test_a_clock_that_goes_forward(shop, paid, tmp_path):
    paid("boom1")
    shop("run --once")
    assert shop("run --once").lines[0]["sent"] == 0
    ran = shop("run --once --now 2099-01-01T00:00:00Z")
    assert (ran.code, ran.lines[0]["sent"]) == (0, 1)
    assert "deadlines are due as if it were 2099-01-01T00:00:00Z" in ran.err
    assert log(tmp_path)[-1] == "CancelOrder order-boom1"
    assert "2099" not in shop("log --jsonl").out, "the log has the machine's clock"


# ── beginning, and beginning again ────────────────────────────────────────────────────────────


def test_a_new_reaction_refuses_to_guess(here, paid, monkeypatch, tmp_path):
    monkeypatch.setenv("CQRS_APP", "tests.office:domain")
    paid("o1", "o2")
    ran = here("run --once --json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error["code"] == "new-reaction"
    assert (ran.error["events"], ran.error["reached"]) == (2, 2)
    assert ran.error["hint"] == (
        "to answer them: cqrs run --once --from @0; to answer only what comes: cqrs run --once --from @2"
    )
    assert "answer them: cqrs run --from @0;" in here("run").err
    assert here("run --status --json").json[0]["status"] == "new"
    assert here("run --once --from @0").code == 0
    assert here("run --once").code == 0


def test_a_start_for_those_that_have_begun_is_an_error(shop, here, paid, monkeypatch):
    paid("o1")
    ran = shop("run --once --from @0")
    assert (ran.code, "error[begun]" in ran.err) == (2, True)
    assert "cqrs run --rewind fulfilment --to @0" in ran.err
    assert shop("run --once").lines[0]["sent"] == 2, "nothing was passed over"


def test_a_start_means_nothing_without_reactions(filled):
    ran = filled("run --once --from @0")
    assert (ran.code, "has no reactions" in ran.err) == (2, True)


def test_a_rewind_is_shown_and_then_done(shop, paid, tmp_path):
    paid("o1")
    shop("run --once")
    before = log(tmp_path)
    ran = shop("run --rewind fulfilment --to @0 --json")
    (line,) = ran.json
    assert (line["position"], line["command"], line["becomes"]) == (1, "Ship", "sent")
    assert (ran.code, ran.error["code"]) == (2, "not-confirmed")
    assert ran.error["hint"] == "to do it: cqrs run --rewind fulfilment --to @0 --yes"
    assert shop("run --status --json").json[0]["rewound"] == []
    ran = shop("run", "--rewind", "fulfilment", "--to", "@0", "--yes", "--as", "ada", "--reason", "a test")
    assert (ran.code, "fulfilment was started again from @3 back to @0" in ran.err) == (0, True)
    (again,) = shop("run --status --json").json[0]["rewound"]
    assert (again["from"], again["to"], again["by"], again["reason"]) == (3, 0, "ada", "a test")
    assert "fulfilment was started again, from @3 back to @0 by ada at " in shop("run --status").err
    ran = shop("run --once")
    assert (ran.code, ran.lines[0]["sent"], ran.lines[0]["honoured"]) == (0, 0, 1)
    assert log(tmp_path) == before
    assert shop("run --rewind nobody --to @0").code == 3


def test_all_that_came_to_nothing_is_retried(shop, paid, monkeypatch):
    paid("boom1", "boom2")
    shop("run --once")
    assert len(shop("run --failed --json --reaction fulfilment").json) == 2
    assert shop("run --failed --json --reaction welcome").json == []
    assert shop("run --retry all --json --reaction welcome").json == []
    assert shop("run --retry all").code == 1, "they still come to nothing"
    clause = office.domain.deciders[office.Ship]
    mended = clause._replace(clause=clause.clause._replace(function=lambda self, command: office.Shipped()))
    monkeypatch.setitem(office.domain.deciders, office.Ship, mended)
    monkeypatch.setitem(office.domain.aggregates["order"].deciders, office.Ship, mended.clause)
    ran = shop("run --retry all --json")
    assert (ran.code, [one["status"] for one in ran.json]) == (0, ["sent", "sent"])
    assert ran.err == "2 commands tried again: 2 sent\n"
    ran = shop("run --retry all")
    assert (ran.code, "no command came to nothing" in ran.err) == (0, True)
    assert shop("run --retry all --reaction nobody").code == 3
