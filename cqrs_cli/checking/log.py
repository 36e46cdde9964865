"""The log: whether every stored event, and command, is read by today's classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from pydantic import ValidationError

from cqrs_cli.checking.material import Material
from cqrs_cli.domain.process_manager import CommandRejected
from cqrs_cli.errors import DomainFailed, Undecodable
from cqrs_cli.finding import Checked, Finding
from cqrs_cli.stores.commits import RecordedCommit, StoredEvent
from cqrs_cli.stores.streams import category_of
from cqrs_cli.workbench.workbench import Workbench

_TOGETHER = 5_000
_RENAMED = "if a class was renamed: aliases=; if it was removed, the code that wrote them reads them"
_CHANGED = "a class that changed wants another version= and an upcaster"


class _Kind:
    """The events (or commands) of one type and version. others: those in streams of another domain that fail."""

    __slots__ = ("count", "decode", "failing", "is_known", "others")

    def __init__(self, decode: Callable[[bytes], Any], is_known: bool) -> None:
        self.decode, self.is_known = decode, is_known
        self.count = self.failing = self.others = 0


class _Failure:
    """What fails in one way: how often, the first of it, and why."""

    __slots__ = ("code", "count", "first", "hint", "why")

    def __init__(self, code: str, first: str, why: str, hint: str) -> None:
        self.code, self.first, self.why, self.hint, self.count = code, first, why, hint, 0


def check(material: Material) -> Checked:
    """Read every event of the log, and with `material.commands` every command; each way to fail is told once."""
    bench = material.bench
    if bench is None:
        return Checked("log", nothing=material.no_store)
    if not bench.store.head():
        return Checked("log", nothing=f"the log of {bench.store.url} is empty")
    reading = _Reading(bench)
    with material.progress("read", bench.store.head(), "events") as done:
        reading.events(done)
    if material.commands:
        with material.progress("read", bench.store.head(), "events") as done:
            reading.commands(done)
    return reading.checked()


class _Reading:
    def __init__(self, bench: Workbench) -> None:
        self._bench, self._domain, self._codec = bench, bench.domain, bench.codec
        self._kinds: dict[tuple[str, int], _Kind] = {}
        self._of_commands: dict[tuple[str, int], _Kind] = {}
        self._failures: dict[tuple[Any, ...], _Failure] = {}
        self._own = self._domain.categories.keys() | self._domain.reactions.keys()
        self._of_aggregates = {event for one in self._domain.aggregates.values() for event in one.events}
        self._without_command = 0

    # ── events ────────────────────────────────────────────────────────────────────────────────

    def events(self, done: Callable[[int], object]) -> None:
        """Decode all of them, as a fold does."""
        kinds = self._kinds
        for batch in _batches(self._bench.store.scan()):
            for event in batch:
                kind = kinds.get((event[3], event[4]))
                if kind is None:
                    kind = self._kind(event)
                kind.count += 1
                try:
                    kind.decode(event[5])
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # the user's code may raise what it likes
                    self._fails(kind, event, error)
            done(len(batch))

    def _kind(self, event: StoredEvent) -> _Kind:
        try:
            decode, is_known = self._codec.decoder(event.type, event.schema_version), True
        except Undecodable as error:
            decode, is_known = _raising(error), event.type in self._codec.event_names
        made = self._kinds[(event.type, event.schema_version)] = _Kind(decode, is_known)
        return made

    def _fails(self, kind: _Kind, event: StoredEvent, error: BaseException) -> None:
        if self._is_others(event.type, category_of(event.stream)):
            kind.others += 1
            return
        kind.failing += 1
        code = "unknown-type" if not kind.is_known else "undecodable"
        key = ("event", event.type, event.schema_version, *_way(error))
        found = self._failures.get(key)
        if found is None:
            why, hint = self._why(lambda: self._codec.decode(event), error)
            why = why.removeprefix(f"event {event.position} ({event.stream} version {event.version}): ")
            first = f"@{event.position} ({event.stream}@{event.version})"
            found = self._failures[key] = _Failure(code, first, why, hint if kind.is_known else _RENAMED)
        found.count += 1

    def _is_others(self, type: str, category: str) -> bool:
        """Whether an event is another domain's on the same store, which may call its own the same."""
        known = self._domain.events.get(type)
        if known is CommandRejected:
            return category not in self._domain.reactions
        return category not in self._own and (known is None or known in self._of_aggregates)

    @staticmethod
    def _why(read: Callable[[], Any], error: BaseException) -> tuple[str, str]:
        try:
            read()
        except (Undecodable, DomainFailed) as told:
            return told.message, told.hint or _CHANGED
        return str(error), _CHANGED  # it was read the second time: a validator that does not always say the same

    # ── commands ──────────────────────────────────────────────────────────────────────────────

    def commands(self, done: Callable[[int], object]) -> None:
        """Read all stored commands, as a retry of one does."""
        for commit in self._bench.store.commits():
            command = commit.command
            if command is None or command.data is None:
                self._without_command += 1
            else:
                kind = self._of_commands.get((command.type, command.schema_version))
                if kind is None:
                    kind = _Kind(_nothing, command.type in self._domain.commands)
                    self._of_commands[(command.type, command.schema_version)] = kind
                kind.count += 1
                try:
                    self._codec.command(command.type, command.schema_version, command.data)
                except (Undecodable, DomainFailed) as error:
                    self._command_fails(kind, commit, error)
            done(len(commit.events))

    def _command_fails(self, kind: _Kind, commit: RecordedCommit, error: Undecodable | DomainFailed) -> None:
        command, first = commit.command, commit.events[0]
        assert command is not None
        if category_of(first.stream) not in self._own:
            kind.others += 1
            return
        kind.failing += 1
        code = "undecodable-command" if kind.is_known else "unknown-command"
        key = ("command", command.type, command.schema_version, *_way(error.__context__ or error))
        found = self._failures.get(key)
        if found is None:
            place = f"of the commit at @{first.position} ({commit.id})"
            found = self._failures[key] = _Failure(code, place, error.message, error.hint or _CHANGED)
        found.count += 1

    # ── what came of it ───────────────────────────────────────────────────────────────────────

    def checked(self) -> Checked:
        """The counts by type and version, and each way to fail."""
        findings = [
            Finding(
                one.code,
                "warning" if one.code == "unknown-command" else "error",
                key[1],
                f"{_counted(one.count, key[0])} of {key[1]} version {key[2]}: {one.why}; the first is {one.first}",
                one.hint,
            )
            for key, one in self._failures.items()
        ]
        rows = [*_rows("event", self._kinds), *_rows("command", self._of_commands)]
        events = sum(one.count for one in self._kinds.values())
        types = len({name for name, _ in self._kinds})
        looked = f"{_counted(events, 'event')} of {_counted(types, 'type')}"
        commands = sum(one.count for one in self._of_commands.values())
        if commands or self._without_command:
            without = f" ({_counted(self._without_command, 'commit')} without one)" if self._without_command else ""
            looked += f", {_counted(commands, 'command')}{without}"
        subjects = {**self._domain.events, **self._domain.commands}
        return Checked("log", [*findings, *self._notes()], looked, "", subjects, rows)

    def _notes(self) -> Iterator[Finding]:
        domain = self._domain
        there = {name for name, _ in self._kinds}
        if not any(one.is_known for one in self._kinds.values()):
            told = f"the log has not one event of a type that {domain.name} knows"
            yield Finding("foreign-log", "error", domain.name, told, "is it the right store, and the right domain?")
            return
        never = sorted(
            cls.__name__
            for cls in set(domain.events.values())
            if cls is not CommandRejected and not there & {cls.stored.name, *cls.stored.aliases}
        )
        if never:
            told = f"the log never had {', '.join(never)}"
            yield Finding("never-stored", "note", domain.name, told)
        others = sum(one.others for one in (*self._kinds.values(), *self._of_commands.values()))
        if others:
            told = f"{others:,} that no class of it reads are in streams of other categories: another domain's"
            yield Finding("others", "note", domain.name, told)


def _rows(noun: str, kinds: dict[tuple[str, int], _Kind]) -> list[dict[str, Any]]:
    return [
        {"kind": noun, "type": name, "version": version, "count": kind.count, "failing": kind.failing}
        for (name, version), kind in sorted(kinds.items())
    ]


def _batches(events: Iterable[StoredEvent]) -> Iterator[list[StoredEvent]]:
    left = iter(events)
    while batch := list(islice(left, _TOGETHER)):
        yield batch


def _raising(error: Undecodable) -> Callable[[bytes], Any]:
    def decode(data: bytes) -> Any:
        raise error.with_traceback(None)

    return decode


def _nothing(data: bytes) -> None: ...


def _way(error: BaseException) -> tuple[str, ...]:
    """What failures of one kind have in common: the place and the rule, without the value."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return ".".join("*" if isinstance(part, int) else part for part in first["loc"]), first["type"]
    inner = error.__context__ if isinstance(error, Undecodable) else error.__cause__
    if isinstance(inner, ValidationError):
        return _way(inner)
    return type(error).__name__, re.sub(r"'[^']*'|\d+", "…", str(error))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
