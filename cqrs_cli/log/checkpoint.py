"""How far a log was at a moment, as a text to be kept elsewhere: what a chain alone can't show, it shows with that.

The form is that of transparency logs (C2SP, tlog-checkpoint): the origin, the number of events and the hash in base64,
a line each. Here the hash is that of the chain, not of a tree.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import NamedTuple

from cqrs_cli.errors import Damaged, Misuse
from cqrs_cli.log.verification import Verified
from cqrs_cli.stores.audit import Flaw
from cqrs_cli.stores.chain import GENESIS
from cqrs_cli.stores.contract import Store

_BODY = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*")


class Checkpoint(NamedTuple):
    """origin: which log it is. position: of its last event then, 0 if it had none. hash: of the commit that ends there,
    32 bytes.
    """

    origin: str
    position: int
    hash: bytes

    def text(self) -> str:
        """The lines that are signed."""
        return f"{self.origin}\n{self.position}\n{b64encode(self.hash).decode()}\n"


def checkpoint_of(store: Store, verified: Verified) -> Checkpoint:
    """The checkpoint of a log in which nothing is wrong. Raises `Damaged` if something is, and what the store does."""
    if not verified.ok or (verified.head and verified.hash is None):
        raise Damaged("there is no checkpoint of a log that is not what was written", code="not-verified")
    return Checkpoint(origin_of(store), verified.head, verified.hash or GENESIS)


def origin_of(store: Store) -> str:
    """What tells a log from all others, wherever it lies: the beginning of its first commit's hash."""
    first = next(iter(store.commits(limit=1)), None)
    return "cqrs/empty" if first is None or first.hash is None else f"cqrs/{first.hash.hex()[:32]}"


def parse(body: str) -> Checkpoint:
    """The checkpoint in the text of a note. Raises `Misuse`."""
    found = _BODY.fullmatch(body)
    if found is None:
        raise Misuse(
            "this is no checkpoint: a line each with the origin, the number of events and the hash in base64",
            hint="the file that was written when a checkpoint was made, as it was",
            code="checkpoint",
        )
    return Checkpoint(found[1], int(found[2]), b64decode(found[3]))


def origin_if_any(store: Store) -> str | None:
    """The same; None of a log whose beginning can't be read."""
    try:
        return origin_of(store)
    except Damaged:
        return None


def compare(verified: Verified, checkpoint: Checkpoint, origin: str | None = None) -> Flaw | None:
    """What shows that a log did not only grow since the checkpoint. verified: with the hash at its position.

    origin: of the log that was verified, where it is known.
    """
    flaw = _difference(verified, checkpoint)
    if flaw is None or origin is None or not checkpoint.position or checkpoint.origin == origin:
        return flaw
    return flaw._replace(
        what=f"the checkpoint is of another log ({checkpoint.origin}), or all of this one was written anew"
    )


def _difference(verified: Verified, checkpoint: Checkpoint) -> Flaw | None:
    position, hash = checkpoint.position, verified.hashes.get(checkpoint.position)
    if position > verified.head:
        return Flaw(verified.head, "cut", f"the checkpoint is at @{position}, and the log ends at @{verified.head}")
    if position == 0:
        return None if checkpoint.hash == GENESIS else Flaw(0, "rewritten", "the checkpoint has a hash of no event")
    if hash is None:
        return Flaw(position, "rewritten", f"no commit ends at @{position}, where one ended at the checkpoint")
    if hash != checkpoint.hash:
        what = f"the chain up to @{position} is not that of the checkpoint: the history was written anew"
        return Flaw(position, "rewritten", what)
    return None
