"""The records of what a log is proved by, and of copies of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cqrs_cli.records.shape import Record

if TYPE_CHECKING:
    from cqrs_cli.log.checkpoint import Checkpoint
    from cqrs_cli.log.verification import Verified
    from cqrs_cli.stores.audit import Flaw
    from cqrs_cli.transfer.backup import Copied
    from cqrs_cli.transfer.proof import Proof

FLAW = ("position", "what")


def flaw(one: Flaw) -> Record:
    """`{"position", "what"}`: something that is not as it was written; position null for what has none."""
    return {"position": one.position, "what": one.what}


def verified(found: Verified) -> Record:
    """`{"ok", "commits", "events", "head", "hash", "findings"}`; hash: of the commit at the head, null without one."""
    hash = None if found.hash is None else found.hash.hex()
    counts = {"commits": found.commits, "events": found.events, "head": found.head, "hash": hash}
    return {"ok": found.ok, **counts, "findings": [flaw(one) for one in found.flaws]}


def checkpoint(made: Checkpoint, note: str) -> Record:
    """`{"origin", "position", "hash", "note"}`; note: the text that is kept, signatures and all."""
    return {"origin": made.origin, "position": made.position, "hash": made.hash.hex(), "note": note}


def copied(made: Copied, file: str, store: str) -> Record:
    """`{"file", "store", "commits", "events", "head", "hash", "bytes"}`: of a backup or of what was restored."""
    hash = None if made.hash is None else made.hash.hex()
    counts = {"commits": made.commits, "events": made.events, "head": made.head, "hash": hash, "bytes": made.bytes}
    return {"file": file, "store": store, **counts}


def _masked(counts: Mapping[str, int]) -> list[Record]:
    """`[{"field", "values"}]`: no member is called like a field, or it would be masked itself."""
    return [{"field": field, "values": number} for field, number in sorted(counts.items())]


def proved_copy(proof: Proof, destination: str, states: Record | None) -> Record:
    """What a copy came to. Hashes are hex; `same_history` is null where it is not to be, and `because` says why."""
    names = sorted({*proof.seen, *proof.taken})
    return {
        "source": proof.source,
        "destination": destination,
        "after": proof.begun,
        "position": proof.position,
        "commits_read": proof.read,
        "commits": proof.commits,
        "events": proof.events,
        "duplicates": proof.duplicates,
        "types": [{"type": name, "in": proof.seen.get(name, 0), "out": proof.taken.get(name, 0)} for name in names],
        "mapped": None if proof.mapped is None else dict(proof.mapped),
        "became": [
            {"type": old, "became": new or None, "events": number} for (old, new), number in sorted(proof.kinds.items())
        ],
        "masked": None if proof.masked is None else _masked(proof.masked),
        "source_hash": proof.source_hash,
        "hash": proof.hash,
        "same_history": proof.is_same,
        "because": proof.why,
        "states": states,
    }
