"""decide and evolve: which method is meant for which message.

The annotation of a method's second parameter is the registration. The decorators return the
method unchanged; what they note is read when the class becomes part of a `Domain`.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import UnionType
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, overload

from pydantic import BaseModel

from cqrs_cli.domain.messages import Command, Event, Message
from cqrs_cli.errors import DefinitionError, DomainFailed
from cqrs_cli.stores.commits import Recorded

F = TypeVar("F", bound=Callable[..., Any])
Creates = bool | Literal["either"]
KeyFunction = Callable[[Any, Recorded], Any]

_MARK = "__cqrs_clause__"
_TRACE = "__cqrs_clauses__"


class Mark(NamedTuple):
    """What a decorator noted on its method. scope: the locals of the function that defines the class."""

    kind: str
    creates: Creates
    key: KeyFunction | None
    scope: dict[str, Any]


class Clause(NamedTuple):
    """A method and the message it is for, with its annotations resolved.

    services: the types of the parameters after the message (of a `react` also `Recorded`, at its place).
    recorded: it asks for the envelope.
    produces: the events that a `decide`'s return annotation names.
    """

    owner: type
    name: str
    function: Callable[..., Any]
    messages: tuple[type[Message], ...]
    services: tuple[type, ...]
    recorded: bool
    produces: tuple[type[Event], ...]
    creates: Creates
    key: KeyFunction | None

    @property
    def where(self) -> str:
        """`Order.create`, for messages."""
        return f"{self.owner.__name__}.{self.name}"


def _marking(kind: str, function: tuple[Any, ...], creates: Creates = False, key: KeyFunction | None = None) -> Any:
    """The marked function, if there is one yet (`@decide`); else what marks it (`@decide(creates=True)`)."""
    body = sys._getframe(2)
    outer = body.f_back
    scope = dict(outer.f_locals) if outer is not None and outer.f_locals is not outer.f_globals else {}

    def marked(function: F) -> F:
        setattr(function, _MARK, Mark(kind, creates, key, scope))
        # The class body remembers every clause it saw, so that one that vanishes behind a field or a
        # second method of the same name is noticed.
        body.f_locals.setdefault(_TRACE, []).append(function)
        return function

    return marked(*function) if function else marked


@overload
def decide(function: F, /) -> F: ...
@overload
def decide(*, creates: Creates) -> Callable[[F], F]: ...
@overload
def decide(state: Any, command: Command, /, *services: Any) -> list[Event]: ...
def decide(*arguments: Any, creates: Creates = False) -> Any:
    """Mark a method as the one that decides a command: `def create(self, command: CreateOrder) -> OrderCreated`.

    creates: True opens a stream (one that is there already is a rejection); False, the default,
    wants an aggregate that exists (else: not found); `"either"` takes both.
    The method sees the state before the command, never changes it, and returns an event, a list
    of events, None, or yields events; `raise Rejected(…)` says no. It may be a coroutine function.
    Further parameters are services, asked for by type.

    In a test, `decide(Order(…), command, *services)` calls the method and gives the list of events.
    """
    if len(arguments) > 1:
        state, command, *services = arguments
        for clause in clauses_of(type(state), "decide"):
            if type(command) in clause.messages:
                return list(decided(clause, state, command, services))
        raise DefinitionError(f"{type(state).__name__} has no decide for {type(command).__name__}")
    return _marking("decide", arguments, creates=creates)


@overload
def evolve(function: F, /) -> F: ...
@overload
def evolve(*, key: KeyFunction) -> Callable[[F], F]: ...
def evolve(*arguments: Any, key: KeyFunction | None = None) -> Any:
    """Mark a method as the one that takes an event into the state (or row).

    It changes `self` or returns a new one, leaves the event as it is, never refuses, and looks at
    nothing but its arguments.
    In a projection it may ask for the envelope (`recorded: Recorded`) and return `DELETE`.

    key: for projections, `(event, recorded) -> key | list of keys | None`: which rows the event concerns.
    """
    return _marking("evolve", arguments, key=key)


@overload
def react(function: F, /) -> F: ...
@overload
def react(*, key: KeyFunction) -> Callable[[F], F]: ...
def react(*arguments: Any, key: KeyFunction | None = None) -> Any:
    """Mark a method of a process manager or policy as the one that answers an event with commands.

    It returns a command, `After(delay, command)`, `Cancel(name)`, a list of these, None, or yields
    them. It may ask for the envelope (`recorded: Recorded`) and for services, by type.
    Where a process manager has an evolve for the same event, that comes first.

    key: for process managers, `(event, recorded) -> key | list of keys | None`: which processes are meant.
    """
    return _marking("react", arguments, key=key)


# ── from a class to its clauses ───────────────────────────────────────────────────────────────


def clauses_of(cls: type, kind: str) -> list[Clause]:
    """The resolved clauses of a class, inherited ones first. Raises `DefinitionError`."""
    found: dict[str, Clause] = {}
    for base in reversed(cls.__mro__):
        namespace = vars(base)
        for function in namespace.get(_TRACE, ()):
            # By its mark, which a wrapper made with functools.wraps carries on.
            if getattr(namespace.get(function.__name__), _MARK, None) is not getattr(function, _MARK):
                raise DefinitionError(
                    f"{base.__name__}.{function.__name__}: "
                    "this clause is hidden by a field or a later method of the same name",
                    hint="give the method a name of its own",
                )
        for name, value in namespace.items():
            mark = getattr(value, _MARK, None)
            if mark is not None and mark.kind == kind:
                found[name] = _resolved(base, name, value, mark)
            elif name in found:
                raise DefinitionError(
                    f"{base.__name__}.{name} overrides a clause of {found[name].owner.__name__} without its decorator",
                    hint=f"put @{kind} on it, or rename it",
                )
    return list(found.values())


def refuse_other_clauses(cls: type, *known: str) -> None:
    """Raise `DefinitionError` for a clause of a kind that a class of this sort never calls."""
    for base in cls.__mro__:
        for name, value in list(vars(base).items()):  # a look at an unfinished model may change it (pydantic 2.11)
            mark = getattr(value, _MARK, None)
            if mark is not None and mark.kind not in known:
                raise DefinitionError(
                    f"{base.__name__}.{name}: @{mark.kind} means nothing in {cls.__name__}, it would never be called",
                    hint=_BELONGS[mark.kind],
                )


_BELONGS = {
    "decide": "commands are decided by aggregates",
    "evolve": "aggregates, projections and process managers evolve; a policy remembers nothing",
    "react": "process managers and policies react",
}


def by_message(clauses: Iterable[Clause]) -> dict[Any, Clause]:
    """One clause for each message; `DefinitionError` if two are meant for the same."""
    chosen: dict[Any, Clause] = {}
    for clause in clauses:
        for message in clause.messages:
            if message in chosen:
                raise DefinitionError(
                    f"{clause.where} and {chosen[message].where} are both for {message.__name__}",
                    hint="keep one of them",
                )
            chosen[message] = clause
    return chosen


def refuse_passed_by(clauses: Mapping[Any, Clause], events: Iterable[type[Event]]) -> None:
    """Raise `DefinitionError` for a clause of an event class of which one of `events` is a kind without a clause."""
    passed: dict[type[Event], list[type[Event]]] = {}
    for event in dict.fromkeys(events):
        base = next((base for base in event.__mro__ if base in clauses), event)
        if base is not event:
            passed.setdefault(base, []).append(event)
    for base, kinds in passed.items():
        clause, named = clauses[base], " | ".join(kind.__name__ for kind in kinds)
        raise DefinitionError(
            f"{clause.where} is for {base.__name__} alone: {named}, of the same kind, would pass it by",
            hint=f"a clause is for the classes that it names: {named}; or give these one of their own",
        )


def _resolved(base: type, name: str, function: Callable[..., Any], mark: Mark) -> Clause:
    """The clause, its annotations made objects. Raises `DefinitionError` naming the method and the remedy."""
    where = f"{base.__name__}.{name}"
    _check_mark(where, name, function, mark)
    hints = resolved_annotations(function, where, {**mark.scope, base.__name__: base})
    first, *extra = _parameter_types(where, name, function, mark, hints)
    return Clause(
        owner=base,
        name=name,
        function=function,
        messages=_messages(where, first, mark),
        services=() if mark.kind == "evolve" else tuple(extra),
        recorded=Recorded in extra and mark.kind != "decide",
        produces=tuple(dict.fromkeys(_events(hints.get("return")))),
        creates=mark.creates,
        key=mark.key,
    )


def _check_mark(where: str, name: str, function: Callable[..., Any], mark: Mark) -> None:
    """What was said to the decorator, and what kind of function it stands on."""
    if not inspect.isfunction(function):
        raise DefinitionError(
            f"{where} is a {type(function).__name__}", hint=f"@{mark.kind} is for plain methods: def {name}(self, …)"
        )
    if inspect.isasyncgenfunction(function) or (mark.kind != "decide" and inspect.iscoroutinefunction(function)):
        raise DefinitionError(
            f"{where} is asynchronous", hint="a decide may be a coroutine function; generators and evolve are plain"
        )
    if type(mark.creates) is not bool and mark.creates != "either":
        raise DefinitionError(
            f"{where}: creates={mark.creates!r}", hint='creates=True, creates=False or creates="either"'
        )
    if mark.key is not None and not callable(mark.key):
        raise DefinitionError(f"{where}: key={mark.key!r} is no function", hint="key=lambda event, recorded: …")


def _parameter_types(
    where: str, name: str, function: Callable[..., Any], mark: Mark, hints: dict[str, Any]
) -> list[Any]:
    """The annotations of the parameters after `self`: the message, and what is asked for beside it."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    if not parameters:
        raise DefinitionError(
            f"{where} takes no message", hint=f"def {name}(self, {'command' if mark.kind == 'decide' else 'event'}: …)"
        )
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.KEYWORD_ONLY):
            raise DefinitionError(
                f"{where}: parameter {parameter} is not a plain one", hint="name each service: inventory: Inventory"
            )
        if parameter.name not in hints:
            raise DefinitionError(
                f"{where}: parameter {parameter.name!r} has no annotation",
                hint="the annotation says what the method is for",
            )
    first, *extra = (hints[parameter.name] for parameter in parameters)
    for kind in extra:
        if mark.kind == "evolve" and kind is not Recorded:
            raise DefinitionError(
                f"{where} asks for more than the event",
                hint="evolve is pure: only `recorded: Recorded` may follow, in projections",
            )
        if not isinstance(kind, type):
            raise DefinitionError(
                f"{where} asks for {kind}, which is no class", hint="a service is asked for by its class or Protocol"
            )
    return [first, *extra]


