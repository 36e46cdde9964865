"""Definitions: the JSON in a checkpoint that says what its rows were made with.

It is that of the code (`RowType.definition`), and beside it what the store alone can know:

made      a token of rows that were begun together. Without it a checkpoint could be the one that somebody read, with
          the same position and the same code, and yet be that of other rows: those of the next rebuild, or those that
          were swapped in meanwhile.
also      the code, other than the rows were begun with, that took events into them since.
answers   stored names of the event types that a reaction answers; answered: by type, up to where that was done
          already, past the checkpoint.
held      see `log.stops`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

_OF_A_REACTION = ("answers", "answered")
_BESIDE = ("made", "held", "also", *_OF_A_REACTION)
_REMEMBERED = 3
NO_ROWS: dict[str, Any] = {"version": 1, "key": [], "columns": [], "unique": [], "indexes": [], "source": ""}


def begun(definition: str) -> str:
    """The definition of rows that begin now: no other rows will ever have the same."""
    return _dumps({**_read(definition), "made": os.urandom(6).hex()})


def swapped_in(built: str, live: str | None, answers: frozenset[str]) -> str:
    """The definition of rows that were built beside the live ones, now that they take their place.

    answers: types that the code answers which built them. What it has learnt of them is not settled by new rows.
    """
    kept = {name: value for name, value in _read(live or "").items() if name in _OF_A_REACTION}
    if "answers" in kept:
        kept["answers"] = [name for name in kept["answers"] if name in answers]
    return _dumps({**_read(built), **kept})


def is_of(stored: str, definition: str) -> bool:
    """Whether the stored one was made with just this code, whatever stands beside it."""
    found, wanted = _read(stored), _read(definition)
    return {name: value for name, value in found.items() if name not in _BESIDE} == wanted


# ── types ─────────────────────────────────────────────────────────────────────────────────────


def names_in(definition: str, member: Literal["types", "answers"]) -> frozenset[str] | None:
    """The event types that are taken in, or answered; None in definitions of old, which don't say."""
    found = _read(definition).get(member)
    return None if found is None else frozenset(map(str, found))


def adopting(stored: str, definition: str) -> str:
    """The stored one with the types of today's code."""
    found, wanted = _read(stored), _read(definition)
    types: dict[str, Any] = {name: wanted[name] for name in ("types", "answers") if name in wanted}
    return stored if all(found.get(name) == value for name, value in types.items()) else _dumps({**found, **types})


def answered(definition: str) -> Mapping[str, int]:
    """By type, up to which position events were answered already, where that is past the checkpoint."""
    found: Mapping[str, int] = _read(definition).get("answered", {})
    return found


def answering_again(stored: str, learnt: frozenset[str], position: int, unbuilt: bool) -> str:
    """The stored one of a reaction that goes back, to answer what it has learnt: what it knew is answered up to here.

    unbuilt: it has rows, which are to be folded up to where it goes back to.
    """
    found = _read(stored)
    known = [name for name in found.get("answers", ()) if name not in learnt]
    done = {name: max(position, answered(stored).get(name, 0)) for name in known}
    rows = {**NO_ROWS, "version": 0} if unbuilt else {}
    return _dumps({**found, **rows, "answers": sorted({*known, *learnt}), "answered": done})


# ── rows that are not folded yet ──────────────────────────────────────────────────────────────


def unbuilt(definition: str) -> str:
    """Of a process manager whose place in the log is settled, but whose rows up to there are not folded yet."""
    found = _read(definition)
    return _dumps({**NO_ROWS, "version": 0, "answers": found.get("answers", []), "domain": found.get("domain")})


def is_unbuilt(stored: str) -> bool:
    """Whether that is such a one."""
    return bool(_read(stored).get("version") == 0)


# ── code ──────────────────────────────────────────────────────────────────────────────────────


def made_also_by(stored: str, definition: str) -> str:
    """The stored one, when today's code has taken events in."""
    found, marks, own = _read(stored), _marks(stored, definition), _mark(_read(definition))
    return stored if own in marks else _dumps({**found, "also": [*found.get("also", ()), own][-_REMEMBERED:]})


def made_by_others(stored: str, definition: str) -> Literal["code", "python"] | None:
    """Whether other code than today's made any of the rows (a hint, no more), or another Python, which hides it."""
    own = _mark(_read(definition))
    others = [mark for mark in _marks(stored, definition) if mark != own]
    if not others:
        return None
    python = own.partition("@")[2]
    return "code" if any(mark.partition("@")[2] == python for mark in others) else "python"


def _marks(stored: str, definition: str) -> list[str]:
    """The code that took events in, as far as it is known."""
    found, wanted = _read(stored), _read(definition)
    return [_mark({"python": wanted.get("python"), **found}), *found.get("also", ())] if "source" in found else []


def _mark(definition: Mapping[str, Any]) -> str:
    return f"{definition.get('source')}@{definition.get('python')}"


def _dumps(definition: Mapping[str, Any]) -> str:
    return json.dumps(definition, separators=(",", ":"))


@lru_cache(maxsize=256)
def _read(text: str) -> dict[str, Any]:
    """What a definition says; nothing if it is none. Not to be changed: it is remembered."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in found.items() if _fits(name, value)} if isinstance(found, dict) else {}


def _fits(name: str, value: Any) -> bool:
    """Whether a member is what we write under its name."""
    if name in ("also", "answers", "types"):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if name == "answered":
        return isinstance(value, dict) and all(isinstance(position, int) for position in value.values())
    return True
