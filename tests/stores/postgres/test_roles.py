"""The store as a role that owns nothing of the log, and may do no more to it than append."""

from collections.abc import Iterator

import psycopg
import pytest

from cqrs_cli.errors import CqrsError, Misuse
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.postgres.address import address_of
from cqrs_cli.stores.postgres.roles import roles
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit, event
from cqrs_cli.testing.rows_contract import SALES
from cqrs_cli.testing.store_contract import StoreContract
from tests.stores.postgres.administrator import run

SECRET = "wide-open"


@pytest.fixture
def owner(postgres_url: str) -> Iterator[str]:
    schema = address_of(postgres_url).schema
    with open_store(postgres_url, create=True):
        pass
    try:
        run(postgres_url, roles(schema))
    except psycopg.errors.InsufficientPrivilege as error:
        pytest.skip(f"the role of the tests may not make others: {error}")
    for role in ("writer", "reader"):
        run(postgres_url, f"ALTER ROLE {schema}_{role} PASSWORD '{SECRET}'")
        run(postgres_url, f"GRANT {schema}_{role} TO CURRENT_USER")
    yield postgres_url
    for role in ("writer", "reader"):
        run(postgres_url, f"DROP OWNED BY {schema}_{role} CASCADE")
        run(postgres_url, f"DROP ROLE {schema}_{role}")


def of(url: str, role: str) -> str:
    address = address_of(url)
    host, port, database = (address.libpq[name] for name in ("host", "port", "dbname"))
    return f"postgresql://{address.schema}_{role}:{SECRET}@{host}:{port}/{database}?schema={address.schema}"


@pytest.fixture
def url(owner: str) -> str:
    return of(owner, "writer")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url) as opened:
        yield opened


class TestContractAsWriter(StoreContract):
    """As the role that `roles` gives to programs; it can't make a store."""

    def test_a_log_that_is_not_there(self, url: str) -> None:
        for create in (False, True):
            with pytest.raises(CqrsError) as caught:
                open_store(url.replace("schema=", "schema=x"), create=create)
            assert caught.value.code == ("no-permission" if create else "store-not-found")


FORBIDDEN = (
    "INSERT INTO events VALUES (1, 1, 1, 1, 's', 't', '{}')",
    "UPDATE events SET data = '{}'",
    "DELETE FROM events",
    "TRUNCATE events",
    "DELETE FROM commits",
    "UPDATE commits SET user_id = 'eve'",
    "ALTER TABLE events DISABLE TRIGGER ALL",
    "DROP TABLE events",
    "UPDATE cqrs_store SET value = 'relaxed'",
    "DELETE FROM cqrs_event_types",
    "CREATE OR REPLACE FUNCTION guard() RETURNS void LANGUAGE sql AS ''",
    "SELECT meet('{x}')",
    "SELECT guard()",
    "DROP VIEW event_log",
)


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_the_writer_only_appends(store: Store, url: str, sql: str) -> None:
    store.append(commit("c1", event()))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(url, sql)
    assert store.audit().flaws == []


def test_functions_of_the_writers_own_change_nothing(store: Store, url: str) -> None:
    """They may be in the schema; those of the store look for theirs in the system's."""
    run(url, "CREATE FUNCTION sha256(text) RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$")
    run(url, "CREATE FUNCTION coalesce_(bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT 7::bigint $$")
    run(url, "CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'epoch'::timestamptz $$")
    store.append(commit("c1"))
    assert store.audit().flaws == []
    assert next(store.read()).recorded_us > 10**15


def test_the_reader_reads(store: Store, owner: str) -> None:
    store.append(commit("c1"))
    with store.transaction() as rows:
        rows.create(SALES)
    reader = of(owner, "reader")
    with open_store(reader, read_only=True) as reading:
        assert len(list(reading.read())) == 1
        assert list(reading.sql("SELECT count(*) FROM event_log", {}, 10)) == [(1,)]
        with pytest.raises(CqrsError):
            reading.rows.count(SALES)  # until it is granted
    for sql in FORBIDDEN:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(reader, sql)
    with open_store(reader) as writing, pytest.raises(CqrsError) as caught:
        writing.append(commit("c2"))
    assert caught.value.code == "no-permission"
    assert not isinstance(caught.value, Misuse)
