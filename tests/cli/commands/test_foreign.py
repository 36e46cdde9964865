"""A wrong pair of domain and store is never green."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.registry import open_store
from tests.cli.conftest import Ran

Members = Callable[..., Ran]
JOIN = "send join --member-id eve --email eve@x.org --city Oslo"
LINE = '{"command": "join", "data": {"member_id": "fay", "email": "fay@x.org", "city": "Oslo"}}'
READING = (
    "project",
    "project standing",
    "project --stale",
    "project --status",
    "project --check",
    "project --check --format junit",
    "project standing --rebuild",
    "project standing --rebuild --dry-run",
    "project standing --at @1",
    "project standing --skip @1 --reason x",
    "query standing",
    "query best",
    "query best --stale",
    "run --once",
    "run --once --json",
    "run --status",
)
WRITING = (JOIN, JOIN + " --dry-run", "send --batch lines")


@pytest.fixture
def foreign(orders: Path, members: Members, tmp_path: Path) -> Members:
    """The members, on the log of a shop."""
    (tmp_path / "lines").write_text(LINE)
    return members


@pytest.mark.parametrize("line", [*READING, *WRITING])
def test_a_log_of_another_domain_is_refused(foreign: Members, orders: Path, line: str) -> None:
    before = orders.read_bytes()
    ran = foreign(line)
    assert (ran.code, ran.out, "Traceback" in ran.err) == (2, "", False)
    assert (
        "cqrs.db has not one event of the domain members; it has CreditNoteIssued, ItemAdded, OrderCreated" in ran.err
    )
    assert "--foreign" in ran.err
    assert orders.read_bytes() == before


@pytest.mark.parametrize(
    "line", ["project", "project --status", "query standing", "run --once", "run --status", *WRITING]
)
def test_it_may_be_meant(foreign: Members, line: str) -> None:
    ran = foreign(f"{line} --foreign")
    assert (ran.code, ran.err.count("does not know")) == (0, 0), ran.err


def test_two_domains_may_share_a_log_without_noise(foreign: Members) -> None:
    assert foreign(f"{JOIN} --foreign").code == 0
    for line in (
        "project",
        "project --check",
        "project --status",
        "query standing --json",
        "run --once",
        "send --batch lines",
    ):
        ran = foreign(line)
        assert (ran.code, "does not know" in ran.err, "foreign" in ran.err) == (0, False, False), ran.err


def test_an_empty_log_is_anybodys(members: Members, tmp_path: Path) -> None:
    with open_store(str(tmp_path / "cqrs.db"), create=True):
        pass
    for line in ("project", "project --status", "query standing", "run --once", JOIN):
        assert members(line).code == 0


def test_a_store_that_is_not_there_yet_is_made(members: Members, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text(LINE)
    assert members("send --batch lines").code == 0


UNKNOWN = "streams of members hold events of types that it does not know: Vanished (2)"


@pytest.mark.parametrize(
    "line",
    [
        "project",
        "project --check",
        "project --status",
        "query standing",
        "run --once",
        "run --status",
        JOIN,
        JOIN + " --dry-run",
        "send --batch lines",
    ],
)
def test_unknown_types_in_its_own_streams_are_counted_and_said(filled: Members, tmp_path: Path, line: str) -> None:
    (tmp_path / "lines").write_text(LINE)
    assert filled("project").code == 0
    with open_store(str(tmp_path / "cqrs.db")) as store:
        events = [NewEvent(stream, "Vanished", 1, b"{}") for stream in ("member-ann", "member-bob", "other-1")]
        store.append(Commit("by-hand", tuple(events)))
    ran = filled(line)
    assert (ran.code, ran.err.count(UNKNOWN)) == (0, 1), ran.err


def test_a_send_looks_at_the_newest_events_only(
    filled: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cqrs_cli.cli.options.foreign.RECENT", 3)
    with open_store(str(tmp_path / "cqrs.db")) as store:
        store.append(Commit("by-hand", (NewEvent("member-ann", "Vanished", 1, b"{}"),)))
    assert "does not know among the newest 3 events: Vanished (1)" in filled(JOIN).err
    for name in "xyz":
        filled(JOIN.replace("eve", name))
    assert "Vanished" not in filled("send score --member-id bob --points 1").err
    assert "Vanished (1)" in filled("project --status").err


def test_a_field_of_that_name_stays_reachable(here: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "trade.py").write_text(
        "from cqrs_cli import Aggregate, Command, Domain, Event, decide\n"
        "class Ship(Command):\n    order_id: str\n    foreign: bool = False\n"
        "class Shipped(Event):\n    foreign: bool\n"
        "class Order(Aggregate):\n    order_id: str\n    ignores = (Shipped,)\n\n"
        "    @decide(creates=True)\n"
        "    def ship(self, command: Ship) -> Shipped:\n        return Shipped(foreign=command.foreign)\n\n"
        "domain = Domain('trade', Order)\n"
    )
    assert here("--app trade:domain send ship --order-id 1 --field.foreign").code == 0
    assert '"foreign":true' in here("log --jsonl").out


# ── a check of nothing ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("format", ["", " --format junit", " --json"])
def test_a_check_of_nothing_is_no_yes(filled: Members, format: str) -> None:
    lazy = (', inline=True, unique="email"', "")
    assert filled("project --check").code == 0, "the inline one has rows"
    with closing(sqlite3.connect("cqrs.db", isolation_level=None)) as hand:
        hand.execute("DELETE FROM cqrs_checkpoints")
    ran = filled(f"project --check{format}", lazy)
    assert (ran.code, "nothing was compared" in ran.err) == (5, True)
    assert filled("project -q -o rows", lazy).code == 0
    assert filled(f"project --check{format}", lazy).code == 0


def test_a_check_of_rows_that_are_none_counts_if_there_were_events(members: Members, tmp_path: Path) -> None:
    """An empty log leads to no rows, which says nothing; events that lead to none say something."""
    with open_store(str(tmp_path / "cqrs.db"), create=True):
        pass
    assert members("project -q -o rows").code == 0
    assert members("project --check").code == 5
    assert members(JOIN).code == 0
    assert members("project standing --check").code == 5, "not projected yet"
    assert members("project -q -o rows").code == 0
    assert members("project --check").code == 0


def test_a_domain_without_projections_has_nothing_to_check(parcels: Any) -> None:
    assert parcels("send register --parcel-id P1 --weight 1").code == 0
    assert parcels("project --check").code == 5
