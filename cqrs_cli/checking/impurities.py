"""What a fold may not look at: clock, chance, environment, files. Found in the code, and while it runs."""

from __future__ import annotations

import ast
import builtins
import inspect
import io
import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

from cqrs_cli.checking.mentions import reached

CLOCK, CHANCE, ENVIRONMENT, FILES = "the clock", "chance", "the environment", "files"
HASHES, ADDRESSES, LANGUAGE = "the hash seed", "addresses in memory", "the locale"
_OF_TIME = {
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "localtime",
    "gmtime", "ctime", "strftime", "sleep",
}  # fmt: skip
_BY_NAME = {
    ("uuid", "uuid1"): CHANCE, ("uuid", "uuid4"): CHANCE, ("posix", "urandom"): CHANCE, ("nt", "urandom"): CHANCE,
    ("os", "getenv"): ENVIRONMENT, ("_socket", "gethostname"): ENVIRONMENT, ("builtins", "input"): ENVIRONMENT,
    ("builtins", "id"): ADDRESSES,
}  # fmt: skip
_BY_MODULE = {"secrets": CHANCE, "locale": LANGUAGE, "_locale": LANGUAGE, "posix": ENVIRONMENT, "nt": ENVIRONMENT}
_PURE_OF_POSIX = {"fspath"}
_READING = {"read_text", "read_bytes", "iterdir", "exists", "is_file", "is_dir", "stat"}
_PYTHON = os.path.dirname(os.__file__) + os.sep
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Look(NamedTuple):
    """A place where something is looked at. what: in words; name: of the function; file, line: of the user's code."""

    what: str
    name: str
    file: str
    line: int

    @property
    def place(self) -> str:
        """`shop.py:31`, relative where it lies below the working directory."""
        file = os.path.relpath(self.file)
        return f"{self.file if file.startswith(os.pardir) else file}:{self.line}"


def impurity(value: Any) -> str | None:
    """What a function, or `os.environ`, looks at that may be another thing the next time; None for all others."""
    if value is os.environ or value is os.environb:
        return ENVIRONMENT
    if value is open or value is io.open or value is os.open:
        return FILES
    owner, name = getattr(value, "__self__", None), getattr(value, "__name__", "")
    if isinstance(owner, random.Random) or value in (random.Random, random.SystemRandom):
        return CHANCE
    if isinstance(owner, type) and issubclass(owner, date):
        return CLOCK if name in ("now", "utcnow", "today") else None
    if not isinstance(value, BuiltinFunctionType | FunctionType):
        return None
    module = str(getattr(value, "__module__", None) or getattr(owner, "__name__", ""))
    if module == "time":
        return CLOCK if name in _OF_TIME else None
    known = _BY_NAME.get((module, name))
    return known or (_BY_MODULE.get(module) if name not in _PURE_OF_POSIX else None)


# ── in the code ───────────────────────────────────────────────────────────────────────────────


def looks_in(function: Callable[..., Any], owner: type) -> Iterator[Look]:
    """The impure functions that the code of a clause names, or what it calls of the same package."""
    for one in reached(function, owner):
        yield from _looks_of(one)


def set_iterations(function: Callable[..., Any], owner: type) -> Iterator[Look]:
    """Where the code of a clause goes through a set, in an order that the hash seed decides."""
    for one in reached(function, owner):
        for node, line in _nodes(one):
            inner = node.iter if isinstance(node, ast.For | ast.comprehension) else None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ORDERED:
                inner = node.args[0] if node.args else None
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("join", "extend")
            ):
                inner = node.args[0] if node.args else None
            if inner is not None and _is_set(inner):
                yield Look(HASHES, "the order of a set", one.__code__.co_filename, getattr(node, "lineno", 0) or line)


_ORDERED = ("list", "tuple", "iter", "enumerate", "next", "map", "zip")


def _is_set(node: ast.expr) -> bool:
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset")
    algebra = isinstance(node, ast.BinOp) and (_is_set(node.left) or _is_set(node.right))
    return named or algebra or isinstance(node, ast.Set | ast.SetComp)


def _looks_of(function: FunctionType) -> Iterator[Look]:
    known = {**vars(builtins), **function.__globals__, **inspect.getclosurevars(function).nonlocals}
    file = function.__code__.co_filename
    for node, line in _nodes(function):
        if isinstance(node, ast.Attribute | ast.Name):
            what = impurity(_found(node, known))
            if what is not None:
                yield Look(what, ast.unparse(node), file, line)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _READING:
            base = node.func.value
            inner = _found(base.func, known) if isinstance(base, ast.Call) else _found(base, known)
            if inner is Path or isinstance(inner, Path):
                yield Look(FILES, f"Path.{node.func.attr}", file, line)


def _nodes(function: FunctionType) -> Iterator[tuple[Any, int]]:
    """The nodes of a function's source, each with its line in the file; none where there is no source."""
    code = function.__code__
    try:
        lines, _ = inspect.findsource(function)
        tree = _tree("".join(lines))
    except (OSError, SyntaxError, TypeError, IndexError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            begins = node.lineno if code.co_name == "<lambda>" else 0
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == code.co_name:
            begins = min([node.lineno, *(one.lineno for one in node.decorator_list)])
        else:
            continue
        if begins == code.co_firstlineno:
            for inner in ast.walk(node):
                yield inner, getattr(inner, "lineno", begins)


@lru_cache(maxsize=64)
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


def _found(node: ast.expr, known: dict[str, Any]) -> Any:
    """What a dotted name stands for, through modules and classes; None for anything else."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        holder = _found(node.value, known)
        if isinstance(holder, ModuleType | type | random.Random):
            return getattr(holder, node.attr, None)
    return None


# ── while it runs ─────────────────────────────────────────────────────────────────────────────


class Watching:
    """Notes each call of such a function that the user's code makes, by `sys.setprofile`: a context manager.

    An audit hook is told of none of `datetime.now`, `random`, `uuid4`, `os.environ`.
    """

    def __init__(self) -> None:
        self.looks: dict[Look, None] = {}

    def __enter__(self) -> Watching:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call":
            what, name = impurity(called), getattr(called, "__qualname__", "")
            if called is hash:
                what = HASHES
            elif what is None and name.rpartition(".")[2] == "strftime":
                what = LANGUAGE
        elif event == "call" and frame.f_locals.get("self") is os.environ:
            what, name = ENVIRONMENT, "os.environ"
        else:
            return
        place = _user_place(frame) if what is not None else None
        if what is not None and place is not None:
            self.looks.setdefault(Look(what, name, *place))


def _user_place(frame: FrameType | None) -> tuple[str, int] | None:
    """Where the user's code is that led here; None if it is this program's own call."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_OURS) and f"{os.sep}_samples{os.sep}" not in file:
            return None
        if not (file.startswith((_PYTHON, "<frozen")) or "site-packages" in file):
            return file, frame.f_lineno
        frame = frame.f_back
    return None


def said(looks: Iterable[Look]) -> str:
    """`the clock by datetime.now (shop.py:31)`, several joined."""
    return ", ".join(f"{one.what} by {one.name} ({one.place})" for one in dict.fromkeys(looks))
