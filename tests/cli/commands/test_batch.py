"""`cqrs send --batch`: lines in, outcomes and an exit code out."""

import io
import itertools
import json
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import Field

from cqrs_cli import Aggregate, Command, Domain, Event, decide, evolve
from cqrs_cli.cli.commands.send import lines as batch
from cqrs_cli.cli.commands.send.lines import LineReader
from cqrs_cli.cli.printing.outcomes import Tally
from cqrs_cli.errors import InvalidInput
from tests.cli.conftest import PARCELS


def line(command: str, parcel: str, **more: Any) -> str:
    data = more.pop("data", {})
    return json.dumps({"command": command, "data": {"parcel_id": parcel, **data}, **more})


GOOD = [
    line("register", "A1", command_id="c1", user_id="ada", timestamp="2026-01-31T10:00:00+01:00", metadata={"n": 1.5}),
    line("Register", "A2", command_id="c2", data={"weight": 2, "tags": ["x"]}, expect="new", correlation_id="story"),
    line("touch", "A1", command_id="c3", expect=1),
]
MIXED = [
    GOOD[0],
    "",
    '{"command": "register", "data": {"weight": "x", "wieght": 1}, "comand_id": 1}',
    line("refuse", "A1", command_id="c4"),
    "{not json",
    line("touch", "A9", command_id="c5"),
    line("regster", "A3"),
    GOOD[1],
]


def test_a_good_batch(send: Any, parcels: Any) -> None:
    ran = send(GOOD)
    assert ran.code == 0
    assert ran.out == ""
    assert ran.err == "3 commands: 2 committed (2 events), 1 unchanged\nmade the store cqrs.db\n"
    events = parcels("log --jsonl").lines
    assert [event["data"]["weight"] for event in events] == ["1", "2"]
    assert events[0]["metadata"] == {"n": 1.5}
    assert events[0]["user_id"] == "ada"
    assert events[1]["correlation_id"] == "story"


def test_again_it_appends_nothing(send: Any, parcels: Any) -> None:
    send(GOOD)
    ran = send(GOOD, "--json")
    assert ran.code == 0
    assert ran.json == {
        "committed": 0,
        "duplicate": 2,
        "unchanged": 1,
        "rejected": 0,
        "conflict": 0,
        "invalid": 0,
        "failed": 0,
        "events": 0,
        "as_expected": 0,
        "unexpected": 0,
        "dry_run": 0,
    }
    assert len(parcels("log --jsonl").lines) == 2


def test_each_bad_line_is_said_with_its_number_and_the_rest_goes_on(send: Any, parcels: Any) -> None:
    ran = send(MIXED)
    assert ran.code == 2
    said = ran.err
    for part in (
        "line 3: invalid",
        "  comand_id: there is no such member; did you mean 'command_id'?",
        "  parcel_id: Field required",
        "  weight: Input should be a valid decimal (got 'x')",
        "  wieght: there is no such field; did you mean 'weight'?",
        "line 4: rejected[never]: no",
        "line 5: invalid[invalid-input]: not JSON",
        "line 6: not-found[aggregate-not-found]",
        "  hint: cqrs send register opens one",
        "line 7: invalid",
        "did you mean 'register'?",
        "7 commands: 2 committed (2 events), 3 invalid, 1 not-found, 1 rejected",
    ):
        assert part in said, said
    assert len(parcels("log --jsonl").lines) == 2


def test_jsonl_is_a_record_a_command_in_order(send: Any) -> None:
    records = send(MIXED, "--jsonl").lines
    assert [record["status"] for record in records] == [
        *("committed", "invalid", "rejected", "invalid", "not-found", "invalid", "committed")
    ]
    assert list(records[0]) == ["status", "command", "command_id", "position", "streams", "events"]
    assert records[2] == {
        "status": "rejected",
        "line": 4,
        "command": "Refuse",
        "command_id": "c4",
        "reason": "no",
        "code": "never",
    }
    assert records[1]["line"] == 3
    assert len(records[1]["complaints"]) == 4
    assert records[1]["hint"] == "cqrs schema register shows its fields"
    assert (records[4]["stream"], records[4]["hint"]) == ("parcel-A9", "cqrs send register opens one")


