"""Logs to be folded, written without deciding: imports of many events a commit."""

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from uuid import UUID

from benchmarks.bank import AccountOpened, Deposited
from cqrs_cli.errors import CqrsError
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.contract import Append, Store
from cqrs_cli.stores.registry import open_store

COMMIT_EVENTS = 100
WRITE_COMMITS = 50
NEIGHBOURS = 10
BLOCK = 1_000
_OPENED = b'{"owner":"Ada Lovelace"}'
_DEPOSITED = b'{"cents":100}'


def opened(account: UUID) -> NewEvent:
    return NewEvent(f"account-{account}", AccountOpened.stored.name, 1, _OPENED)


def deposited(account: UUID) -> NewEvent:
    return NewEvent(f"account-{account}", Deposited.stored.name, 1, _DEPOSITED)


def write(store: Store, events: Iterable[NewEvent], name: str) -> None:
    """Append the events; `name` makes the ids of the commits."""
    remaining, number = iter(events), 0
    while True:
        appends: list[Append] = []
        while len(appends) < WRITE_COMMITS and (some := tuple(islice(remaining, COMMIT_EVENTS))):
            number += 1
            appends.append(Append(Commit(f"{name}-{number}", some)))
        if not appends:
            return
        for receipt in store.append_many(appends):
            if isinstance(receipt, CqrsError):
                raise receipt


def lengths(streams: int) -> list[int]:
    """How many events each stream has: 10 to 100, always the same ones."""
    dice = random.Random(1)
    return [dice.randint(10, 100) for _ in range(streams)]


def side_by_side(accounts: Sequence[UUID], events: Sequence[int]) -> Iterator[NewEvent]:
    """Streams that grow together, as in life: each with so many events."""
    yield from map(opened, accounts)
    for turn in range(1, max(events)):
        yield from (deposited(account) for account, count in zip(accounts, events, strict=True) if count > turn)


def account(number: int) -> UUID:
    """Ids that sort as their numbers do."""
    return UUID(int=number + (1 << 100))


def three_parts(accounts: int) -> Iterator[NewEvent]:
    """Three parts of so many events: one opens each account; ten for a tenth of them, near each other; one for any."""
    dice, anyhow = random.Random(1), list(range(accounts))
    yield from (opened(account(number)) for number in anyhow)
    dice.shuffle(anyhow)
    busy = anyhow[: accounts // NEIGHBOURS]
    for start in range(0, len(busy), BLOCK):
        for _ in range(NEIGHBOURS):
            yield from (deposited(account(number)) for number in busy[start : start + BLOCK])
    dice.shuffle(anyhow)
    yield from (deposited(account(number)) for number in anyhow)


def write_large(path: Path, accounts: int) -> None:
    """A new store with the log of `three_parts`."""
    with open_store(str(path), create=True) as store:
        write(store, three_parts(accounts), "large")


LEAST_EVENTS, MOST_EVENTS = 20, 100
YEAR = 365 * 86_400


def lengths_of(accounts: int, events: int) -> list[int]:
    """How many events each account has: 20 to 100, `events` in all; always the same ones."""
    dice = random.Random(2)
    mode = max(LEAST_EVENTS, min(MOST_EVENTS, 3 * events / accounts - LEAST_EVENTS - MOST_EVENTS))
    counts = [round(dice.triangular(LEAST_EVENTS, MOST_EVENTS, mode)) for _ in range(accounts)]
    while sum(counts) != events:
        one, step = dice.randrange(accounts), 1 if sum(counts) < events else -1
        counts[one] = min(MOST_EVENTS, max(LEAST_EVENTS, counts[one] + step))
    return counts


def write_lived(store: Store, accounts: int = 2_000, events: int = 100_000) -> None:
    """Accounts with a history: each opened by a user and paid into over a year, every event a command of its own.

    Accounts are side by side in the log, and what is paid in may be taken back: cents below zero.
    """
    dice, now = random.Random(3), 1_767_225_600 * 1_000_000_000  # 2026-01-01
    counts = lengths_of(accounts, events)
    moments = sorted((dice.random(), number, turn) for number, count in enumerate(counts) for turn in range(count))
    turns = [0] * accounts
    appends: list[Append] = []
    for at, (moment, number, _) in enumerate(moments, 1):
        cents = dice.randrange(-2_000, 10_000)
        kind = Deposited if turns[number] else AccountOpened
        data = b'{"cents":%d}' % cents if turns[number] else _OPENED
        turns[number] += 1
        event = NewEvent(f"account-{account(number)}", kind.stored.name, 1, data)
        sent = SentCommand("Deposit" if turns[number] > 1 else "OpenAccount", 1, b"0" * 32, None, 0)
        appends.append(Append(Commit(f"lived-{at}", (event,), sent, user_id=f"clerk-{number % 7}")))
        if len(appends) == BLOCK or at == len(moments):
            recorded = now + int(moment * YEAR * 1_000_000_000)
            store.clock = lambda recorded=recorded: recorded  # type: ignore[misc]
            for receipt in store.append_many(appends):
                if isinstance(receipt, CqrsError):
                    raise receipt
            appends.clear()
