"""What a piece of the user's code comes down to: two digests that differ mean code that may do something else.

Begun at some functions, it goes through all that these can reach by name, as far as it is the user's own code:
functions with their defaults and what they enclose, methods and values of classes, constants, enums, models. A class is
known by its fields; its methods and other values count once a name in the code that was gone through could mean them.
Code of libraries is known by its name.

Not everything that can change a result is in there (what is read from a file, what `getattr` finds), so equal digests
prove nothing.
"""

from __future__ import annotations

import hashlib
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property, partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from pydantic import BaseModel

from cqrs_cli.domain.messages import Event
from cqrs_cli.domain.pydantic_fast import decorated, hidden

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_OURS, _SAMPLES = "cqrs_cli", "cqrs_cli._samples"
_HAS_DOCSTRING = 0x4000000  # before Python 3.14 the first constant of a function is its docstring, or None
_FIELDS_ELSEWHERE = frozenset({"stored", "keywords", "model_config", "model_fields", "model_computed_fields"})


def code_digest(roots: Sequence[Any], but: Iterable[Any] = ()) -> str:
    """16 hexadecimal digits. The same in every process that runs the same code on the same Python.

    roots: functions, classes or values. but: functions that don't count, even where a name could mean them.
    """
    return _Walk(but).digest(roots)


def shape_digest(annotation: Any) -> str:
    """The same of a type alone: names, types and defaults of fields, through nested models, without any function."""
    return _Walk((), with_functions=False).digest([annotation])


def event_code(events: Iterable[type[Event]]) -> list[Any]:
    """What of the events matters to those who take them in: their fields, versions and upcasters."""
    found: list[Any] = []
    for event in sorted(events, key=lambda event: event.stored.name):
        stored = event.stored
        found += [
            event,
            stored.name,
            stored.version,
            *(part for step in sorted(stored.upcasters.items()) for part in step),
        ]
    return found


