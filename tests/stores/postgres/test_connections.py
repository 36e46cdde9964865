"""Servers that go and come back, passwords that nobody reads, threads and forks."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from cqrs_cli.errors import ConfigurationError, CqrsError, Misuse, NotFound, Unavailable
from cqrs_cli.stores.commits import Receipt
from cqrs_cli.stores.conditions import AtVersion, NewStream
from cqrs_cli.stores.contract import Append, Store
from cqrs_cli.stores.postgres.address import address_of
from cqrs_cli.stores.postgres.append import append_one
from cqrs_cli.stores.postgres.errors import outcome_unknown
from cqrs_cli.stores.postgres.limits import Limits
from cqrs_cli.stores.postgres.schema import WAITING, channel
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint, Column, Table
from cqrs_cli.testing.making import commit, event
from tests.conftest import Shell
from tests.postgres_server import Server, programs
from tests.stores.postgres.administrator import connected, end_others, run


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    with PostgresStore(postgres_url, create=True) as opened:
        yield opened


def test_the_url_is_libpqs_and_ours() -> None:
    found = address_of("postgres://ada:se%40cret@h1,h2:5433/shop?schema=orders&timeout=7&target_session_attrs=any")
    assert (found.schema, found.timeout) == ("orders", 7.0)
    assert found.shown == "postgres://ada:***@h1,h2:5433/shop?schema=orders&timeout=7&target_session_attrs=any"
    assert (found.libpq["host"], found.libpq["password"], found.libpq["dbname"]) == ("h1,h2", "se@cret", "shop")
    assert (found.libpq["target_session_attrs"], found.libpq["connect_timeout"]) == ("any", "5")
    assert address_of("postgresql://h/db?connect_timeout=1").libpq["connect_timeout"] == "1"
    assert (address_of("postgresql:///db").schema, address_of("postgresql:///db").timeout) == ("cqrs", 60.0)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://h/db?schema=",
        "postgresql://h/db?schema=Shop",
        "postgresql://h/db?schema=pg_shop",
        "postgresql://h/db?schema=a%22b",
        f"postgresql://h/db?schema={'x' * 41}",
        "postgresql://u:hidden@h/db?nosuch=1",
        "postgresql://u:hidden%zz@h/db",
    ],
)
def test_a_url_that_can_not_be_used(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(url)
    assert "hidden" not in f"{caught.value.message} {caught.value.hint} {caught.value.details}"


@pytest.mark.parametrize("timeout", ["soon", "", "-1", "nan", "1000001"])
def test_the_timeout_of_a_url_is_refused_in_the_words_of_the_option(timeout: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(f"postgresql://h/db?timeout={timeout}")
    assert caught.value.message == f"postgresql://h/db?timeout={timeout}: timeout= wants seconds, not {timeout!r}"
    assert caught.value.hint == "from 0, which waits for nothing, to 1,000,000, such as 30 or 0.5"


def test_a_server_that_is_not_there_or_does_not_let_us_in(postgres_url: str) -> None:
    password = str(address_of(postgres_url).libpq.get("password", ""))
    cases = {
        "postgresql://tester:verysecret@127.0.0.1:1/db": (Unavailable, "unreachable"),
        "postgresql://tester:verysecret@nowhere.invalid/db": (Unavailable, "unreachable"),
        postgres_url.replace("/tester?", "/nosuch?"): (NotFound, "store-not-found"),
        postgres_url: (NotFound, "store-not-found"),
    }
    if password:
        cases[postgres_url.replace(password, "verysecret")] = (Unavailable, "no-permission")
    for url, (kind, code) in cases.items():
        with pytest.raises(kind) as caught:
            open_store(url)
        assert caught.value.code == code
        shown = f"{caught.value} {caught.value.hint} {caught.value.details}"
        assert "verysecret" not in shown
        assert not password or password not in shown


def test_the_password_is_in_nothing_that_is_shown(store: Store, postgres_url: str) -> None:
    password = str(address_of(postgres_url).libpq.get("password") or "none was given")
    assert password not in store.url
    assert password not in str(store.describe())
    assert password not in str(store.findings())


def test_it_is_not_made_lazily(postgres_url: str) -> None:
    with pytest.raises(NotFound):
        open_store(postgres_url, create="lazily")
    with pytest.raises(ConfigurationError):
        open_store(postgres_url, create=True, durability="none")


def test_many_make_it_once(postgres_url: str) -> None:
    made: list[bool] = []
    barrier = threading.Barrier(6)

    def make() -> None:
        barrier.wait()
        with PostgresStore(postgres_url, create=True) as one:
            one.append(commit("same"))
            made.append(one.made)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    with open_store(postgres_url) as store:
        assert store.head() == 1


def test_the_format_and_the_durability_are_on_record(postgres_url: str) -> None:
    with open_store(postgres_url, create=True, durability="relaxed") as store:
        assert store.describe()["durability"] == "relaxed"
    with pytest.raises(ConfigurationError, match="was made with durability relaxed"):
        open_store(postgres_url, durability="full")
    run(postgres_url, "UPDATE cqrs_store SET value = '9' WHERE name = 'format'")
    with pytest.raises(Unavailable) as caught:
        open_store(postgres_url)
    assert caught.value.code == "newer-format"
    run(postgres_url, "DELETE FROM cqrs_store WHERE name = 'format'")
    with pytest.raises(CqrsError) as damaged:
        open_store(postgres_url)
    assert damaged.value.code == "damaged"


def test_an_append_is_as_durable_as_the_store_says_whatever_the_role_has_set(postgres_url: str) -> None:
    with open_store(postgres_url, create=True) as store:
        assert _durability(store, postgres_url, "off") == "on"
        assert _durability(store, postgres_url, "remote_apply") == "remote_apply"
    run(postgres_url, "UPDATE cqrs_store SET value = 'relaxed' WHERE name = 'durability'")
    with open_store(postgres_url) as store:
        assert _durability(store, postgres_url, "on") == "off"


def _durability(store: Store, url: str, set: str) -> str:
    """What counts at the commit of an append, where a session has a setting of its own."""
    with connected(url) as connection:
        connection.execute(f"SET synchronous_commit = {set}".encode())
        connection.execute("BEGIN")
        connection.execute("SELECT guard()")
        [(found,)] = connection.execute("SELECT current_setting('synchronous_commit')").fetchall()
    return str(found)


def test_another_isolation_is_refused_not_taken(postgres_url: str) -> None:
    run_as = f"{postgres_url}&options=-c%20default_transaction_isolation%3Dserializable"
    with open_store(postgres_url, create=True), open_store(run_as) as store:
        with pytest.raises(Unavailable) as caught:
            store.append(commit("c1"))
        assert caught.value.code == "isolation"
        assert isinstance(store.append_many([Append(commit("c1"))])[0], Receipt), "which says what it wants"


def test_reading_and_writing_go_on_when_the_sessions_are_ended(store: Store, postgres_url: str) -> None:
    for number in range(3):
        assert end_others(postgres_url) > 0
        assert store.head() == number
        assert end_others(postgres_url) > 0
        store.append(commit(f"c{number}"), [AtVersion("order-1", number)])
        with store.transaction() as rows:
            rows.forget("x")
    with pytest.raises(Unavailable) as caught, store.transaction() as rows:  # noqa: PT012
        rows.move("x", None, Checkpoint("x", 1, "d"))
        end_others(postgres_url)
        rows.move("x", Checkpoint("x", 1, "d"), Checkpoint("x", 2, "d"))
    assert caught.value.code == "connection-lost"
    assert store.rows.checkpoint("x") is None


def test_who_goes_on_after_an_error_has_not_committed(store: PostgresStore) -> None:
    """The server answers COMMIT all the same, with another word."""
    with pytest.raises(Misuse, match="was rolled back") as caught, store.transaction() as rows:  # noqa: PT012
        rows.move("x", None, Checkpoint("x", 1, "d"))
        with suppress(CqrsError):
            rows.move("y", None, Checkpoint("y", 2**70, "d"))
            rows.checkpoint("z")
    assert caught.value.code == "transaction-over"
    assert store.rows.checkpoints() == []


def test_an_error_is_that_of_its_statement_however_late_it_comes(store: PostgresStore) -> None:
    table = Table("seen", (Column("id", "text"), Column("at", "date")), ("id",))
    with store.transaction() as rows:
        rows.create(table)
        rows.move("x", None, Checkpoint("x", 1, "d"))
    for later in (lambda rows: rows.checkpoint("y"), lambda rows: None):
        with pytest.raises(Misuse, match="seen can't take a row") as caught, store.transaction() as rows:  # noqa: PT012
            rows.put(table, [("a", "no date")])
            rows.move("x", Checkpoint("x", 1, "d"), Checkpoint("x", 2, "d"))
            later(rows)
        assert caught.value.code == "row-value"
    assert (store.rows.count(table), store.rows.checkpoint("x")) == (0, Checkpoint("x", 1, "d"))


def test_a_transaction_does_not_begin_on_a_connection_that_was_ended(postgres_url: str) -> None:
    """It begins with its first statements, when it is too late to begin on another one."""
    with PostgresStore(postgres_url, create=True) as quick, PostgresStore(postgres_url, limits=Limits(rest=0)) as slow:
        before = None
        for position, store in enumerate((quick, slow, quick, slow)):
            store.head()  # so that it has a connection
            assert end_others(postgres_url) > 0
            while store is quick and not all(one.is_stale for one in quick._link._idle):
                time.sleep(0.01)  # until it hears of the end; who has rested asks
            with store.transaction() as rows:
                rows.move("x", before, Checkpoint("x", position, "d"))
            before = Checkpoint("x", position, "d")


def test_each_hook_of_a_batch_has_its_own_errors(store: PostgresStore) -> None:
    """What the server refuses in one is not found at the next one, which shares no trip with it."""
    table = Table("seen", (Column("id", "text"), Column("at", "date")), ("id",))
    with store.transaction() as rows:
        rows.create(table)
    first = Append(commit("c1"), (), lambda rows, recorded: rows.put(table, [("a", "no date")]))
    second = Append(commit("c2"), (), lambda rows, recorded: rows.put(table, [("b", "2026-01-31")]))
    refused, taken = store.append_many([first, second])
    assert isinstance(refused, Misuse)
    assert isinstance(taken, Receipt)
    assert [row[0] for row in store.rows.select(table)] == ["b"]


def test_what_a_transaction_has_read_others_can_not_change(store: PostgresStore, postgres_url: str) -> None:
    """Other programs neither, which know nothing of names that are held."""
    table = Table("seen", (Column("id", "text"), Column("at", "integer")), ("id",))
    with store.transaction() as rows:
        rows.create(table)
        rows.put(table, [("a", 1), ("b", 1)])
    for read in (lambda rows: rows.load(table, [("a",)]), lambda rows: list(rows.select(table))):
        with store.transaction() as rows:
            read(rows)
            with connected(postgres_url) as other:
                other.execute("SET lock_timeout = '50ms'")
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    other.execute("UPDATE seen SET at = 2 WHERE id = 'a'")


def test_who_waits_is_told_and_nobody_else(store: PostgresStore, postgres_url: str) -> None:
    schema = address_of(postgres_url).schema
    with connected(postgres_url) as other:
        other.execute(f"LISTEN {channel(schema)}".encode())
        store.append(commit("c1"))  # nobody waits: nothing is told
        other.execute(f"SELECT pg_advisory_lock_shared({WAITING}, 'events'::regclass::oid::int)".encode())
        store.append(commit("c2"))
        store.append_many([Append(commit("c3"))])
        assert len(list(other.notifies(timeout=60, stop_after=2))) == 2
        other.execute("SELECT pg_advisory_unlock_all()")
        store.append(commit("c4"))
        assert list(other.notifies(timeout=0)) == []


def test_a_hook_whose_session_was_ended_leaves_nothing_and_is_run_again(store: Store, postgres_url: str) -> None:
    tries: list[int] = []

    def end_the_first(rows: object, recorded: object) -> None:
        tries.append(1)
        if len(tries) == 1:
            end_others(postgres_url)

    assert not store.append(commit("c1"), inline=end_the_first).duplicate
    assert (len(tries), store.head()) == (2, 1)


def test_an_unknown_outcome_is_resolved_by_the_same_id(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is lost after the commit: what is sent again is answered, and written once."""
    lost: list[object] = []

    def answers_late(link, connection, values):
        row = append_one(link, connection, values)
        if not lost:
            lost.append(connection)
            connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return row

    monkeypatch.setattr("cqrs_cli.stores.postgres.store.append_one", answers_late)
    receipt = store.append(commit("c1"), [NewStream("order-1")])
    assert (receipt.position, store.head(), len(lost)) == (1, 1, 1)


