"""A process that looks at a store with one version of a domain and tells what it comes to, a line of JSON each.

    ["schemas", lock, names]                    the lock of its classes; the names that have fields, with these
    ["command", "", [position, id], told]       a recorded command, and what it comes to
    ["state", category, stream, told]           the state of a stream as JSON text, or why it can't be folded
    ["row", read model, key, told]              a row as JSON text, and its key as it is typed
    ["event", "", position, told]               an event that it can't decode: type, stream, version, why

Each kind comes whole, in this order; groups by name, what is in one by its key. A group begins with a line without key,
which says what is true of all of it; events end with one, which counts them by type. `["failed", …]` is an error that
concerns all. What has to be the same for two of these processes is: the log up to a head, the clock, chance.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from cqrs_cli.checking.surroundings import stop_clock
from cqrs_cli.checking.task import taken

Line = list[Any]
_PLACE = re.compile(r"\bevent \d+ \(\S+ version \d+\): ")
"""It stands in errors; what is told of many has it apart."""


def main() -> None:
    """Do what the task says: `app`, `folder`, `store`, `head`, `moment`; `root`, `top`, see `_imported_from`."""
    asked, say = taken()
    stop_clock(asked["moment"])
    random.seed(0)
    from cqrs_cli.errors import CqrsError

    try:
        for line in _told(asked):
            say(line)
    except CqrsError as error:
        told = [type(error).__name__, error.message, error.hint, error.code, error.traceback, error.details]
        say(["failed", *told])
    say(["end"])


def _told(asked: dict[str, Any]) -> Iterator[Line]:
    from cqrs_cli.checking.lock_file import lock_of
    from cqrs_cli.workbench.workbench import Workbench

    domain = _domain(asked)
    yield ["schemas", lock_of(domain), _names(domain)]
    head = asked["head"]
    with Workbench.open(asked["store"], domain, create=False, read_only=True) as bench:
        yield from _commands(bench, head)
        yield from _states(bench, head)
        yield from _rows(bench, head)
        yield from _events(bench, head)


# ── whose code it is ──────────────────────────────────────────────────────────────────────────


def _domain(asked: dict[str, Any]) -> Any:
    from cqrs_cli.loading import load_domain

    root, top = asked["root"], asked["top"]
    if root is None:
        return load_domain(asked["app"], asked["folder"])
    sys.dont_write_bytecode = True
    sys.path[:] = [_moved(entry, root, top) for entry in sys.path]
    before = set(sys.modules)
    domain = load_domain(asked["app"], asked["folder"])
    _check_origin(asked["app"], root, top, before)
    return domain


def _moved(entry: str, root: str, top: str) -> str:
    """Where modules are looked for instead, in the files of the commit and not in the work tree."""
    real = os.path.realpath(entry or os.curdir)
    return os.path.join(root, os.path.relpath(real, top)) if _is_of_work_tree(real, top) else entry


def _is_of_work_tree(real: str, top: str) -> bool:
    if not os.path.join(real, "").startswith(os.path.join(top, "")):
        return False
    places = [os.path.realpath(place) for place in {sys.prefix, sys.base_prefix}]
    if any(real.startswith(os.path.join(place, "")) and place != top for place in places):
        return False  # an environment that stands in the work tree
    return not {"site-packages", "dist-packages"} & set(real.split(os.sep))


def _check_origin(app: str, root: str, top: str, before: set[str]) -> None:
    """Refuse to go on with code that is not the commit's. Raises `DomainNotLoaded`."""
    from cqrs_cli.errors import DomainNotLoaded

    name = app.partition(":")[0]
    for module in sorted(set(sys.modules) - before):
        file = getattr(sys.modules[module], "__file__", None)
        real = None if file is None else os.path.realpath(file)
        if module == name and real is not None and not real.startswith(os.path.join(root, "")):
            told = f"{name} comes from {real}, which is no file of the commit"
            raise DomainNotLoaded(told, hint="the domain has to stand in the repository; else name two: MODULE:ATTR")
        if real is not None and not module.startswith("cqrs_cli.") and _is_of_work_tree(real, top):
            told = f"the code of that commit imports {module} from {real}, which is the work tree of today"
            raise DomainNotLoaded(told, hint="modules are found by the paths of sys.path, not by paths in the code")


