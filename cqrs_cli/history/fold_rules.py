"""What an event without a domain comes to: rules in words, `[tool.cqrs.fold]`, by the stored type.

overwrite [FIELD, …] [from FIELD]      the fields take the place of those of the same names, whole; the rest stays
replace [PATH] [from FIELD]            the payload takes the place of the state, or of what is at a path
append PATH [from FIELD]               the payload becomes the last element of a list
remove PATH [by KEY] [from FIELD]      the elements go that have the payload's key, or are equal to its field;
                                       without both what is at the path goes
add FIELD, … | add PATH from [-]FIELD  numbers are added, exactly
ignore                                 nothing

`from FIELD` takes a field of the payload instead of all of it. States and payloads are plain JSON values, their numbers
with a fraction as texts, with every digit.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from cqrs_cli.errors import Misuse
from cqrs_cli.expression_values import added
from cqrs_cli.history.paths import parse_path, path_text
from cqrs_cli.near_names import did_you_mean

Apply = Callable[[dict[str, Any], Any], dict[str, Any]]
"""From a state and a payload to the next state: the same object changed, or another. Raises `Unfit`."""
Names = tuple[str, ...]

_WORDS = re.compile(r'(?:\["(?:[^"\\]|\\.)*"\]|[^\s,])+|,')
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,9})?", re.ASCII)
VERBS = ("overwrite", "replace", "append", "remove", "add", "ignore")
HINT = (
    '"append items", "append items from item", "remove items by sku", "add quantity", "add balance from -amount", '
    '"overwrite", "replace", "ignore", or a list of these'
)


class Unfit(ValueError):
    """A payload or a state is not such as a rule takes."""


class FoldRule(NamedTuple):
    """What the events of a type come to. text: as it is shown."""

    text: str
    steps: tuple[Apply, ...]


def fold_rule(type: str, words: Any) -> FoldRule:
    """The rule that a settings file gives for a type: a text, or a list of them. Raises `Misuse` (code `fold`)."""
    texts: Sequence[Any] = words if isinstance(words, list) else [words]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise Misuse(f"the fold of {type} is {words!r}, no rule", code="fold", hint=HINT)
    try:
        steps = tuple(_step(text) for text in texts)
    except Misuse as error:
        raise Misuse(f"the fold of {type}: {error.message}", code="fold", hint=error.hint) from None
    return FoldRule("; ".join(" ".join(text.split()) for text in texts), steps)


def fold_rules(table: Mapping[str, Any]) -> dict[str, FoldRule]:
    """The rules of a table, by type. Raises `Misuse` (code `fold`)."""
    return {type: fold_rule(type, words) for type, words in table.items()}


# ── from words to functions ───────────────────────────────────────────────────────────────────


def _step(text: str) -> Apply:
    verb, *words = _WORDS.findall(text) or [""]
    if verb not in VERBS:
        hint = did_you_mean(verb, VERBS) or HINT
        raise Misuse(f"{text!r} does not begin with one of {', '.join(VERBS)}", code="fold", hint=hint)
    words, source = _taken(words, "from", text)
    words, key = _taken(words, "by", text)
    paths = [_names(word) for word in words[::2]]
    if any(word != "," for word in words[1::2]) or (words and len(words) % 2 == 0):
        raise Misuse(f"{text!r} is not understood", code="fold", hint=HINT)
    if key is not None and verb != "remove":
        raise Misuse(f"{text!r}: only what is removed has a key, by KEY", code="fold", hint=HINT)
    negative = source is not None and source.startswith("-")
    if negative and verb != "add":
        raise Misuse(f"{text!r}: only what is added has a sign", code="fold", hint=HINT)
    return _made(text, verb, paths, (source or "").removeprefix("-"), key, negative)


def _made(text: str, verb: str, paths: list[Names], source: str, key: str | None, negative: bool) -> Apply:
    given, name = _names(source) if source else (), None if key is None else _names(key)
    least, most = {"overwrite": (0, 99), "replace": (0, 1), "add": (1, 99), "ignore": (0, 0)}.get(verb, (1, 1))
    if not least <= len(paths) <= (1 if verb == "add" and given else most) or (verb == "ignore" and given):
        told = "nothing" if most == 0 else "one path" if (least, most) == (1, 1) else f"at least {least} fields"
        told = "one path before from" if verb == "add" and given else "a path at most" if verb == "replace" else told
        raise Misuse(f"{text!r}: {verb} takes {told}", code="fold", hint=HINT)
    if verb == "ignore":
        return lambda state, payload: state
    if verb == "overwrite":
        return partial(_overwrite, paths, given)
    if verb == "replace":
        return partial(_replace, paths[0] if paths else (), given)
    if verb == "append":
        return partial(_append, paths[0], given)
    if verb == "remove":
        return partial(_remove, paths[0], name, given)
    return partial(_add, [(path, given or path) for path in paths], negative)


def _taken(words: list[str], mark: str, text: str) -> tuple[list[str], str | None]:
    """The words before a mark, and the one behind it, which is the last."""
    if mark not in words:
        return words, None
    at = words.index(mark)
    if len(words) != at + 2 or words[-1] == ",":
        raise Misuse(f"{text!r}: one field stands behind {mark!r}, at the end", code="fold", hint=HINT)
    return words[:at], words[at + 1]


def _names(word: str) -> Names:
    path = parse_path(word)
    if not all(isinstance(step, str) for step in path):
        raise Misuse(f"{word!r}: an element of a list has no rule of its own", code="fold", hint=HINT)
    return tuple(str(step) for step in path)


# ── what they do ──────────────────────────────────────────────────────────────────────────────


def _overwrite(fields: list[Names], given: Names, state: dict[str, Any], payload: Any) -> dict[str, Any]:
    taken = _object(_given(payload, given), given)
    if not fields:
        state.update((name, _own(value)) for name, value in taken.items())
        return state
    for field in fields:
        inner, found = taken, True
        for name in field:
            found = isinstance(inner, dict) and name in inner
            if not found:
                break
            inner = inner[name]
        if found:  # what a payload has not stays as it was
            _parent(state, field)[field[-1]] = _own(inner)
    return state


def _replace(path: Names, given: Names, state: dict[str, Any], payload: Any) -> dict[str, Any]:
    value = _own(_given(payload, given))
    if not path:
        return _object(value, given)
    _parent(state, path)[path[-1]] = value
    return state


def _append(path: Names, given: Names, state: dict[str, Any], payload: Any) -> dict[str, Any]:
    value = _own(_given(payload, given))  # before a list is made: the payload may be all there is
    inner = _parent(state, path)
    found = inner.get(path[-1])
    if found is None:
        found = inner[path[-1]] = []
    if not isinstance(found, list):
        raise Unfit(f"{path_text(path)} is {_kind(found)}, nothing can be appended to it")
    found.append(value)
    return state


def _remove(path: Names, key: Names | None, given: Names, state: dict[str, Any], payload: Any) -> dict[str, Any]:
    wanted = _given(payload, given or key or ())
    inner: Any = state
    for name in path[:-1]:
        inner = inner.get(name) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or inner.get(path[-1]) is None:
        return state
    found = inner[path[-1]]
    if key is None and not given:
        del inner[path[-1]]
    elif not isinstance(found, list):
        raise Unfit(f"{path_text(path)} is {_kind(found)}, no list to remove elements from")
    else:
        found[:] = [one for one in found if not _same(_inside(one, key or ()), wanted)]
    return state


def _add(pairs: list[tuple[Names, Names]], negative: bool, state: dict[str, Any], payload: Any) -> dict[str, Any]:
    for path, field in pairs:
        value = _given(payload, field)
        if value is None:
            continue
        number = _number(value, field)
        inner = _parent(state, path)
        before = _number(inner.get(path[-1]) or 0, path)
        try:
            total = added(
                before,
                number.copy_negate() if negative and isinstance(number, Decimal) else -number if negative else number,
            )
        except ArithmeticError:
            raise Unfit(f"{path_text(path)} would have more than a thousand digits") from None
        inner[path[-1]] = total if isinstance(total, int) else str(total)
    return state


def _number(value: Any, path: Names) -> int | Decimal:
    """A number, as JSON has it or as a text of digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    raise Unfit(f"{path_text(path)} is {_kind(value)}, no number to add")


