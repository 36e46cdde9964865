"""Read models: incremental = rebuilt = a pure fold in memory; checkpoints, poison, rebuilds. On a real store."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cqrs_cli import Aggregate, Domain, Event, Projection, Where, Workbench, evolve
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.domain.row_model import RowType
from cqrs_cli.errors import CqrsError, DomainFailed, Misuse, Undecodable
from cqrs_cli.log import stops as poison
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.workbench.processors.handler import Writes
from cqrs_cli.workbench.processors.rows import RowFold
from cqrs_cli.workbench.processors.status import REBUILD
from tests.bank import Account, Balance, Between, Deposit, Deposited, Leg, Open, Split, domain
from tests.limited import limited

Written = tuple[str, str, int, str]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "bank.db"), domain, services={Between: Between()}) as opened:
        yield opened


def append(store: Store, *events: Written, id: str | None = None) -> None:
    """One commit of `(account, type, schema version, data)`."""
    new = tuple(NewEvent(f"account-{name}", type, version, data.encode()) for name, type, version, data in events)
    store.append(Commit(id or f"c{store.head()}", new))


def paid(name: str = "a", amount: int = 1, note: str = "") -> Written:
    return (name, "Deposited", 3, f'{{"amount":{amount},"note":"{note}"}}')


def rows(bench: Workbench, name: str) -> list[Any]:
    """What the store has, as it is stored."""
    return list(bench.store.rows.select(bench.domain.projections[name].table))


def everything(bench: Workbench) -> dict[str, list[Any]]:
    return {name: rows(bench, name) for name in bench.domain.projections}


def folded(bench: Workbench, kind: RowType) -> list[Any]:
    """The rows of a pure fold, event by event, in memory, as the store would take them; by key."""
    fold = RowFold(bench.engine, kind)
    fold.start_empty()
    keys: dict[Any, None] = {}
    for event in bench.store.read():
        if event.type in fold.types:
            keys.update(dict.fromkeys(fold.keys_of([event])))
            fold.over([event])
    puts, _ = fold.changes()
    at = [[column.name for column in kind.table.columns].index(name) for name in kind.table.key]
    return sorted(puts, key=lambda row: [row[place] for place in at])


# ── rows in memory and rows that were loaded (G7) ─────────────────────────────────────────────


class Noted(Event):
    hours: int = 0
    tags: list[str] = []


class Pad(Aggregate):
    pad_id: str

    @evolve
    def noted(self, event: Noted) -> None: ...


class Nested(Projection, key="pad_id"):
    """What it does to its nested columns makes a difference to a row that is not loaded anew for each event."""

    pad_id: str
    hours: dict[str, float] = {}
    flags: list[int] = []
    first: list[str] | None = None
    second: list[str] | None = None
    third: list[str] | None = None

    @evolve
    def noted(self, event: Noted) -> None:
        self.hours[str(len(self.hours))] = event.hours
        self.flags.append(event.hours > 1)
        if self.first is None:
            self.first = self.second = event.tags
        else:
            self.first += event.tags


class ByMoment(Projection, key="at"):
    at: datetime
    times: int = 0

    @evolve(
        key=lambda event, recorded: [
            datetime(2026, 1, 1),
            datetime(2026, 1, 1, tzinfo=UTC),
            datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        ]
    )
    def noted(self, event: Noted) -> None:
        self.times += 1


def test_a_row_is_the_same_whether_it_was_loaded_for_each_event_or_kept(tmp_path: Path) -> None:
    pads = Domain("pads", Pad, Nested)
    path = tmp_path / "pads.db"
    for hours in range(4):
        with Workbench.open(path, pads) as bench:  # each loads the row
            data = f'{{"hours":{hours},"tags":["t{hours}"]}}'
            bench.store.append(Commit(str(hours), (NewEvent("pad-a", "Noted", 1, data.encode()),)))
            bench.project()
    with Workbench.open(path, pads) as bench:
        one_by_one = everything(bench)
        assert not bench.check("nested").drift
        bench.rebuild()
        assert everything(bench) == one_by_one
        assert one_by_one["nested"] == [
            ("a", '{"0":0.0,"1":1.0,"2":2.0,"3":3.0}', "[0,0,1,1]", '["t0","t1","t2","t3"]', '["t0"]', None)
        ]


class Labelled(Event):
    label: str | None = None


class Jar(Aggregate):
    jar_id: str

    @evolve
    def labelled(self, event: Labelled) -> None: ...


class ByLabel(Projection, key="label"):
    label: str
    jars: int = 0

    @evolve
    def labelled(self, event: Labelled) -> None:
        self.jars += 1


class ByJarAndLabel(Projection, key=("jar_id", "label")):
    jar_id: str
    label: str
    times: int = 0

    @evolve
    def labelled(self, event: Labelled) -> None:
        self.times += 1


def test_an_event_whose_key_is_none_concerns_no_row(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "jars.db", Domain("jars", Jar, ByLabel, ByJarAndLabel)) as bench:
        for n, data in enumerate(('{"label":"x"}', "{}", '{"label":null}')):
            bench.store.append(Commit(str(n), (NewEvent("jar-a", "Labelled", 1, data.encode()),)))
        bench.project()
        assert everything(bench) == {"by_label": [("x", 1)], "by_jar_and_label": [("a", "x", 1)]}


def test_rows_in_memory_are_forgotten_before_the_event_that_failed_is_looked_for(bench: Workbench) -> None:
    """Several batches are gathered, folded and fail; then each is folded anew, the first without the poison."""
    bench = limited(bench, batch_events=2)
    append(bench.store, ("a", "Opened", 1, '{"owner":"a","kind":"firm"}'))
    for amount in (1, 10, 100, 777, 1000):
        append(bench.store, paid("a", amount))
    with pytest.raises(DomainFailed):
        bench.project("balance")
    (row,) = bench.rows(Balance)
    assert row.balance == 111


class Twice(Projection, key="pad_id"):
    pad_id: str
    lists: list[list[str]] = []
    tables: dict[str, list[str]] = {}

    @evolve
    def noted(self, event: Noted) -> None:
        if event.hours == 1:
            self.lists.append(event.tags)
            self.tables["a"] = event.tags  # a part of one column and of another
        elif event.hours == 2:
            self.lists += [event.tags, event.tags]
        elif event.hours == 3:
            self.lists += [list(event.tags), list(event.tags)]


@pytest.mark.parametrize(("hours", "refused"), [(1, True), (2, True), (3, False)])
def test_an_object_in_two_places_of_a_row_is_refused_since_a_load_makes_two_of_it(
    tmp_path: Path, hours: int, refused: bool
) -> None:
    with Workbench.open(tmp_path / "pads.db", Domain("pads", Pad, Twice)) as bench:
        for n in range(2):
            data = f'{{"hours":{hours * n},"tags":["t"]}}'.encode()
            bench.store.append(Commit(str(n), (NewEvent("pad-a", "Noted", 1, data),)))
        if refused:
            with pytest.raises(DomainFailed, match=r"Twice\.\w+ holds an object that the row holds in another place"):
                bench.project()
            assert [status.status for status in bench.statuses()] == ["stopped"]
        else:
            bench.project()
            assert rows(bench, "twice") == [("a", '[["t"],["t"]]', "{}")]


def test_events_under_an_older_name_concern_the_projection(bench: Workbench) -> None:
    append(bench.store, ("a", "PaidIn", 2, '{"amount":5}'))
    bench.project("balance")
    append(bench.store, ("a", "PaidIn", 2, '{"amount":20}'), paid("a", 300))
    bench.project("balance")
    assert [row.balance for row in bench.rows(Balance)] == [325]
    bench.rebuild("balance")
    assert [row.balance for row in bench.rows(Balance)] == [325]


def test_keys_that_are_one_in_the_store_are_one_row(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "pads.db", Domain("pads", Pad, ByMoment)) as bench:
        bench.store.append(Commit("1", (NewEvent("pad-a", "Noted", 1, b"{}"),)))
        bench.project()
        assert rows(bench, "by_moment") == [("2026-01-01T00:00:00.000000Z", 1)]


# ── one history, three ways (G7) ──────────────────────────────────────────────────────────────

NAMES = st.sampled_from(["a", "b", "ü_c"])
AMOUNTS = st.integers(-5, 700)  # 777 is what Balance can't take
EVENTS = st.one_of(
    st.builds(lambda n: (n, "Opened", 1, f'{{"owner":"{n}","kind":"firm"}}'), NAMES),
    st.builds(lambda n, a: (n, "Deposited", 1, f'{{"amount":{a}}}'), NAMES, AMOUNTS),
    st.builds(lambda n, a: (n, "PaidIn", 2, f'{{"amount":{a},"gone":1}}'), NAMES, AMOUNTS),
    st.builds(lambda n, a: paid(n, a, "x"), NAMES, AMOUNTS),
    st.builds(lambda n, a: (n, "Withdrawn", 1, f'{{"amount":{a}}}'), NAMES, AMOUNTS),
    st.builds(
        lambda n, tags: (n, "Tagged", 1, f'{{"tags":{list(tags)}}}'.replace("'", '"')),
        NAMES,
        st.sets(st.sampled_from("xyz")),
    ),
    st.builds(
        lambda n, legs: (
            n,
            "Divided",
            1,
            '{"legs":[' + ",".join(f'{{"to":"{to}","amount":{a}}}' for to, a in legs) + "]}",
        ),
        NAMES,
        st.lists(st.tuples(NAMES, st.integers(0, 9)), max_size=4),
    ),
    st.builds(lambda n: (n, "Closed", 1, "{}"), NAMES),
)
COMMITS = st.lists(st.lists(EVENTS, min_size=1, max_size=4), max_size=14)


@given(COMMITS, st.sets(st.integers(0, 14)), st.integers(1, 4), st.integers(0, 6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(
    [
        [("a", "Divided", 1, '{"legs":[{"to":"b","amount":1},{"to":"c","amount":2}]}')],
        [("a", "Divided", 1, '{"legs":[{"to":"b","amount":1}]}')],
    ],
    {0, 1},
    4,
    6,
)
def test_incremental_rows_are_rebuilt_rows_are_a_fold_in_memory(
    commits: list[list[Written]], stops: set[int], batch: int, cached: int
) -> None:
    """Whatever the batches, the size of the cache and the moments at which somebody caught up."""
    with (
        TemporaryDirectory() as folder,
        Workbench.open(f"{folder}/bank.db", domain, durability="relaxed") as opened,
    ):
        bench = limited(opened, batch_events=batch, cached_rows=cached, loaded_rows=2)
        for number, events in enumerate(commits):
            append(bench.store, *events, id=f"c{number}")
            if number in stops:
                bench.project()
        bench.project()
        incremental = everything(bench)
        bench.rebuild(restart=True)
        assert everything(bench) == incremental
        for kind in domain.projections.values():
            assert folded(bench, kind) == incremental[kind.name]
        assert {status.status for status in bench.statuses()} == {"ready"}


class Odd(Event):
    thing_id: str
    at: datetime
    number: int


class Thing(Aggregate):
    thing_id: str

    @evolve
    def odd(self, event: Odd) -> None: ...


class Traps(Projection, key="thing_id"):
    """Values that a store gives back in another type or zone than they were assigned in."""

    thing_id: str
    at: datetime | None = None
    hours: list[int] = []
    real: float = 0
    texts: str = ""
    exact: Decimal = Decimal(0)
    mean: Decimal = Decimal(0)

    @evolve
    def odd(self, event: Odd) -> None:
        if self.at is not None:
            self.hours += [self.at.hour, self.at.utcoffset() is not None]
        self.at = event.at
        self.texts += f"{self.real} {self.exact} "
        self.real = event.number if event.number % 2 else -0.0
        self.mean = self.exact / 3
        self.exact = event.number  # type: ignore[assignment]  # an int among decimals


def test_a_row_in_memory_is_the_row_that_would_be_loaded(tmp_path: Path) -> None:
    things = Domain("t", Thing, Traps)
    dumps = []
    for batch in (1, 2, 1000):
        for cached in (0, 1000):
            with Workbench.open(str(tmp_path / f"{batch}-{cached}.db"), things) as opened:
                bench = limited(opened, batch_events=batch, waiting_events=1, cached_rows=cached)
                for number in range(5):
                    zone = timezone(timedelta(hours=2 * number)) if number != 2 else None
                    at = datetime(2026, 1, 1, 1, tzinfo=zone)
                    data = Odd(thing_id="1", at=at, number=number).model_dump_json().encode()
                    bench.store.append(Commit(f"c{number}", (NewEvent("thing-1", "Odd", 1, data),)))
                bench.project()
                dumps.append(rows(bench, "traps"))
    assert dumps == [dumps[0]] * 6
    assert dumps[0][0][4].startswith("0 0 0.0 0 1.0 1 ")


def test_a_time_is_found_as_it_is_printed_with_and_without_its_zone(tmp_path: Path) -> None:
    with Workbench.open(str(tmp_path / "t.db"), Domain("t", Thing, Traps)) as bench:
        data = b'{"thing_id":"1","at":"2026-01-01T00:00:00","number":1}'
        bench.store.append(Commit("c1", (NewEvent("thing-1", "Odd", 1, data),)))
        (row,) = bench.page("traps").rows
        printed = bench.jsonable(row)["at"]
        assert printed == "2026-01-01T00:00:00.000000Z"
        for asked in (datetime.fromisoformat(printed), datetime(2026, 1, 1)):
            assert len(bench.page("traps", where=[Where("at", "=", asked)]).rows) == 1
        assert bench.check("traps").ok


def test_no_two_rows_share_what_an_event_holds(bench: Workbench) -> None:
    bench.send(Open(account_id="a"))
    legs = [Leg(to="b", amount=1), Leg(to="c", amount=2), Leg(to="b", amount=4)]
    for _ in range(2):
        bench.send(Split(account_id="a", legs=legs))
    bench.project()
    found = {row.receiver: row for row in bench.rows("flow")}  # type: ignore[attr-defined]
    assert {name: (row.amount, row.times) for name, row in found.items()} == {"b": (10, 4), "c": (4, 2)}  # type: ignore[attr-defined]
    assert [leg.to for leg in found["b"].legs] == ["b", "c", "b", "b"]  # type: ignore[attr-defined]
    assert [leg.to for leg in found["c"].legs] == ["b", "c", "b", "c"]  # type: ignore[attr-defined]


def test_large_events_come_in_small_batches(bench: Workbench) -> None:
    for number in range(7):
        append(bench.store, paid(amount=number))
    size = len(next(bench.store.scan()).data)
    bench = limited(bench, batch_bytes=2 * size, waiting_events=1)
    reached: list[int] = []
    bench.project("balance", progress=lambda position, head: reached.append(position))
    assert reached == [2, 4, 6, 7]


# ── checkpoint and rows (G6) ──────────────────────────────────────────────────────────────────


def test_rows_and_checkpoint_are_one_transaction(bench: Workbench) -> None:
    bench = limited(bench, batch_events=2, waiting_events=1)
    for number in range(5):
        append(bench.store, paid(amount=10**number))
    sums = {0: 0, 2: 11, 4: 1111, 5: 11111}

    seen = []

    def progress(position: int, head: int) -> None:
        with closing(sqlite3.connect(f"file:{bench.store.url.removeprefix('sqlite:')}?mode=ro", uri=True)) as reader:
            (at,) = reader.execute("SELECT position FROM cqrs_checkpoints WHERE name = 'balance'").fetchone()
            (total,) = reader.execute("SELECT coalesce(sum(balance), 0) FROM balance").fetchone()
        seen.append((at, total))

    bench.project("balance", progress=progress)
    assert seen == [(at, sums[at]) for at in (2, 4, 5)]


def test_a_write_that_fails_leaves_the_checkpoint(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    append(bench.store, paid())
    bench.project()
    append(bench.store, paid())

    def failing(*_: Any) -> None:
        raise OSError("the disk is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(Writes, "apply", failing)
        with pytest.raises(OSError, match="fire"):
            bench.project("balance")
    assert bench.store.rows.checkpoint("balance").position == 1  # type: ignore[union-attr]
    bench.project("balance")
    assert [row.balance for row in bench.rows("balance")] == [2]  # type: ignore[attr-defined]


def test_two_projectors_at_once_apply_each_event_once(bench: Workbench, tmp_path: Path) -> None:
    bench = limited(bench, batch_events=2, waiting_events=1)
    for number in range(12):
        append(bench.store, paid("ab"[number % 2], 10**number))
    with Workbench.open(str(tmp_path / "bank.db"), domain) as opened:
        other = limited(opened, batch_events=2, waiting_events=1)
        turns = Counter[str]()

        def interfere(position: int, head: int) -> None:
            turns["mine"] += 1
            if turns["mine"] % 2:
                other.project("balance", progress=lambda *_: turns.update(["other"]))
                append(bench.store, paid("a", 0))

        bench.project("balance", progress=interfere)
        assert turns["mine"] > 1
        assert turns["other"] > 1
    bench.project()
    incremental = everything(bench)
    assert sum(row.balance for row in bench.rows("balance")) == 111111111111  # type: ignore[attr-defined]
    bench.rebuild()
    assert everything(bench) == incremental


def test_nothing_is_read_twice(bench: Workbench) -> None:
    append(bench.store, paid())
    bench.project()
    taken: list[int] = []
    append(bench.store, ("z", "Opened", 1, '{"owner":"z"}'))
    bench.project("balance", progress=lambda position, head: taken.append(position))
    bench.project("balance", progress=lambda position, head: taken.append(position))
    assert taken == [2]


# ── poison (G8) ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("event", "error", "told"),
    [
        (paid(amount=777), DomainFailed, "Balance.deposited .*can't take 777"),
        (("a", "Deposited", 9, '{"amount":1}'), Undecodable, "version 9, this code knows 3"),
        (("a", "Deposited", 3, '{"amount":"x"}'), Undecodable, "does not fit"),
        (("a", "Deposited", 1, "{}"), DomainFailed, "upcaster of Deposited from version 1 raised KeyError"),
        (paid(amount=10**30), DomainFailed, "64 bits"),
    ],
    ids=["evolve", "newer", "misfit", "upcaster", "column"],
)
def test_a_poison_event_stops_its_projection_and_no_other(
    bench: Workbench, event: Written, error: type[CqrsError], told: str
) -> None:
    for name in "abc":
        append(bench.store, paid(name))
    append(
        bench.store, paid("d"), event, paid("e")
    )  # position 5, in the middle of a commit, which is taken whole or not at all
    append(bench.store, ("a", "Divided", 1, '{"legs":[{"to":"b","amount":1}]}'))
    for _ in range(2):
        with pytest.raises(error, match=told) as caught:
            bench.project()
        assert caught.value.details["position"] == 5
        assert "balance stopped at @5" in str(caught.value)
        assert "--skip @5" in str(say(caught.value))
        assert [row.account_id for row in bench.rows("balance")] == ["a", "b", "c"]  # type: ignore[attr-defined]
        assert [row.amount for row in bench.rows("flow")] == [1]  # type: ignore[attr-defined]
        status = {one.name: one for one in bench.statuses()}
        assert (status["balance"].status, status["balance"].position, status["balance"].lag) == ("stopped", 3, 4)
        assert "@5" in str(status["balance"].reason)
        assert status["flow"].status == "ready"


def passed_by_another(monkeypatch: pytest.MonkeyPatch, passing: Any) -> None:
    """Let another runner pass the event after this one has failed at it, and before it says so."""
    real = poison.record_stop

    def late(rows: Any, name: str, event: Any, error: Any) -> None:
        passing(rows, event.position)
        real(rows, name, event, error)

    monkeypatch.setattr(poison, "record_stop", late)


def test_a_table_that_was_altered_is_no_events_fault(bench: Workbench, tmp_path: Path) -> None:
    append(bench.store, ("a", "Opened", 1, '{"owner":"a","kind":"firm"}'))
    bench.project("balance")
    with closing(sqlite3.connect(tmp_path / "bank.db")) as other:
        other.execute("DROP VIEW balance_view")
        other.execute("ALTER TABLE balance RENAME COLUMN owner TO holder")
        other.commit()
    append(bench.store, paid("a", 1), paid("a", 10))
    with pytest.raises(Misuse) as caught:
        bench.project("balance")
    assert caught.value.code == "table-changed"
    assert poison.stops(bench.store.rows).get("balance") is None
    bench.rebuild("balance")
    assert [row.balance for row in bench.rows(Balance)] == [11]


def test_a_rebuild_ends_the_stop_and_its_record(bench: Workbench) -> None:
    append(bench.store, ("a", "Opened", 1, '{"owner":"a","kind":"firm"}'), paid("a", 777))
    with pytest.raises(DomainFailed):
        bench.project("balance")
    stop = poison.stops(bench.store.rows).get("balance")
    assert stop is not None
    bench.skip("balance", stop.position, by="ada", reason="a test")
    bench.store.append(Commit("more", (NewEvent("account-a", "Deposited", 3, b'{"amount":777,"note":""}'),)))
    with pytest.raises(DomainFailed):
        bench.project("balance")
    (later,) = [event.position for event in bench.store.read(Selection(backwards=True, limit=1))]
    bench.skip("balance", later, by="ada", reason="a test")
    bench.rebuild("balance")
    assert poison.stops(bench.store.rows).get("balance") is None


def test_a_stop_that_another_runner_has_passed_is_not_recorded(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(bench.store, paid("a"), paid("b"))
    append(bench.store, paid("c", 777))

    def passing(rows: Any, position: int) -> None:
        checkpoint = rows.checkpoint("balance")
        rows.move("balance", checkpoint, checkpoint._replace(position=position))

    passed_by_another(monkeypatch, passing)
    with pytest.raises(DomainFailed):
        bench.project("balance")
    assert poison.stops(bench.store.rows).get("balance") is None
    assert bench.statuses("balance")[0].status == "ready"


def test_a_stop_that_another_runner_has_passed_since_is_not_shown(bench: Workbench) -> None:
    append(bench.store, paid("a", 777))
    append(bench.store, paid("b"))
    with pytest.raises(DomainFailed):
        bench.project("balance")
    assert bench.statuses("balance")[0].status == "stopped"
    with bench.store.transaction() as rows:
        checkpoint = rows.checkpoint("balance")
        assert checkpoint is not None
        rows.move("balance", checkpoint, checkpoint._replace(position=1))
    status = bench.statuses("balance")[0]
    assert (status.status, status.stop, status.reason) == ("behind", None, None)


def test_rows_without_a_checkpoint_count_for_nothing(bench: Workbench) -> None:
    """As in a store whose checkpoints were lost: what was folded once is not folded a second time on top."""
    append(bench.store, paid("a", 5))
    append(bench.store, paid("b", 7))
    bench.project("balance")
    with bench.store.transaction() as writing:
        writing.forget("balance")
        writing.put(bench.domain.projections["balance"].table, [("ghost", *rows(bench, "balance")[0][1:])])
    bench.project("balance")
    assert [(row.account_id, row.balance) for row in bench.rows("balance")] == [("a", 5), ("b", 7)]  # type: ignore[attr-defined]
    assert bench.check("balance").ok


def test_a_poison_event_leaves_the_live_rows_of_a_rebuild_alone(bench: Workbench) -> None:
    append(bench.store, paid("a"))
    bench.project()
    append(bench.store, paid("a", 777))
    with pytest.raises(DomainFailed, match="777"):
        bench.rebuild()
    assert [row.balance for row in bench.rows("balance")] == [1]  # type: ignore[attr-defined]


def test_a_rebuild_that_has_taken_in_what_is_skipped_begins_anew(bench: Workbench) -> None:
    append(bench.store, paid("a"))
    append(bench.store, paid("a", 777))
    append(bench.store, paid("a", 2))
    with pytest.raises(DomainFailed):
        bench.project("balance")
    kind = bench.domain.projections["balance"]
    beside, name = kind.table._replace(name="cqrs_new_balance"), kind.name + REBUILD
    with bench.store.transaction() as writing:  # a rebuild that was interrupted, by code that could take @2
        writing.create(beside)
        writing.put(beside, [("a", "", "private", 778, *row[4:]) for row in rows(bench, "balance")])
        writing.move(name, None, Checkpoint(name, 2, kind.definition))
    bench.skip("balance", 2, by="eve", reason="too much")
    assert bench.store.rows.checkpoint(name) is None
    bench.rebuild("balance")
    assert [row.balance for row in bench.rows("balance")] == [3]  # type: ignore[attr-defined]
    assert bench.statuses("balance")[0].contained == frozenset()


def keyed(bench: Workbench, key: Any, composite: bool = False) -> Workbench:
    class Keyed(Projection, key=("number", "name") if composite else "number"):
        number: int
        name: str = ""
        times: int = 0

        @evolve(key=key)
        def odd(self, event: Odd) -> None:
            self.times += 1

    bench.store.append(
        Commit("first", (NewEvent("thing-1", "Odd", 1, b'{"thing_id":"1","at":"2026-01-01T00:00:00Z","number":4}'),))
    )
    return Workbench(bench.store, Domain("t", Thing, Keyed))


@pytest.mark.parametrize(
    ("answer", "keys"),
    [
        (None, []),
        (4, [4]),
        ([4, 5, 4, None], [4, 5]),
        ((5, 4), [4, 5]),
        ({4: "a"}, [4]),
        ({4: "a"}.keys(), [4]),
        ({5, 4}, [4, 5]),
        (range(3), [0, 1, 2]),
        ([], []),
    ],
)
def test_keys_of_a_fan_out(bench: Workbench, answer: Any, keys: list[int]) -> None:
    cut = keyed(bench, lambda event, recorded: answer)
    cut.project()
    assert [(row.number, row.times) for row in cut.rows("keyed")] == [(key, 1) for key in keys]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("answer", "keys"),
    [
        (None, []),
        ((4, "a"), [(4, "a")]),
        ([(4, "a"), [4, "b"], (4, "a"), None], [(4, "a"), (4, "b")]),
        (lambda: iter([(4, "a")]), [(4, "a")]),
    ],
)
def test_composite_keys_of_a_fan_out(bench: Workbench, answer: Any, keys: list[Any]) -> None:
    cut = keyed(bench, lambda event, recorded: answer() if callable(answer) else answer, composite=True)
    cut.project()
    assert [(row.number, row.name) for row in cut.rows("keyed")] == keys  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("answer", "composite"),
    [
        ("4", False),
        (4.0, False),
        (True, False),
        ([[4]], False),
        ("ab", True),
        (["ab"], True),
        ((4,), True),
        ((4, None), True),
        ((4, "a", 1), True),
        (4, True),
    ],
)
def test_keys_that_are_none_stop_at_their_event(bench: Workbench, answer: Any, composite: bool) -> None:
    cut = keyed(bench, lambda event, recorded: answer, composite)
    with pytest.raises(DomainFailed, match=r"Keyed.odd") as caught:
        cut.project()
    assert caught.value.details["position"] == 1


def test_a_key_function_that_raises(bench: Workbench) -> None:
    with pytest.raises(DomainFailed, match=r"key of Keyed.odd .*ZeroDivisionError") as caught:
        keyed(bench, lambda event, recorded: 1 // 0).project()
    assert caught.value.details["position"] == 1


@pytest.mark.parametrize(("number", "told"), [(0, "another key"), (1, "gave bool"), (2, "gave Thing")])
def test_an_evolve_may_not_move_its_row_or_return_something_else(bench: Workbench, number: int, told: str) -> None:
    class Mover(Projection, key="thing_id"):
        thing_id: str

        @evolve
        def odd(self, event: Odd) -> Any:
            if event.number == 0:
                self.thing_id = "elsewhere"
            return (None, True, Thing(thing_id="1"))[event.number]

    data = Odd(thing_id="1", at=datetime(2026, 1, 1, tzinfo=UTC), number=number).model_dump_json().encode()
    bench.store.append(Commit("m", (NewEvent("thing-1", "Odd", 1, data),)))
    with pytest.raises(DomainFailed, match=told):
        Workbench(bench.store, Domain("m", Thing, Mover)).project()


# ── definitions and rebuilds ──────────────────────────────────────────────────────────────────


def test_a_changed_definition_needs_a_rebuild(bench: Workbench) -> None:
    append(bench.store, paid("a", 5))
    bench.project()

    class Smaller(Projection, key="account_id", name="balance", version=2):
        account_id: str
        balance: int = 0

        @evolve
        def paid(self, event: Deposited) -> None:
            self.balance += 1

    changed = Workbench(bench.store, Domain("bank", Account, Smaller))
    assert changed.statuses()[0].status == "needs-rebuild"
    with pytest.raises(Misuse) as caught:
        changed.project()
    assert caught.value.code == "needs-rebuild"
    assert "--rebuild" in str(say(caught.value))
    assert [row.balance for row in bench.rows("balance")] == [5]  # type: ignore[attr-defined]
    changed.rebuild()
    assert [row.balance for row in changed.rows("balance")] == [1]  # type: ignore[attr-defined]
    assert changed.statuses()[0].status == "ready"
    assert bench.statuses()[0].status == "needs-rebuild"


def test_an_interrupted_rebuild_leaves_the_live_rows_and_goes_on(bench: Workbench) -> None:
    bench = limited(bench, batch_events=2, waiting_events=1)
    for number in range(6):
        append(bench.store, paid(amount=10**number))
    bench.project()
    before = everything(bench)

    class Interrupted(Exception):
        pass

    def interrupt(position: int, head: int) -> None:
        assert everything(bench) == before
        if position >= 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        bench.rebuild("balance", progress=interrupt)
    assert everything(bench) == before
    append(bench.store, paid(amount=10**6))
    taken: list[int] = []
    bench.rebuild("balance", progress=lambda position, head: taken.append(position))
    assert min(taken) > 4
    assert [row.balance for row in bench.rows("balance")] == [1111111]  # type: ignore[attr-defined]


def test_appends_during_a_rebuild_are_not_missed(bench: Workbench) -> None:
    bench = limited(bench, batch_events=2, waiting_events=1)
    for number in range(4):
        append(bench.store, paid(amount=10**number))
    more = iter(range(4, 8))

    def meanwhile(position: int, head: int) -> None:
        number = next(more, None)
        if number is not None:
            append(bench.store, paid(amount=10**number))

    bench.rebuild(progress=meanwhile)
    assert [row.balance for row in bench.rows("balance")] == [11111111]  # type: ignore[attr-defined]
    assert {status.lag for status in bench.statuses()} == {0}


def test_a_stored_row_that_no_longer_fits_asks_for_a_rebuild(bench: Workbench) -> None:
    append(bench.store, paid("a", 5))
    bench.project()
    path = bench.store.url.removeprefix("sqlite:")
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("UPDATE balance SET kind = 'gone'")
    append(bench.store, paid("a", 5))
    for call in (lambda: list(bench.rows("balance")), lambda: bench.project("balance")):
        with pytest.raises(Misuse, match=r"balance.kind: a stored value no longer fits Balance") as caught:
            call()
        assert caught.value.code == "needs-rebuild"
    bench.rebuild("balance")
    assert [row.balance for row in bench.rows("balance")] == [10]  # type: ignore[attr-defined]


def test_statuses(bench: Workbench) -> None:
    assert [(one.name, one.status, one.lag) for one in bench.statuses()] == [
        ("balance", "new", 0),
        ("flow", "new", 0),
    ]
    bench.send(Open(account_id="a"))
    bench.project("balance")
    bench.send(Deposit(account_id="a", amount=1))
    assert [(one.status, one.position, one.lag, one.rows) for one in bench.statuses()] == [
        ("behind", 1, 1, 1),
        ("new", 0, 2, 0),
    ]


def test_the_cache_of_rows_is_bounded(bench: Workbench) -> None:
    bench = limited(bench, cached_rows=10)
    kind = domain.projections["balance"]
    fold = RowFold(bench.engine, kind)
    fold.start_empty()
    for number in range(40):
        append(bench.store, *(paid(f"n{number}-{index}") for index in range(3)))
    sizes = []
    for event in bench.store.read():
        fold.over([event])
        fold.changes()
        sizes.append(len(fold._young) + len(fold._old))
    assert max(sizes) <= 12


def test_a_fold_that_forgets_has_the_rows_of_the_store_again(bench: Workbench) -> None:
    """Also those that only the older half of the cache still holds."""
    bench = limited(bench, cached_rows=4)
    fold = RowFold(bench.engine, domain.projections["balance"])
    for name in "abc":
        append(bench.store, paid(name))
    for event in bench.store.read():
        fold.over([event])
        fold.changes()
    assert (list(fold._old), list(fold._young)) == ([("a",), ("b",)], [("c",)])
    fold.forget()
    assert [fold.row((name,)) for name in "abc"] == [None] * 3
    assert fold.changes() == ([], [])


def test_a_deleted_row_begins_anew(bench: Workbench) -> None:
    append(bench.store, paid("a", 5), ("a", "Closed", 1, "{}"), paid("a", 7))
    bench.project()
    assert [row.balance for row in bench.rows("balance")] == [7]  # type: ignore[attr-defined]
    append(bench.store, ("a", "Closed", 1, "{}"), ("b", "Closed", 1, "{}"))
    bench.project()
    assert list(bench.rows("balance")) == []


def test_rows_are_models(bench: Workbench) -> None:
    bench.send(Open(account_id="a"))
    bench.project()
    (row,) = bench.rows("balance")
    assert isinstance(row, Balance)
    assert row == Balance(
        account_id="a", owner="ada", since=datetime(2026, 1, 1, 12, tzinfo=UTC), day=datetime(2026, 1, 1).date()
    )


def test_several_batches_share_a_commit_until_one_fails(bench: Workbench) -> None:
    """Rows are written seldom; an event that can't be taken still leaves what came before it, to the event."""
    bench = limited(bench, batch_events=1, waiting_events=3)
    for number in range(7):
        append(bench.store, paid(amount=number))
    reached: list[int] = []
    bench.project("balance", progress=lambda position, head: reached.append(position))
    assert list(dict.fromkeys(reached)) == [3, 6, 7]
    for amount in (1, 777, 2):
        append(bench.store, paid(amount=amount))
    with pytest.raises(DomainFailed):
        bench.project("balance")
    checkpoint = bench.store.rows.checkpoint("balance")
    assert checkpoint is not None
    assert checkpoint.position == 8


