"""Whether a store is what was written: what it finds of itself, and what stands beside its log."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, TypeGuard

from cqrs_cli.errors import Damaged
from cqrs_cli.log.origins import Origin, origins
from cqrs_cli.stores.audit import Audit, Flaw
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.operational import DEAD_LETTERS, OUTBOX, REJECTIONS, SKIPS, SNAPSHOTS, STOPS
from cqrs_cli.stores.rows import Table

_JSON = {
    OUTBOX.name: ("data", "metadata"),
    DEAD_LETTERS.name: ("data", "metadata"),
    SNAPSHOTS.name: ("state",),
    REJECTIONS.name: ("data",),
}


class Verified(NamedTuple):
    """What was looked at and what is wrong. head: the last position. hash: of the commit that ends there.

    hashes: of the commits that end at the positions that were asked for.
    """

    commits: int
    events: int
    head: int
    hash: bytes | None
    hashes: dict[int, bytes]
    flaws: list[Flaw]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.flaws


def verify(store: Store, wanted: Collection[int] = (), progress: Callable[[int], object] | None = None) -> Verified:
    """Look at all of a store, without a domain. wanted: positions of which the hash is asked for.

    progress: is told how many events more were looked at. Raises `Unavailable`, and `Damaged` only if the store can't
    be read at all.
    """
    copied = {origin.position: origin for origin in _origins(store) if origin.is_one_history}
    found = store.audit({*wanted, *copied}, progress)
    flaws = list(found.flaws)
    for position, origin in copied.items():
        if origin.source_hash is not None and position and position <= found.head:
            here = found.hashes.get(position)
            if here is None or here.hex() != origin.source_hash:
                what = f"it was copied from {origin.source}, whose hash at @{origin.source_position} was another one"
                flaws.append(Flaw(position, "origin", what))
    try:
        flaws += _beside(store, found)
    except Damaged as error:
        flaws.append(Flaw(None, "operational", error.message))
    return Verified(found.commits, found.events, found.head, found.hash, dict(found.hashes), flaws)


def check_log(store: Store, progress: Callable[[int], object] | None = None) -> None:
    """Raise `Damaged` if the store is not what was written: rows that differ from a fold of it are not at fault."""
    flaws = verify(store, progress=progress).flaws
    if flaws:
        first, more = flaws[0], len(flaws) - 1
        told = f"{at(first)}{first.what}" + (f" (and {more:,} more)" if more else "")
        raise Damaged(f"the store is not what was written: {told}", code="not-verified", flaws=len(flaws))


def at(flaw: Flaw) -> str:
    """`@7: ` for what has a position."""
    return "" if flaw.position is None else f"@{flaw.position}: "


def _origins(store: Store) -> list[Origin]:
    try:
        return list(origins(store.rows))
    except Damaged:
        return []  # what can't be read is found again


def _beside(store: Store, found: Audit) -> Iterator[Flaw]:
    """What is wrong with checkpoints and the operational tables, by the log as it was found."""
    head = max(store.head(), found.head)
    for checkpoint in store.rows.checkpoints():
        if not _is_within(checkpoint.position, head):
            what = f"the checkpoint of {checkpoint.name} is at @{checkpoint.position}, and the log ends at @{head}"
            yield Flaw(checkpoint.position, "checkpoint", what)
    for table in (STOPS, SKIPS, OUTBOX, DEAD_LETTERS, SNAPSHOTS, REJECTIONS):
        yield from _rows(store, table, head)


def _rows(store: Store, table: Table, head: int) -> Iterator[Flaw]:
    names = [column.name for column in table.columns]
    key = [names.index(name) for name in table.key]
    where, texts = names.index("position"), [names.index(name) for name in _JSON.get(table.name, ())]
    version, stream = (names.index(name) if name in names else None for name in ("version", "stream"))
    for row in store.rows.select(table):
        told, position = f"{table.name} {', '.join(str(row[at]) for at in key)}", row[where]
        if not _is_within(position, head):
            yield Flaw(None, "operational", f"{told}: its position is {position}, and the log ends at @{head}")
        elif version is not None and not _is_within(row[version], store.version(str(row[stream or 0]))):
            yield Flaw(position, "operational", f"{told}: its stream never had version {row[version]}")
        elif not all(_is_json(row[at]) for at in texts):
            yield Flaw(position, "operational", f"{told}: what it holds is no JSON")


def _is_within(number: object, most: int) -> TypeGuard[int]:
    return isinstance(number, int) and 0 <= number <= most


def _is_json(text: object) -> bool:
    try:
        json.loads(str(text))
    except (ValueError, RecursionError):
        return False
    return True
