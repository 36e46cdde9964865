"""A process that folds a store with a domain and tells what came of it, a line of JSON each.

    fold      ["state", category, stream, state] and ["row", read model, key, row], all of them
    steps     [position, version, type, digest of the state or row after it] of one stream or row
    watch     [what, name, file, line] of what the user's code looked at while it was folded

Before each aggregate and read model stands a line without key and value; one whose fold fails has the key `!` and says
why. The first line tells of the clock, the last is ["end"].
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from cqrs_cli.checking.surroundings import enter
from cqrs_cli.checking.task import taken

FAILED = "!"


def main() -> None:
    """Do what the task says: `app`, `folder`, `store`, `head`, `do`, `subject`, `shift`, `locales`."""
    asked, say = taken()
    shifted = enter(asked["shift"], tuple(asked["locales"]))
    say(["clock", shifted])

    from cqrs_cli.loading import load_domain
    from cqrs_cli.workbench.workbench import Workbench

    with Workbench.open(
        asked["store"], load_domain(asked["app"], asked["folder"]), create=False, read_only=True
    ) as bench:
        work = {"fold": _fold, "steps": _steps, "watch": _watch}[asked["do"]]
        for line in work(bench, asked["head"], asked["subject"]):
            say(line)
    say(["end"])


def _fold(bench: Any, head: int, subject: Any) -> Iterator[list[Any]]:
    from cqrs_cli.errors import CqrsError, StoreFailed
    from cqrs_cli.history.rows import row_key_text

    for category in sorted(bench.domain.aggregates):
        yield ["state", category, None, None]
        try:
            for state in bench.replay_all(category, at_position=head):
                yield ["state", category, state.stream, bench.jsonable(state.state)]
        except StoreFailed:
            raise
        except CqrsError as error:
            yield ["state", category, FAILED, f"{error.code}: {error.message}"]
    for kind in sorted(bench.domain.row_types(), key=lambda one: one.name):
        yield ["row", kind.name, None, None]
        try:
            for row in bench.rows_at(kind.name, head):
                key = tuple(column.encode(getattr(row, column.column.name)) for column in kind.key_columns)
                yield ["row", kind.name, row_key_text(kind, key), bench.jsonable(row)]
        except StoreFailed:
            raise
        except CqrsError as error:
            yield ["row", kind.name, FAILED, f"{error.code}: {error.message}"]


class _Steps:
    """Looks on while one stream or row is folded, and keeps a digest of each step."""

    envelopes = False

    def __init__(self, bench: Any) -> None:
        self._bench = bench
        self.steps: list[list[Any]] = []

    def copy(self, state: Any) -> None: ...

    def look(self, stored: Any, event: Any, before: Any, state: Any, key: Any) -> None:
        plain = None if state is None else self._bench.jsonable(state)
        text = json.dumps(plain, sort_keys=True, default=str).encode()
        self.steps.append([stored.position, stored.version, stored.type, hashlib.sha256(text).hexdigest()])


def _steps(bench: Any, head: int, subject: Any) -> Iterator[list[Any]]:
    from cqrs_cli.errors import CqrsError

    watch = _Steps(bench)
    with contextlib.suppress(CqrsError):  # up to the event that fails, which was told already
        _over(bench, head, subject, watch)
    yield from watch.steps


def _watch(bench: Any, head: int, subject: Any) -> Iterator[list[Any]]:
    from cqrs_cli.checking.impurities import Watching

    with contextlib.suppress(Exception), Watching() as watching:
        _over(bench, head, subject, None)
    for look in watching.looks:
        yield list(look)


def _over(bench: Any, head: int, subject: Any, watch: Any) -> None:
    """Fold the one stream or row that the subject names."""
    from cqrs_cli.history.rows import row_key
    from cqrs_cli.stores.contract import Selection

    kind, name, key = subject
    if kind == "state":
        for _ in bench.aggregates.folded(Selection(stream=key, before=head + 1), watch):
            pass
        return
    wanted = row_key(bench.domain.rows_of(name), key).__eq__
    bench.watch_rows(name, watch or _Steps(bench), position=head, wanted=wanted)
