"""What should always hold of a state or a row: conditions as they are typed, and functions in Python."""

from __future__ import annotations

import inspect
import marshal
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cqrs_cli.domain.codec import unchanging
from cqrs_cli.domain.pydantic_fast import writer
from cqrs_cli.errors import DomainFailed, Misuse
from cqrs_cli.expression import Scope, expression
from cqrs_cli.failure import domain_failed
from cqrs_cli.log.matching import FIELDS, recorded_fields

STATE, ROW = "state", "row"
NAMES = (STATE, ROW, "before", "event", "recorded")
"""What a function may ask for, by the names of its parameters."""


_is_function = re.compile(r"[\w./-]+:[^\W\d]\w*").fullmatch


def is_function(text: str) -> bool:
    """Whether a rule is named as `MODULE:FUNCTION`, which is no condition."""
    return _is_function(text) is not None


class Rule(NamedTuple):
    """What should hold after every event. needs: which names it looks at. holds: whether it is so, in a scope.

    `holds` raises `Misuse` for values that can't be compared, and `DomainFailed` for a function that raises.
    """

    name: str
    needs: frozenset[str]
    holds: Callable[[Scope], Any]


def condition(name: str, text: str, subject: str, kind: Any) -> Rule:
    """A rule in words, over the state or row (`subject`) of a class. Raises `Misuse` with the place marked.

    kind: the class; `Any` where nothing is known of it.
    It may name the state, what it was `before`, the `event` as the domain knows it, the event as it is `recorded`, and
    what that has (`type`, `user`, `position` …) by itself.
    """
    types = {**dict.fromkeys((*FIELDS, "user_id"), Any), subject: kind, "before": kind, "event": Any}
    asked = expression(text, {**types, "recorded": recorded_fields()})
    return Rule(name, asked.names, asked.matches)


def function(name: str, code: Callable[..., Any], subject: str) -> Rule:
    """A rule in Python: a function with any of `state` (`row`), `before`, `event`, `recorded` that gives true or false.

    It looks, and changes nothing: what it changed would be folded on with. Raises `Misuse` for one that asks for
    something else.
    """
    asked = tuple(inspect.signature(code).parameters)
    known = tuple(one for one in NAMES if one not in (STATE, ROW) or one == subject)
    unknown = [one for one in asked if one not in known]
    if unknown or not asked:
        message = f"the rule {name} asks for {', '.join(unknown) or 'nothing'}"
        raise Misuse(message, code="rule", hint=f"its parameters are any of {', '.join(known)}")
    place = f"the rule {name} ({os.path.relpath(code.__code__.co_filename)}:{code.__code__.co_firstlineno})"

    looks = _Looks()

    def holds(scope: Scope) -> Any:
        given = {one: scope(one).event if one == "recorded" else scope(one) for one in asked}
        seen = looks.at(given)
        try:
            answer = code(**given)
        except BaseException as error:
            raise domain_failed(error, place) from error
        if answer is None or hasattr(answer, "__await__") or hasattr(answer, "__next__"):  # these would always be true
            told = "None" if answer is None else f"a {type(answer).__name__}"
            if inspect.iscoroutine(answer):
                answer.close()
            raise Misuse(f"{place} gave {told}", code="rule", hint="a rule gives whether it holds: return …")
        if looks.at(given) != seen:
            hint = "a rule only looks; one that wants to change things makes a copy of them"
            raise DomainFailed(f"{place} changed what it was given", hint=hint)
        return answer

    return Rule(name, frozenset(asked), holds)


class _Looks:
    """How what a function is given looks: by its fields if those can't change, else by its JSON."""

    def __init__(self) -> None:
        self._ways: dict[type, Callable[[Any], Any]] = {type(None): lambda _: None}

    def at(self, given: Mapping[str, Any]) -> list[Any]:
        return [(self._ways.get(type(one)) or self._way(type(one)))(one) for one in given.values()]

    def _way(self, cls: type) -> Callable[[Any], Any]:
        if cls is dict:  # a state or an event without a domain: plain values
            self._ways[cls] = marshal.dumps
        elif not hasattr(cls, "model_fields"):  # an event as it is recorded, which is a tuple
            self._ways[cls] = lambda one: one
        elif unchanging(cls):
            self._ways[cls] = lambda one: one.__dict__.copy()
        else:
            self._ways[cls] = _json(cls)
        return self._ways[cls]


def _json(cls: type[Any]) -> Callable[[Any], bytes]:
    write = writer(cls)

    def text(value: Any) -> bytes:
        try:
            return write(value, warnings=False)
        except (ValueError, TypeError, RecursionError):  # what JSON can't say
            return b""

    return text


def functions_of(module: Any, subject: str) -> list[Rule]:
    """The rules of a module: its own functions whose parameters are names in scope, in the order they stand there."""
    own = [
        value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    scope = set(NAMES)
    wanted = [one for one in own if set(inspect.signature(one).parameters) <= scope]
    others = ROW if subject == STATE else STATE
    return [
        function(one.__name__, one, subject)
        for one in sorted(wanted, key=lambda one: one.__code__.co_firstlineno)
        if others not in inspect.signature(one).parameters and inspect.signature(one).parameters
    ]


def from_settings(table: Mapping[str, Any], subject: str, kind: Any, of: str) -> list[Rule]:
    """The conditions of a table of rules, by name: those for all, and those under the category or read model `of`.

    Raises `Misuse` for what is no text.
    """
    inner = table.get(of, {})
    named = {name: text for name, text in table.items() if not isinstance(text, Mapping)}
    named |= inner if isinstance(inner, Mapping) else {}
    for name, text in named.items():
        if not isinstance(text, str):
            raise Misuse(f"the rule {name} is {text!r}", code="rule", hint=f'{name} = "{subject}.total >= 0"')
    return [condition(name, text, subject, kind) for name, text in named.items()]
