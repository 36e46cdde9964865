"""Checkpoints as files: printed, signed, read and believed."""

import os

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Single
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import Damaged, Misuse
from cqrs_cli.log import checkpoint as checkpoints
from cqrs_cli.log import signed_note
from cqrs_cli.log.checkpoint import Checkpoint
from cqrs_cli.log.signed_note import Note
from cqrs_cli.log.verification import Verified

_MOST_BYTES = 1_000_000


def print_checkpoint(session: Session, verified: Verified, key: str | None) -> None:
    """Print the checkpoint of a log that was verified, signed if there is a key."""
    made = checkpoints.checkpoint_of(session.store(), verified)
    note = Note(made.text())
    if key is not None:
        private = _read(key)
        note = signed_note.sign(made.text(), made.origin, private)
        session.printer.message(f"its public key: {signed_note.public_key(made.origin, private)}")
    record = records.checkpoint(made, str(note))
    session.printer.print(Single(record, text=lambda _: str(note)[:-1]))


def checkpoint_in(path: str, public_key: str | None) -> Checkpoint:
    """The checkpoint in a file. public_key: of whoever must have signed it, or a file with it.

    Raises `Misuse` for what is none, `Damaged` if it has no such signature.
    """
    note = signed_note.parse(_read(path))
    found = checkpoints.parse(note.text)
    if public_key is not None:
        public = _read(public_key) if os.path.exists(public_key) else public_key.encode()
        if not signed_note.is_signed(note, public):
            raise Damaged(
                f"{path} has no signature of that key that holds: it was changed, or somebody else made it",
                hint="a checkpoint from where it was kept",
                code="not-signed",
            )
    return found


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        hint = "the path of a file that is there, and that this user may read"
        raise Misuse(f"{path} can't be read: {error.strerror}", hint=hint, code="unreadable-file") from error
