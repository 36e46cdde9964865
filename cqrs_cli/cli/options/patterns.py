r"""A text that matches a regular expression: `^[A-Z]{3}-\d+$` → `AAA-0`."""

import importlib
import re
import string
from collections.abc import Callable
from typing import Any

_LIKELY = string.ascii_lowercase + string.ascii_uppercase + string.digits + "-_. /:@"
_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "DIGIT": str.isdigit,
    "SPACE": str.isspace,
    "WORD": lambda letter: letter.isalnum() or letter == "_",
}


def text_for(pattern: str, more: int = 0) -> str | None:
    """The shortest plain text that matches, or None if that can't be said.

    more: how often what may repeat is repeated beyond its minimum. Look-arounds are passed over, so the
    caller checks the answer.
    """
    try:
        parsed = importlib.import_module("re._parser").parse(pattern)
        return "".join(_piece(str(operation), argument, more) for operation, argument in parsed)
    except (ImportError, LookupError, RecursionError, StopIteration, re.error):
        return None


def _piece(operation: str, argument: Any, more: int) -> str:
    match operation:
        case "LITERAL":
            return chr(argument)
        case "NOT_LITERAL":
            return next(letter for letter in _LIKELY if letter != chr(argument))
        case "ANY":
            return "a"
        case "IN":
            return _member(argument)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = argument
            once = "".join(_piece(str(kind), value, more) for kind, value in inner)
            return once * min(int(least) + more, int(most))
        case "SUBPATTERN":
            return "".join(_piece(str(kind), value, more) for kind, value in argument[-1])
        case "BRANCH":
            return "".join(_piece(str(kind), value, more) for kind, value in argument[1][0])
        case "AT" | "ASSERT" | "ASSERT_NOT":
            return ""
    raise LookupError(operation)


def _member(choices: Any) -> str:
    """The first likely letter of a set such as `[^a-z_]`."""
    negated = str(choices[0][0]) == "NEGATE"
    allowed = [letter for letter in _LIKELY if any(_is_in(letter, choice) for choice in choices) is not negated]
    if allowed:
        return allowed[0]
    kind, value = choices[0]
    return chr(value if str(kind) == "LITERAL" else value[0])


def _is_in(letter: str, choice: Any) -> bool:
    kind, value = str(choice[0]), choice[1]
    if kind == "LITERAL":
        return letter == chr(value)
    if kind == "RANGE":
        return bool(value[0] <= ord(letter) <= value[1])
    if kind == "CATEGORY":
        name = str(value)
        positive = name.replace("_NOT_", "_")
        member: bool = _CATEGORIES[positive.rpartition("_")[2]](letter)
        return member is (positive == name)
    return False
