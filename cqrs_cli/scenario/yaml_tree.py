"""YAML as it is read here: the values of YAML 1.2's core schema, decimals exact, and the line of each.

`no`, `on`, `1:30`, `2026-01-01` and `1_000` are texts, as YAML 1.2 has it. What they mean, the field says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import yaml

from cqrs_cli.errors import InvalidInput

Path = tuple[str | int, ...]
MISTAKE = "scenario"
"""The code of the error of what a file says wrong."""
MOST_VALUES = 100_000
"""In one document: an alias that stands for aliases is many values in a few lines."""
MOST_DEEP = 100

_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
"""What a node is that says nothing else."""

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where libyaml is there


class _Loader(_BASE):  # type: ignore[misc]
    yaml_implicit_resolvers: dict[str, Any] = {}


class Tree(NamedTuple):
    """A document. lines: where each value stands, by its path. texts: how numbers and truths were written."""

    value: Any
    lines: dict[Path, int]
    texts: dict[Path, str]

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def trees(text: str, file: str) -> Iterator[Tree]:
    """The documents of a file that are not empty. Raises `InvalidInput` naming file and line for what is no YAML."""
    try:
        for node in yaml.compose_all(text, _Loader):
            tree = Tree(None, {}, {})
            value = _Builder(tree, file).value(node, ())
            if value is not None:
                yield tree._replace(value=value)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = " ".join(part for part in (error.context, error.problem) if part)
        raise wrong(
            file, mark.line + 1 if mark else 1, f"this is no YAML: {told}", "indentation, quotes, colons"
        ) from None
    except yaml.YAMLError as error:
        raise wrong(file, 1, f"this is no YAML: {error}", "a text in UTF-8") from None


def wrong(file: str, line: int, message: str, hint: str) -> InvalidInput:
    """The error of a place in a file."""
    return InvalidInput(f"{file}:{line}: {message}", code=MISTAKE, file=file, line=line, hint=hint)


class _Builder:
    def __init__(self, tree: Tree, file: str) -> None:
        self._tree, self._file, self._count = tree, file, 0

    def value(self, node: Any, path: Path) -> Any:
        """The value of a node; lines and texts are noted."""
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > MOST_VALUES or len(path) > MOST_DEEP:
            raise wrong(self._file, line, "this is too much for a scenario", "fewer values, or fewer aliases")
        if node.tag not in _TAGS:
            hint = "plain values, lists and mappings; matchers are $anything, $approx and $regex"
            raise wrong(self._file, line, f"the tag {node.tag} means nothing here", hint)
        self._tree.lines.setdefault(path, line)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(one, (*path, number)) for number, one in enumerate(node.value)]
        return self._mapping(node, path)

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        text: str = node.value
        if node.style:  # quoted, or a block: a text
            return text
        value = plain(text)
        if value is not None and not isinstance(value, str):
            self._tree.texts[path] = text
        return value

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, inner in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise wrong(self._file, line, "a name is a plain text", "name: value")
            name = key.value
            if name in found:
                raise wrong(self._file, line, f"{name} stands here twice", "keep one of them")
            if name == "<<" and not key.style:
                raise wrong(
                    self._file, line, "<< merges nothing: YAML 1.2 has it no more", "an alias for the whole value"
                )
            self._tree.lines[(*path, name)] = line
            found[name] = self.value(inner, (*path, name))
        return found


_SPECIAL = {"": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True}
_SPECIAL |= {"false": False, "False": False, "FALSE": False}
_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), Decimal),
)
_LONGEST = 1000


def plain(text: str) -> Any:
    """What a scalar without quotes is, by the core schema; anything else is a text, `.inf` and `.nan` too."""
    if text in _SPECIAL:
        return _SPECIAL[text]
    if text[0] in "+-.0123456789" and len(text) <= _LONGEST:
        for pattern, make in _NUMBERS:
            if pattern.fullmatch(text):
                return make(text)
    return text
