"""Where a log came from, if it was copied: kept in the store, so that it goes wherever the file goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.operational import ORIGINS
from cqrs_cli.stores.rows import RowReader, Rows, Where

FORK = "fork"
IMPORT = "import"
MASKED = "mask="
"""What the words on masks begin with, in the name of a source; see `transfer.redaction`."""


class Origin(NamedTuple):
    """A store that a log was copied from.

    source: its URL, without a password, and by way of what, after a `?`. kind: `fork`, or `import` for whatever else
    is copied. source_position, source_hash: up to where, in that store, and its mark there: the hash of the commit as
    hex where it keeps one. position: the position here that this is. taken_us: when, in microseconds UTC.
    """

    source: str
    kind: str
    source_position: int
    source_hash: str | None
    position: int
    taken_us: int

    @property
    def is_one_history(self) -> bool:
        """Whether what is here must have the hash of its source: it was not narrowed, changed or made of lines."""
        return self.kind == FORK and masks_in(self.source) == ""


def masks_in(source: str) -> str:
    """The part of the name of a source that says what was masked on the way; empty without."""
    return "&".join(part for part in source.replace("?", "&").split("&")[1:] if part.startswith(MASKED))


def fork_of(rows: RowReader) -> Origin | None:
    """What a fork was made of; None for a store that is none."""
    for found in rows.select(ORIGINS, [Where("kind", "=", FORK)], limit=1):
        return Origin(*found)  # type: ignore[arg-type]
    return None


def origin_of(rows: RowReader, source: str) -> Origin | None:
    """What is known of a source; None if nothing came from it."""
    found = rows.load(ORIGINS, [(source,)]).get((source,))
    return None if found is None else Origin(*found)  # type: ignore[arg-type]


def origins(rows: RowReader) -> Iterator[Origin]:
    """All that something came from, by name."""
    return (Origin(*found) for found in rows.select(ORIGINS))  # type: ignore[arg-type]


def refuse_other_masks(rows: RowReader, source: str) -> None:
    """Raise `Misuse` if the same came here under other masks: of one value there would be two."""
    base, masks = source.partition("?")[0], masks_in(source)
    for origin in origins(rows):
        if origin.source.partition("?")[0] == base and masks_in(origin.source) != masks:
            raise Misuse(
                f"{base} was copied here before, with other fields masked or under another key",
                hint="the same fields and the same key go on with it; other ones go into a new store",
                code="mask",
                source=base,
                position=origin.source_position,
            )


def note(rows: Rows, origin: Origin) -> None:
    """Keep it, in the place of what was known of that source."""
    rows.put(ORIGINS, [tuple(origin)])


def refuse_fork(rows: RowReader) -> None:
    """Raise `Misuse` if the store is a fork: what a reaction sends there was perhaps sent by the original too."""
    origin = fork_of(rows)
    if origin is not None:
        raise Misuse(
            f"this store is a fork of {origin.source} at @{origin.source_position}: reactions don't run on it",
            code="fork",
            source=origin.source,
            position=origin.source_position,
        )