def _messages(where: str, annotation: Any, mark: Mark) -> tuple[type[Message], ...]:
    """The classes that the first parameter's annotation names."""
    wanted: type[Message] = Command if mark.kind == "decide" else Event
    messages = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    for message in messages:
        if not (isinstance(message, type) and issubclass(message, wanted) and message is not wanted):
            raise DefinitionError(
                f"{where}: the {wanted.__name__.lower()} is annotated {message!r}, which is no {wanted.__name__} class",
                hint=f"annotate it with a subclass of {wanted.__name__}",
            )
    return messages


def resolved_annotations(function: Callable[..., Any], where: str, scope: dict[str, Any]) -> dict[str, Any]:
    """The function's annotations as objects. Raises `DefinitionError` with the remedy for what can't be resolved."""
    try:
        return typing.get_type_hints(function, localns=scope)
    except NameError as error:
        raise DefinitionError(
            f"{where}: the annotation {error.name!r} can't be resolved",
            hint="import it where the class is defined; an import under `if TYPE_CHECKING:` is not there at run time",
        ) from None
    except Exception as error:  # an annotation as text is code: a misspelt attribute, a syntax error …
        raise DefinitionError(
            f"{where}: an annotation can't be resolved: {type(error).__name__}: {error}",
            hint="annotate with classes that are there at run time",
        ) from None


