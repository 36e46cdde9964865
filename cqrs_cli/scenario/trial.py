"""One scenario of a file, tried: what it says is made of the domain's classes, and compared as `Scenario` does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import BaseModel

from cqrs_cli.domain.messages import Command, Event
from cqrs_cli.domain.process_manager import After
from cqrs_cli.errors import CqrsError, InvalidInput, Misuse
from cqrs_cli.jsonable import jsonable
from cqrs_cli.scenario import differences
from cqrs_cli.scenario.described import Described
from cqrs_cli.scenario.differences import Told
from cqrs_cli.scenario.matchers import ABSENT, Resolver
from cqrs_cli.scenario.scenario import Scenario
from cqrs_cli.scenario.unfinished import watching
from cqrs_cli.scenario.vocabulary import Vocabulary, time_of
from cqrs_cli.scenario.yaml_tree import MISTAKE, Path

START = datetime(2026, 1, 1, tzinfo=UTC)
"""The time of a scenario that says none: the same whenever it is tried."""
_BESIDE = frozenset({"stream", "at", "version", "by", "id", "after", "named"})
"""What may stand beside the one message of an item."""
_GIVEN = frozenset({"stream", "at", "version", "by", "id"})
_Placed = tuple[Any, Path]
"""An item of a list and where it stands."""
_THEN = ("events", "rejected", "state", "holds", "rows", "sends")


class Tried(NamedTuple):
    """What came of a scenario. message: why it failed, in lines; None if it holds. code: `failed`, or of an error."""

    file: str
    line: int
    name: str
    code: str = "ok"
    message: str | None = None
    hint: str | None = None
    traceback: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it holds."""
        return self.message is None


def tried(vocabulary: Vocabulary, described: Described | InvalidInput) -> Tried:
    """Try it. Nothing is raised: what is wrong with the scenario, or with the domain's code, is why it fails."""
    if isinstance(described, InvalidInput):
        return _mistaken(described, f"line {described.details['line']}")
    trial, name = _Trial(vocabulary, described), described.name
    try:
        with watching():  # one that breaks off has nobody who asks what came of it
            trial.run()
    except AssertionError as error:
        return Tried(described.place.file, described.line, name, "failed", str(error))
    except CqrsError as error:
        if isinstance(error, InvalidInput) and error.code == MISTAKE:
            return _mistaken(error, name)
        line, where = trial.at
        told = f"{where}: {error.message}"
        return Tried(described.place.file, line, name, error.code, told, error.hint, error.traceback)
    return Tried(described.place.file, described.line, name)


def _mistaken(error: InvalidInput, name: str) -> Tried:
    file, line = error.details["file"], error.details["line"]
    return Tried(file, line, name, error.code, error.message.removeprefix(f"{file}:{line}: "), error.hint)


