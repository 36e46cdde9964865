"""`cqrs streams` and `cqrs stats`: what there is."""

import itertools
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from operator import itemgetter
from typing import Annotated, Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.options import selection as options
from cqrs_cli.cli.options.ordering import ordering
from cqrs_cli.cli.printing.documents import Column, Document, Report, Single, Table
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse, NothingMatched
from cqrs_cli.log import statistics
from cqrs_cli.log.selection import Asked, EventFilter, category_named, check_limit, note_category

_WILD = re.compile(r"[*?\[]")
_BAR = 30
_COLUMNS = (
    "stream",
    "version",
    Column("first_recorded_at", "first recorded at", moment=True),
    Column("last_recorded_at", "last recorded at", moment=True),
)


def streams(
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="CATEGORY|PATTERN",
            help="Only these: a category, or names as in 'order-00*'.",
            autocompletion=completion.categories,
            show_default=False,
        ),
    ] = None,
    after: Annotated[str | None, typer.Option(metavar="STREAM", help="Names after this one.")] = None,
    order: Annotated[
        str | None,
        typer.Option("--order", metavar="COLUMNS", help="'-version': the longest first; without it by name."),
    ] = None,
    limit: options.Limit = None,
    fail_if_empty: options.FailIfEmpty = False,
) -> None:
    """Streams by name, with their versions."""
    session = current()
    limit, is_pattern = check_limit(limit), pattern is not None and bool(_WILD.search(pattern))
    known = None if pattern is None else _category(pattern) if is_pattern else category_named(pattern)
    key = ordering(order, records.STREAM)
    store = session.store()
    infos = store.streams(category=known, after=after, limit=None if order or is_pattern else limit)
    if is_pattern:
        assert pattern is not None
        infos = (info for info in infos if fnmatchcase(info.stream, pattern))
    elif pattern is not None:
        note_category(store, pattern, session.printer.message)
    listed: Iterable[Any] = map(records.stream, infos)
    for name, is_descending in reversed(key):
        listed = sorted(listed, key=itemgetter(name), reverse=is_descending)
    found = Table(itertools.islice(listed, limit), _COLUMNS, empty="no streams", members=records.STREAM)
    if not session.printer.print(found) and fail_if_empty:
        raise NothingMatched("no stream matched", hint="cqrs stats shows the categories that there are")


def _category(pattern: str) -> str | None:
    """The only category that can match, if the pattern says it."""
    category, dash, _ = pattern.partition("-")
    return category if dash and not _WILD.search(category) else None


def stats(
    by: Annotated[
        str | None, typer.Option("--by", metavar="WHAT", help=f"Count the events by {', '.join(statistics.BY)}.")
    ] = None,
    category: options.Category = None,
    types: options.Types = None,
    since: options.Since = None,
    until: options.Until = None,
    user: options.User = None,
    commands: options.Commands = None,
    grep: options.Grep = None,
    where: options.Where = None,
    fail_if_empty: options.FailIfEmpty = False,
) -> None:
    """How much is in the store, by category and type.

    JSON: {"events", "streams", "head", "first_recorded_at", "last_recorded_at", "categories": [{"category", "streams",
    "events"}], "types": [{"type", "events"}]}. CSV: one line a category and a type. With --by day: an array of {"day",
    "events"}.
    """
    session = current()
    local = session.settings.local
    asked = Asked(None, category, types, since, until, user=user, commands=commands, grep=grep, where=where)
    if by is not None:
        if by not in statistics.BY:
            raise Misuse(f"--by {by}: nothing is counted so", hint=f"by {', '.join(statistics.BY)}")
        asked = asked._replace(local=local, has_domain=session.settings.app is not None)
        _stats_by(session, by, EventFilter(asked), fail_if_empty)
        return
    if asked != Asked():
        raise Misuse("events are selected with --by only", hint="--by type, or cqrs log --count")
    found = records.statistics(statistics.count(session.store()))
    lists = ("categories", "types")
    moments = ("first_recorded_at", "last_recorded_at")
    totals = Single({name: value for name, value in found.items() if name not in lists}, moments=moments)
    parts: list[Document] = [totals, *(Table(found[name]) for name in lists if found[name])]
    session.printer.print(Report(found, Table(records.flat_statistics(found)), parts))
    if fail_if_empty and not found["events"]:
        raise NothingMatched("there are no events", hint="cqrs send appends some")


def _stats_by(session: Session, by: str, wanted: EventFilter, fail_if_empty: bool) -> None:
    store = session.store()
    selection = wanted.on(store, session.printer.message)
    counted = statistics.count_by(wanted.read(store, selection, session.printer.message), by, session.settings.local)
    most = max((events for _, events in counted), default=0)
    bar = session.printer.glyph("█", "#")

    def row(record: Any) -> dict[str, Any]:
        value = "(none)" if record[by] is None else record[by]
        return {by: value, "events": record["events"], "": bar * max(1, round(_BAR * record["events"] / most))}

    columns = [Column(by, whole=True), Column("events"), Column("", drop=1)]
    members = (by, "events")
    found = Table(
        [records.counted(by, *pair) for pair in counted], columns, row=row, empty="no events", members=members
    )
    if not session.printer.print(found) and fail_if_empty:
        raise NothingMatched("no event matched", hint="cqrs stats shows what there is, by category and type")
