"""The first event after which a rule fails: one fold, however many streams, rows and rules there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cqrs_cli.domain.row_model import RowType
from cqrs_cli.history.clauses import ClauseOf, row_clauses
from cqrs_cli.history.folds import Folds, folds_of
from cqrs_cli.history.rows import row_key_text
from cqrs_cli.history.rules import ROW, STATE, Rule
from cqrs_cli.history.steps import StreamHistory
from cqrs_cli.log.matching import FIELDS, RecordedFields
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.workbench import Workbench

_STORED = frozenset({"position", "stream", "category", "version", "type", "schema_version", "data"})
"""What is known of an event without its envelope."""
_OF_EVENTS = frozenset((*FIELDS, "user_id", "recorded"))


class Break(NamedTuple):
    """A rule that holds no more. stream, position, version, type: of the event after which it does not.

    key: the stream, or the stored key of the row. until: the position after which it holds again; None if it never
    does, or was not looked for. before, after: of a row, as plain JSON values (None: no row); of a stream see `states`.
    """

    rule: str
    key: Any
    stream: str
    position: int
    version: int
    type: str
    until: int | None = None
    before: Any = None
    after: Any = None


class Search(NamedTuple):
    """What came of a search. breaks: by position. looked_at: how many events, and of how many streams or rows.

    clause_of: by whom an event was taken in. name_of: from a break's key to the address of the stream or row.
    """

    breaks: Sequence[Break]
    events: int
    subjects: int
    clause_of: ClauseOf
    name_of: Callable[[Any], str]


class Group(NamedTuple):
    """Breaks of one rule by one kind of event: how many streams or rows, and the first of them."""

    rule: str
    type: str
    clause: str | None
    subjects: int
    first: Break


def search_streams(
    source: Workbench | Folds,
    rules: Sequence[Rule],
    selection: Selection,
    *,
    at: int | None = None,
    every: bool = False,
) -> Search:
    """Look for the first break of each rule in each selected stream, of one category; `every`: for all of them.

    at: the last version, of one stream. Raises `Misuse` and `DomainFailed` of a rule, and what the fold raises.
    """
    folds = folds_of(source)
    kind = folds.kind_of(selection.stream or selection.category or "")
    watcher = _Watcher(rules, STATE, kind.fold.copy, every)
    subjects = 0
    wanted = selection._replace(by_stream=selection.stream is None, limit=at)
    for category in kind.categories if selection.stream is None else (None,):
        for _ in folds.folded(wanted._replace(category=category), watcher):
            subjects += 1
    return Search(watcher.breaks, watcher.events, subjects, kind.clause_of, str)


def search_rows(
    bench: Workbench,
    rules: Sequence[Rule],
    kind: RowType,
    *,
    key: Any = None,
    position: int | None = None,
    every: bool = False,
) -> Search:
    """As `search_streams`, over the rows of a read model (one of them with `key`), folded anew beside the live ones.

    A row that is not there breaks no rule, and one that goes away breaks none any more.
    """
    nested = any(column.column.kind == "json" for column in kind.columns)

    def copy(row: Any) -> Any:
        return None if row is None else row.model_copy(deep=nested)

    watcher = _Watcher(rules, ROW, copy, every, bench.jsonable)
    wanted = None if key is None else key.__eq__
    rows = bench.watch_rows(kind.name, watcher, position=position, wanted=wanted)

    def name_of(key: Any) -> str:
        return f"{kind.name}/{row_key_text(kind, key)}"

    return Search(watcher.breaks, watcher.events, rows, row_clauses(bench, kind.name), name_of)


def grouped(search: Search) -> list[Group]:
    """The first breaks, by rule and by what made them; the largest group first."""
    groups: dict[tuple[str, str], list[Break]] = {}
    for one in search.breaks:
        groups.setdefault((one.rule, one.type), []).append(one)
    found = [
        Group(rule, type, search.clause_of(type), len({one.key for one in breaks}), breaks[0])
        for (rule, type), breaks in groups.items()
    ]
    return sorted(found, key=lambda group: (-group.subjects, group.first.position))


def event_of(source: Workbench | Folds, one: Break) -> Recorded:
    """The event after which a rule holds no more, with its envelope."""
    return next(iter(source.log(Selection(after=one.position - 1, limit=1))))


def states(source: Workbench | Folds, one: Break) -> tuple[Any, Any]:
    """The state of a stream before and after a break, as plain JSON values."""
    (step,) = deque(StreamHistory(source, one.stream, at=one.version).steps(), maxlen=1)
    return step.before, step.after


class _Watcher:
    """Asks the rules after every event, of every stream or row."""

    def __init__(
        self,
        rules: Sequence[Rule],
        subject: str,
        copy: Callable[[Any], Any],
        every: bool,
        shown: Callable[[Any], Any] | None = None,
    ) -> None:
        self._rules = [(at, rule.holds) for at, rule in enumerate(rules)]
        self._names = [rule.name for rule in rules]
        needs = frozenset[str]().union(*(rule.needs for rule in rules))
        self._of_event, self.envelopes = needs & _OF_EVENTS, bool(needs & _OF_EVENTS - _STORED)
        self._subject, self._every, self._shown = subject, every, shown
        self._keeps = shown is not None or "before" in needs
        self._copy = copy
        self._values: dict[str, Any] = {}
        self._scope = self._values.get
        self._found: list[Break] = []
        self._broken: dict[Any, dict[int, int]] = {}  # by key and rule: the place of its last break in what was found
        self.events = 0

    @property
    def breaks(self) -> list[Break]:
        """What was found, by position."""
        return sorted(self._found, key=lambda one: one.position)

    def copy(self, state: Any) -> Any:
        """The state before an event, if a rule looks at it or it is to be shown."""
        return self._copy(state) if self._keeps else None

    def look(self, stored: Any, event: Any, before: Any, state: Any, key: Any) -> None:
        """Ask all rules that are not known to be broken."""
        self.events += 1
        values, broken = self._values, self._broken.get(key)
        values[self._subject], values["before"], values["event"] = state, before, event
        if self._of_event:
            self._tell(stored)
        for at, holds in self._rules:
            if broken is not None and at in broken and not self._every:
                continue
            if state is None or holds(self._scope):
                if broken is not None and at in broken:
                    self._heal(broken.pop(at), stored)
            elif broken is None or at not in broken:
                broken = self._broken.setdefault(key, {})
                broken[at] = len(self._found)
                self._found.append(self._break(at, key, stored, before, state))

    def _tell(self, stored: Any) -> None:
        fields = RecordedFields(stored)
        for name in self._of_event:
            self._values[name] = fields if name == "recorded" else fields[name]

    def _heal(self, place: int, stored: Any) -> None:
        self._found[place] = self._found[place]._replace(until=stored.position)

    def _break(self, at: int, key: Any, stored: Any, before: Any, state: Any) -> Break:
        shown = self._shown
        kept = (None, None) if shown is None else tuple(None if one is None else shown(one) for one in (before, state))
        place = (stored.stream, stored.position, stored.version, stored.type)
        return Break(self._names[at], key, *place, None, *kept)