def _given(payload: Any, field: Names) -> Any:
    """A field of the payload; all of it without. Raises `Unfit` if it is not there."""
    found = payload
    for name in field:
        if not isinstance(found, dict) or name not in found:
            raise Unfit(f"the payload has no {path_text(field)}")
        found = found[name]
    return found


def _inside(value: Any, field: Names) -> Any:
    for name in field:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _parent(state: dict[str, Any], path: Names) -> dict[str, Any]:
    """The object that the last name of a path is in; objects that are not there yet are made."""
    inner = state
    for at, name in enumerate(path[:-1], 1):
        if inner.get(name) is None:
            inner[name] = {}
        inner = inner[name]
        if not isinstance(inner, dict):
            raise Unfit(f"{path_text(path[:at])} is {_kind(inner)}, nothing can be in it")
    return inner


def _object(value: Any, field: Names) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unfit(f"{path_text(field) or 'the payload'} is {_kind(value)}, and has no fields")
    return value


def _own(value: Any) -> Any:
    """The value, sharing nothing that can change with the payload."""
    return marshal.loads(marshal.dumps(value)) if isinstance(value, dict | list) else value


def _same(one: Any, other: Any) -> bool:
    """Whether a key is the same: 7 and "7" are, as in the names of elements."""
    keys = all(isinstance(value, str | int) and not isinstance(value, bool) for value in (one, other))
    return str(one) == str(other) if keys else type(one) is type(other) and bool(one == other)


def _kind(value: Any) -> str:
    kinds = {str: "a text", bool: "true or false", int: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), "null")