def test_what_stays_unknown_is_said(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def never(link, connection, values):
        tries.append(1)
        raise outcome_unknown(link.name)

    clock = SimpleNamespace(monotonic=lambda: 25.0 * len(tries), sleep=lambda seconds: None)  # so long lasts each try
    monkeypatch.setattr("cqrs_cli.stores.postgres.store.append_one", never)
    monkeypatch.setattr("cqrs_cli.stores.postgres.store.time", clock)
    with PostgresStore(f"{postgres_url}&timeout=60", create=True) as store, pytest.raises(Unavailable) as caught:
        store.append(commit("c1"))
    assert caught.value.code == "outcome-unknown"
    assert "send the same command id again" in str(caught.value.hint)
    assert len(tries) == 3


def test_a_warning_at_the_commit_is_no_answer(store: PostgresStore, postgres_url: str) -> None:
    """A wait for a standby that was cancelled ends with success and a warning."""
    run(
        postgres_url,
        "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF (SELECT count(*) FROM commits) < 2 THEN RAISE WARNING 'canceling wait for synchronous replication'; END IF; "
        "RETURN NEW; END $$",
    )
    schema = address_of(postgres_url).schema
    run(postgres_url, f"ALTER FUNCTION warn() SET search_path = {schema}")
    run(postgres_url, "CREATE CONSTRAINT TRIGGER warned AFTER INSERT ON commits DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn()")  # fmt: skip
    receipt = store.append(commit("c1"))
    assert receipt.duplicate, "it was asked for again"
    assert store.append(commit("c1"), inline=lambda rows, recorded: None).duplicate


def test_a_frozen_server_is_given_up_and_asked_anew(postgres_url: str) -> None:
    """Its sockets stay open, and nothing but our own patience ends the wait."""
    with open_store(postgres_url, create=True) as maker, connected(postgres_url) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE commits IN ACCESS EXCLUSIVE MODE")
        limits = Limits(answer=0.2, patience=60)
        with PostgresStore(f"{postgres_url}&timeout=0.1", limits=limits) as store:
            with pytest.raises(Unavailable) as caught:
                store.append(commit("c1"))
            assert caught.value.code == "outcome-unknown"
        other.execute("ROLLBACK")
        maker.append(commit("c2"))
        assert maker.append(commit("c1")).events[0].commit_id == "c1"
        assert {event.commit_id for event in maker.read()} == {"c1", "c2"}


def test_who_holds_the_log_for_too_long_is_not_waited_for(postgres_url: str) -> None:
    with PostgresStore(postgres_url, create=True, limits=Limits(patience=0.1)) as store:
        with open_store(postgres_url) as other:

            def hold(rows: object, recorded: object) -> None:
                for append in (lambda: store.append(commit("c2")), lambda: store.append_many([Append(commit("c3"))])):
                    with pytest.raises(Unavailable) as caught:
                        append()
                    assert caught.value.code == "locked"

            other.append(commit("c1"), inline=hold)
        store.append(commit("c2"))
        assert store.head() == 2


@pytest.mark.slow
def test_a_server_that_was_killed_and_comes_back_loses_nothing() -> None:
    server = Server(programs())
    url = f"{server.dsn()}?schema=shop&timeout=60"
    acknowledged: list[str] = []
    stop = threading.Event()

    def write(number: int) -> None:
        with open_store(url) as store:
            at = 0
            while not stop.is_set():
                store.append(commit(f"w{number}-{at}", event(f"w-{number}")), [AtVersion(f"w-{number}", at)])
                acknowledged.append(f"w{number}-{at}")
                at += 1

    try:
        with open_store(url, create=True) as store:
            threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
            for thread in threads:
                thread.start()
            for _ in range(2):
                reached = len(acknowledged) + 30
                while len(acknowledged) < reached:
                    time.sleep(0.01)
                server.kill()
                server.start()
            reached = len(acknowledged) + 30
            while len(acknowledged) < reached:
                time.sleep(0.01)
            stop.set()
            for thread in threads:
                thread.join()
            written = [event.commit_id for event in store.read()]
            assert sorted(written) == sorted(acknowledged)
            assert store.audit().flaws == []
    finally:
        stop.set()
        server.close()


def test_threads_have_connections_of_their_own(store: PostgresStore, postgres_url: str) -> None:
    """What one thread has in its transaction, another does not see, nor wait for."""
    seen: list[object] = []
    with store.transaction() as rows:
        rows.move("x", None, Checkpoint("x", 1, "d"))
        assert store.rows.checkpoint("x") is not None
        thread = threading.Thread(
            target=lambda: seen.append((store.rows.checkpoint("x"), store.append(commit("c1")).position))
        )
        thread.start()
        thread.join()
    assert seen == [(None, 1)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(store: PostgresStore) -> None:
    store.append(commit("c1"))
    store.wait(0, 0.1)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            store.append(commit("c2"))
            code = 0 if store.head() == 2 and store.wait(1, 60) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.head() == 2
    with store.transaction() as rows:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                store.head()
            except Unavailable as error:
                code = 0 if error.code == "forked" else 3
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        rows.move("x", None, Checkpoint("x", 1, "d"))
    assert store.rows.checkpoint("x") == Checkpoint("x", 1, "d")


def test_a_closed_store_says_so_to_all_threads(postgres_url: str) -> None:
    store = PostgresStore(postgres_url, create=True)
    rows = store.rows
    store.close()
    for ask in (store.head, rows.checkpoints, lambda: store.append(commit("c1")), lambda: store.sql("SELECT 1", {}, 1)):
        with pytest.raises(Misuse, match="is closed"):
            ask()


def test_without_the_driver_it_is_said_how_to_get_it(cqrs: Shell, tmp_path: Path) -> None:
    (tmp_path / "psycopg.py").write_text("raise ImportError('no pq wrapper available')")
    cqrs.environ["PYTHONPATH"] = f"{tmp_path}:{cqrs.environ['PYTHONPATH']}"
    ran = cqrs("--store", "postgresql://ada:verysecret@host/shop", "log", exit_code=2)
    assert ran.stderr == (
        "error[no-psycopg]: a store on PostgreSQL wants the library psycopg\n"
        "hint: install the extra: pip install 'cqrs-cli[postgres]'\n"
    )


def test_other_stores_do_not_import_the_driver(cqrs: Shell, tmp_path: Path) -> None:
    (tmp_path / "psycopg.py").write_text("raise SystemExit('it was imported')")
    cqrs.environ["PYTHONPATH"] = f"{tmp_path}:{cqrs.environ['PYTHONPATH']}"
    cqrs("--store", "shop.db", "config")
    assert "no store at shop.db" in cqrs("--store", "shop.db", "log", exit_code=3).stderr