@pytest.mark.parametrize("depth", [65, 300, 700, 950, 5_000])
@pytest.mark.parametrize("where", ["metadata", "data"])
def test_nesting_without_end_is_the_lines_own_fault(send: Any, depth: int, where: str) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    parts = {"metadata": "{}", "data": '{"parcel_id": "A7"}'} | {where: deep}
    bad = f'{{"command": "register", "data": {parts["data"]}, "metadata": {parts["metadata"]}}}'
    records = send([GOOD[0], bad, GOOD[1]], "--jsonl").lines
    assert [record["status"] for record in records] == ["committed", "invalid", "committed"]


def test_a_line_that_is_not_valid_keeps_its_name_and_id(send: Any) -> None:
    lines = [
        line("register", "A1", command_id="c1", data={"weight": "x"}),
        line("regster", "A1", command_id="c2"),
        line("touch", "A1", command_id=3),
        '{"command": 1, "data": {}}',
    ]
    records = send(lines, "--jsonl").lines
    assert {record["status"] for record in records} == {"invalid"}
    assert [(record["command"], record["command_id"]) for record in records] == [
        ("Register", "c1"),
        ("regster", "c2"),
        ("Touch", None),
        (None, None),
    ]
    assert records[1]["hint"] == "cqrs send --help lists the commands"


def test_when_the_domain_raises_its_traceback_is_told(send: Any) -> None:
    lines = [line("register", "A1", command_id="c1"), line("break", "A1", command_id="c2")]
    ran = send(lines)
    assert ran.code == 8
    told = ran.err.splitlines()
    assert told[0].startswith("line 2: failed[domain-failed]: Parcel.broken (deciding Break)")
    assert told[1].startswith('    File "')
    assert "parcels_domain.py" in told[1]
    assert any(text.startswith("  hint: the domain's code has a bug") for text in told)
    assert "sender.py" not in ran.err
    assert "sender.py" in send(lines, "--debug").err
    record = send(lines, "--jsonl").lines[1]
    assert record["traceback"].startswith('  File "')
    assert record["hint"].startswith("the domain's code has a bug")


def test_json_is_one_summary(send: Any) -> None:
    ran = send(MIXED, "--json")
    assert ran.json == {
        "committed": 2,
        "duplicate": 0,
        "unchanged": 0,
        "rejected": 2,
        "conflict": 0,
        "invalid": 3,
        "failed": 0,
        "events": 2,
        "as_expected": 0,
        "unexpected": 0,
        "dry_run": 0,
    }


def test_csv_is_a_row_a_command(send: Any) -> None:
    rows = send(GOOD, "--csv").out.splitlines()
    assert rows[0] == "line,status,command,command_id,position,stream,events,code,reason"
    assert rows[1] == "1,committed,Register,c1,1,parcel-A1,1,,"


@pytest.mark.parametrize(
    ("lines", "words", "code"),
    [
        ([GOOD[0], MIXED[3]], "", 1),
        ([GOOD[0], MIXED[3]], "--allow-rejected", 0),
        ([GOOD[0], MIXED[5]], "", 1),
        ([GOOD[0], MIXED[4], MIXED[3]], "--allow-rejected", 2),
        ([GOOD[0], line("touch", "A1", expect=7)], "", 4),
        ([GOOD[0], line("break", "A1")], "", 8),
        ([], "", 0),
    ],
)
def test_exit_codes(send: Any, lines: list[str], words: str, code: int) -> None:
    assert send(lines, words).code == code


def test_fail_fast_stops_at_the_first_line_without_success(send: Any, parcels: Any) -> None:
    ran = send([GOOD[0], MIXED[4], GOOD[1]], "--fail-fast")
    assert ran.code == 2
    assert "2 commands: 1 committed" in ran.err
    assert len(parcels("log --jsonl").lines) == 1


