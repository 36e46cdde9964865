"""What `cqrs verify` asks a domain: whether it knows the types, and whether snapshots and rows are its folds."""

from collections.abc import Iterator

from cqrs_cli.cli.printing.values import cell_text
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import CqrsError, NotFound, StoreFailed
from cqrs_cli.history.snapshot_comparison import compare
from cqrs_cli.stores.audit import Flaw
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.streams import category_of
from cqrs_cli.workbench.snapshots import select
from cqrs_cli.workbench.workbench import Workbench


def flaws_by_domain(session: Session, deep: bool, rows: bool, is_sound: bool) -> list[Flaw]:
    """What is wrong by today's code. is_sound: the log is what was written; else nothing that is folded is compared.

    A domain that can't be loaded is no fault of the store: it is said, unless it was needed.
    """
    message = session.printer.message
    try:
        bench = session.workbench()
    except StoreFailed:
        raise
    except CqrsError as error:
        if deep or rows:
            raise
        message(f"whether the domain knows all types can't be told: {error.message}")
        return []
    flaws = list(_types(bench))
    if (deep or rows) and not is_sound:
        message("the log is not what was written, so neither snapshots nor rows are compared with it")
        return flaws
    if deep:
        with session.printer.progress("comparing", unit="snapshots") as done:
            for one in _snapshots(bench):
                done(1)
                flaws += one
    if rows:
        with session.printer.progress("comparing", len(list(bench.domain.row_types())), "read models") as done:
            for kind in sorted(bench.domain.row_types(), key=lambda one: one.name):
                flaws += _rows(bench, kind.name)
                done(1)
    return flaws


def _types(bench: Workbench) -> Iterator[Flaw]:
    """Events of the domain's streams that no class of it reads. Other streams may belong to other domains."""
    unknown = frozenset(bench.store.types()) - frozenset(bench.domain.events)
    if not unknown:
        return
    for category in sorted(bench.domain.aggregates):
        for event in bench.store.scan(Selection(category=category, types=unknown, limit=1)):
            what = f"{event.stream}@{event.version} is {event.type}, which no event of {bench.domain.name} is stored as"
            yield Flaw(event.position, "type", what)


def _snapshots(bench: Workbench) -> Iterator[list[Flaw]]:
    known = (one.stream for one in select(bench.store, None) if category_of(one.stream) in bench.domain.aggregates)
    for compared in compare(bench, known):
        yield [
            Flaw(
                None,
                "snapshot",
                f"the snapshot of {one.stream}, {one.path or 'the state'}: kept {cell_text(one.kept)}, "
                f"folded {cell_text(one.folded)}",
            )
            for one in compared.differences
        ]


def _rows(bench: Workbench, name: str) -> Iterator[Flaw]:
    try:
        found = bench.check(name)
    except NotFound:  # it has no rows yet
        return
    except StoreFailed:
        raise
    except CqrsError as error:
        yield Flaw(None, "rows", f"{name} can't be compared: {error.message}")
        return
    for one in found.drift:
        key = ", ".join(f"{column}={value}" for column, value in one.key.items())
        live, fresh = cell_text(one.live), cell_text(one.fresh)
        yield Flaw(None, "rows", f"{name} {key}, {one.column or 'the row'}: live {live}, folded {fresh}")
