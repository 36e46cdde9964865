"""What `doctor` finds on a server: each of it is brought about, found, and not found before."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from cqrs_cli.errors import Damaged
from cqrs_cli.log.verification import verify
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.postgres import server as of_server
from cqrs_cli.stores.postgres.address import address_of
from cqrs_cli.stores.postgres.limits import Limits
from cqrs_cli.stores.postgres.rights import may
from cqrs_cli.stores.postgres.roles import roles
from cqrs_cli.stores.postgres.schema import script
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Column, Table
from cqrs_cli.testing.making import commit, event
from tests.conftest import NO_POSTGRESQL
from tests.missing import missing
from tests.postgres_server import NoServer, Server, programs
from tests.stores.postgres.administrator import connected, run

pytestmark = pytest.mark.slow
SECRET = "wide-open"


def codes(url: str) -> list[tuple[str, str]]:
    """The codes and severities of what is found."""
    with open_store(url, read_only=True) as store:
        return [(one.code, one.severity) for one in store.findings()]


def told(url: str, code: str) -> str:
    """The one finding of a code, in words."""
    with open_store(url, read_only=True) as store:
        [found] = [one for one in store.findings() if one.code == code]
    return f"{found.message} | {found.hint}"


@pytest.fixture
def url(postgres_url: str) -> str:
    with open_store(postgres_url, create=True):
        pass
    assert codes(postgres_url) == []
    return postgres_url


@pytest.fixture(scope="module")
def alone() -> Iterator[Server]:
    """A server whose settings a test may change."""
    try:
        server = Server(programs())
    except NoServer as error:
        missing(f"{NO_POSTGRESQL}: {error}")
    with open_store(server.dsn(), create=True):
        pass
    yield server
    server.close()


def until(url: str, wanted: list[tuple[str, str]]) -> None:
    """Wait until exactly this is found: a server takes its time to read its settings."""
    for _ in range(600):
        if codes(url) == wanted:
            return
        run(url, "SELECT pg_sleep(0.1)")
    assert codes(url) == wanted


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"fsync": "off"}, ("fsync-off", "error")),
        ({"autovacuum": "off"}, ("autovacuum-off", "warning")),
        ({"synchronous_standby_names": "s1"}, ("no-standby", "error")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_settings_that_take_back_what_is_promised(
    alone: Server, settings: dict[str, str], found: tuple[str, str]
) -> None:
    alone.set(**settings)
    try:
        until(alone.dsn(), [found])
    finally:
        alone.set(**{name: {"fsync": "on", "autovacuum": "on"}.get(name, "") for name in settings})
    until(alone.dsn(), [])


def test_what_an_acknowledgement_means(alone: Server) -> None:
    standby = Server(programs(), primary=alone)
    try:
        until(alone.dsn(), [("asynchronous", "warning")])
        assert "1 standby copies the server, and no acknowledgement waits for a copy" in told(
            alone.dsn(), "asynchronous"
        )
        assert by(alone.dsn()) == "this server's disk"
        alone.set(synchronous_standby_names="*")
        until(alone.dsn(), [])
        assert by(alone.dsn()) == "this server's disk and its synchronous standbys (*)", (
            "states are hidden from the role"
        )
        run(alone.dsn("postgres"), "GRANT pg_read_all_stats TO tester")
        assert by(alone.dsn()) == "this server's disk and 1 synchronous standby"
        standby.kill()
        until(alone.dsn(), [("no-standby", "error")])
        alone.set(synchronous_standby_names="")
        until(alone.dsn(), [])
        standby.start()
        alone.kill()
        until(standby.dsn(), [("cut-off", "warning")])
    finally:
        standby.close()
        alone.kill()
        alone.start()
        run(alone.dsn("postgres"), "REVOKE pg_read_all_stats FROM tester")


def by(url: str) -> str:
    with open_store(url, read_only=True) as store:
        return str(store.describe()["acknowledged_by"])


def test_a_superuser(alone: Server) -> None:
    url = alone.dsn("postgres").removesuffix("postgres") + "tester"
    assert codes(url) == [("superuser", "warning")]
    assert "a role of its own" in told(url, "superuser")


def test_an_encoding_that_does_not_hold_every_text(alone: Server) -> None:
    administrator = alone.dsn("postgres")
    run(administrator, "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' OWNER tester")
    try:
        latin = alone.dsn().removesuffix("tester") + "latin"
        run(latin, script("cqrs", "full"))
        assert codes(latin) == [("encoding", "error")]
        assert "LATIN1" in told(latin, "encoding")
    finally:
        run(administrator, "DROP DATABASE latin WITH (FORCE)")


def test_a_transaction_that_is_left_open(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(url) as other:
        other.execute("BEGIN")
        other.execute("SELECT 1")
        assert codes(url) == [], "it is young"
        monkeypatch.setattr(of_server, "OLD", 0.0)
        found = told(url, "old-transaction")
        assert f"pid {other.info.backend_pid}" in found
        assert address_of(url).libpq["application_name"] in found
        assert f"pg_terminate_backend({other.info.backend_pid})" in found


def test_who_holds_the_log(url: str) -> None:
    with connected(url) as other:
        other.execute("BEGIN")
        other.execute("SELECT guard()")
        other.execute("SELECT pg_advisory_xact_lock(1668379251, 'events'::regclass::oid::int)")
        assert codes(url) == [], "others wait that long"
        with PostgresStore(url, read_only=True, limits=Limits(patience=0.0)) as store:
            [found] = store.findings()
        assert (found.code, found.severity) == ("log-held", "error")
        assert f"(pid {other.info.backend_pid}) holds the log for 0 seconds" in found.message


def test_rows_that_are_gone_and_take_room(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run(
        url,
        "INSERT INTO cqrs_checkpoints SELECT 'n' || n, n FROM generate_series(1, 50) n; DELETE FROM cqrs_checkpoints",
    )
    monkeypatch.setattr(of_server, "DEAD", 50)
    until(url, [("bloat", "warning")])
    assert "cqrs_checkpoints has 50 rows that are gone beside 0" in told(url, "bloat")
    run(url, "VACUUM cqrs_checkpoints")
    until(url, [])


@pytest.fixture
def as_role(url: str) -> Iterator[Callable[[str], str]]:
    """The URL for the writer or the reader that `migrate --roles` makes."""
    address = address_of(url)
    try:
        run(url, roles(address.schema))
    except psycopg.errors.InsufficientPrivilege as error:
        pytest.skip(f"the role of the tests may not make others: {error}")
    for role in ("writer", "reader"):
        run(url, f"ALTER ROLE {address.schema}_{role} PASSWORD '{SECRET}'")
        run(url, f"GRANT {address.schema}_{role} TO CURRENT_USER WITH INHERIT FALSE")
    host, port, database = (address.libpq[name] for name in ("host", "port", "dbname"))
    s = address.schema
    yield lambda role: f"postgresql://{s}_{role}:{SECRET}@{host}:{port}/{database}?schema={s}"
    for role in ("writer", "reader"):
        run(url, f"GRANT {s}_{role} TO CURRENT_USER WITH INHERIT TRUE")
        run(url, f"DROP OWNED BY {s}_{role} CASCADE")
        run(url, f"DROP ROLE {s}_{role}")


def test_rights_that_are_missing(url: str, as_role: Callable[[str], str]) -> None:
    writer, reader, schema = as_role("writer"), as_role("reader"), address_of(url).schema
    assert codes(writer) == []
    assert codes(reader) == [("only-reads", "note")]
    assert (what(url), what(writer), what(reader)) == ("writer", "writer", "reader")
    run(url, f"REVOKE UPDATE, DELETE ON cqrs_checkpoints FROM {schema}_writer")
    found = told(writer, "no-permission")
    assert "missing: cqrs_checkpoints: DELETE, cqrs_checkpoints: UPDATE" in found
    assert what(writer) == "part"
    run(url, f"REVOKE CREATE ON SCHEMA {schema} FROM {schema}_writer")
    run(url, f"REVOKE EXECUTE ON FUNCTION hold FROM {schema}_writer")
    assert f"missing: {schema}: CREATE, hold: EXECUTE, cqrs_checkpoints: DELETE" in told(writer, "no-permission")
    run(url, f"REVOKE SELECT ON stream_summary FROM {schema}_reader")
    with open_store(reader, read_only=True) as store:
        assert [one.message for one in store.findings() if one.code == "no-permission"] == [
            "the role may not read stream_summary"
        ]


def what(url: str) -> str:
    with PostgresStore(url, read_only=True) as store:
        return may(store._link)


def test_a_read_model_of_another_role(url: str, as_role: Callable[[str], str]) -> None:
    with open_store(url) as store, store.transaction() as rows:
        rows.create(Table("things", (Column("id", "text"),), ("id",)))
    found = told(as_role("writer"), "not-owner")
    assert found.startswith("the read model things belongs to the role ")
    assert codes(url) == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE RULE lost AS ON INSERT TO {s}.events DO INSTEAD NOTHING",
        "CREATE TRIGGER lost BEFORE INSERT ON {s}.commits FOR EACH ROW EXECUTE FUNCTION {s}.nothing()",
    ],
)
def test_what_others_hung_onto_the_log(url: str, statement: str) -> None:
    """What they leave out is not acknowledged, whichever way it is written."""
    schema = address_of(url).schema
    assert "foreign-trigger" not in [code for code, _ in codes(url)]
    function = "CREATE FUNCTION {s}.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    with connected(url) as connection:
        for one in (function, statement):
            connection.execute(one.format(s=f'"{schema}"').encode())
    assert ("foreign-trigger", "error") in codes(url)
    with open_store(url, read_only=True) as store:
        assert ["was not made by cqrs" in flaw.what for flaw in verify(store).flaws] == [True]
    with open_store(url) as store:
        assert isinstance(store, PostgresStore)
        for write in (
            lambda: store.append(commit("c1")),
            lambda: store.append(commit("c1"), inline=lambda rows, recorded: None),
            lambda: store.append_many([Append(commit("c1")), Append(commit("c2"))]),
            lambda: store.take_in([commit("c1")], lambda rows, position: None),
        ):
            with pytest.raises(Damaged, match=r"left out rows of the log: of \d there were written \d") as caught:
                write()
            assert caught.value.code == "foreign-trigger"
            assert (store.head(), store.commit("c1")) == (0, None)


def test_a_trigger_that_leaves_out_some(url: str) -> None:
    schema = address_of(url).schema
    with connected(url) as connection:
        for one in (
            "CREATE FUNCTION {s}.second() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RETURN CASE WHEN NEW.version = 2 THEN NULL ELSE NEW END; END'",
            "CREATE TRIGGER second BEFORE INSERT ON {s}.events FOR EACH ROW EXECUTE FUNCTION {s}.second()",
        ):
            connection.execute(one.format(s=f'"{schema}"').encode())
    with open_store(url) as store:
        store.append(commit("c1", event("a-1")))
        with pytest.raises(Damaged, match="left out rows of the log: of 4 there were written 3"):
            store.append(commit("c2", event("b-1"), event("b-1"), event("b-1")))
        assert (store.head(), store.commit("c2")) == (1, None)