def test_a_file_that_is_not_there_makes_no_store(parcels: Any, tmp_path: Path) -> None:
    ran = parcels("send --batch none.jsonl")
    assert ran.code == 2
    assert "can't read 'none.jsonl'" in ran.err
    assert not list(tmp_path.glob("cqrs.db*"))


@pytest.mark.parametrize("lines", [["x"], [], [line("touch", "A9"), line("refuse", "A1")]])
def test_a_batch_that_writes_nothing_makes_no_store(send: Any, tmp_path: Path, lines: list[str]) -> None:
    send(lines)
    assert not list(tmp_path.glob("cqrs.db*"))


def test_stdin(parcels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("\n".join(GOOD).encode())))
    assert parcels("send --batch - --json").json["committed"] == 2


# ── reading lines ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def reader(parcels: Any) -> LineReader:
    import parcels_domain  # type: ignore[import-not-found]

    return LineReader(parcels_domain.domain)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[1]", "expected a JSON object, found an array"),
        ('{"command": "touch"}', "data: is required"),
        ('{"data": {}}', "command: is required"),
        ('{"command": 1, "data": {}}', "command: expected a text, found a number"),
        ('{"command": "touch", "data": []}', "data: expected an object, found an array"),
        ('{"command": "touch", "data": {"parcel_id": "a", "parcel_id": "b"}}', "'parcel_id' stands twice"),
        ('{"command": "touch", "data": {"parcel_id": NaN}}', "NaN is not JSON"),
        (line("touch", "A1", expect=-1), "expect: expected a version"),
        (line("touch", "A1", expect=True), "expect: expected a version"),
        (line("touch", "A1", timestamp="yesterday"), "timestamp: expected a time like"),
        (line("touch", "A1", timestamp="2026-01-31T10:00:00"), "timestamp: expected a time like"),
        (line("touch", "A1", command_id=""), "a command id has 1 to 200 characters"),
        (line("touch", "A1", user_id=3), "user_id: expected a text"),
        (line("touch", "A1", metadata="x"), "metadata: expected an object, found a text"),
    ],
)
def test_lines_that_can_not_be_read(reader: LineReader, text: str, complaint: str) -> None:
    [request] = reader.requests(io.BytesIO(text.encode()))
    assert request is not None
    assert request.command is None
    assert isinstance(request.error, InvalidInput)
    assert complaint in "\n".join([request.error.message, *request.error.complaints])


def test_digits_survive(reader: LineReader) -> None:
    text = b'{"command": "register", "data": {"parcel_id": "A1", "weight": 12345678901234567890.10}}'
    assert str(reader.request(1, text).command.weight) == "12345678901234567890.10"  # type: ignore[union-attr]


def test_aliases_and_open_values_are_read_as_with_options() -> None:
    class Note(Command):
        page_id: str = Field(alias="page")
        text: Any = None

    class Noted(Event):
        text: Any

    class Page(Aggregate):
        page_id: str

        @decide(creates=True)
        def note(self, command: Note) -> Noted:
            return Noted(text=command.text)

        @evolve
        def noted(self, event: Noted) -> None: ...

    reader = LineReader(Domain("notes", Page))
    for key in ("page", "page_id"):
        request = reader.request(1, b'{"command": "note", "data": {"%b": "A1", "text": [0.5]}}' % key.encode())
        assert request.command is not None
        assert request.command.model_dump() == {"page_id": "A1", "text": [0.5]}
        assert type(request.command.text[0]) is float  # type: ignore[attr-defined]


def test_lines_come_one_by_one(reader: LineReader) -> None:
    """A batch of any length takes the memory of a line: nothing is read that was not asked for."""

    class Endless(io.RawIOBase):
        asked = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            text = (line("touch", "A1").encode() + b"\n") * 100
            count = min(len(buffer), len(text))
            buffer[:count] = text[:count]
            self.asked += 1
            return count

    endless = Endless()
    file = io.BufferedReader(endless, buffer_size=len(line("touch", "A1")) * 100 + 100)
    taken = [request for request in itertools.islice(reader.requests(file), 100) if request is not None]
    assert [request.line for request in taken] == list(range(1, 101))
    assert endless.asked == 1


