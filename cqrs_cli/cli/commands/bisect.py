"""`cqrs bisect`: the first event after which a rule fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.options.addresses import address_of, first_typed, position_at
from cqrs_cli.cli.options.generic import Generic, bench_of, folds, labelled, members
from cqrs_cli.cli.printing.changes import change_line
from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Table
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.styles import painted
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse, NothingMatched
from cqrs_cli.stores.contract import Selection

if TYPE_CHECKING:
    from cqrs_cli.history.bisect import Break, Search
    from cqrs_cli.history.folds import Folds
    from cqrs_cli.history.rules import Rule
    from cqrs_cli.workbench.workbench import Workbench

_HINT = "cqrs bisect order-17 'state.total >= 0', or --rule MODULE:FUNCTION"


def bisect(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STREAM] RULE…",
            help="A stream (order-17, order 17, order-17@5), then what should hold after every event of it.",
            autocompletion=completion.streams,
        ),
    ] = None,
    every: Annotated[
        str | None, typer.Option("--all", metavar="CATEGORY", help="All streams of a category; then only rules follow.")
    ] = None,
    rows: Annotated[
        str | None, typer.Option("--rows", metavar="ROWS[/KEY]", help="The rows of a read model, or one of them.")
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", metavar="MODULE:FUNCTION", help="A rule in Python; may be repeated.")
    ] = None,
    rules: Annotated[
        str | None, typer.Option("--rules", metavar="FILE.py", help="All rules of a file: its functions.")
    ] = None,
    all_breaks: Annotated[
        bool, typer.Option("--all-breaks", help="Every time that a rule fails, and when it holds again.")
    ] = False,
    still: Annotated[bool, typer.Option("--still", help="Only where a rule fails at the end too.")] = False,
    at: Annotated[
        str | None, typer.Option("--at", metavar="5|@1200|TIME", help="Only up to a version, a position or a time.")
    ] = None,
    generic: Generic = False,
) -> int:
    """Find the first event after which a rule fails. Exit 1 if there is one, 0 if every rule holds.

    A rule is a condition over state (row, with --rows), before (the same before the event), event, recorded, and what
    that has: type, user, position … Or a function in Python with some of these names as parameters. Without any, the
    rules of the settings are taken: [tool.cqrs.rules], and those of one category or read model below
    [tool.cqrs.rules.order].
    A rule that is null does not hold. All is folded once, however many streams and rules there are; nothing is written.
    """
    session = current()
    by = folds(session, generic)
    given, subject = list(words or ()), None
    if every is not None and rows is not None:
        raise Misuse("--all and --rows don't go together", hint="streams of a category, or rows")
    if every is None and rows is None:
        if not given:
            raise Misuse("bisect wants a stream, --all or --rows", hint=_HINT)
        subject, given = first_typed(by, given)
    asked = _Asked(session, given, rule or [], rules)
    if rows is not None:
        search = _over_rows(bench_of(by, f"{rows} is a read model"), asked, rows, at, all_breaks or still)
    else:
        search = _over_streams(by, asked, subject, every, at, all_breaks or still)
    if still:
        search = search._replace(breaks=[found for found in search.breaks if found.until is None])
    told = f"{counted(search.events, 'event')} of {counted(search.subjects, 'row' if rows is not None else 'stream')}"
    if not search.events:
        raise NothingMatched(f"there was nothing to look at: {told}", hint="cqrs streams lists what there is")
    _show(session, by, search, asked.rules, one=search.subjects == 1)
    session.printer.message(f"looked at {told}, {counted(len(asked.rules), 'rule')}")
    return int(bool(search.breaks))


class _Asked:
    """The rules that were asked for, once it is known of what. rules: those that were made last."""

    def __init__(self, session: Session, conditions: Sequence[str], functions: Sequence[str], file: str | None) -> None:
        self._session, self._conditions, self._functions, self._file = session, conditions, functions, file
        self.rules: list[Rule] = []

    def of(self, subject: str, kind: Any, name: str) -> list[Rule]:
        """The rules over states or rows (`subject`) of a class, of the category or read model `name`."""
        from cqrs_cli.history import rules as history
        from cqrs_cli.loading import load_function, load_module

        found = [history.condition(text, text, subject, kind) for text in self._conditions]
        folder = self._session.settings.folder
        found += [history.function(text, load_function(text, folder), subject) for text in self._functions]
        if self._file is not None:
            module = load_module(self._file, folder)
            inside = history.functions_of(module, subject)
            if not inside:
                hint = f"a function with any of {subject}, before, event, recorded as parameters"
                raise Misuse(f"{self._file} has no rules over a {subject}", code="rule", hint=hint)
            found += inside
        if not (self._conditions or self._functions or self._file):
            found = history.from_settings(self._session.settings.rules, subject, kind, name)
        if not found:
            raise Misuse(f"no rule is given, and the settings have none for {name}", code="rule", hint=_HINT)
        self.rules = found
        return found


def _over_streams(
    by: Folds, asked: _Asked, subject: str | None, category: str | None, at: str | None, every: bool
) -> Search:
    from cqrs_cli.history.bisect import search_streams
    from cqrs_cli.history.rules import STATE

    if subject is not None:
        one = address_of(by, subject, at)
        kind = by.kind_of(one.stream or "")
        rules = asked.of(STATE, kind.state, kind.category)
        state = by.load(one.stream or "", at=one.version, at_position=one.position)  # says what is not there
        wanted = Selection(stream=state.stream, before=state.position + 1)
        return search_streams(by, rules, wanted, every=every)
    kind = by.kind_of(by.category(category or ""))
    rules = asked.of(STATE, kind.state, kind.category)
    before = None if at is None else position_at(by.store, at, "a category") + 1
    return search_streams(by, rules, Selection(category=kind.category, before=before), every=every)


def _over_rows(bench: Workbench, asked: _Asked, text: str, at: str | None, every: bool) -> Search:
    from cqrs_cli.history.bisect import search_rows
    from cqrs_cli.history.rows import row_key
    from cqrs_cli.history.rules import ROW

    name, slash, key = text.partition("/")
    kind = bench.domain.rows_of(name)
    rules = asked.of(ROW, kind.cls, kind.name)
    position = None if at is None else position_at(bench.store, at)
    return search_rows(bench, rules, kind, key=row_key(kind, key) if slash else None, position=position, every=every)


# ── what came of it ───────────────────────────────────────────────────────────────────────────


def _show(session: Session, by: Folds, search: Search, rules: Sequence[Rule], one: bool) -> None:
    if session.printer.format.for_people and not one:
        session.printer.print(Table(_lines(by, search, rules), text=lambda record: record["text"], styled=True))
        return
    session.printer.print(
        Table(_records(by, search, rules), text=_text, styled=True, members=members(by, records.BREAK))
    )


def _records(by: Folds, search: Search, rules: Sequence[Rule]) -> Iterator[records.Record]:
    broken = {found.rule for found in search.breaks}
    for found in search.breaks:
        yield _record(by, search, found)
    yield from (labelled(by, records.holding(rule.name)) for rule in rules if rule.name not in broken)


def _record(by: Folds, search: Search, found: Break) -> records.Record:
    from cqrs_cli.history.bisect import event_of, states

    before, after = (found.before, found.after) if found.key != found.stream else states(by, found)
    clause = search.clause_of(found.type)
    record = records.found_break(found, search.name_of(found.key), event_of(by, found), clause, before, after)
    return labelled(by, record)


def _lines(by: Folds, search: Search, rules: Sequence[Rule]) -> Iterator[dict[str, str]]:
    """A line for each kind of break, with the first of them in full; then the rules that hold."""
    from cqrs_cli.history.bisect import grouped

    groups = grouped(search)
    for group in groups:
        first = _record(by, search, group.first)
        taken = f" by {group.clause}" if group.clause else ""
        rows = "row" if group.first.key != group.first.stream else "stream"
        head = f"{group.rule}: {counted(group.subjects, rows)} at {group.type}{taken}; the first:"
        yield {"text": "\n".join([visible(head), *_told(first)])}
    broken = {group.rule for group in groups}
    holding = (labelled(by, records.holding(rule.name)) for rule in rules if rule.name not in broken)
    yield from ({"text": _text(record)} for record in holding)


def _text(record: Any) -> str:
    if not record["found"]:
        label = f" ({record['fold']} fold)" if "fold" in record else ""
        return visible(f"{record['rule']}: holds{label}")
    by = f" by {record['clause']}" if record["clause"] else ""
    return "\n".join([visible(f"{record['rule']}: fails at {record['type']}{by}"), *_told(record)])


def _told(record: Any) -> Iterator[str]:
    """Where it was, who did it, and what changed; every line is inert."""
    from cqrs_cli.history.changes import changes

    printer, changed = current().printer, list(changes(record["before"] or {}, record["after"] or {}))
    short = printer.short
    for change in changed:
        change_line(change._asdict(), short)  # so that ids are seen: their beginnings tell them apart
    at = f"{short(record['stream'])}@{record['version']}  @{record['position']}"
    yield visible(f"  {short(record['subject'])}  {at}")
    who = f" by {record['user_id']}" if record["user_id"] else ""
    command = f"{record['command']} {short(record['command_id'])}" if record["command"] else "no command"
    yield visible(f"  {printer.moment(record['recorded_at'])}{who}, {command}")
    if record["until"] is not None:
        yield f"  holds again after @{record['until']}"
    for change in changed:
        line = printer.cut("  " + visible(change_line(change._asdict(), short)))
        yield painted(line, "changes" if printer.color else None)
