"""What `cqrs verify` asks a domain: whether it knows the types, and whether snapshots and rows are its folds."""

from collections.abc import Iterator

from cqrs_cli.cli.options.foreign import check_pair
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.values import cell_text
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import CqrsError, Damaged, NotFound, StoreFailed
from cqrs_cli.history.snapshot_comparison import compare
from cqrs_cli.stores.audit import Flaw
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.streams import category_of
from cqrs_cli.workbench.processors.refold import Check
from cqrs_cli.workbench.snapshots import select
from cqrs_cli.workbench.workbench import Workbench


def flaws_by_domain(session: Session, deep: bool, rows: bool, is_sound: bool) -> list[Flaw]:
    """What is wrong by today's code. is_sound: the log is what was written; else nothing that is folded is compared.

    A domain that can't be loaded is no fault of the store: it is said, unless it was needed.
    """
    message = session.printer.message
    untold = "whether the domain knows all types can't be told"
    try:
        bench = session.workbench()
    except StoreFailed as error:
        if is_sound:
            raise
        message(f"{untold}: {error.message}")  # what was found is said in any case
        return []
    except CqrsError as error:
        if deep or rows:
            raise
        message(f"{untold}: {error.message}")
        return []
    try:
        flaws = list(_types(bench))
    except Damaged as error:
        if is_sound:
            raise
        message(f"{untold}: {error.message}")
        return []
    if (deep or rows) and not is_sound:
        message("the log is not what was written, so neither snapshots nor rows are compared with it")
        return flaws
    if deep or rows:
        check_pair(session, bench, foreign=False, recent=True)
    if deep:
        count = 0
        with session.printer.progress("comparing", unit="snapshots") as done:
            for one in _snapshots(bench):
                count += 1
                flaws += one
                done(1)
        message(f"{counted(count, 'snapshot')} compared")
    if rows:
        compared = dict.fromkeys(sorted(kind.name for kind in bench.domain.row_types()), 0)
        with session.printer.progress("comparing", len(compared), "read models") as done:
            for name in compared:
                check = _checked(bench, name, flaws)
                if check is not None:
                    compared[name] = check.compared
                    flaws += _drift(check)
                done(1)
        listed = ", ".join(f"{name} {rows:,}" for name, rows in compared.items())
        message(f"{counted(sum(compared.values()), 'row')} compared" + (f": {listed}" if listed else ""))
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


def _checked(bench: Workbench, name: str, flaws: list[Flaw]) -> Check | None:
    """A read model compared with a fold. None if it has no rows yet, or can't be compared, which is a flaw."""
    try:
        return bench.check(name)
    except NotFound:
        return None
    except StoreFailed:
        raise
    except CqrsError as error:
        flaws.append(Flaw(None, "rows", f"{name} can't be compared: {error.message}"))
        return None


def _drift(check: Check) -> Iterator[Flaw]:
    name = check.projection
    for one in check.drift:
        key = ", ".join(f"{column}={value}" for column, value in one.key.items())
        live, fresh = cell_text(one.live), cell_text(one.fresh)
        yield Flaw(None, "rows", f"{name} {key}, {one.column or 'the row'}: live {live}, folded {fresh}")
