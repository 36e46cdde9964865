"""A standby is read as the primary is, after a wait if need be; what writes says so, or finds the primary."""

import os
import shlex
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from cqrs_cli.log.waiting import Waiting
from cqrs_cli.stores.registry import open_store
from tests import members as members_domain
from tests.conftest import NO_POSTGRESQL
from tests.http.served import serving
from tests.missing import missing
from tests.postgres_server import NoServer, Server, programs
from tests.stores.postgres.administrator import run

pytestmark = [pytest.mark.slow, pytest.mark.file]  # it has servers of its own


class Pair(NamedTuple):
    """A primary and its standby, and the password of both."""

    primary: Server
    standby: Server

    @property
    def either(self) -> str:
        """The URL that names both, the standby first."""
        return self.primary.dsn().replace("@127.0.0.1:", f"@127.0.0.1:{self.standby.port},127.0.0.1:")

    def pause(self, sql: str) -> None:
        """`pg_wal_replay_pause()` or `pg_wal_replay_resume()`."""
        run(self.standby.dsn("postgres"), f"SELECT {sql}")


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    try:
        primary = Server(programs())
    except NoServer as error:
        missing(f"{NO_POSTGRESQL}: {error}")
    standby = None
    try:
        standby = Server(programs(), primary=primary)
        yield Pair(primary, standby)
    finally:
        if standby is not None:
            standby.close()
        primary.close()


@pytest.fixture
def schema() -> str:
    return f"t_{os.urandom(8).hex()}"


@pytest.fixture
def on(members: Callable[..., Any], pair: Pair, schema: str) -> Iterator[Callable[..., Any]]:
    """`cqrs …` with the members domain on a store of one member, on the server of a URL."""

    def at(url: str, line: str) -> Any:
        joined = f"{url}{'&' if '?' in url else '?'}schema={schema}"
        return members(f"--store {shlex.quote(joined)} {line}")

    assert at(pair.primary.dsn(), "migrate").code == 0
    assert at(pair.primary.dsn(), "send join --member-id ann --email ann@x.org --city Oslo").code == 0
    assert at(pair.primary.dsn(), "project").code == 0
    assert at(pair.standby.dsn(), "log --wait @1 --timeout 60").code == 0
    yield at
    run(pair.primary.dsn(), f"DROP SCHEMA {schema} CASCADE")