class _Trial:
    def __init__(self, vocabulary: Vocabulary, described: Described) -> None:
        self._words, self._place, self._members = vocabulary, described.place, described.members
        self._doing: Path = ()
        self._commands = 0

    @property
    def at(self) -> tuple[int, str]:
        """What is being done: the line of it, and its path."""
        return self._place.tree.line(self._doing), ".".join(map(str, self._doing))

    def run(self) -> None:
        """Raises `AssertionError` for what is not as expected, `InvalidInput` for what the file says wrong."""
        members, domain = self._members, self._words.domain
        services = self._words.services(self._place, members["services"]) if members.get("services") else {}
        self._scenario = Scenario(domain, services, rehearsing=True).at(START)
        if "at" in members:
            self._scenario.at(time_of(self._place, ("at",), members["at"]))
        given = members.get("given") or []
        if not isinstance(given, list):
            raise self._place.wrong(("given",), "what happened is a list", "- OrderCreated: {…}")
        for at, item in enumerate(given):
            self._doing = ("given", at)
            self._given(item, ("given", at))
        self._doing = ("when",)
        if "when" in members:
            self._when(members["when"], ("when",))
        self._doing = ("then",)
        self._then(members["then"], ("then",))

    # ── given and when ────────────────────────────────────────────────────────────────────────

    def _given(self, item: Any, path: Path) -> None:
        name, fields, beside = self._item(item, path, _GIVEN)
        self._move(beside, path)
        stream = self._text(beside, "stream", path)
        cls = self._words.message(self._place, (*path, name), name, Event, Command)
        version = beside.get("version")
        if version is not None:
            self._stored(name, cls, fields, version, stream, path)
        elif issubclass(cls, Command):
            self._scenario.given(self._command(cls, name, fields, beside, path))
        else:
            self._scenario.given(self._words.made(self._place, (*path, name), cls, fields), stream=stream)

    def _stored(self, name: str, cls: Any, fields: Any, version: Any, stream: str | None, path: Path) -> None:
        if not issubclass(cls, Event) or not isinstance(version, int) or stream is None:
            told = "an event of an older version has a number, and says whose it is"
            raise self._place.wrong((*path, "version"), told, "version: 1, and stream: order-17")
        self._scenario.given_stored(stream, name, json.loads(json.dumps(fields or {}, default=_plain)), version=version)

    def _when(self, item: Any, path: Path) -> None:
        if isinstance(item, dict) and "later" in item:
            if len(item) > 1:
                raise self._place.wrong(path, "later stands alone", "when: {later: 1d}")
            self._scenario.when_later(time_of(self._place, (*path, "later"), item["later"]))
            return
        name, fields, beside = self._item(item, path, _GIVEN - {"version"})
        self._move(beside, path)
        cls = self._words.message(self._place, (*path, name), name, Command, Event)
        if issubclass(cls, Command):
            self._scenario.when(self._command(cls, name, fields, beside, path))
        else:
            made = self._words.made(self._place, (*path, name), cls, fields)
            self._scenario.when(made, stream=self._text(beside, "stream", path))

    def _item(self, item: Any, path: Path, beside: frozenset[str]) -> tuple[str, Any, dict[str, Any]]:
        """The name of a message, its fields, and what stands beside it."""
        if isinstance(item, str):
            return item, None, {}
        names = [name for name in item if name not in _BESIDE] if isinstance(item, dict) else []
        if len(names) != 1:
            raise self._place.wrong(path, "one command or event is wanted", "OrderPaid: {amount: 3.00}")
        rest = {name: value for name, value in item.items() if name != names[0]}
        for name in rest:
            if name not in beside:
                raise self._place.wrong((*path, name), "means nothing here", f"there are: {', '.join(sorted(beside))}")
        return names[0], item[names[0]], rest

    def _move(self, beside: dict[str, Any], path: Path) -> None:
        if "at" in beside:
            self._scenario.at(time_of(self._place, (*path, "at"), beside["at"]))

    def _text(self, beside: dict[str, Any], name: str, path: Path) -> str | None:
        value = beside.get(name)
        if value is not None and not isinstance(value, str):
            value = self._place.tree.texts.get((*path, name))
        return value

    def _command(self, cls: type[Command], name: str, fields: Any, beside: dict[str, Any], path: Path) -> Command:
        """With an id that is the same each time, so that keys which are made of it are too."""
        self._commands += 1
        return self._words.made(self._place, (*path, name), cls, fields).with_meta(
            command_id=self._text(beside, "id", path) or f"scenario-{self._commands}",
            timestamp=self._scenario.now,
            user_id=self._text(beside, "by", path),
        )

    # ── then ──────────────────────────────────────────────────────────────────────────────────

    def _then(self, then: Any, path: Path) -> None:
        if then == "nothing":
            self._scenario.then_nothing()
            return
        if isinstance(then, list) or not isinstance(then, dict) or not set(then) & set(_THEN):
            self._then_events(_placed(then, path) if isinstance(then, list) else [(then, path)])
            return
        for name in then:
            if name not in _THEN:
                raise self._place.wrong((*path, name), "means nothing here", f"there are: {', '.join(_THEN)}, nothing")
        for name in ("state", "holds", "rows"):
            if name in then and then[name] in ({}, [], None):
                hint = "what is expected, or leave it out; rows: {board: []} for none"
                raise self._place.wrong((*path, name), "nothing is expected there", hint)
        if "rejected" in then:
            self._then_rejected(then["rejected"], (*path, "rejected"))
        elif self._scenario.rejection is not None:
            self._scenario.then()  # says why it was
        if "events" in then:
            self._then_events(self._listed(then["events"], (*path, "events")))
        if "state" in then:
            self._then_state(then["state"], (*path, "state"))
        if "holds" in then:
            self._then_holds(then["holds"], (*path, "holds"))
        if "sends" in then:
            self._then_sends(self._listed(then["sends"], (*path, "sends")))
        for table, rows in self._named(then.get("rows", {}), (*path, "rows")).items():
            self._then_rows(table, self._listed(rows, (*path, "rows", table)), (*path, "rows", table))

    def _then_events(self, items: Sequence[_Placed]) -> None:
        found = self._scenario.events
        if found is None:
            self._scenario.then()
        expected, misfits = self._expected(items, found or [], Event)
        differences.check_events(expected, found or [], misfits)

    def _then_sends(self, items: Sequence[_Placed]) -> None:
        found = self._scenario.sends
        expected, misfits = self._expected(items, found, Command)
        differences.check_sends(expected, found, misfits)

    def _expected(self, items: Sequence[_Placed], found: Sequence[Any], kind: type[Any]) -> tuple[list[Any], list[str]]:
        """The messages that are expected, matchers resolved by what stands at their place; and those that don't fit."""
        expected, misfits = [], []
        for at, (item, path) in enumerate(items):
            beside = frozenset({"after", "named"}) if kind is Command else frozenset()
            name, fields, rest = self._item(item, path, beside)
            inner = (*path, name)
            cls = self._words.message(self._place, inner, name, kind)
            other = found[at] if at < len(found) else None
            actual = other.command if isinstance(other, After) else other
            resolver = Resolver(self._place.wrong)
            values = resolver.resolved(fields, jsonable(actual) if type(actual) is cls else ABSENT, inner)
            number = f"{at + 1}. " if max(len(items), len(found)) > 1 else ""
            misfits += [
                f"  {number}{name}.{'.'.join(map(str, one.path[len(inner) :]))}: expected {one.wanted}, was {one.found}"
                for one in resolver.misfits
            ]
            made = self._words.made(self._place, inner, cls, values) if not resolver.open else Told(name, values)
            if "after" in rest:
                delay = time_of(self._place, (*path, "after"), rest["after"])
                if not isinstance(delay, timedelta):
                    raise self._place.wrong((*path, "after"), "a deadline has a length", "after: 1d")
                made = After(delay, made, self._text(rest, "named", path))  # type: ignore[arg-type]
            expected.append(made)
        return expected, misfits

    def _then_rejected(self, wanted: Any, path: Path) -> None:
        error = self._scenario.rejection
        if isinstance(wanted, str) or error is None:
            self._scenario.then_rejected(wanted if isinstance(wanted, str) else None)
            return
        resolver = Resolver(self._place.wrong)
        found = {"code": error.code, "message": error.message}
        for name in (fields := self._named(wanted, path)):
            if name not in found:
                raise self._place.wrong((*path, name), "means nothing here", "there are: code, message")
        resolved = resolver.resolved(fields, found, path)
        told = [f"  .{one.path[-1]}: expected {one.wanted}, was {one.found}" for one in resolver.misfits]
        told += [
            f"  .{name}: expected {value}, was {found[name]}"
            for name, value in resolved.items()
            if value != found[name]
        ]
        if told:
            raise AssertionError("\n".join(["it was rejected otherwise than expected:", *told]))

    def _then_state(self, fields: Any, path: Path) -> None:
        state = self._scenario.state
        if state is None:
            raise self._place.wrong(path, "there is no aggregate whose state it is", "when: a command")
        expected, misfits = self._fields(state, type(state), self._named(fields, path), path)
        differences.check_fields(expected, state, misfits)

    def _then_holds(self, conditions: Any, path: Path) -> None:
        texts = conditions if isinstance(conditions, list) else [conditions]
        for at, text in enumerate(texts):
            try:
                self._scenario.then_holds(self._words.rule(str(text)))
            except Misuse as error:
                inner = (*path, at) if texts is conditions else path
                raise self._place.wrong(inner, error.message, error.hint or "state.in_stock >= 0") from None

    def _then_rows(self, table: str, rows: Sequence[_Placed], path: Path) -> None:
        domain = self._words.domain
        try:
            kind = domain.rows_of(table)
        except CqrsError as error:
            raise self._place.wrong(path, error.message, error.hint or "a read model") from None
        found: Sequence[Any] = self._scenario.rows(table)
        expected, misfits = [], list[str]()
        for fields, inner in rows:
            named = self._named(fields, inner)
            missing = [name for name in kind.table.key if name not in named]
            if missing:
                raise self._place.wrong(
                    inner, f"a row of {table} without its {missing[0]}", "its key says which is meant"
                )
            key = {
                name: self._words.field(self._place, (*inner, name), kind.cls, name, named[name])
                for name in kind.table.key
            }
            row = next((one for one in found if all(getattr(one, name) == key[name] for name in key)), None)
            values, wrong = ({}, []) if row is None else self._fields(row, kind.cls, named, inner)
            misfits += [
                f"  {table}/{','.join(str(jsonable(part)) for part in key.values())}{one.strip()}" for one in wrong
            ]
            expected.append({**values, **key})
        differences.check_rows(kind, expected, found, misfits)

    def _fields(
        self, found: BaseModel, cls: type[BaseModel], fields: dict[str, Any], path: Path
    ) -> tuple[dict[str, Any], list[str]]:
        resolver, actual = Resolver(self._place.wrong), jsonable(found)
        values = {
            name: self._words.field(
                self._place, (*path, name), cls, name, resolver.resolved(value, actual.get(name, ABSENT), (*path, name))
            )
            for name, value in fields.items()
        }
        misfits = [
            f"  .{'.'.join(map(str, one.path[len(path) :]))}: expected {one.wanted}, was {one.found}"
            for one in resolver.misfits
        ]
        return values, misfits

    def _listed(self, value: Any, path: Path) -> list[_Placed]:
        if not isinstance(value, list):
            raise self._place.wrong(path, "a list is wanted", "- one; [] for none")
        return _placed(value, path)

    def _named(self, value: Any, path: Path) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._place.wrong(path, "names with values are wanted", "name: value")
        return value


def _placed(items: list[Any], path: Path) -> list[_Placed]:
    return [(item, (*path, at)) for at, item in enumerate(items)]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)  # as a stored payload has it
    raise TypeError(f"{value!r} is no value of JSON")
