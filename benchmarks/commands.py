"""Commands per second: one durable commit each, and many in grouped durable writes. Bytes per event."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from benchmarks import invoices, peer, raw
from benchmarks.bank import AccountOpened, Deposit, Deposited, OpenAccount, domain
from benchmarks.contest import Figures, Result, rates, seconds
from benchmarks.folders import Folders, own_environment
from benchmarks.sizes import Sizes
from cqrs_cli.cli.commands.send.lines import LineReader
from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.messages import Command
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.conditions import AtVersion
from cqrs_cli.stores.registry import open_store
from cqrs_cli.workbench.outcome import Outcome, Request
from cqrs_cli.workbench.workbench import Workbench

OWNER = "Ada Lovelace"
CENTS = 100
DEPOSITS = 9
"""To each account, after it was opened."""
GROUP = 500
"""Aggregates in one save of the peer's; a durable write of ours has up to 2,000 commands."""


def measure(folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """All results of commands."""
    yield from one_by_one(folders, sizes)
    yield from in_batches(folders, sizes)
    yield from invoices_in_a_batch(folders, sizes)


def accounts(commands: int) -> list[UUID]:
    return [uuid4() for _ in range(commands // (DEPOSITS + 1))]


def commands_for(account_ids: Sequence[UUID]) -> list[Command]:
    """Each account is opened, then deposits go round."""
    opening: list[Command] = [OpenAccount(account_id=each, owner=OWNER) for each in account_ids]
    return opening + [Deposit(account_id=each, cents=CENTS) for _ in range(DEPOSITS) for each in account_ids]


def lines_for(account_ids: Sequence[UUID]) -> bytes:
    """The same commands as JSON lines."""
    opening = [("open-account", {"account_id": str(each), "owner": OWNER}) for each in account_ids]
    deposits = [("deposit", {"account_id": str(each), "cents": CENTS}) for each in account_ids]
    lines = [json.dumps({"command": name, "data": data}) for name, data in (*opening, *(deposits * DEPOSITS))]
    return "\n".join([*lines, ""]).encode()


def commits_for(account_ids: Sequence[UUID]) -> list[tuple[Commit, AtVersion]]:
    """The same commands decided already: one event each, with the version it was decided on."""
    codec, now = Codec(domain.events, domain.commands), datetime.now(UTC)
    ready = []
    for number, command in enumerate(commands_for(account_ids)):
        version, at = divmod(number, len(account_ids))
        event = codec.encode(AccountOpened(owner=OWNER) if version == 0 else Deposited(cents=CENTS))
        stream = f"account-{account_ids[at]}"
        new = NewEvent(stream, event.type, event.schema_version, event.data)
        sent = codec.sent(command.with_meta(timestamp=now))
        ready.append((Commit(str(uuid4()), (new,), sent), AtVersion(stream, version)))
    return ready


# ── one by one ────────────────────────────────────────────────────────────────────────────────


def one_by_one(folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """One process, each command durable before the next is sent."""
    commands = sizes.single_commands

    with ExitStack() as stack:

        def ours() -> Callable[[], object]:
            bench = stack.enter_context(Workbench.open(str(folders.new("single.db")), domain))
            sent = commands_for(accounts(commands))
            return lambda: [bench.send(command) for command in sent]

        def appended() -> Callable[[], object]:
            store = stack.enter_context(open_store(str(folders.new("append.db")), create=True))
            ready = commits_for(accounts(commands))
            return lambda: [store.append(commit, (condition,)) for commit, condition in ready]

        def bar() -> Callable[[], object]:
            connection = stack.enter_context(raw.opened(folders.new("raw.db")))
            inserts = raw.Inserts(accounts(commands), commands)
            return lambda: raw.insert_one_by_one(connection, inserts)

        def reading_bar() -> Callable[[], object]:
            connection = stack.enter_context(raw.opened(folders.new("raw.db")))
            inserts = raw.Inserts(accounts(commands), commands)
            return lambda: raw.read_and_insert_one_by_one(connection, inserts)

        def theirs() -> Callable[[], object]:
            bank = stack.enter_context(peer.opened(folders.new("peer.db"), raw.PRAGMAS))

            def run() -> None:
                opened = [bank.open_account(OWNER) for _ in range(commands // (DEPOSITS + 1))]
                for _ in range(DEPOSITS):
                    for each in opened:
                        bank.deposit(each, CENTS)

            return run

        contestants = {"append": appended, "raw": bar, "ours": ours, "reading": reading_bar, "peer": theirs}
        found = rates(contestants, sizes.single_turns, commands)
    inserts, reads = "raw sqlite3, inserts only", "raw sqlite3, reading the stream first"
    yield Result(
        "Store.append of ready made commits", "commits/s", found["append"], found["raw"], inserts, ratio_at_least=0.8
    )
    yield Result("send, one by one", "commands/s", found["ours"], found["raw"], inserts, ratio_at_least=0.8)
    yield Result("send, one by one", "commands/s", found["ours"], found["reading"], reads)
    yield Result("send, one by one", "commands/s", found["ours"], found["peer"], "pyeventsourcing")


# ── in batches ────────────────────────────────────────────────────────────────────────────────


def in_batches(folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """Grouped durable writes, an outcome for each command; then what an event takes on disk."""
    commands, single = sizes.batch_commands, sizes.single_commands
    written: dict[str, Path] = {}
    environment = own_environment(folders)

    with ExitStack() as stack:

        def bench(name: str) -> Workbench:
            written[name] = folders.new(f"{name}.db")
            return stack.enter_context(Workbench.open(str(written[name]), domain))

        def batch() -> Callable[[], object]:
            target = bench("batch")
            requests = [Request(number, command) for number, command in enumerate(commands_for(accounts(commands)), 1)]
            return lambda: _drain(target.send_batch(requests))

        def lines() -> Callable[[], object]:
            target, reader = bench("lines"), LineReader(domain)
            file = io.BytesIO(lines_for(accounts(commands)))
            return lambda: _drain(target.send_batch(reader.requests(file)))

        def process() -> Callable[[], object]:
            written["lines"], lines_file = folders.new("process.db"), folders.new("commands.jsonl")
            lines_file.write_bytes(lines_for(accounts(commands)))
            words = [
                sys.executable,
                "-m",
                "cqrs_cli",
                "--app",
                "benchmarks.bank:domain",
                "--store",
                str(written["lines"]),
            ]
            words += ["send", "--batch", str(lines_file)]
            return lambda: subprocess.run(words, env=environment, check=True, capture_output=True)

        def peer_groups() -> Callable[[], object]:
            written["peer"] = folders.new("peer.db")
            bank = stack.enter_context(peer.opened(written["peer"], raw.PRAGMAS))
            return lambda: _peer_groups(bank, commands)

        def peer_single() -> Callable[[], object]:
            account = stack.enter_context(peer.opened(folders.new("peer.db"), raw.PRAGMAS))

            def run() -> None:
                opened = [account.open_account(OWNER) for _ in range(single // (DEPOSITS + 1))]
                for _ in range(DEPOSITS):
                    for each in opened:
                        account.deposit(each, CENTS)

            return run

        contestants = {"process": process, "lines": lines, "batch": batch, "groups": peer_groups, "single": peer_single}
        process()()  # compiles what is not cached yet
        taken = seconds(contestants, sizes.turns)
    of_process, of_lines, of_batch, of_groups = (
        Figures(tuple(commands / each for each in taken[name])) for name in ("process", "lines", "batch", "groups")
    )
    of_single = Figures(tuple(single / each for each in taken["single"]))
    peer_one, peer_many = "pyeventsourcing, one by one", f"pyeventsourcing, {GROUP} aggregates a save"
    whole = f"cqrs send --batch of {commands:,} lines, the whole process"
    yield Result(whole, "commands/s", of_process, of_single, peer_one, at_least=20_000, ratio_at_least=10)
    yield Result(whole, "commands/s", of_process, of_groups, peer_many)
    yield Result("send_batch of the same JSON lines, within a process", "commands/s", of_lines, of_single, peer_one)
    within = "send_batch of commands, within a process"
    yield Result(within, "commands/s", of_batch, of_single, peer_one)
    of_ours, of_theirs = (Figures((written[name].stat().st_size / commands,)) for name in ("batch", "peer"))
    without = "pyeventsourcing (the event alone)"
    yield Result("an event on disk, with command, digests, hash chain", "bytes", of_ours, of_theirs, without)


def invoices_in_a_batch(folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """Payloads with nested models and lists, beside the bank's of a field or two; both through the whole process."""
    commands, environment = sizes.batch_commands, own_environment(folders)
    batches = {
        "bank": lambda: lines_for(accounts(commands)),
        "invoices": lambda: invoices.lines_for([uuid4() for _ in range(commands)]),
    }

    def process(name: str) -> Callable[[], object]:
        store, file = folders.new(f"{name}.db"), folders.new(f"{name}.jsonl")
        file.write_bytes(batches[name]())
        words = [sys.executable, "-m", "cqrs_cli", "--app", f"benchmarks.{name}:domain", "--store", str(store)]
        words += ["send", "--batch", str(file)]
        return lambda: subprocess.run(words, env=environment, check=True, capture_output=True)

    taken = seconds({name: partial(process, name) for name in batches}, sizes.turns)
    of_bank, of_invoices = (Figures(tuple(commands / each for each in taken[name])) for name in ("bank", "invoices"))
    what = f"cqrs send --batch of {commands:,} invoices of {invoices.LINES} lines, the whole process"
    yield Result(what, "commands/s", of_invoices, of_bank, "the bank's commands", at_least=15_000, ratio_at_least=0.71)


def _drain(outcomes: Iterator[Outcome]) -> None:
    for outcome in outcomes:
        assert outcome.status == "committed", outcome


def _peer_groups(bank: peer.Bank, commands: int) -> None:
    """The peer's own grouping: many aggregates in one save. All or nothing, and an aggregate once in each."""
    count = commands // (DEPOSITS + 1)
    groups = [bank.open_many([OWNER] * min(GROUP, count - start)) for start in range(0, count, GROUP)]
    for _ in range(DEPOSITS):
        for group in groups:
            bank.deposit_to_many(group, CENTS)
