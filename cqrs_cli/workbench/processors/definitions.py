"""Definitions: the JSON in a checkpoint that says what its rows were made with.

It is that of the code (`RowType.definition`), and beside it what the store alone can know:

made      a token of rows that were begun together. Without it a checkpoint could be the one that somebody read, with
          the same position and the same code, and yet be that of other rows: those of the next rebuild, or those that
          were swapped in meanwhile.
aliases   older names of the types, by today's.
also      the code, other than the rows were begun with, that took events into them since.
answers   stored names of the event types that a reaction answers, in: the categories of the streams that they are in;
          answered: by type, up to where that was done already, past the checkpoint, but for the categories in `anew`.
rewound   of a reaction that was started again: by whom, when, why, and from where to where, the last of them last.
beside    names of reactions that answer the same and had come further, all of which it was told of.
held      see `log.stops`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

_OF_A_REACTION = ("answers", "in", "answered", "anew", "rewound", "beside")
_TAKEN_IN = ("types", "streams", "answers", "in")
Member = Literal["types", "streams", "answers", "in"]
_BESIDE = ("made", "held", "also", "aliases", *_OF_A_REACTION)
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
    return all(found.get(name) == wanted.get(name) for name in (found.keys() | wanted.keys()) - set(_BESIDE))


# ── types ─────────────────────────────────────────────────────────────────────────────────────


def names_in(definition: str, member: Member) -> frozenset[str] | None:
    """The event types that are taken in, or answered, or their categories; None if that is not said, or any."""
    found = _read(definition).get(member)
    return None if found is None else frozenset(map(str, found))


def adopting(stored: str, definition: str) -> str:
    """The stored one with the types of today's code."""
    found, wanted = _read(stored), _read(definition)
    types: dict[str, Any] = {name: wanted[name] for name in (*_TAKEN_IN, "aliases") if name in wanted}
    return stored if all(found.get(name) == value for name, value in types.items()) else _dumps({**found, **types})


def answered(definition: str) -> Mapping[str, int]:
    """By type, up to which position events were answered already, where that is past the checkpoint."""
    found: Mapping[str, int] = _read(definition).get("answered", {})
    return found


def anew(definition: str) -> frozenset[str]:
    """The categories in which events were not answered before, whatever `answered` says of their types."""
    return frozenset(map(str, _read(definition).get("anew", ())))


def answering_again(
    stored: str, learnt: frozenset[str], position: int, unbuilt: bool, streams: frozenset[str] = frozenset()
) -> str:
    """The stored one of a reaction that goes back, to answer what it has learnt: what it knew is answered up to here.

    learnt: types; streams: categories. unbuilt: it has rows, which are to be folded up to where it goes back to.
    """
    found = _read(stored)
    known = [name for name in found.get("answers", ()) if name not in learnt]
    done = {name: max(position, answered(stored).get(name, 0)) for name in known}
    rows = {**NO_ROWS, "version": 0} if unbuilt else {}
    new = {"answers": sorted({*known, *learnt}), "answered": done}
    left = anew(stored) if any(reached > position for reached in answered(stored).values()) else frozenset()
    new["anew"] = sorted(left | streams)
    if streams:
        new["in"] = sorted({*found.get("in", ()), *streams})
    return _dumps({**found, **rows, **new})


def rewound(stored: str, definition: str, how: Mapping[str, Any], unbuilt: bool) -> str:
    """The stored one of a reaction that goes back and answers all that comes after once more, by today's code.

    how: what stays on record of it. unbuilt: as above.
    """
    found = {name: value for name, value in _read(adopting(stored, definition)).items() if name != "answered"}
    rows = {**NO_ROWS, "version": 0} if unbuilt else {}
    return _dumps({**found, **rows, "rewound": [*found.get("rewound", ()), how]})


def rewinds(definition: str) -> list[Mapping[str, Any]]:
    """How often a reaction was started again, and how; the last one last."""
    return list(_read(definition).get("rewound", ()))


def known_beside(definition: str) -> frozenset[str]:
    """The names under which somebody answers the same, and of which it was said that this one goes on all the same."""
    return frozenset(map(str, _read(definition).get("beside", ())))


def beside(stored: str, name: str) -> str:
    """The stored one, when that was said of this name."""
    return _dumps({**_read(stored), "beside": sorted({*known_beside(stored), name})})


def answer_the_same(stored: str, definition: str) -> bool:
    """Whether both are of reactions of one domain that answer the same types."""
    one, other = _read(stored), _read(definition)
    return bool(one.get("answers")) and all(one.get(part) == other.get(part) for part in ("answers", "domain"))


# ── rows that are not folded yet ──────────────────────────────────────────────────────────────


def unbuilt(definition: str) -> str:
    """Of a process manager whose place in the log is settled, but whose rows up to there are not folded yet."""
    found = _read(definition)
    kept: dict[str, Any] = {name: found[name] for name in ("in", "aliases", "beside") if name in found}
    kept |= {"answers": found.get("answers", []), "domain": found.get("domain")}
    return _dumps({**NO_ROWS, "version": 0, **kept})


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
    if name in ("also", "anew", "beside", *_TAKEN_IN):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if name == "rewound":
        return isinstance(value, list) and all(isinstance(one, dict) for one in value)
    if name == "answered":
        return isinstance(value, dict) and all(isinstance(position, int) for position in value.values())
    return True
