"""States without a domain: fields of the payloads overwrite each other, unless a rule says something else of a type.

Nobody but a domain knows what its events mean, so that whatever is told of such a state is told as `GENERIC`.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from cqrs_cli.domain.fold import State, Watch
from cqrs_cli.errors import Damaged, Misuse, NotFound
from cqrs_cli.history.fold_rules import HINT, FoldRule, Unfit, fold_rule, fold_rules
from cqrs_cli.history.folds import Kind
from cqrs_cli.history.shapes import ANY
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.stores.commits import Recorded, StoredEvent
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.names import categories, stream_named
from cqrs_cli.stores.streams import category_of
from cqrs_cli.workbench.aggregates import check_found, folded, walked

GENERIC = "generic"
_OVERWRITE = fold_rule("any type", "overwrite")


class GenericFold:
    """Folds any stream. A state is a dict of plain JSON values; rules: by stored type."""

    def __init__(self, rules: Mapping[str, FoldRule]) -> None:
        self._rules = rules

    def rule_of(self, type: str) -> FoldRule:
        """What the events of a type come to."""
        return self._rules.get(type, _OVERWRITE)

    def empty(self, stream: str) -> State[Any]:
        """Nothing is known before the first event."""
        return State(stream, 0, {})

    def over(
        self, start: State[Any], events: Iterable[StoredEvent | Recorded], watch: Watch | None = None
    ) -> State[Any]:
        """See `StreamFold`. Raises `Misuse` (code `fold`) for an event that a rule can't take, and `Damaged`."""
        stream, version, state, position = start
        for event in events:
            payload = _parsed(event)
            before = None if watch is None else watch.copy(state)
            try:
                for step in self.rule_of(event[3]).steps:
                    state = step(state, payload)
            except Unfit as error:
                self._refuse(event, error)
            position, version = event[0], event[2]
            if watch is not None:
                watch.look(event, payload, before, state, stream)
        return State(stream, version, state, position)

    def copy(self, state: Any) -> Any:
        """The state as an object of its own."""
        return marshal.loads(marshal.dumps(state))

    def clause_of(self, type: str) -> str:
        """By what an event is taken in, as it is shown."""
        return f"{GENERIC} fold: {self.rule_of(type).text}"

    def _refuse(self, event: StoredEvent | Recorded, error: Unfit) -> NoReturn:
        raise Misuse(
            f"event {event.position} ({event.stream} version {event.version}, {event.type}) "
            f"can't be folded by {self.rule_of(event.type).text!r}: {error}",
            code="fold",
            hint=f"another rule for {event.type} under [tool.cqrs.fold]: {HINT}",
            position=event.position,
            stream=event.stream,
            version=event.version,
            type=event.type,
        ) from None


class GenericFolds:
    """The streams of a store without a domain; see `folds.Folds`. rules: by stored type, as in `[tool.cqrs.fold]`.

    Raises `Misuse` (code `fold`) for a rule that is none. Snapshots are a domain's, and not looked at.
    """

    name: str | None = GENERIC

    def __init__(self, store: Store, rules: Mapping[str, Any] | None = None) -> None:
        self.store, self.log = store, store.read
        self.rules = fold_rules(rules or {})
        self._fold = GenericFold(self.rules)

    def kind_of(self, stream: str) -> Kind:
        """See `Folds`; nothing is known of any."""
        category = category_of(stream)
        return Kind(category, (category,), self._fold, Any, ANY, self._fold.clause_of)

    def load(self, stream: str, *, at: int | None = None, at_position: int | None = None) -> State[Any]:
        """See `Folds`."""
        wanted = Selection(stream=stream, before=None if at_position is None else at_position + 1, limit=at)
        state = self._fold.over(self._fold.empty(stream), self.store.scan(wanted))
        check_found(self.store, stream, state.version, at)
        return state

    def walk(
        self, stream: str, *, at: int | None = None, at_position: int | None = None
    ) -> Iterator[tuple[Recorded, State[Any]]]:
        """See `Folds`."""
        return walked(self.store, self._fold, stream, at=at, at_position=at_position)

    def folded(self, selection: Selection, watch: Watch | None = None) -> Iterator[State[Any]]:
        """See `Folds`."""
        return folded(self.store, self._fold, selection, watch)

    def plain(self, state: Any) -> dict[str, Any]:
        """See `Folds`."""
        return _kept(state)

    def key_of_words(self, word: str) -> tuple[str, int] | None:
        """See `Folds`. How many parts a key has is not known, so that they are typed as one word: `a,b`."""
        there = next((name for name in (word, word.replace("-", "_")) if self._has(name)), None)
        return None if there is None else (there, 1)

    def category(self, word: str) -> str:
        """See `Folds`."""
        found = self.key_of_words(word)
        if found is None:
            hint = did_you_mean(word, list(categories(self.store)))
            raise NotFound(f"the log has no category {word!r}", code="category-not-found", hint=hint)
        return found[0]

    def called(self, stream: str) -> str:
        """See `Folds`."""
        return stream_named(self.store, stream)

    def _has(self, category: str) -> bool:
        return "-" not in category and next(iter(self.store.streams(category=category, limit=1)), None) is not None


def _kept(state: dict[str, Any]) -> dict[str, Any]:
    """The state with objects and lists of its own; no rule changes an element: they are shared, and soon compared."""
    return {
        name: _kept(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else value
        for name, value in state.items()
    }


def _parsed(event: StoredEvent | Recorded) -> Any:
    """The payload; numbers with a fraction as texts: so each keeps its digits, as decimals do everywhere."""
    try:
        return json.loads(event[5], parse_float=str, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"the event at @{event.position} holds no JSON: {error}", hint="restore a backup") from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
