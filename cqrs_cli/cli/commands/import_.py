"""`cqrs import`: take in a file of events."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli.cli.options import between as between_options
from cqrs_cli.cli.options import selection as options
from cqrs_cli.cli.printing.copies import copy_report
from cqrs_cli.cli.printing.documents import Report
from cqrs_cli.cli.printing.kinds import Kinds
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.hints import in_brackets, say
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import CqrsError

if TYPE_CHECKING:
    from cqrs_cli.transfer.interchange_file import InterchangeFile


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A file of lines, packed or not; - for a pipe.")],
    streams: between_options.Streams = None,
    categories: between_options.Categories = None,
    types: options.Types = None,
    since: options.Since = None,
    until: options.Until = None,
    user: options.User = None,
    commands: options.Commands = None,
    correlation: options.Correlation = None,
    grep: options.Grep = None,
    where: options.Where = None,
    function: between_options.Map = None,
    name: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="What the log is called: it goes on under its name.")
    ] = None,
) -> None:
    """Take in what `cqrs export` made, with ids, times and hashes; or JSON lines with stream, type and data.

    CloudEvents are understood too. The whole file is looked at first: nothing is taken from one that is cut, was
    changed or has a line that can't be taken. What is there already is known again, and a longer file goes on where
    the shorter one ended.
    """
    from cqrs_cli.transfer.interchange_file import InterchangeFile
    from cqrs_cli.transfer.line_file import put_down
    from cqrs_cli.transfer.narrowing import Wanted
    from cqrs_cli.transfer.proof import ProvenCopy

    session = current()
    session.printer.format.only(Report)
    wanted = Wanted(
        streams or (), categories or (), types or (), since, until, user, commands or (), correlation, grep, where or ()
    )
    between = between_options.steps(session, wanted, function).between
    with ExitStack() as kept:
        if file == "-":
            source = InterchangeFile(kept.enter_context(put_down(sys.stdin.buffer)), name, "standard input")
        else:
            source = InterchangeFile(file, name)
        kept.callback(source.close)
        if session.hiding is not None:
            session.hiding.learn_lines(source.lines())
        _check(session, source)
        store = session.store(write=True, create="lazily")
        with session.printer.progress("imported", total=source.events) as done:
            proof = ProvenCopy(source, store, between).make(done)
    destination = session.store_file
    session.printer.print(copy_report(proof, destination, None, ""))
    if source.rejected:
        told = counted(source.rejected, "rejected command")
        session.printer.message(f"passed over {told}: no part of a log")


def _check(session: Session, source: InterchangeFile) -> None:
    """Look at all of the file. What is wrong is told by kind, with the numbers of lines."""
    kinds = Kinds()

    def complain(number: int, error: CqrsError) -> None:
        if kinds.add(error.code, error.message, number) is not None and not session.printer.format.for_programs:
            session.printer.error(f"line {number}: {error.message}{in_brackets(say(error))}")

    try:
        source.check(complain)
    except CqrsError:
        for told in kinds.more():
            session.printer.error(f"  {told}")
        raise
