"""Scenarios in files: `*.scenario.yaml`, one a document, several a file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from cqrs_cli.errors import InvalidInput, NotFound
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.scenario.vocabulary import Place
from cqrs_cli.scenario.yaml_tree import trees, wrong

ENDINGS = (".scenario.yaml", ".scenario.yml")
MEMBERS = ("scenario", "at", "services", "given", "when", "then")
_PASSED_OVER = frozenset({"node_modules", "__pycache__", "venv", "build", "dist"})
_MOST_BYTES = 16 * 1024 * 1024


class Described(NamedTuple):
    """A scenario as a file describes it. line: where it begins. members: by name, as they stand there."""

    name: str
    place: Place
    line: int
    members: dict[str, Any]


def files_in(paths: Sequence[str]) -> list[str]:
    """The files of scenarios among these files and folders, in the order of their names; each once.

    A file that is named is taken whatever its ending. Raises `NotFound` for a path that is not there.
    """
    found: dict[str, None] = {}
    for path in paths:
        if os.path.isdir(path):
            found |= dict.fromkeys(sorted(_below(path)))
        elif os.path.exists(path):
            found[path] = None
        else:
            raise NotFound(f"there is no {path}", code="path-not-found", hint="a folder, or a file *.scenario.yaml")
    return list(found)


def _below(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if not one.startswith(".") and one not in _PASSED_OVER]
        yield from (os.path.normpath(os.path.join(parent, file)) for file in files if file.endswith(ENDINGS))


def described_in(file: str) -> Iterator[Described | InvalidInput]:
    """The scenarios of a file; for one that is no scenario the error that says why. What follows it is given too."""
    try:
        with open(file, encoding="utf-8") as opened:
            text = opened.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise wrong(file, 1, "the file is too large for scenarios", "several files")
        yield from described_as(text, file)
    except InvalidInput as error:
        yield error
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or "no text in UTF-8"
        yield wrong(file, 1, f"it can't be read: {told}", "a file in UTF-8 that this user may read")


def described_as(text: str, file: str) -> Iterator[Described | InvalidInput]:
    """The same of a text. file: what errors call it."""
    names: dict[str, int] = {}
    try:
        for tree in trees(text, file):
            try:
                one = _described(Place(file, tree))
                if one.name in names:
                    told = f"another scenario of this file (line {names[one.name]}) has the name {one.name!r}"
                    raise one.place.wrong(("scenario",), told, "a name of its own")
                names[one.name] = one.line
                yield one
            except InvalidInput as error:
                yield error
    except InvalidInput as error:
        yield error


def _described(place: Place) -> Described:
    members = place.tree.value
    if not isinstance(members, dict):
        raise place.wrong((), "a scenario has members", "scenario: a name; given, when, then")
    for name in members:
        if name not in MEMBERS:
            hint = did_you_mean(name, MEMBERS) or f"there are: {', '.join(MEMBERS)}"
            raise place.wrong((name,), "no member of a scenario", hint)
    name = place.tree.texts.get(("scenario",), members.get("scenario"))
    if not isinstance(name, str) or not name.strip():
        raise place.wrong(("scenario",), "a scenario has a name", "scenario: what is not in stock is not sold")
    if members.get("then") in (None, [], {}):
        raise place.wrong(("then",), "a scenario without a then proves nothing", "then: what comes of it, or nothing")
    if "when" not in members and not (isinstance(members["then"], dict) and set(members["then"]) <= {"rows"}):
        raise place.wrong(("when",), "a scenario tries something", "when: a command, an event or later: 1d")
    return Described(" ".join(name.split()), place, place.tree.line(("scenario",)), members)
