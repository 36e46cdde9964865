"""From words and values of a file to a domain's messages, rows, states and services, or an error of the place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple, TypeVar, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Command, Event, Message, kebab
from cqrs_cli.errors import InvalidInput, Rejected
from cqrs_cli.failure import domain_failed
from cqrs_cli.history.rules import is_function
from cqrs_cli.history.shapes import Shape
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.scenario.yaml_tree import Path, Tree, wrong
from cqrs_cli.stores.commits import Recorded

M = TypeVar("M", bound=BaseModel)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Place(NamedTuple):
    """A document of a file, with the lines of its values."""

    file: str
    tree: Tree

    def wrong(self, path: Path, message: str, hint: str) -> InvalidInput:
        """The error of a value: file, line and the field."""
        where = ".".join(map(str, path))
        return wrong(self.file, self.tree.line(path), f"{where}: {message}" if where else message, hint)


class Vocabulary:
    """What the words of scenario files mean in one domain. rules: gives the function of a name like `rules:sound`."""

    def __init__(self, domain: Domain, rules: Callable[[str], Callable[..., Any]] | None = None) -> None:
        self.domain, self._rules = domain, rules
        self.commands = _words(domain.deciders)
        self.events = _words(dict.fromkeys(domain.events.values()))
        clauses = [clause for aggregate in domain.aggregates.values() for clause in aggregate.deciders.values()]
        clauses += [clause for reaction in domain.reactions.values() for clause in reaction.reactors.values()]
        self._services = {kind.__name__: kind for one in clauses for kind in one.services if kind is not Recorded}
        self._shapes: dict[type, Shape] = {}

    def rule(self, text: str) -> str | Callable[..., Any]:
        """A condition, as it stands there, or the function that it names. Raises what whoever knows functions does."""
        return self._rules(text) if self._rules is not None and is_function(text) else text

    def message(self, place: Place, path: Path, name: str, *kinds: type[Message]) -> type[Any]:
        """The class of a command or event by its word. kinds: of which it may be."""
        known = {**(self.events if Event in kinds else {}), **(self.commands if Command in kinds else {})}
        found: type[Any] | None = known.get(name)
        if found is None:
            what = " or ".join(kind.__name__.lower() for kind in kinds)
            near = did_you_mean(name, list(known)) or f"there are: {', '.join(sorted(known)[:12])}"
            raise place.wrong(path, f"no {what} is called {name!r} in the domain {self.domain.name!r}", near)
        return found

    def made(self, place: Place, path: Path, cls: type[M], fields: Any) -> M:
        """An instance with these fields. Raises `InvalidInput` for what the class doesn't take, or doesn't have."""
        values = {} if fields is None else fields
        if not isinstance(values, dict):
            raise place.wrong(path, f"{cls.__name__} wants its fields", "name: value, one below the other")
        self._refuse_unknown(place, path, self._shape(cls), values)
        found: M = self._validated(place, path, cls.model_validate, values, cls.__name__)
        for name, value in values.items():
            if type(value) is bool and type(getattr(found, name, value)) in (int, float):
                raise place.wrong((*path, name), "a number is wanted, not a truth", "1 or 0")
        return found

    def field(self, place: Place, path: Path, cls: type[BaseModel], name: str, value: Any) -> Any:
        """A value for one field of a state or row."""
        if name not in cls.model_fields:
            known = list(cls.model_fields)
            hint = did_you_mean(name, known) or f"there are: {', '.join(known)}"
            raise place.wrong(path, f"{cls.__name__} has no field {name!r}", hint)
        self._refuse_unknown(place, path, self._shape(cls).member(name), value)
        return self._validated(place, path, _adapter(cls, name).validate_python, value, name)

    def _shape(self, cls: type[BaseModel]) -> Shape:
        if cls not in self._shapes:
            self._shapes[cls] = Shape(cls)
        return self._shapes[cls]

    def _refuse_unknown(self, place: Place, path: Path, shape: Shape, value: Any) -> None:
        """Fields that a class doesn't have: it would pass over them, and nothing would be compared."""
        if isinstance(value, dict):
            known = shape.names
            for name, inner in value.items():
                if known is not None and name not in known:
                    hint = did_you_mean(name, known) or f"there are: {', '.join(known) or 'none'}"
                    raise place.wrong((*path, name), f"there is no field {name!r} here", hint)
                self._refuse_unknown(place, (*path, name), shape.member(name), inner)
        elif isinstance(value, list):
            for at, inner in enumerate(value):
                self._refuse_unknown(place, (*path, at), shape.element, inner)

    def _validated(self, place: Place, path: Path, validate: Callable[[Any], Any], value: Any, what: str) -> Any:
        """The value as its type takes it. A number or truth where a text is wanted is the text that stands there."""
        try:
            return validate(value)
        except ValidationError as error:
            texts = [(*path, *one["loc"]) for one in error.errors() if one["type"] == "string_type"]
        except Exception as error:
            raise domain_failed(error, f"a validator of {what}") from error
        try:
            return validate(_as_texts(place.tree, path, value, {one for one in texts if one in place.tree.texts}))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            loc: Path = (*path, *first["loc"])
            raise place.wrong(loc, first["msg"], f"what {what} takes") from None

    # ── services ──────────────────────────────────────────────────────────────────────────────

    def services(self, place: Place, answers: Any) -> dict[type, Any]:
        """Stand-ins that answer as the file says, by the type that is asked for."""
        if not isinstance(answers, dict):
            raise place.wrong(("services",), "services are named", "services: {Inventory: {available: true}}")
        found: dict[type, Any] = {}
        for name, methods in answers.items():
            kind, path = self._services.get(name), ("services", name)
            if kind is None:
                hint = did_you_mean(name, list(self._services)) or f"asked for: {', '.join(self._services) or 'none'}"
                raise place.wrong(path, f"nobody asks for a service {name!r}", hint)
            found[kind] = self._stand_in(place, path, kind, methods)
        return found

    def _stand_in(self, place: Place, path: Path, kind: type, methods: Any) -> Any:
        is_called = "__call__" in vars(kind)
        named = methods if isinstance(methods, dict) and not (is_called and "__call__" not in methods) else None
        if named is None:
            if not is_called:
                raise place.wrong(path, f"{kind.__name__} answers by its methods", "method: answer")
            named = {"__call__": methods}
        made: dict[str, Any] = {}
        for name, answer in named.items():
            method = getattr(kind, name, None)
            inner = path if named is not methods else (*path, name)
            if not callable(method):
                known = [one for one in dir(kind) if not one.startswith("_") and callable(getattr(kind, one))]
                hint = did_you_mean(name, known) or f"there are: {', '.join(known)}"
                raise place.wrong(inner, f"{kind.__name__} has no method {name!r}", hint)
            made[name] = self._answering(place, inner, method, answer)
        return type(kind.__name__, (_StandIn,), made)()

    def _answering(self, place: Place, path: Path, method: Any, answer: Any) -> Any:
        def typed(value: Any, inner: Path) -> Any:
            wanted = _returned(method)
            return self._validated(place, inner, wanted.validate_python, value, "the service") if wanted else value

        one = answer if isinstance(answer, dict) and len(answer) == 1 else {"answer": answer}
        (how, given), inner = next(iter(one.items())), path if one is not answer else (*path, *one)
        if how == "raises":
            code = given if isinstance(given, str) else "rejected"
            turn: Callable[[], Any] = _raising(code)
        elif how == "in_turn" and isinstance(given, list):
            turn = iter([typed(value, (*inner, at)) for at, value in enumerate(given)]).__next__
        elif how == "answer":
            same = typed(given, inner)
            turn = lambda: same  # noqa: E731
        else:
            same_whole = typed(answer, path)
            turn = lambda: same_whole  # noqa: E731
        return _method(turn, inspect.iscoroutinefunction(method))


