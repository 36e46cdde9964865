"""Matchers: where a file expects a value that it can't or won't know, or one of a kind.

`$anything` · `{$approx: 1.5, within: 0.01}` · `{$regex: "^ord"}` · `{$is: …}` for a mapping that only looks like one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from cqrs_cli.scenario.yaml_tree import Path

ANYTHING, APPROX, REGEX, IS = "$anything", "$approx", "$regex", "$is"
NAMES = (ANYTHING, APPROX, REGEX, IS)
RELATIVE = Decimal("1e-6")
"""How far a number may be off that is expected roughly, without `within`: so much of it."""
ABSENT: Any = object()


class Misfit(NamedTuple):
    """A value that a matcher doesn't take. path: in what was expected. wanted: in words."""

    path: Path
    wanted: str
    found: Any


Wrong = Callable[[Path, str, str], Exception]
"""Gives the error of a place: its path, what is wrong, what helps."""


class Resolver:
    """Puts what was found in the place of matchers that take it. misfits: those that don't; theirs is put there too.

    open: whether there was a matcher and nothing to match: a text that says what it takes stands there.
    """

    def __init__(self, wrong: Wrong) -> None:
        self._wrong = wrong
        self.misfits: list[Misfit] = []
        self.open = False

    def resolved(self, expected: Any, found: Any, path: Path) -> Any:
        """The expected value without matchers. found: its counterpart as JSON; `ABSENT` where there is none."""
        matcher = self._matcher(expected, path)
        if matcher is not None:
            return self._matched(*matcher, expected, found, path)
        if isinstance(expected, dict):
            return {
                name: self.resolved(
                    value, found.get(name, ABSENT) if isinstance(found, dict) else ABSENT, (*path, name)
                )
                for name, value in expected.items()
            }
        if isinstance(expected, list):
            inner = found if isinstance(found, list) else []
            return [
                self.resolved(value, inner[at] if at < len(inner) else ABSENT, (*path, at))
                for at, value in enumerate(expected)
            ]
        return expected

    def _matcher(self, expected: Any, path: Path) -> tuple[str, Any] | None:
        if expected == ANYTHING and isinstance(expected, str):
            return ANYTHING, None
        if not isinstance(expected, dict) or not any(name.startswith("$") for name in expected):
            return None
        name = next(name for name in expected if name.startswith("$"))
        others = set(expected) - {name} - ({"within"} if name == APPROX else set())
        if name not in NAMES or others:
            hint = "$anything, {$approx: 1.5, within: 0.1}, {$regex: ^a}, {$is: …}"
            raise self._wrong(path, f"{', '.join(expected)} is no matcher", hint)
        return name, expected[name]

    def _matched(self, name: str, value: Any, expected: Any, found: Any, path: Path) -> Any:
        if name == IS:
            return value
        takes, wanted = self._test(name, value, expected, path)
        if found is ABSENT:
            self.open = True
            return f"<{wanted}>"
        if not takes(found):
            self.misfits.append(Misfit(path, wanted, found))
        return found

    def _test(self, name: str, value: Any, expected: Any, path: Path) -> tuple[Callable[[Any], bool], str]:
        if name == ANYTHING:
            return lambda _: True, "anything"
        if name == REGEX:
            try:
                pattern = re.compile(value if isinstance(value, str) else str(value))
            except re.error as error:
                raise self._wrong(
                    (*path, REGEX), f"{value!r} is no regular expression: {error}", "as Python's re"
                ) from None
            return lambda one: isinstance(one, str) and pattern.search(one) is not None, f"a text like {value}"
        within = expected.get("within") if isinstance(expected, dict) else None
        if not is_number(value) or not (within is None or is_number(within)):
            raise self._wrong(path, f"$approx is for numbers, not {value!r}", "{$approx: 1.5, within: 0.01}")
        most = abs(value * RELATIVE) if within is None else within
        return lambda one: _is_near(one, value, most), f"about {value}"


def is_number(value: Any) -> bool:
    """Whether it is a number of a file."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _is_near(found: Any, value: Decimal, most: Decimal) -> bool:
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return False
    try:
        return bool(abs(Decimal(str(found)) - value) <= most)
    except InvalidOperation:
        return False
