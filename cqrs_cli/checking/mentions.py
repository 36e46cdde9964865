"""Which classes the code of a clause names: what it makes is told by its annotation, or else by this."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeVar

from cqrs_cli.domain.clauses import Clause

T = TypeVar("T")


def mentioned(clause: Clause, kind: type[T]) -> set[type[T]]:
    """The classes of this kind that the clause, or what it calls of the same package, names."""
    return {one for function in reached(clause.function, clause.owner) for one in named(function, kind)}


def reached(function: Callable[..., Any], owner: type) -> list[FunctionType]:
    """The function, and those that it can reach by name: methods of its class, functions of its package."""
    first = inspect.unwrap(function)
    assert isinstance(first, FunctionType)
    package, found, waiting = _package(first), {first: None}, [first]
    while waiting:
        for one in _called(waiting.pop(), owner):
            if one not in found and _package(one) == package:
                found[one] = None
                waiting.append(one)
    return list(found)


def named(function: FunctionType, kind: type[T]) -> Iterator[type[T]]:
    """The classes of this kind that stand in the function's code."""
    for value in _values(function):
        if isinstance(value, type) and issubclass(value, kind) and value is not kind:
            yield value


def _package(function: FunctionType) -> str:
    return str(function.__globals__.get("__name__", "")).partition(".")[0]


def _called(function: FunctionType, owner: type) -> Iterator[FunctionType]:
    for name in _names(function.__code__):
        method = inspect.getattr_static(owner, name, None)
        method = getattr(method, "__func__", getattr(method, "fget", method))
        if isinstance(method, FunctionType):
            yield method
    yield from (value for value in _values(function) if isinstance(value, FunctionType))


def _values(function: FunctionType) -> Iterator[Any]:
    """What the names in the code stand for, and what they find in modules that are among those."""
    names = list(_names(function.__code__))
    known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    found = [known[name] for name in names if name in known]
    modules = [value for value in found if isinstance(value, ModuleType)]
    yield from found
    yield from (vars(module)[name] for module in modules for name in names if name in vars(module))


def _names(code: CodeType) -> Iterator[str]:
    yield from dict.fromkeys((*code.co_names, *code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