class _Walk:
    def __init__(self, but: Iterable[Any], with_functions: bool = True) -> None:
        self._with_functions = with_functions
        self._digest = hashlib.sha256()
        self._but = {id(function) for function in but}
        self._seen: dict[int, Any] = {}  # by id; kept alive, so that no id is given twice
        self._names: set[str] = set()
        self._unnamed: dict[str, list[Any]] = {}  # of classes: what counts once its name is met
        self._own: dict[str, bool] = {}

    def digest(self, roots: Sequence[Any]) -> str:
        for root in roots:  # whose code it is that is asked about needs no guess
            self._own[str(getattr(root, "__module__", "")).partition(".")[0]] = True
        for root in roots:
            self.into(root)
        return self._digest.hexdigest()[:16]

    def _say(self, *words: object) -> None:
        self._digest.update(("\0".join(map(str, words)) + "\1").encode("utf-8", "surrogatepass"))

    def into(self, value: Any) -> None:
        """Take in a value and all that it leads to."""
        waiting = [value]
        while waiting:
            waiting += reversed(list(self._parts(waiting.pop())))

    def _parts(self, value: Any) -> Iterator[Any]:
        """Say what the value is; give what it leads to."""
        if isinstance(value, _PLAIN) and type(value) in _PLAIN:
            self._say(type(value).__name__, repr(value))
            return
        if id(value) in self._seen:
            self._say("again", getattr(value, "__qualname__", type(value).__name__))
            return
        self._seen[id(value)] = value
        if isinstance(value, _PLAIN):  # of a class of its own, so there may be more to it
            kind: Any = next(kind for kind in _PLAIN if isinstance(value, kind))
            self._say(type(value).__name__, kind.__repr__(value))
        if isinstance(value, FunctionType):
            yield from self._function(value)
        elif isinstance(value, type) and not hasattr(value, "__origin__"):
            yield from self._class(value)
        elif isinstance(value, (list, tuple)):
            self._say(type(value).__name__, len(value))
            yield from value
        elif isinstance(value, (set, frozenset)):
            self._say(type(value).__name__, *sorted(map(_text, value)))
        elif isinstance(value, Mapping):
            self._say(type(value).__name__, len(value))
            for key, one in sorted(value.items(), key=lambda item: _text(item[0])):
                yield key
                yield one
        elif isinstance(value, Enum):
            self._say(type(value).__qualname__, value.name)
            yield type(value)
        elif isinstance(value, ModuleType):
            self._say("module", value.__name__)
        else:
            yield from self._wrapped(value)

    def _wrapped(self, value: Any) -> Iterator[Any]:
        """What wraps code, what a type is made of, and any other object."""
        if isinstance(value, partial):
            self._say("partial")
            yield from (value.func, value.args, value.keywords)
        elif isinstance(value, MethodType):
            yield from (value.__func__, value.__self__)
        elif isinstance(value, property):
            yield from (part for part in (value.fget, value.fset) if part is not None)
        elif isinstance(value, cached_property):
            yield value.func
        elif (
            inner := getattr(value, "wrapped", getattr(value, "__func__", getattr(value, "__wrapped__", None)))
        ) is not None:
            self._say(type(value).__name__)
            yield inner  # validators of pydantic, class and static methods, functions with a cache
        elif getattr(value, "__args__", None) is not None:
            self._say(_text(getattr(value, "__origin__", type(value))))
            yield from value.__args__
            yield from getattr(value, "__metadata__", ())
        elif getattr(value, "__supertype__", None) is not None:
            yield value.__supertype__
        elif self._is_own(type(value).__module__):
            self._say("an object")
            yield type(value)
            yield dict(_values(value))
        else:
            self._say(_text(value))

    # ── functions ─────────────────────────────────────────────────────────────────────────────

    def _function(self, function: Any) -> Iterator[Any]:
        if not self._with_functions or id(function) in self._but:
            return
        inner = getattr(function, "__wrapped__", None)
        if inner is not None:
            yield inner
            yield dict(getattr(function, "registry", {}))  # of a single dispatch
        # What wraps another gives itself out as it; whose code it is is told by where its names come from.
        where = function.__module__ if inner is None else function.__globals__.get("__name__")
        if not self._is_own(where):
            self._say("function", where, function.__qualname__)
            return
        self._say("code")
        names: dict[str, None] = {}
        for part in _codes(function.__code__):
            self._say(part.co_code.hex(), part.co_names, _constants(part))
            names.update(dict.fromkeys(part.co_names))
        yield from (function.__defaults__, function.__kwdefaults__)
        for cell in function.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # not filled yet
                self._say("empty")
        for name in names:
            yield from self._named(name)
            if name in function.__globals__:
                yield from self._found(function.__globals__[name], names)

    def _found(self, value: Any, names: Mapping[str, None]) -> Iterator[Any]:
        """What a name of a function stands for; of a module of the user's, what its other names find there."""
        yield value
        modules = [value]
        for module in modules:
            if isinstance(module, ModuleType) and self._is_own(module.__name__):
                found = [vars(module)[name] for name in names if name in vars(module)]
                yield from found
                modules += [one for one in found if isinstance(one, ModuleType) and one not in modules]

    def _named(self, name: str) -> Iterable[Any]:
        """What of the classes that were met counts now that the name was."""
        self._names.add(name)
        return self._unnamed.pop(name, ())

    # ── classes ───────────────────────────────────────────────────────────────────────────────

    def _class(self, cls: type) -> Iterator[Any]:
        self._say("class", cls.__qualname__)
        if not self._is_own(cls.__module__):
            return
        if issubclass(cls, Enum):
            for member in cls:
                self._say(member.name)
                yield member.value
        if self._with_functions:
            yield type(cls)
            yield dict(getattr(cls, "model_config", {}))
        if issubclass(cls, BaseModel):
            yield from model_fields(cls)
        else:
            yield getattr(cls, "__annotations__", None)
        for base in cls.__mro__[1:-1]:
            if self._is_own(base.__module__):
                yield base
        rules = decorated(cls) if issubclass(cls, BaseModel) else ()
        for name, value in sorted(vars(cls).items()):
            if name in rules or name in ("__init__", "__new__", "__post_init__", "__call__", "model_post_init"):
                yield value
            elif name.startswith(("__", "_abc_")) or name in _FIELDS_ELSEWHERE or name.startswith("model_"):
                if _is_operator(name, value):
                    yield value
            elif name in self._names:
                yield value
            else:
                self._unnamed.setdefault(name, []).append(value)

    # ── whose it is ───────────────────────────────────────────────────────────────────────────

    def _is_own(self, module: str | None) -> bool:
        """Whether it is the user's own code: neither of the standard library nor installed nor ours."""
        top = str(module).partition(".")[0]
        if top == _OURS:
            return str(module).startswith(_SAMPLES)
        found = self._own.get(top)
        if found is None:
            file = str(getattr(sys.modules.get(top), "__file__", None) or "")
            installed = file.startswith(_LIBRARIES)
            found = self._own[top] = top not in sys.stdlib_module_names and not installed
        return found


_LIBRARIES = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


def model_fields(model: type[BaseModel]) -> Iterator[Any]:
    """What a model's fields are: names, types, defaults, aliases and bounds, in order."""
    for name, field in model.model_fields.items():
        yield name
        yield field.annotation
        yield field.is_required()
        yield None if field.default_factory is None else field.default_factory
        yield field.default
        yield (str(field.alias), field.discriminator, [_text(one) for one in field.metadata])
        yield from (one.func for one in field.metadata if hasattr(one, "func"))  # validators in Annotated


def _is_operator(name: str, value: Any) -> bool:
    """Whether it is a method such as `__add__`, which code calls without naming it."""
    return name.startswith("__") and isinstance(value, FunctionType) and name != "__pydantic_init_subclass__"


def _values(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object holds: in its dictionary, its slots, the private attributes of a model."""
    yield from getattr(value, "__dict__", {}).items()
    for cls in type(value).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and not name.startswith("__pydantic_") and hasattr(value, name):
                yield name, getattr(value, name)
    if isinstance(value, BaseModel):
        yield from hidden(value).items()


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code and what is defined inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _constants(code: CodeType) -> list[str]:
    """Without the code inside it, and without what it says of itself."""
    told = bool(code.co_flags & _HAS_DOCSTRING) if sys.version_info >= (3, 14) else not code.co_name.startswith("<")
    constants = [None if told and at == 0 else constant for at, constant in enumerate(code.co_consts)]
    return [_text(constant) for constant in constants if not isinstance(constant, CodeType)]


def _text(value: Any) -> str:
    """In words that don't change from process to process."""
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}{sorted(map(_text, value))}"
    if isinstance(value, tuple) and type(value) is tuple:
        return f"({', '.join(map(_text, value))})"
    return _ADDRESS.sub("", repr(value))
