"""Impact: what another version of the code makes of the same log, beside what today's makes of it.

Two processes load one version each and tell what comes of it, in one order; here the two are put side by side as they
come. Kept are counts and the first few differences of each kind.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from cqrs_cli import errors
from cqrs_cli.checking.child_process import told_by
from cqrs_cli.checking.git import commit_of
from cqrs_cli.checking.lock import compared as locks_compared
from cqrs_cli.checking.material import Material
from cqrs_cli.checking.past_code import PastCode, past_code
from cqrs_cli.checking.side_by_side import side_by_side
from cqrs_cli.errors import ConfigurationError, CqrsError, DomainFailed, DomainNotLoaded, Misuse, Undecodable
from cqrs_cli.finding import Checked
from cqrs_cli.history.changes import Change, placed_changes
from cqrs_cli.history.comparison import compare
from cqrs_cli.history.impact import KINDS, Effects, Example, Impact
from cqrs_cli.history.outcomes import DIFFERENT, Came, differences, is_ignored, verdict
from cqrs_cli.history.rehearsal import NONDETERMINISTIC, UNJUDGED
from cqrs_cli.history.shapes import ANY, Shape
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.passing import passing_folder
from cqrs_cli.workbench.workbench import Workbench

_GIT = "git:"
_MODULE = re.compile(r"[\w.]+:\w+")
_MOST_WHYS = 20
_Line = list[Any]
_Pair = tuple[Any, Any]


def check(material: Material) -> Checked:
    """`impact` as a part of a check, against `material.against`; without a store it has nothing to look at."""
    if material.against is None:
        return Checked("impact", nothing="nothing says what to compare with")
    if material.bench is None:
        return Checked("impact", nothing=material.no_store)
    return impact(material, material.bench, material.against).checked()


def impact(
    material: Material, bench: Workbench, against: str, old_app: str | None = None, ignored: Collection[str] = ()
) -> Impact:
    """Compare what today's code makes of a log with what other code makes of it.

    against: `git:REF`, or `MODULE:ATTR` beside today's. old_app: what the domain is called there, if not as today.
    ignored: fields that may differ, `NAME.FIELD` of an event, a state or a row. Raises `Misuse` for what is no such
    commit, domain or field, `DomainNotLoaded` for code that can't be imported, and what concerns the store as a whole.
    """
    if not bench.store.head():
        _check_against(material, against)
        return Impact(against, nothing=f"the log of {bench.store.url} is empty")
    with _Versions(material, bench, against, old_app).told() as (label, old, new):
        return _Comparison(bench, label, ignored).of(old, new, material)


def _check_against(material: Material, against: str) -> None:
    if against.startswith(_GIT):
        commit_of(material.folder, against.removeprefix(_GIT))
    elif not _MODULE.fullmatch(against):
        hint = "git:main, git:HEAD~1, or the other domain as MODULE:ATTR"
        raise Misuse(f"--against {against} is neither a commit nor a domain", hint=hint)


# ── the two versions ──────────────────────────────────────────────────────────────────────────


class _Versions:
    """Two processes, each with one version of the code, on one log up to one head, at one moment."""

    def __init__(self, material: Material, bench: Workbench, against: str, old_app: str | None) -> None:
        self._material, self._bench, self._against, self._old_app = material, bench, against, old_app
        self._head, self._moment = bench.store.head(), time.time()

    @contextmanager
    def told(self) -> Iterator[tuple[str, Iterator[_Line], Iterator[_Line]]]:
        """What the other is called, and the lines of the other and of today's."""
        material, against = self._material, self._against
        _check_against(material, against)
        with ExitStack() as opened:
            # Whichever process is there takes this folder along when this one is killed.
            place = opened.enter_context(passing_folder("cqrs-impact-"))
            past, label, app, folder = None, against, against, str(material.folder)
            if against.startswith(_GIT):
                code = Path(place, "code")
                code.mkdir()
                past = past_code(material.folder, against.removeprefix(_GIT), code)
                label, app, folder = f"{against} ({past.commit[:12]})", self._old_app or material.app, str(past.folder)
            elif self._old_app is not None:
                raise Misuse("--old-app is for a commit", hint="--against git:REF --old-app MODULE:ATTR")
            old = opened.enter_context(self._lines(app, folder, past, place, f"the code of {label}"))
            new = opened.enter_context(
                self._lines(material.app, str(material.folder), None, place, "the code of today")
            )
            yield label, self._checked(old, label, past), self._checked(new, None, None)

    def _lines(self, app: str, folder: str, past: PastCode | None, place: str, what: str) -> Any:
        task = {
            "app": app,
            "folder": folder,
            "store": self._material.store or self._bench.store.url,
            "head": self._head,
            "moment": self._moment,
            "place": place,
            "root": None if past is None else str(past.root),
            "top": None if past is None else os.path.realpath(past.top),
        }
        environ = {**os.environ, "PYTHONHASHSEED": "1"}
        hint = "look for what ends a process in the code that is imported or folded"
        return told_by("cqrs_cli.checking.impact_process", task, environ, what, hint)

    @staticmethod
    def _checked(lines: Iterator[_Line], label: str | None, past: PastCode | None) -> Iterator[_Line]:
        """The lines, up to an error that concerns all. Raises it."""
        for line in lines:
            if line[0] == "failed":
                raise _failed(line, label, past)
            yield line


