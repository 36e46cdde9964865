"""`cqrs corpus`: streams of a log that show all that it has, kept beside the code."""

from __future__ import annotations

import os
from collections import Counter
from typing import Annotated

import typer

from cqrs_cli.cli.options import between as between_options
from cqrs_cli.cli.printing.documents import Report, Table
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.command import Group, ShellCommand
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.cli.shell.typer_fast import built
from cqrs_cli.errors import Misuse, NotFound, NothingMatched

Folder = Annotated[str, typer.Argument(metavar="[FOLDER]", help="The folder of the corpus.")]
FOLDER = "histories"
"""Where a corpus is unless it is said."""


def group() -> Group:
    """The group `corpus`."""
    app = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None)
    app.callback()(_corpus)
    for function in (refresh, show):
        app.command(function.__name__, cls=ShellCommand)(function)
    made: Group = built(app)
    made.name = "corpus"
    return made


def _corpus() -> None:
    """Streams of a log that show all that it has, as files that are kept beside the code.

    What reads a store reads such a folder: cqrs --store histories/ log, check, rehearse.
    """


def refresh(
    folder: Annotated[str | None, typer.Argument(metavar="[FOLDER]", help="As -o FOLDER.")] = None,
    source: Annotated[
        str | None, typer.Option("--from", metavar="STORE", help="The log that it is of; else that of --store.")
    ] = None,
    sample: Annotated[
        int, typer.Option("--sample", metavar="N", min=0, help="So many streams at least, the others by chance.")
    ] = 0,
    categories: between_options.Categories = None,
) -> None:
    """Choose as few streams as show all that a log has, and write them into the folder of -o: a file for each category.

    All is each type and version of an event in each category, each command, each reaction that sent one, and each code
    of a rejection. Streams are taken whole, and with them the commands on record that they rejected. Those of the last
    time stay where others would be as good, so that what changes in the files is little. Without -o the folder is
    histories/. What reads a store reads it: cqrs --store histories/ log.
    """
    from cqrs_cli.transfer import corpus
    from cqrs_cli.transfer.choice import choose
    from cqrs_cli.transfer.narrowing import Narrowing, Wanted

    session = current()
    folder = _output(session, folder)
    session.printer.format.only(Report)
    if source is not None:
        session.choose("store", source)
    if os.path.isdir(session.store_file):
        raise Misuse(f"{session.store_file} is a corpus, and a corpus is made of a log", hint="--from shop.db")
    wanted = Wanted(categories=categories or ())
    between = between_options.steps(session, wanted, None).between
    store = session.store()
    kept = _kept(folder)
    found = choose(store, sample, kept, Narrowing(wanted).concerns)
    if not found.chosen:
        if categories and store.head():
            told = f"{session.store_shown} has no events of {', '.join(categories)}"
            raise NothingMatched(told, hint="cqrs streams lists what there is")
        raise NothingMatched(f"{session.store_shown} has no events", hint="cqrs send makes some")
    names = corpus.write(store, folder, found.chosen, between, found.rejections)
    covered = [{"what": what, "streams": count} for what, count in found.covered.items()]
    whole = {
        "folder": folder,
        "files": names,
        "streams": len(found.chosen),
        "of_streams": found.streams,
        "events": found.events,
        "rejections": len(found.rejections),
        "covered": covered,
    }
    table = Table(covered, ["what", "streams"])
    session.printer.print(Report(whole, table, [table]))
    told = f"{counted(len(found.chosen), 'stream')} of {found.streams:,} with {counted(found.events, 'event')}"
    told += f" and {counted(len(found.rejections), 'rejected command')}" * bool(found.rejections)
    fresh = len(set(found.chosen) - kept)
    again = f", {fresh:,} of them new" if kept else ""
    session.printer.message(f"{os.path.join(folder, '')} has {told}{again}")


def show(folder: Folder = FOLDER) -> None:
    """The files of a corpus, with their streams, events and rejected commands."""
    from cqrs_cli.stores.streams import category_of
    from cqrs_cli.transfer.corpus import CorpusSource

    session = current()
    source = CorpusSource(folder)
    source.check()
    streams: dict[str, set[str]] = {}
    events, rejected = Counter[str](), Counter[str]()
    for parcel in source.parcels(0):
        for event in parcel.commit.events:
            streams.setdefault(category_of(event.stream), set()).add(event.stream)
            events[category_of(event.stream)] += 1
    rejected.update(category_of(one.stream) for one in source.rejections())
    rows = [
        {"category": one, "streams": len(streams.get(one, ())), "events": events[one], "rejections": rejected[one]}
        for one in sorted({*events, *rejected})
    ]
    session.printer.print(Table(rows, ["category", "streams", "events", "rejections"]))


def _output(session: Session, folder: str | None) -> str:
    """The folder of -o, which holds the corpus and no report; the argument is another way to say it."""
    output = session.settings.output
    if output is None:
        return folder or FOLDER
    if folder is not None:
        raise Misuse(f"the corpus goes to {folder} or to {output}", hint="cqrs corpus refresh -o histories/")
    session.choose("output", "-")
    return output


def _kept(folder: str) -> set[str]:
    """The streams that the corpus has now; none if there is none."""
    from cqrs_cli.transfer.corpus import CorpusSource

    try:
        source = CorpusSource(folder)
    except NotFound:
        return set()
    source.check()
    return {event.stream for parcel in source.parcels(0) for event in parcel.commit.events}
