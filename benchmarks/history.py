"""Logs to be folded, written without deciding: imports of many events a commit."""

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from uuid import UUID

from benchmarks.bank import AccountOpened, Deposited
from cqrs_cli.errors import CqrsError
from cqrs_cli.stores.commits import Commit, NewEvent
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
