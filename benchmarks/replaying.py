"""Events per second of a replay: all aggregates at once, and each by itself."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import UUID, uuid4

from benchmarks import history, peer, raw
from benchmarks.bank import domain
from benchmarks.contest import Result, rates
from benchmarks.folders import Folders
from benchmarks.sizes import Sizes
from cqrs_cli.workbench.workbench import Workbench


def measure(folders: Folders, sizes: Sizes) -> Iterator[Result]:
    """Many streams of 10 to 100 events."""
    lengths = history.lengths(sizes.streams)
    events = sum(lengths)
    with ExitStack() as stack:
        bench = stack.enter_context(Workbench.open(str(folders.new("replay.db")), domain))
        bank = stack.enter_context(peer.opened(folders.new("peer-replay.db"), raw.PRAGMAS))
        ids = [uuid4() for _ in lengths]
        history.write(bench.store, history.side_by_side(ids, lengths), "replay")
        accounts = _fill(bank, lengths)
        streams = [f"account-{each}" for each in ids]

        def check(balances: list[int]) -> None:
            assert balances == [(length - 1) * 100 for length in lengths]

        def ours_all() -> Callable[[], object]:
            return lambda: check([state.state.balance for state in bench.replay_all()])  # type: ignore[attr-defined]

        def theirs_all() -> Callable[[], object]:
            return lambda: check([account.balance for account in bank.replay_all().values()])

        def ours_each() -> Callable[[], object]:
            return lambda: check([bench.replay(stream).state.balance for stream in streams])  # type: ignore[attr-defined]

        def theirs_each() -> Callable[[], object]:
            return lambda: check([bank.account(each).balance for each in accounts])

        by_pass = rates({"ours": ours_all, "peer": theirs_all}, sizes.turns, events)
        by_stream = rates({"ours": ours_each, "peer": theirs_each}, sizes.turns, events)
    what, unit, name = f"{sizes.streams:,} streams of 10–100 events", "events/s", "pyeventsourcing"
    ours, theirs = by_stream["ours"], by_stream["peer"]
    yield Result(f"replay, {what}, one by one", unit, ours, theirs, name, at_least=250_000, ratio_at_least=8)
    ours, theirs = by_pass["ours"], by_stream["peer"]
    yield Result(f"replay, {what}, all", unit, ours, theirs, f"{name}, one by one", at_least=250_000, ratio_at_least=8)
    theirs = by_pass["peer"]
    yield Result(f"replay, {what}, all", unit, ours, theirs, f"{name}, a pass over its log written by hand")


def _fill(bank: peer.Bank, lengths: list[int]) -> list[UUID]:
    """The same streams for the peer, in the same order of the log."""
    accounts = [peer.Account("Ada Lovelace") for _ in lengths]
    bank.save(*accounts)
    for turn in range(1, max(lengths)):
        waiting = [account for account, length in zip(accounts, lengths, strict=True) if length > turn]
        for account in waiting:
            account.deposit(100)
        bank.save(*waiting)
    return [account.id for account in accounts]