def test_rows_are_written_before_they_are_too_many(bench: Workbench) -> None:
    bench = limited(bench, batch_events=1, cached_rows=4)  # half of them may wait
    for number in range(6):
        append(bench.store, paid(f"a{number}"))
    reached: list[int] = []
    bench.project("balance", progress=lambda position, head: reached.append(position))
    assert list(dict.fromkeys(reached)) == [2, 4, 6]


def test_a_key_that_is_encoded_in_the_stream_is_its_value_in_the_row(bench: Workbench) -> None:
    for name in ("a b/c", "a%20b", "plain"):
        bench.send(Open(account_id=name))
    bench.project()
    assert {row.account_id for row in bench.rows("balance")} == {"a b/c", "a%20b", "plain"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "event", "expected"),
    [
        ("balance", paid(amount=5), [3, 6]),  # the key is in the name of the stream
        ("flow", ("a", "Divided", 1, '{"legs":[{"to":"b","amount":1}]}'), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_events_whose_key_must_be_decoded_wait_in_smaller_numbers(
    bench: Workbench, name: str, event: Written, expected: list[int]
) -> None:
    """They are kept decoded, which takes more memory than their bytes."""
    bench = limited(bench, batch_events=1, waiting_bytes=3 * len(event[3]))
    for _ in range(6):
        append(bench.store, event)
    reached: list[int] = []
    bench.project(name, progress=lambda position, head: reached.append(position))
    assert list(dict.fromkeys(reached)) == expected


@pytest.mark.parametrize("name", ["balance", "flow"])
def test_an_event_that_its_own_class_can_t_read_is_the_domain_s_failure(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whether the key needs it decoded or not; replays say the same."""
    event = ("a", "Divided", 1, '{"legs":[{"to":"b","amount":-1}]}') if name == "flow" else paid(note="raise")
    append(bench.store, event)

    def broken(data: bytes) -> Any:
        raise RuntimeError("validator")

    monkeypatch.setattr(bench.codec, "decoder", lambda *_: broken)
    with pytest.raises(DomainFailed, match="validator") as caught:
        bench.project(name)
    assert caught.value.details["position"] == 1
    with pytest.raises(DomainFailed, match="validator"):
        bench.replay("account-a")


@pytest.mark.parametrize("stream", ["weird-a", "weird-a%20b", "accounts-a", "acc-ount-a"])
def test_the_id_of_a_stream_of_another_domain_is_no_key(bench: Workbench, stream: str) -> None:
    """No aggregate of this domain has such streams: it is not taken for the account of that id."""
    append(bench.store, paid("a"), paid("a%20b"))
    bench.store.append(Commit("foreign", (NewEvent(stream, "Deposited", 3, b'{"amount":5,"note":""}'),)))
    append(bench.store, paid("a", 2))
    bench.project("balance")
    assert {row.account_id: row.balance for row in bench.rows("balance")} == {"a": 3, "a b": 1}  # type: ignore[attr-defined]
    assert bench.check("balance").ok


class Moved(Event):
    size: int


class Weighed(Event):
    size: int


class Box(Aggregate):
    box_id: str

    @evolve
    def moved(self, event: Moved) -> None: ...

    @evolve
    def weighed(self, event: Weighed) -> None: ...


class Crate(Aggregate, category="old_box", key="box_id"):
    box_id: str

    @evolve
    def moved(self, event: Moved) -> None: ...


class Boxes(Projection, key="box_id"):
    box_id: str
    size: int = 0

    @evolve
    def moved(self, event: Moved | Weighed) -> None:
        self.size += event.size


def test_an_event_of_two_aggregates_is_taken_from_the_streams_of_both(tmp_path: Path) -> None:
    """What is remembered of a stream for one event does not let another one in, which only one of them has."""
    with Workbench.open(str(tmp_path / "b.db"), Domain("b", Box, Crate, Boxes)) as bench:
        for number, (stream, type) in enumerate(
            [("box-a", "Moved"), ("old_box-a", "Moved"), ("box-a", "Weighed"), ("old_box-a", "Weighed")]
        ):
            bench.store.append(Commit(f"c{number}", (NewEvent(stream, type, 1, b'{"size":1}'),)))
        with pytest.raises(DomainFailed, match=r"stopped at @4: .*old_box-a is no stream of box,") as caught:
            bench.project()
        assert "--skip @4" in str(say(caught.value))
        assert rows(bench, "boxes") == [("a", 3)]