def _events(annotation: Any) -> Iterator[type[Event]]:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, Event) and annotation is not Event:
            yield annotation
        return
    for argument in get_args(annotation):
        yield from _events(argument)


def answers_of(clause: Clause) -> tuple[type[Command], ...]:
    """The commands that a reaction's return annotation names; none if it does not tell them all (`-> After`)."""
    mark: Mark = getattr(clause.function, _MARK)
    scope = {**mark.scope, clause.owner.__name__: clause.owner}
    leaves = list(_leaves(resolved_annotations(clause.function, clause.where, scope).get("return")))
    named = [one for one in leaves if isinstance(one, type) and issubclass(one, Command) and one is not Command]
    tells = not any(one is Command or getattr(one, "__name__", "") == "After" for one in leaves)
    return tuple(dict.fromkeys(named)) if tells else ()


def says_what_it_gives(clause: Clause) -> bool:
    """Whether there is a return annotation at all."""
    return "return" in getattr(clause.function, "__annotations__", {})


def _leaves(annotation: Any) -> Iterator[Any]:
    arguments = get_args(annotation)
    if not arguments:
        yield annotation
    for argument in arguments:
        yield from _leaves(argument)


def refuse_hidden_clauses(cls: type[BaseModel]) -> None:
    """Raise `DefinitionError` if a field bears the name of a clause method: pydantic would drop the method."""
    for name, field in cls.model_fields.items():
        if hasattr(field.default, _MARK) or any(hasattr(vars(base).get(name), _MARK) for base in cls.__mro__):
            raise DefinitionError(
                f"{cls.__name__}.{name} is both a field and a clause method: the clause would vanish",
                hint="rename the method",
            )


# ── running a decide ──────────────────────────────────────────────────────────────────────────


def decided(clause: Clause, state: Any, command: Command, services: Iterable[Any]) -> Iterable[Event]:
    """The events that the method decides; a generator's as it yields them. Raises what it raises."""
    result = clause.function(state, command, *services)
    if type(result) in clause.produces or isinstance(result, Event):  # pydantic answers the second question slowly
        return (result,)
    if inspect.iscoroutine(result):
        from cqrs_cli.domain.coroutines import wait_for

        result = wait_for(result)
        if isinstance(result, Event):
            return (result,)
    if result is None:
        return ()
    if not isinstance(result, Iterable) or isinstance(result, str | bytes | Mapping):
        raise DomainFailed(
            f"{clause.where} gave {type(result).__name__}, which is no Event", hint="return or yield events"
        )
    return _events_of(clause, result)


def _events_of(clause: Clause, result: Iterable[Any]) -> Iterator[Event]:
    for event in result:
        if not isinstance(event, Event):
            raise DomainFailed(
                f"{clause.where} gave {type(event).__name__}, which is no Event", hint="return or yield events"
            )
        yield event
