"""`cqrs doctor` fails when something is wrong, in every format of findings, and with nothing else."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cqrs_cli import records
from cqrs_cli.cli.shell import hints
from cqrs_cli.log.outbox import Outgoing
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.operational import DEAD_LETTERS, OUTBOX
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint
from tests.cli.conftest import Ran

Members = Callable[..., Ran]
SEVERE = ("error", "warning")


def told(ran: Ran) -> dict[str, Any]:
    """The findings that count, by code."""
    return {one["code"]: one for one in ran.json["findings"] if one["severity"] in SEVERE}


def found(ran: Ran) -> Any:
    """The one finding that counts; exit 1."""
    (one,) = told(ran).values()
    assert (ran.code, ran.json["ok"]) == (1, False)
    return one


@pytest.mark.parametrize("sample", ["orders", "orders.fulfilment", "inventory", "users", "retail"])
def test_nothing_is_wrong_with_the_samples(here: Members, tmp_path: Path, sample: str) -> None:
    app = f"--app samples.{sample}:domain"
    for command in [one["name"] for one in here(f"{app} schema --json").json]:
        (tmp_path / "payload").write_text(here(f"{app} schema {command} --example").out)
        here(f"{app} send {command} -d @payload -q")
    here(f"{app} project -q -o rows")
    begin = " --from @0" if "fulfilment" in sample else ""
    assert here(f"{app} run --once{begin} -q").code == 0
    ran = here(f"{app} doctor --json")
    assert (ran.code, told(ran)) == (0, {}), ran.out
    assert ran.json["facts"]["head"] > 0
    assert ran.json["facts"]["event_types"] > 0


def append(tmp_path: Path, *events: tuple[str, str, int]) -> None:
    with open_store(str(tmp_path / "cqrs.db")) as store:
        stored = tuple(NewEvent(stream, type, version, b"{}") for stream, type, version in events)
        store.append(Commit(f"by-hand-{store.head()}", stored))


def test_events_of_types_that_nobody_knows(filled: Members, tmp_path: Path) -> None:
    append(tmp_path, ("other-1", "Vanished", 1))
    assert filled("doctor").code == 0, "another's streams are another's affair"
    append(tmp_path, ("member-ann", "Vanished", 1), ("member-bob", "Vanished", 1))
    one = found(filled("doctor --json"))
    assert (one["code"], one["severity"]) == ("unknown-type", "error")
    assert one["message"] == "the streams of members hold events of types that it does not know: Vanished (2)"


def test_events_of_newer_versions(filled: Members, tmp_path: Path) -> None:
    append(tmp_path, ("member-ann", "Joined", 7), ("member-bob", "Joined", 7))
    one = found(filled("doctor --json"))
    assert one["message"] == "2 events of Joined in version 7, and today's class reads up to 1"


def test_a_log_of_another_domain(orders: Path, members: Members) -> None:
    one = found(members("doctor --json"))
    assert (one["code"], "it has CreditNoteIssued, ItemAdded, OrderCreated" in one["message"]) == ("foreign-log", True)


def test_a_projection_that_stopped(filled: Members, tmp_path: Path) -> None:
    raises = ("self.scores += 1", "raise RuntimeError('no')")
    assert filled("project", raises).code == 1
    one = found(filled("doctor --json", raises))
    assert (one["code"], one["where"]) == ("stopped", "standing")
    assert one["message"].startswith("standing stopped at @4 (Scored in member-ann): ")
    with closing(sqlite3.connect(tmp_path / "cqrs.db", isolation_level=None)) as hand:
        assert hand.execute("SELECT count(*) FROM cqrs_stops").fetchone() == (1,)


def test_without_a_domain_a_stop_is_known_all_the_same(filled: Members, here: Members) -> None:
    assert filled("project", ("self.scores += 1", "raise RuntimeError('no')")).code == 1
    one = found(here("doctor --json"))
    assert (one["code"], one["where"]) == ("stopped", "standing")
    assert filled("project").code == 0
    assert here("doctor").code == 0


def waits(due_us: int, recorded_us: int = 1, reaction: str = "city_total") -> Outgoing:
    return Outgoing(
        reaction=reaction, event_id="c:1", number=1, attempt=0, position=1, recorded_us=recorded_us, process="",
        clause="x", deadline="late" if due_us else None, due_us=due_us, command="Score", schema_version=1, data="{}",
        correlation_id="c", user_id=None, metadata="{}",
    )  # fmt: skip


FAR = 2**60


@pytest.mark.parametrize(
    ("outgoing", "code"), [(waits(1), "overdue"), (waits(0), "unsent"), (waits(FAR), None), (waits(0, FAR), None)]
)
def test_what_nobody_sends(filled: Members, here: Members, tmp_path: Path, outgoing: Outgoing, code: str) -> None:
    with open_store(str(tmp_path / "cqrs.db")) as store, store.transaction() as rows:
        rows.put(OUTBOX, [(outgoing.slot, *outgoing)])
        rows.move("city_total", None, Checkpoint("city_total", 1, "{}"))
    ran = here("doctor --json")
    assert [(one, told(ran)[one]["severity"]) for one in told(ran)] == ([(code, "warning")] if code else [])
    assert ran.code == int(code is not None)


def test_commands_that_came_to_nothing(filled: Members, here: Members, tmp_path: Path) -> None:
    letter = (*waits(0), "id", "failed", "why", 1)
    with open_store(str(tmp_path / "cqrs.db")) as store, store.transaction() as rows:
        rows.put(DEAD_LETTERS, [(*letter, None, None, None)])
    one = found(here("doctor --json"))
    assert (one["code"], one["severity"], one["hint"]) == ("dead-letters", "error", "cqrs run --failed lists them")
    assert one["message"] == "1 command of city_total came to nothing"
    assert here("run", "--drop", "id", "--reason", "x").code == 0
    assert here("doctor").code == 0


def test_what_belongs_to_a_class_that_was_renamed(filled: Members) -> None:
    renamed = (
        ("class Member(Aggregate)", 'class Person(Aggregate, key="member_id")'),
        ("Member, Directory", "Person, Directory"),
    )
    every = filled("doctor --json", *renamed).json["findings"]
    assert [(one["severity"], one["where"]) for one in every if one["code"] == "orphan"] == [("warning", "member-ann")]


def test_a_service_that_nobody_provides(here: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "serviced.py").write_text(
        "from cqrs_cli import Aggregate, Command, Domain, Event, decide\n"
        "class Mail: ...\n"
        "class Write(Command):\n    letter_id: str\n"
        "class Written(Event): ...\n"
        "class Letter(Aggregate):\n    letter_id: str\n    ignores = (Written,)\n\n"
        "    @decide(creates=True)\n"
        "    def write(self, command: Write, mail: Mail) -> Written:\n        return Written()\n\n"
        "domain = Domain('letters', Letter)\n"
    )
    with open_store(str(tmp_path / "cqrs.db"), create=True):
        pass
    one = found(here("--app serviced:domain doctor --json"))
    assert (one["code"], one["severity"]) == ("no-service", "error")
    assert one["where"].startswith("Letter.write")


def test_a_chain_that_does_not_hold_at_its_end(filled: Members, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "cqrs.db", isolation_level=None)) as hand:
        (trigger,) = hand.execute("SELECT sql FROM sqlite_master WHERE name = 'events_update'").fetchone()
        hand.execute("DROP TRIGGER events_update")
        hand.execute("""UPDATE events SET data = '{"points":"9"}' WHERE position = 6""")
        assert "missing-trigger" in told(filled("doctor --json"))
        hand.execute(trigger)
    ran = filled("doctor --json")
    assert (ran.code, ran.error["code"]) == (6, "damaged")
    assert "its hash does not hold" in ran.error["message"]


def test_formats_of_findings(filled: Members, tmp_path: Path) -> None:
    append(tmp_path, ("member-ann", "Vanished", 1))
    changed = ('indexes=("city", "total")', 'version=2, indexes=("city", "total")')
    filled("project -q -o rows")

    def ran(name: str) -> str:
        made = filled(f"doctor --format {name}", changed)
        assert (made.code, made.err) == (1, "")
        return made.out

    github = [line for line in ran("github").splitlines() if not line.startswith("::notice")]
    assert [line.split("::")[1].split()[0] for line in github] == ["error", "error"]
    assert "cqrs project standing --rebuild" in github[1]
    suite = ElementTree.fromstring(ran("junit")).find("testsuite")
    assert suite is not None
    cases = {str(case.get("name")): case.find("failure") for case in suite}
    assert {name for name, failure in cases.items() if failure is not None} == {"members", "standing"}
    assert {"cqrs.db", "city_total", "directory"} <= cases.keys(), "what was looked at and is right"
    assert suite.get("failures") == "2"
    results = json.loads(ran("sarif"))["runs"][0]["results"]
    places = {
        one["ruleId"]: one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for one in results
        if one["level"] == "error"
    }
    assert places.keys() == {"unknown-type", "needs-rebuild"}
    assert places["needs-rebuild"].endswith("members.py")
    assert list(json.loads(ran("json"))) == ["ok", "facts", "projections", "findings"]
    assert ran("csv").startswith(",".join(records.FINDING))


def test_every_hint_of_a_finding_is_filled() -> None:
    from cqrs_cli.finding import Finding

    for code in hints.FINDINGS:
        hint = hints.say_of(Finding(code, "note", "here", "said")).hint
        assert hint, code
        assert "{" not in hint, code
    assert hints.say_of(Finding("stopped", "note", "here", "said", "own")).hint == "own"
