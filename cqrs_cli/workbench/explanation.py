"""How a command came to its outcome: what was loaded, who decided what, what was expected of the log and written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, cast

from cqrs_cli.domain.clauses import Clause
from cqrs_cli.domain.decision import Decided, Target
from cqrs_cli.domain.fold import State
from cqrs_cli.domain.messages import Command
from cqrs_cli.stores.commits import Recorded, SentCommand
from cqrs_cli.stores.contract import Inline
from cqrs_cli.stores.rows import Rows, Table
from cqrs_cli.workbench.outcome import Expect
from cqrs_cli.workbench.sender import Sender


class Explanation:
    """Filled while a command is sent; what it did not come to stays None. Of several tries it is the last.

    clause: the method that decides. stream, version: the aggregate that it decided on, 0 before its first event.
    folded: the events that were read for that; None: the command opens its stream, so none were looked for. snapshot:
    the version that the fold began with. expected: the version at which the append was to find the stream. events: the
    types that were decided. tries: how often; assumed: the first of them as if the stream were not there. rows: by
    inline projection, how many changed in the commit's transaction.
    """

    def __init__(self) -> None:
        self.clause: Clause | None = None
        self.stream: str | None = None
        self.version: int | None = None
        self.folded: int | None = None
        self.snapshot: int | None = None
        self.expected: int | None = None
        self.events: list[str] | None = None
        self.tries, self.assumed = 0, False
        self.rows: dict[str, int] = {}


class ExplainedSender(Sender):
    """A sender that tells what it does."""

    def __init__(self, sender: Sender, told: Explanation) -> None:
        self.__dict__.update(sender.__dict__)
        self._told = told

    def decide(
        self,
        command: Command,
        sent: SentCommand,
        target: Target,
        expect: Expect = None,
        state: State[Any] | None = None,
    ) -> Decided:
        """`Sender.decide`, told."""
        told = self._told
        told.clause, told.stream, told.tries = target.clause, target.stream, told.tries + 1
        told.events = told.folded = told.snapshot = None
        told.assumed = told.assumed or state is not None
        if state is None:
            snapshots, fold = self.aggregates.snapshots, self.aggregates.fold_of(target.aggregate)
            start = snapshots.start(fold, target.stream)
            state = snapshots.load(fold, target.stream)
            told.snapshot = None if start is None else start.version
            told.folded = state.version - (told.snapshot or 0)
        told.version = state.version
        told.expected = state.version if expect is None else 0 if expect == "new" else expect
        decided = super().decide(command, sent, target, expect, state)
        told.events = [event.type for event in decided.commit.events] if decided.commit is not None else []
        return decided

    def inline_hook(self) -> Inline | None:
        """`Sender.inline_hook`, whose rows are counted."""
        hook = super().inline_hook()
        if hook is None:
            return None

        def counted(rows: Rows, recorded: Sequence[Recorded]) -> None:
            seen = _CountedRows(rows)
            hook(cast(Rows, seen), recorded)
            self._told.rows = dict(seen.changed)

        return counted


class _CountedRows:
    """The rows of a transaction, which counts those that are written by table."""

    def __init__(self, rows: Rows) -> None:
        self._rows, self.changed = rows, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    def put(self, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
        every = list(rows)
        self.changed[table.name] += len(every)
        self._rows.put(table, every)

    def delete(self, table: Table, keys: Iterable[tuple[Any, ...]]) -> None:
        every = list(keys)
        self.changed[table.name] += len(every)
        self._rows.delete(table, every)