def _names(domain: Any) -> dict[str, Any]:
    """What a field can be said to be of: by stored name and by class, the stored name and the fields."""
    found: dict[str, Any] = {}
    kinds = [(name, cls) for name, cls in domain.events.items()]
    kinds += [(one.category, one.cls) for one in domain.aggregates.values()]
    kinds += [(rows.name, rows.cls) for rows in domain.row_types()]
    for name, cls in kinds:
        stored = cls.stored.name if hasattr(cls, "stored") else name
        found[name] = found[cls.__name__] = [stored, sorted(cls.model_fields)]
    return found


# ── what it comes to ──────────────────────────────────────────────────────────────────────────


def _events(bench: Any, head: int) -> Iterator[Line]:
    from cqrs_cli.errors import DomainFailed, Undecodable
    from cqrs_cli.stores.contract import Selection

    decoders: dict[tuple[str, int], Any] = {}
    counts: dict[str, int] = {}
    yield ["event", "", None, {}]
    for event in bench.store.scan(Selection(before=head + 1)):
        counts[event.type] = counts.get(event.type, 0) + 1
        kind = (event.type, event.schema_version)
        try:
            if kind not in decoders:
                decoders[kind] = bench.codec.decoder(*kind)
            decoders[kind](event.data)
        except KeyboardInterrupt:
            raise
        except BaseException:  # the user's code may raise what it likes
            try:
                bench.codec.decode(event)
            except (Undecodable, DomainFailed) as error:
                told = {"type": event.type, "stream": event.stream, "version": event.schema_version, **_why(error)}
                yield ["event", "", event.position, told]
    yield ["event", "", None, counts]


def _states(bench: Any, head: int) -> Iterator[Line]:
    from cqrs_cli.errors import CqrsError, StoreFailed
    from cqrs_cli.stores.contract import Selection

    for category in sorted(bench.domain.categories):
        aggregate = bench.domain.categories[category]
        fold = bench.aggregates.fold_of(aggregate)
        yield ["state", category, None, {"name": aggregate.category}]
        read = bench.store.scan(Selection(category=category, before=head + 1, by_stream=True))
        for stream, events in groupby(read, key=itemgetter(1)):
            try:
                state = fold.over(fold.empty(stream), events)
                told = {"is": _text(bench.jsonable(state.state))}
            except StoreFailed:
                raise
            except CqrsError as error:
                told = _why(error)
            yield ["state", category, stream, told]


def _rows(bench: Any, head: int) -> Iterator[Line]:
    from cqrs_cli.errors import CqrsError, StoreFailed
    from cqrs_cli.history.rows import row_key_text

    for kind in sorted(bench.domain.row_types(), key=attrgetter("name")):
        columns = [(column.column.name, column.column.kind) for column in kind.key_columns]
        yield ["row", kind.name, None, {"key": columns}]
        try:
            for row in bench.rows_at(kind.name, head):
                key = tuple(column.encode(getattr(row, column.column.name)) for column in kind.key_columns)
                yield ["row", kind.name, key, {"key": row_key_text(kind, key), "is": _text(bench.jsonable(row))}]
        except StoreFailed:
            raise
        except CqrsError as error:
            yield ["row", kind.name, None, _why(error)]


def _commands(bench: Any, head: int) -> Iterator[Line]:
    from cqrs_cli.history.rehearsal import Wanted, rehearse

    yield ["command", "", None, {}]
    judged = rehearse(bench, Wanted(until=head))
    for position, those in groupby(judged, key=attrgetter("position")):
        # Of a journal that somebody writes to, the two may not see the same: what both see is found by its id.
        for one in sorted(those, key=attrgetter("command_id")):
            yield ["command", "", [position, one.command_id], _outcome(bench, one)]


def _outcome(bench: Any, one: Any) -> dict[str, Any]:
    came = one.today
    told: dict[str, Any] = {"command": one.command, "verdict": one.verdict, "why": _PLACE.sub("", one.why or "")}
    if came is None:
        return told
    stored = [bench.codec.encode(event) for event in came.events]
    events = [[event.type, event.schema_version, event.data.decode("utf-8", "surrogatepass")] for event in stored]
    return {**told, "is": _text({"stream": came.stream, "events": events, "code": came.code, "reason": came.reason})}


def _why(error: Any) -> dict[str, Any]:
    """Why something can't be folded, without the place, and the position of the event that is to blame."""
    from cqrs_cli.errors import CqrsError

    inner = error.__cause__ if isinstance(error.__cause__, CqrsError) else error
    position = error.details.get("position")
    return {"why": _PLACE.sub("", inner.message), "position": position}


def _text(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True, default=str)
