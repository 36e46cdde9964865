"""What services answered while a command was decided: kept with its commit, and given again when it is rehearsed.

Kept are calls of a service's methods, in order: the service, the method, what it was asked with and what it answered.
They stand in the commit's metadata under `$services`, and so go wherever the commit goes.
"""

from __future__ import annotations

import inspect
import json
from collections import deque
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from cqrs_cli.domain.clauses import resolved_annotations
from cqrs_cli.errors import DefinitionError
from cqrs_cli.jsonable import jsonable

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MEMBER = "$services"
"""The member of a commit's metadata."""


class Answer(NamedTuple):
    """One call, as JSON. arguments: `[positional, by name]`. raised: what the service raised instead of an answer."""

    service: str
    method: str
    arguments: str
    answer: Any
    raised: str | None = None


class Heard:
    """The answers of services while one command is decided."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def listening(self, kind: type, service: Any) -> Any:
        """What is given to the decide instead of a service: it asks the service, and keeps the answer."""
        return _Listening(kind, service, self.answers)

    def metadata(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The metadata of the commit: the command's own, and the answers."""
        if not self.answers:
            return given
        return {**given, MEMBER: [list(one) if one.raised else list(one[:4]) for one in self.answers]}


class _Proxy:
    """It is taken for the service that it stands before."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._kind


class _Listening(_Proxy):
    def __init__(self, kind: type, service: Any, answers: list[Answer]) -> None:
        super().__init__(kind)
        self._service, self._answers = service, answers

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._service, name)
        types = methods(self._kind)
        if name not in types:
            return found

        def keep(arguments: str, answer: Any, raised: str | None = None) -> None:
            shown = None if raised else json.loads(types[name].dump_json(answer))
            self._answers.append(Answer(self._kind.__name__, name, arguments, shown, raised))

        def call(*args: Any, **named: Any) -> Any:
            arguments = _asked(args, named)
            try:
                answer = found(*args, **named)
            except Exception as error:
                keep(arguments, None, f"{type(error).__name__}: {error}")
                raise
            if inspect.isawaitable(answer):
                return awaited(arguments, answer)
            keep(arguments, answer)
            return answer

        async def awaited(arguments: str, answer: Any) -> Any:
            try:
                result = await answer
            except Exception as error:
                keep(arguments, None, f"{type(error).__name__}: {error}")
                raise
            keep(arguments, result)
            return result

        return call


class Recalled:
    """The services that answered a recorded command, as far as their answers were kept.

    missed: what was asked for that had no answer then; a decision that this led to says nothing.
    """

    def __init__(self, kept: Any) -> None:
        self._answers: dict[tuple[str, str, str], deque[Answer]] = {}
        self._known: set[str] = set()
        self.missed: list[str] = []
        for one in kept if isinstance(kept, list) else ():
            answer = Answer(*one)
            self._known.add(answer.service)
            asked = (answer.service, answer.method, _spelled(answer.arguments))
            self._answers.setdefault(asked, deque()).append(answer)

    def has(self, kind: type) -> bool:
        """Whether a service of this type was asked then."""
        return kind.__name__ in self._known

    def answering(self, kind: type) -> Any:
        """What answers as the service did."""
        return _Answering(kind, self._answer)

    def _answer(self, kind: type, method: str, arguments: str) -> Answer:
        waiting = self._answers.get((kind.__name__, method, arguments))
        asked = f"{kind.__name__}.{method}{_shown(arguments)}"
        if not waiting:
            self.missed.append(f"no answer of {asked} was recorded")
            raise LookupError(self.missed[-1])
        if waiting[0].raised is not None:  # as an error of which class can't be known
            self.missed.append(f"{asked} raised {waiting[0].raised}")
            raise LookupError(self.missed[-1])
        # The same question may be asked more often than it was: the last answer holds on.
        return waiting.popleft() if len(waiting) > 1 else waiting[0]


class _Answering(_Proxy):
    def __init__(self, kind: type, answer: Callable[[type, str, str], Answer]) -> None:
        super().__init__(kind)
        self._answer = answer

    def __getattr__(self, name: str) -> Any:
        types = methods(self._kind)
        if name not in types:
            self._answer(self._kind, name, "")

        def call(*args: Any, **named: Any) -> Any:
            found = self._answer(self._kind, name, _asked(args, named))
            return types[name].validate_json(json.dumps(found.answer))

        async def awaited(*args: Any, **named: Any) -> Any:
            return call(*args, **named)

        return awaited if inspect.iscoroutinefunction(getattr(self._kind, name, None)) else call


@cache
def methods(kind: type) -> dict[str, TypeAdapter[Any]]:
    """How the answers of a service's methods are written, by name. Raises `DefinitionError` for one that can't be."""
    from pydantic import TypeAdapter  # takes a while, and few domains record

    found = {}
    for name, function in inspect.getmembers(kind, inspect.isroutine):
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        where = f"{kind.__name__}.{name}"
        answer = resolved_annotations(function, where, {}).get("return", inspect.Signature.empty)
        if answer is inspect.Signature.empty:
            hint = f"def {name}(…) -> bool, as an answer that is kept comes back as what its annotation says"
            raise DefinitionError(f"{where} does not say what it answers", hint=hint)
        try:
            found[name] = TypeAdapter(answer)
        except Exception as error:  # pydantic has several for a type that it knows no way to write
            message = f"the answers of {where} can't be recorded: pydantic knows no way to write {answer!r}"
            raise DefinitionError(message, hint="a type that JSON can say, or leave out record=True") from error
    return found


def _asked(args: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    return json.dumps([jsonable(args), jsonable(dict(sorted(named.items())))], ensure_ascii=False)


def _spelled(arguments: str) -> str:
    """The same as `_asked` writes it: who hides a part of it writes JSON without spaces."""
    try:
        return json.dumps(json.loads(arguments), ensure_ascii=False)
    except ValueError:  # what no call was kept as is no question either
        return arguments


def _shown(arguments: str) -> str:
    if not arguments:
        return ""
    args, named = json.loads(arguments)
    shown = [json.dumps(one, ensure_ascii=False) for one in args]
    shown += [f"{name}={json.dumps(one, ensure_ascii=False)}" for name, one in named.items()]
    return f"({', '.join(shown)})"
