"""A store on PostgreSQL: beside the bare function over psycopg, beside SQLite, and beside pyeventsourcing.

The server is that of the tests, on this machine, for all of them. What a network adds is told by the trips of
commands, which the tests count.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import UUID, uuid4

import psycopg

from benchmarks import history, peer
from benchmarks.bank import Deposit, OpenAccount, domain
from benchmarks.contest import Contestant, Result, rates
from benchmarks.folders import Folders
from benchmarks.sizes import Sizes
from cqrs_cli.stores.commits import Commit, SentCommand
from cqrs_cli.stores.conditions import AtVersion
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.postgres.append import append_one, bound
from cqrs_cli.stores.postgres.limits import Limits
from cqrs_cli.stores.postgres.link import Link
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.workbench.workbench import Workbench
from tests.postgres_server import Server, programs

TOGETHER = 200
_SENT = SentCommand("Deposit", 1, bytes(range(32)), b'{"account_id":"ada","cents":100}', 1_767_261_600_000_000)


def measure(folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """One server for all of it, a schema a contestant."""
    server = Server(programs())
    try:
        yield from appending(server, sizes)
        yield from commands(server, sizes)
        yield from reading(server, folders, sizes)
    finally:
        server.close()


def _url(server: Server, schema: str) -> str:
    return f"{server.dsn()}?schema={schema}"


def _commits(number: int) -> list[Commit]:
    """Each to a stream of its own, of which it is the first."""
    return [Commit(f"c-{account}", (history.opened(account),), _SENT) for account in (uuid4() for _ in range(number))]


def appending(server: Server, sizes: Sizes) -> Iterator[Result]:
    """Commits of one event, one by one and many together."""
    number = sizes.server_commits
    with ExitStack() as stack:
        store, other = (stack.enter_context(PostgresStore(_url(server, name), create=True)) for name in ("one", "bare"))
        link = Link(_url(server, "bare"), read_only=False, limits=Limits())
        stack.callback(link.close)
        connection = stack.enter_context(link.connection())

        def ours() -> Callable[[], object]:
            made = _commits(number)
            return lambda: [store.append(one, (AtVersion(one.events[0].stream, 0),)) for one in made]

        def bare() -> Callable[[], object]:
            values = [bound(one, (AtVersion(one.events[0].stream, 0),), None, 10.0) for one in _commits(number)]
            return lambda: [append_one(link, connection, each) for each in values]

        def together() -> Callable[[], object]:
            made = [Append(one) for one in _commits(number)]
            return lambda: [store.append_many(made[at : at + TOGETHER]) for at in range(0, number, TOGETHER)]

        found = rates({"ours": ours, "bare": bare}, sizes.single_turns, number)
        many = rates({"one": ours, "together": together}, sizes.turns, number)
        assert other.head() > 0
    yield Result(
        "PostgreSQL: append of one commit", "commits/s", found["ours"], found["bare"],
        "the bare function over psycopg", ratio_at_least=0.8,
    )  # fmt: skip
    yield Result(
        f"PostgreSQL: append of {TOGETHER} commits at once", "commits/s", many["together"], many["one"], "one by one",
        ratio_at_least=10,
    )  # fmt: skip


def commands(server: Server, sizes: Sizes) -> Iterator[Result]:
    """Commands of a domain, decided and appended durably, beside pyeventsourcing."""
    number = sizes.server_commits
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA peer")
    with ExitStack() as stack:
        PostgresStore(_url(server, "bank"), create=True).close()
        bench = stack.enter_context(Workbench.open(_url(server, "bank"), domain))
        bank = stack.enter_context(peer.on_server(server.dsn(), "peer"))

        def ours() -> Callable[[], object]:
            keys = [uuid4() for _ in range(number // 2)]

            def send() -> None:
                for key in keys:
                    bench.send(OpenAccount(account_id=key, owner="Ada Lovelace"))
                for key in keys:
                    bench.send(Deposit(account_id=key, cents=100))

            return send

        def theirs() -> Callable[[], object]:
            def send() -> None:
                keys: list[UUID] = [bank.open_account("Ada Lovelace") for _ in range(number // 2)]
                for key in keys:
                    bank.deposit(key, 100)

            return send

        found = rates({"ours": ours, "peer": theirs}, sizes.turns, number // 2 * 2)
    yield Result(
        "PostgreSQL: send, one event a command", "commands/s", found["ours"], found["peer"], "pyeventsourcing on it"
    )


def reading(server: Server, folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """The same log in a file and on the server: scanned and decoded, folded into states and into rows."""
    lengths = history.lengths(sizes.streams)
    events, ids = sum(lengths), [uuid4() for _ in lengths]
    with ExitStack() as stack:
        PostgresStore(_url(server, "log"), create=True).close()
        places = {"server": _url(server, "log"), "file": str(folders.new("log.db"))}
        benches = {name: stack.enter_context(Workbench.open(place, domain)) for name, place in places.items()}
        for bench in benches.values():
            history.write(bench.store, history.side_by_side(ids, lengths), "log")
            bench.project()

        def scanned(bench: Workbench) -> Contestant:
            decode = bench.engine.codec.decode

            def run() -> None:
                seen = 0
                for event in bench.store.scan():
                    decode(event)
                    seen += 1
                assert seen == events

            return lambda: run

        def read(bench: Workbench) -> Contestant:
            def run() -> None:
                assert sum(1 for _ in bench.store.scan()) == events

            return lambda: run

        def replayed(bench: Workbench) -> Contestant:
            def run() -> None:
                balances = [state.state.balance for state in bench.replay_all()]  # type: ignore[attr-defined]
                assert sum(balances) == 100 * (events - len(lengths))

            return lambda: run

        does: dict[str, Callable[[Workbench], Contestant]] = {
            "scan": read,
            "scan, each event made": scanned,
            "replay of all": replayed,
            "rebuild": lambda bench: lambda: bench.rebuild,
        }
        found = {
            what: rates({name: contestant(bench) for name, bench in benches.items()}, sizes.turns, events)
            for what, contestant in does.items()
        }
    targets = {
        "scan": (150_000, None),
        "scan, each event made": (150_000, None),
        "replay of all": (None, None),
        "rebuild": (None, 0.45),
    }
    for what, (least, ratio) in targets.items():
        yield Result(
            f"PostgreSQL: {what}, {events:,} events", "events/s", found[what]["server"], found[what]["file"], "SQLite",
            at_least=least, ratio_at_least=ratio,
        )  # fmt: skip