def test_what_came_is_not_held_back_while_the_other_end_waits(reader: LineReader) -> None:
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as file, os.fdopen(theirs, "wb", buffering=0) as other:
        other.write(line("touch", "A1").encode() + b"\n" + line("touch", "A2").encode() + b"\n")
        requests = reader.requests(file)
        assert [request and request.line for request in itertools.islice(requests, 3)] == [1, 2, None]
        other.write(line("touch", "A3").encode() + b"\n")
        other.close()
        assert [request.line for request in requests if request is not None] == [3]


def test_a_line_too_long_is_passed_over(reader: LineReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MAX_LINE_BYTES", 100)
    lines = [line("touch", "A1"), line("touch", "x" * 350), line("touch", "A2")]
    requests = [request for request in reader.requests(io.BytesIO("\n".join(lines).encode())) if request]
    assert [request.line for request in requests] == [1, 2, 3]
    assert [request.error is None for request in requests] == [True, False, True]


def test_the_tally_of_nothing() -> None:
    tally = Tally()
    assert tally.line() == "0 commands: 0 committed (0 events)"
    assert tally.exit_code(False) == 0


def test_a_batch_in_a_process_of_its_own(cqrs: Any) -> None:
    (cqrs.folder / "parcels_domain.py").write_text(PARCELS.read_text())
    app = ("--app", "parcels_domain:domain")
    ran = cqrs(*app, "send", "--batch", "-", "--jsonl", stdin="\n".join(MIXED), exit_code=2)
    assert len(ran.stdout.splitlines()) == 7
    again = cqrs(*app, "send", "--batch", "-", stdin="\n".join(GOOD))
    assert "3 commands: 0 committed (0 events), 2 duplicate, 1 unchanged" in again.stderr


def test_errors_are_printed_with_quiet_too(parcels, tmp_path):
    (tmp_path / "lines").write_text(
        '{"command": "nope", "data": {}}\n{"command": "touch", "data": {"parcel_id": "A"}}\n'
    )
    ran = parcels("send --batch lines -q")
    assert ran.code == 2
    assert [line[:7] for line in ran.err.splitlines() if line[0] != " "] == ["line 1:", "line 2:"]


def test_allowed_rejections_are_notes(orders_app, tmp_path):
    (tmp_path / "lines").write_text(
        '{"command": "create-order", "data": {"customer_id": "11111111-1111-4111-8111-111111111111", "items": [{'
        '"product_id": "33333333-3333-4333-8333-333333333333", "product_name": "Gold nib", "quantity": 1, "unit_price": 1'
        '}], "shipping_address": {"street": "s", "city": "c", "postal_code": "1", "country": "FR"}}}\n'
    )
    assert "line 1: rejected" in orders_app("send --batch lines -q").err
    assert orders_app("send --batch lines -q --allow-rejected").err == ""


def test_progress_of_a_long_batch(send: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs_cli.cli.printing.progress.LINE_EVERY", 0)
    lines = [line("register", f"A{n}", command_id=f"c{n}") for n in range(3)]
    told = send(lines).err.splitlines()
    assert [re.sub(r"[0-9,]+/s", "N/s", one) for one in told[:3]] == [f"sent {n} commands, N/s" for n in (1, 2, 3)]
    for words in ("-q", "--no-progress", "--jsonl", "--json"):
        assert "/s" not in send(lines, words).err, words


def test_an_error_of_a_line_stands_on_a_line_of_its_own(
    send: Any, monkeypatch: pytest.MonkeyPatch, parcels: Any
) -> None:
    """On a terminal the bar is wiped for it, and comes again."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("cqrs_cli.cli.printing.progress.BAR_AFTER", 0)
    monkeypatch.setattr("cqrs_cli.cli.printing.progress.BAR_EVERY", 0)
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    send(MIXED)
    for shown in screen.getvalue().split("\n"):
        last = shown.rpartition("\x1b[K")[2]
        assert "commands, " not in last or last.startswith("sent"), shown
        assert not ("line " in last and "/s" in last), shown
    assert "sent 1 commands" in screen.getvalue()
