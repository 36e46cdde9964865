"""`cqrs backup` and `cqrs restore`: all of the store in a file, and back."""

import os
import shlex
from typing import Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Single
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.progress import steps
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Damaged, Misuse
from cqrs_cli.stores.registry import path_of

Force = Annotated[bool, typer.Option("--force", help="Replace what is there, whatever it has.")]


_COPIES = "cqrs fork, cqrs copy and cqrs export hide fields in what they make"


def backup(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file to make, best on another disk.")],
    force: Force = False,
) -> None:
    """Copy all of the store to a file, while others write to it, and verify the copy.

    It is there when it is whole and was verified, and not before. It is a store itself, with read models, checkpoints
    and what waits to be sent: look at it with --store FILE, but send nothing to it, and let no reactions run on it.
    JSON: {"file", "store", "commits", "events", "head", "hash", "bytes"}.
    """
    session = current()
    session.hide_nothing_in("a backup", _COPIES)
    path, store = _path(file), session.store()
    output = session.settings.output
    if output is not None and os.path.realpath(output) == os.path.realpath(path):
        raise Misuse(f"-o {output} would overwrite the backup", hint="leave -o out, or give it another path")
    from cqrs_cli.transfer.backup import backup as make

    session.printer.ready(Single)
    try:
        with session.printer.progress("copied", unit="pages") as done:
            made = make(store, path, force=force, progress=steps(done))
    except Misuse as error:
        if error.code != "exists":
            raise
        raise error.retold(error.message, hint="a path where nothing is, or --force to replace it") from error
    record = records.copied(made, path, session.store_file)
    session.printer.print(Single(record, text=lambda one: _told(one, f"{one['file']} is a backup of {one['store']}")))


def restore(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The backup, which stays as it is.")],
    force: Force = False,
) -> None:
    """Verify a backup and put it in the place of the store.

    A store that has what the backup has not is replaced with --force only. Processes that have the store open notice:
    they go on if the backup has all that they have seen; else they end with exit 7 (`replaced`), and are to be started
    anew. JSON: {"file", "store", "commits", "events", "head", "hash", "bytes"}.
    """
    session = current()
    session.hide_nothing_in("a backup", _COPIES)
    store = _store_file(session)
    from cqrs_cli.transfer.backup import restore as put

    session.printer.ready(Single)
    try:
        with session.printer.progress("copied", unit="pages") as done:
            made = put(_path(file), store, force=force, progress=steps(done))
    except Damaged as error:
        if error.code != "not-verified":
            raise
        hint = f"cqrs --store {shlex.quote(file)} verify shows all; restore an older backup"
        raise Damaged(error.message, hint=hint, code="backup-damaged") from None
    record = records.copied(made, file, store)
    session.printer.print(Single(record, text=lambda one: _told(one, f"{one['store']} is as {one['file']} was")))


def _path(text: str) -> str:
    path = path_of(text)
    if path is None or text == "-":
        raise Misuse(f"a backup is a file, not {text}", hint="a path: shop-backup.db", code="configuration")
    return path


def _store_file(session: Session) -> str:
    path = path_of(session.settings.store)
    if path is None or session.settings.store.startswith("memory:"):
        hint = "the database's own tools restore it"
        raise Misuse(f"{session.settings.store} is in no file that could be replaced", hint=hint, code="configuration")
    return path


def _told(record: records.Record, what: str) -> str:
    counts = f"{counted(record['events'], 'event')} in {counted(record['commits'], 'commit')} up to @{record['head']}"
    return visible(f"{what}, verified: {counts}" + (f", hash {record['hash'][:12]}" if record["hash"] else ""))
