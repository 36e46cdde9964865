"""Differences of a rehearsal that somebody has looked at and accepted: a file that is kept beside the code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cqrs_cli.errors import ConfigurationError
from cqrs_cli.history.rehearsal import Rehearsed
from cqrs_cli.jsonable import jsonable

_HINT = "--accept-all writes the file anew"


class Accepted:
    """Which command comes to what today. One that comes to something else again is not accepted."""

    def __init__(self, digests: Mapping[str, str]) -> None:
        self._digests, self._unseen = digests, set(digests)

    def __contains__(self, judged: object) -> bool:
        """Whether this difference was accepted; it counts as seen."""
        if not isinstance(judged, Rehearsed) or judged.command_id not in self._digests:
            return False
        self._unseen.discard(judged.command_id)
        return self._digests[judged.command_id] == digest(judged)

    @property
    def unseen(self) -> list[str]:
        """The commands of the file that were not asked about: they differ no more, or were not judged."""
        return sorted(self._unseen)


def digest(judged: Rehearsed) -> str:
    """What stands for a difference: the verdict, and what the command comes to today but for the words of a reason."""
    today = judged.today
    came = None
    if today is not None:
        events = [[type(event).stored.name, jsonable(event)] for event in today.events]
        came = [today.stream, events, today.code]
    changed = [list(change) for change in judged.changes] if judged.verdict == "nondeterministic" else None
    told = came if changed is None else [path for path, *_ in changed]  # it is another at each time
    return sha256(json.dumps([judged.verdict, told], sort_keys=True).encode()).hexdigest()[:32]


def read(path: Path) -> Accepted:
    """The differences that a file accepts. Raises `ConfigurationError` for one that is not there or no such file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Accepted({one["command_id"]: one["today"] for one in found["accepted"]})
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}", hint=_HINT) from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ConfigurationError(f"{path} is no file of accepted differences", hint=_HINT) from None


def text(differences: Iterable[Rehearsed]) -> str:
    """The file that accepts these differences, in the order of the log: a line each."""
    lines = [
        json.dumps(
            {"command_id": one.command_id, "command": one.command, "verdict": one.verdict, "today": digest(one)},
            ensure_ascii=False,
        )
        for one in differences
    ]
    body = ",\n".join(f"  {line}" for line in lines)
    return f'{{"accepted": [\n{body}\n]}}\n' if lines else '{"accepted": []}\n'


def event_fields(ignored: Iterable[str], events: Mapping[str, Any]) -> list[str]:
    """Fields of events as they are compared, of what was typed: `OrderCreated.total`. Raises `ConfigurationError`."""
    found = []
    for one in ignored:
        name, dot, path = one.partition(".")
        cls = events.get(name)
        field = path.partition(".")[0].partition("[")[0]
        if cls is None or not dot or field not in cls.model_fields:
            known = ", ".join(sorted(cls.model_fields)) if cls is not None else "an event of the domain"
            raise ConfigurationError(f"--ignore {one} is no field of an event", hint=f"EVENT.FIELD, with {known}")
        found.append(f"{cls.stored.name}.{path}")
    return found