class _StandIn:
    """A service that answers what a scenario says, and to nothing else."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the scenario says no answer of {type(self).__name__}.{name}")


def _raising(code: str) -> Callable[[], Any]:
    def raises() -> Any:
        error = Rejected(f"the service said {code}")
        error.code = code
        raise error

    return raises


def _method(turn: Callable[[], Any], is_coroutine: bool) -> Any:
    def method(self: Any, *args: Any, **named: Any) -> Any:
        try:
            return turn()
        except StopIteration:
            raise RuntimeError(f"{type(self).__name__} is asked more often than the scenario has answers") from None

    async def coroutine(self: Any, *args: Any, **named: Any) -> Any:
        return method(self)

    return coroutine if is_coroutine else method


def _returned(method: Any) -> TypeAdapter[Any] | None:
    try:
        kind = get_type_hints(method).get("return")
        return None if kind is None else TypeAdapter(kind)
    except Exception:  # what pydantic knows no way to read is taken as it stands
        return None


@functools.lru_cache(maxsize=1000)
def _adapter(cls: type[BaseModel], name: str) -> TypeAdapter[Any]:
    info = cls.model_fields[name]
    kind: Any = info.annotation
    for one in info.metadata:
        kind = Annotated[kind, one]
    return TypeAdapter(kind)


def _as_texts(tree: Tree, path: Path, value: Any, places: set[Path]) -> Any:
    if path in places:
        return tree.texts[path]
    if isinstance(value, dict):
        return {name: _as_texts(tree, (*path, name), inner, places) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_texts(tree, (*path, at), inner, places) for at, inner in enumerate(value)]
    return value


def _words(classes: Mapping[Any, Any]) -> dict[str, Any]:
    """Classes of messages by all that they are called: stored names and aliases, class names, and commands in kebab."""
    words: dict[str, Any] = {}
    for cls in classes:
        stored = cls.stored
        for word in (stored.name, cls.__name__, *stored.aliases, *((kebab(cls.__name__),) * issubclass(cls, Command))):
            words.setdefault(word, cls)
    return words


def time_of(place: Place, path: Path, value: Any) -> datetime | timedelta:
    """A moment with its zone, or a length: `2026-01-01T10:00Z`, `90m`, `1d 2h`, `P1DT2H`."""
    text = place.tree.texts.get(path, value)
    if isinstance(text, str):
        parts = text.removeprefix("+").split()
        if parts and all(part[-1] in _UNITS and part[:-1].isascii() and part[:-1].isdigit() for part in parts):
            return sum((timedelta(**{_UNITS[part[-1]]: int(part[:-1])}) for part in parts), timedelta())
        try:
            if text.startswith("P"):
                return TypeAdapter(timedelta).validate_python(text)
            found = datetime.fromisoformat(text)
            if found.utcoffset() is not None:
                return found
        except (ValueError, OverflowError):
            pass
    raise place.wrong(path, f"{text!r} is no time", "2026-01-01T10:00Z, or a length: 90m, 1d 2h, P1DT2H")
