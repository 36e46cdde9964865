"""`cqrs copy`: a log from store to store, with a proof; or one that goes on with what comes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.options import between as between_options
from cqrs_cli.cli.options import selection as options
from cqrs_cli.cli.printing.copies import copy_report
from cqrs_cli.cli.printing.documents import Moment, Report
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse, StoreNotFound
from cqrs_cli.stores.addresses import shown
from cqrs_cli.stores.registry import MEMORY, open_store, path_of

if TYPE_CHECKING:
    from cqrs_cli.cli.options.between import Steps
    from cqrs_cli.stores.contract import Store
    from cqrs_cli.transfer.copy import Between
    from cqrs_cli.transfer.proof import Proof
    from cqrs_cli.transfer.source import Source


def copy(
    source: Annotated[str, typer.Argument(metavar="SRC", help="The store to copy: a path or URL.")],
    destination: Annotated[str, typer.Argument(metavar="DST", help="The store to copy into; made if it is not there.")],
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
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes; Ctrl-C ends it.")] = False,
) -> int | None:
    """Copy a log from store to store, with its ids, times and hashes, and prove that it is the same.

    Killed at any moment and started again it goes on where it was. What is left out, or goes through --map, is counted.
    With --app states are compared too. --follow makes a mirror of it.
    """
    from cqrs_cli.transfer.narrowing import Wanted

    session = current()
    wanted = Wanted(
        streams or (), categories or (), types or (), since, until, user, commands or (), correlation, grep, where or ()
    )
    session.printer.format.only(Moment if follow else Report)
    if follow and (session.printer.format.has_end or session.settings.output is not None):
        raise Misuse("a mirror has no end, so neither --json nor -o can be complete", hint="--jsonl")
    steps = between_options.steps(session, wanted, function)
    if session.settings.app is not None and not follow:
        session.domain()  # what is wrong with it is said before anything is copied
    there, here = _opened(session, source, destination)
    if follow:
        from cqrs_cli.transfer.store_source import StoreSource

        go_on(session, StoreSource(there), here, steps.between)
        return None
    from cqrs_cli.transfer.proof import ProvenCopy
    from cqrs_cli.transfer.store_source import StoreSource

    head = there.head()
    with session.printer.progress("copied", total=head) as done:
        proof = ProvenCopy(StoreSource(there, head), here, steps.between).make(done)
    states, untold = _states(session, there, here, steps, proof)
    session.printer.print(copy_report(proof, shown(destination), states, untold))
    return int(bool(states and states["differing"])) * 6


def _opened(session: Session, source: str, destination: str) -> tuple[Store, Store]:
    """Both stores. Raises `Misuse` if they are one."""
    import os
    import shlex

    from cqrs_cli.transfer.store_source import name_of

    if any(url.startswith(MEMORY + ":") for url in (source, destination)):
        raise Misuse("a store in memory is gone when the command ends", hint="files, or URLs of stores")
    there = session.keep(open_store(source, read_only=True))
    paths = path_of(source), path_of(destination)
    same_file = all(path is not None and os.path.exists(path) for path in paths) and os.path.samefile(*paths)  # type: ignore[arg-type]
    if same_file or name_of(source) == name_of(destination):
        raise Misuse(
            f"{shown(destination)} is the store that is copied", hint="another one, after it", code="same-store"
        )
    try:
        made = open_store(destination, create="lazily", durability=session.settings.durability)
    except StoreNotFound as error:  # a server's is made on purpose, and is another one than that of --store
        error.hint = f"make it: cqrs --store {shlex.quote(shown(destination))} migrate"
        raise
    return there, session.keep(made)


def _states(
    session: Session, there: Store, here: Store, steps: Steps, proof: Proof
) -> tuple[records.Record | None, str]:
    """How the states of both compare, or why they were not compared."""
    if steps.mapping is not None:
        return None, "what --map makes is another history"
    if steps.redaction is not None:
        return None, "what is masked is another history"
    if steps.narrowing is not None and not steps.narrowing.whole_streams:
        return None, "not all events of each stream were copied"
    if session.settings.app is None:
        return None, "there is no domain: --app"
    from cqrs_cli.history.agreement import agreement
    from cqrs_cli.workbench.workbench import Workbench

    concerns = (lambda stream: True) if steps.narrowing is None else steps.narrowing.concerns
    domain = session.domain()
    found = agreement(
        Workbench(there, domain, read_only=True), Workbench(here, domain, read_only=True), proof.position, concerns
    )
    differing = [
        {"stream": stream, "path": change.path, "source": change.old, "copy": change.new}
        for stream, change in found.differing
    ]
    return {"compared": found.compared, "differing": differing}, ""


def go_on(session: Session, source: Source, here: Store, between: Between) -> None:
    """Copy what there is and what comes, until a signal."""
    from cqrs_cli.transfer.copy import follow
    from cqrs_cli.transfer.store_sink import StoreSink

    def told(tally: Any) -> None:
        record = {"position": tally.reached.position, "commits": tally.commits, "events": tally.events}
        session.printer.print(Moment(record))

    with _signals() as came:
        follow(source, StoreSink(here), between, came, told)


@contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM or Ctrl-C came. A second one has its usual effect."""
    heard: list[int] = []

    def hear(number: int, frame: object) -> None:
        heard.append(number)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, hear) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(heard)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