def _failed(line: _Line, label: str | None, past: PastCode | None) -> CqrsError:
    _, name, message, hint, code, traceback, details = line
    if label is not None:
        message = f"{label}: {message}"
        if past is not None and name == "DomainNotLoaded":
            hint = _hint_of(hint, past)
            details = {}
    kind = getattr(errors, name, DomainNotLoaded)
    error: CqrsError = kind(message, hint=hint, code=code, traceback=traceback)
    error.details = {**error.details, **details}
    return error


def _hint_of(hint: str | None, past: PastCode) -> str:
    if past.absent:
        return f"the files of submodules are not at hand: {', '.join(past.absent)}; git submodule update --init"
    if hint is not None and not hint.startswith("looked in "):
        return hint
    return "both versions run with this Python, its packages and this cqrs; --old-app MODULE:ATTR if it was elsewhere"


# ── side by side ──────────────────────────────────────────────────────────────────────────────


class _Comparison:
    def __init__(self, bench: Workbench, label: str, ignored: Collection[str]) -> None:
        self._bench, self._domain, self._label = bench, bench.domain, label
        self._typed, self._ignored = ignored, set[str]()
        self._effects = Effects()
        self._compared: dict[tuple[str, str], int] = {}
        self._not_judged: dict[str, tuple[int, int]] = {}

    def of(self, old: Iterator[_Line], new: Iterator[_Line], material: Material) -> Impact:
        """All that both tell, put side by side."""
        before, today = next(old), next(new)
        self._ignored = _fields(self._typed, {**before[2], **today[2]})
        schema = locks_compared(self._domain, before[1], self._label, is_own=False)
        ways: dict[str, Callable[..., None]] = {
            "event": self._events,
            "state": self._states,
            "row": self._rows,
            "command": self._commands,
        }
        with material.progress("compared", None, "states, rows and commands") as done:
            for (place, name), one, other in side_by_side(_groups(old), _groups(_counted(new, done))):
                if one is not None and other is not None:  # what only one has is told by the classes
                    ways[KINDS[place]](name, one, other)
        counts = sorted(self._compared.items(), key=lambda one: (KINDS.index(one[0][0]), one[0][1]))
        compared = {kind: count for kind, count in counts if count}
        nothing = "" if compared else f"the log of {self._bench.store.url} has nothing that either version knows"
        return Impact(self._label, compared, self._effects.found(), schema, self._not_judged, nothing)

    def _count(self, kind: str, name: str, count: int = 1) -> None:
        self._compared[(kind, name)] = self._compared.get((kind, name), 0) + count

    # ── events ────────────────────────────────────────────────────────────────────────────────

    def _events(self, _: str, old: Iterator[_Line], new: Iterator[_Line]) -> None:
        """Both tell what they can't decode."""
        counts: dict[str, int] = {}

        def failing(lines: Iterator[_Line]) -> Iterator[_Pair]:
            for _, _, position, told in lines:
                if position is None:
                    counts.update(told)
                else:
                    yield position, told

        for position, one, other in side_by_side(failing(old), failing(new)):
            told = one or other
            if one is not None and other is not None:
                self._count("event", told["type"], -1)  # nobody's
                continue
            way = "unreadable" if other is not None else "readable again"
            why = f"version {told['version']}: {told['why'] if other is not None else 'could not be decoded before'}"
            self._effects.add(("event", told["type"], way), Example(told["stream"], position, (), why))
        for name, count in sorted(counts.items()):
            self._count("event", name, count)

    # ── states and rows ───────────────────────────────────────────────────────────────────────

    def _states(self, category: str, old: Iterator[_Line], new: Iterator[_Line]) -> None:
        aggregate = self._domain.categories.get(category)
        name, shape = (category, ANY) if aggregate is None else (aggregate.category, Shape(aggregate.cls))
        for (_, _, stream, one), (_, _, _, other) in zip(old, new, strict=True):
            if stream is None:
                continue
            if "why" in one and "why" in other:
                self._unfolded("state", name, one["why"])
            else:
                self._count("state", name)
                self._told(("state", name), stream, one, other, shape)

    def _rows(self, name: str, old: Iterator[_Line], new: Iterator[_Line]) -> None:
        heads = [next(side)[3]["key"] for side in (old, new)]
        if heads[0] != heads[1]:
            return  # another key: the classes tell, and no row is the same one
        failed: dict[bool, dict[str, Any]] = {}

        def keyed(lines: Iterator[_Line], is_new: bool) -> Iterator[_Pair]:
            for _, _, key, told in lines:
                if key is None:
                    failed[is_new] = told
                    return
                yield key, told

        sides = [keyed(old, False), keyed(new, True)]
        firsts = [list(islice(side, 1)) for side in sides]  # what can't be folded is told first
        if len(failed) == 2:
            self._unfolded("row", name, failed[False]["why"])
        elif failed:
            self._count("row", name)
            way = "fails" if True in failed else "folds again"
            (told,) = failed.values()
            self._effects.add(("row", name, way), Example(name, told["position"], (), told["why"]))
        else:
            shape = Shape(self._domain.rows_of(name).cls)
            whole = [chain(first, side) for first, side in zip(firsts, sides, strict=True)]
            for _, one, other in side_by_side(*whole):
                self._count("row", name)
                self._told(("row", name), (one or other)["key"], one, other, shape)

    def _unfolded(self, kind: str, name: str, why: str) -> None:
        self._note(f"a {kind} of {name} that neither version can fold: {why}", 0)

    def _told(self, of: tuple[str, str], subject: str, one: Any, other: Any, shape: Shape) -> None:
        """Compare two states or rows; None where there is none."""
        if one == other:
            return
        if one is None or other is None:
            before, after = (None if side is None else json.loads(side["is"]) for side in (one, other))
            way = "new" if one is None else "gone"
            self._effects.add((*of, way), Example(subject, None, (Change("", before, after),)))
            return
        for side, way in ((other, "fails"), (one, "folds again")):
            if "why" in side:
                self._effects.add((*of, way), Example(subject, side["position"], (), side["why"]))
                return
        old, new = json.loads(one["is"]), json.loads(other["is"])
        placed = placed_changes(compare(old, new, shape))
        kept = [change for change in placed if not is_ignored(f"{of[1]}.{change.told.path}", self._ignored)]
        if not kept:
            return
        gains = all(isinstance(change.path[0], str) and change.path[0] not in old for change in kept)
        way = "gains fields" if gains else "changed"
        fields = {_field(change.path): None for change in kept}
        self._effects.add((*of, way), Example(subject, None, tuple(one.told for one in kept)), fields)

    # ── commands ──────────────────────────────────────────────────────────────────────────────

    def _commands(self, _: str, old: Iterator[_Line], new: Iterator[_Line]) -> None:
        sides = [((line[2], line[3]) for line in side if line[2] is not None) for side in (old, new)]
        for (position, id), one, other in side_by_side(*sides):
            if one is None or other is None:
                self._note("it came or went while the two were looking", position)
                continue
            name, way = other["command"], self._way(one, other)
            if way is not None:
                self._note(way, position)
                continue
            self._count("command", name)
            if other["verdict"] == NONDETERMINISTIC:
                why = "two runs of today's code differ, of the other's they do not"
                self._effects.add(("command", name, NONDETERMINISTIC), Example(id, position, (), why))
            elif one["is"] != other["is"]:
                self._outcomes(name, Example(id, position), json.loads(one["is"]), json.loads(other["is"]))

    @staticmethod
    def _way(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
        """Why a command can't be judged, by either or both."""
        if one["verdict"] == other["verdict"] == UNJUDGED and one["why"] == other["why"]:
            return str(one["why"])
        for side, when in ((other, "today"), (one, "before")):
            if side["verdict"] == UNJUDGED:
                return f"{when}: {side['why']}"
        if one["verdict"] == NONDETERMINISTIC:
            return "before: two runs of one and the same code differ"
        return None

    def _note(self, why: str, position: int) -> None:
        if len(self._not_judged) == _MOST_WHYS:
            why = why if why in self._not_judged else "other reasons"
        count, first = self._not_judged.get(why, (0, position))
        self._not_judged[why] = (count + 1, first)

    def _outcomes(self, name: str, example: Example, one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
        try:
            before, today = self._came(one), self._came(other)
        except (Undecodable, DomainFailed) as error:
            change = Change("events", *([type for type, *_ in side["events"]] for side in (one, other)))
            self._effects.add(("command", name, DIFFERENT), example._replace(changes=(change,), why=error.message))
            return
        found = differences(before, today, self._bench.jsonable, self._ignored)
        if found:
            fields = {re.sub(r"#\d+", "", change.path): None for change in found}
            way = verdict(before, today, found)
            self._effects.add(("command", name, way), example._replace(changes=tuple(found)), fields)

    def _came(self, told: Mapping[str, Any]) -> Came:
        """The outcome in today's classes. Raises `Undecodable`, `DomainFailed`."""
        events = [
            self._bench.codec.event(type, version, data.encode("utf-8", "surrogatepass"))
            for type, version, data in told["events"]
        ]
        return Came(told["stream"], tuple(events), told["code"], told["reason"])


def _groups(lines: Iterator[_Line]) -> Iterator[_Pair]:
    """The lines by kind and name, in their order."""
    for (kind, name), found in groupby(lines, key=itemgetter(0, 1)):
        yield (KINDS.index(kind), name), found


def _counted(lines: Iterator[_Line], done: Callable[[int], object]) -> Iterator[_Line]:
    for line in lines:
        done(1)
        yield line


def _field(path: Sequence[Any]) -> str:
    """A path without which element it is: `items[].price`."""
    told = ""
    for step in path:
        told += (f".{step}" if told else step) if isinstance(step, str) else "[]"
    return told


def _fields(typed: Collection[str], names: Mapping[str, Any]) -> set[str]:
    """Fields that were typed, by the names under which they are compared. Raises `ConfigurationError`."""
    found = set()
    for one in typed:
        name, _, path = one.partition(".")
        field = path.partition(".")[0].partition("[")[0]
        stored, fields = names.get(name, ("", []))
        if field not in fields:
            hint = did_you_mean(name, list(names)) if name not in names else f"{name} has {', '.join(fields)}"
            hint = hint or "NAME.FIELD, of an event, an aggregate or a read model"
            raise ConfigurationError(f"--ignore {one} is no field of an event, a state or a row", hint=hint)
        found.add(f"{stored}.{path}")
    return found