def test_what_reads_works_there(on: Any, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQRS_MASK_KEY", "the same on both of them")
    there = pair.standby.dsn()
    head = on(there, "log --count").out.strip()
    for line in (
        "log --json", "show @1 --json", "streams --json", "stats --json", "trace @1 --json", "replay --json",
        "project --stale --json", "project --status --json", "run --status --json", "snapshot list --json",
        "query standing --stale --json", "sql 'SELECT * FROM standing' --json", "verify --json", "export",
        "blame member-ann --json", "check --json", "log --json --mask email",
    ):  # fmt: skip
        ran, same = on(there, line), on(pair.primary.dsn(), line)
        assert ran.code == same.code, (line, ran.err)
        assert ran.code in (0, 1), (line, ran.err)
        assert ran.out.replace(str(pair.standby.port), "") == same.out.replace(str(pair.primary.port), ""), line
    assert head == on(pair.primary.dsn(), "log --count").out.strip()


def test_what_catches_up_first_says_that_it_did_not(on: Any, pair: Pair) -> None:
    assert on(pair.primary.dsn(), "send join --member-id bob --email bob@x.org --city Oslo").code == 0
    assert on(pair.standby.dsn(), "log --wait @2 --timeout 60").code == 0
    ran = on(pair.standby.dsn(), "query directory --json")
    assert (ran.code, "not caught up, the store can't be written to" in ran.err) == (0, True), ran.err


@pytest.mark.parametrize(
    "line",
    ["send join --member-id bob --email bob@x.org --city Oslo", "run --once", "project --rebuild", "snapshot take", "migrate"],
)  # fmt: skip
def test_what_writes_says_so_or_finds_the_primary(on: Any, pair: Pair, line: str) -> None:
    ran = on(pair.standby.dsn(), f"{line} --json")
    assert (ran.code, ran.error["code"]) == (7, "read-only"), ran
    assert "standby" in ran.error["message"]
    assert "HOST1,HOST2" in ran.error["hint"]
    for attrs in ("", "&target_session_attrs=any", "&target_session_attrs=prefer-standby"):
        joined = f"{pair.either}{'&' if '?' in pair.either else '?'}{attrs[1:]}"
        assert on(joined, line).code in (0, 1), "the primary is found"  # 1: bob has joined before


def test_what_is_waited_for_comes(on: Any, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is replayed at first, so it isn't there; while somebody waits for it, it comes."""
    pair.pause("pg_wal_replay_pause()")
    try:
        assert (
            on(pair.primary.dsn(), "send join --member-id bob --email bob@x.org --city Oslo --command-id b1").code == 0
        )
        late = on(pair.standby.dsn(), "log --wait b1 --timeout 0 --json")
        assert (late.code, late.error["code"]) == (7, "timed-out")
        for_log = Waiting.for_log

        def resumed(self: Waiting) -> int:
            pair.pause("pg_wal_replay_resume()")
            return for_log(self)

        monkeypatch.setattr(Waiting, "for_log", resumed)
        assert on(pair.standby.dsn(), "log --wait b1 --timeout 60 --count").out == "2\n"
    finally:
        pair.pause("pg_wal_replay_resume()")


def test_it_polls_where_nobody_tells_of_commits(on: Any, pair: Pair, schema: str) -> None:
    """A standby refuses LISTEN; who follows the log there misses nothing."""
    ran = on(pair.standby.dsn(), "log --follow --limit 1 --jsonl")
    assert (ran.code, len(ran.out.splitlines())) == (0, 1)
    with open_store(f"{pair.standby.dsn()}?schema={schema}", read_only=True) as store:
        head = store.head()

        def write() -> None:
            on(pair.primary.dsn(), "send join --member-id cid --email cid@x.org --city Rome")

        writer = threading.Thread(target=write)
        writer.start()
        assert store.wait(head, 60)
        writer.join()


def test_a_doctor_tells_which_is_which(on: Any, pair: Pair) -> None:
    there, here = on(pair.standby.dsn(), "doctor --json"), on(pair.primary.dsn(), "doctor --json")
    facts, primary = there.json["facts"], here.json["facts"]
    assert (facts["server"], facts["standbys"], primary["server"], primary["standbys"]) == ("standby", 0, "primary", 1)
    assert facts["acknowledged_by"] == "nobody: a standby is only read"
    assert primary["acknowledged_by"] == "this server's disk"
    assert (primary["lag_bytes"], primary["lag_seconds"]) == (None, None)
    assert "sqlite" not in facts
    assert "sqlite_wal_reset_bug" not in facts
    assert facts["driver"].startswith("psycopg 3.")
    assert [one["code"] for one in here.json["findings"]] == ["asynchronous"]
    assert here.code == 1
    assert there.json["findings"] == []


def test_over_http_rows_are_as_new_as_what_was_written(on: Any, pair: Pair, schema: str) -> None:
    """Of both servers, the standby named first, the one that is written is read, unless the URL says otherwise."""
    url = f"{pair.either}{'&' if '?' in pair.either else '?'}schema={schema}"
    ann, bob = ({"member_id": name, "email": f"{name}@x.org", "city": "Oslo"} for name in ("ann", "bob"))
    pair.pause("pg_wal_replay_pause()")
    try:
        with serving(url, members_domain.domain) as served:
            sent = served.post("/commands/join", bob)
            assert sent.status_code == 201, sent.text
            assert {row["member_id"] for row in served.get("/projections/directory").json()} == {"ann", "bob"}
            at = sent.json()["position"]
        anywhere = f"{url}&target_session_attrs=any"
        with serving(anywhere, members_domain.domain, patience=0.2) as served:
            assert served.post("/commands/join", ann).status_code == 400, "what is written is written to the primary"
            app: Any = served.app
            tail = app.face.tail
            tail.head = max(tail.head, at)  # as one that follows another server than the one that is read
            known = {"If-None-Match": served.get("/projections/directory").headers["etag"]}
            assert served.get("/projections/directory", headers=known).status_code == 304
            for path in (f"/projections/directory?wait=@{at}", f"/projections/directory?wait=@{at}&stale=true"):
                late = served.get(path, headers=known)
                assert (late.status_code, late.json()["code"]) == (503, "timed-out"), late.text
        with serving(anywhere, members_domain.domain, patience=60) as served:
            pair.pause("pg_wal_replay_resume()")
            rows = served.get(f"/projections/directory?wait=@{at}").json()
            assert {row["member_id"] for row in rows} == {"ann", "bob"}
    finally:
        pair.pause("pg_wal_replay_resume()")
