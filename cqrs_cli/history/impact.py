"""What another version of a domain makes of a log, beside today's: counts by kind, and the first of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cqrs_cli.finding import Checked, Finding
from cqrs_cli.history.changes import Change

SHOWN = 3
_MOST_FIELDS = 20
_HARMLESS = ("gains fields", "readable again", "folds again")
KINDS = ("command", "state", "row", "event")
"""What is compared, in this order."""
_WORDS = {
    "different": "decided differently",
    "rejected": "now rejected",
    "accepted": "now accepted",
    "nondeterministic": "now decided by chance",
    "changed": "changed",
    "gains fields": "with new fields",
    "gone": "gone",
    "new": "new",
    "fails": "can't be folded any more",
    "folds again": "can be folded again",
    "unreadable": "no longer decoded",
    "readable again": "decoded again",
}


class Example(NamedTuple):
    """One that differs. subject: a stream, the key of a row, the id of a command.

    position: of an event, or of the first of a command's. why: in words, where there is more to say than fields.
    """

    subject: str
    position: int | None = None
    changes: Sequence[Change] = ()
    why: str | None = None


class Effect(NamedTuple):
    """What differs in one way. kind: command, state, row or event. name: of the class, as it is stored. fields: how
    often each differs, without which element of a list it is in."""

    kind: str
    name: str
    verdict: str
    number: int
    fields: dict[str, int]
    examples: list[Example]

    @property
    def fails(self) -> bool:
        """Whether something is lost or another; not where there only is more than there was."""
        return self.verdict not in _HARMLESS

    @property
    def code(self) -> str:
        """The verdict as one word."""
        return self.verdict.replace(" ", "-")

    @property
    def how(self) -> str:
        """`2 rejected now: outcome`: how many, and in which fields."""
        return f"{self.number:,} {_WORDS[self.verdict]}" + (f": {', '.join(self.fields)}" if self.fields else "")

    @property
    def told(self) -> str:
        """The same, with what it is: `command Pay: 2 rejected now: outcome`."""
        return f"{self.kind} {self.name}: {self.how}"


class Effects:
    """Collects them."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Effect] = {}

    def add(self, of: tuple[str, str, str], example: Example, fields: Iterable[str] = ()) -> None:
        """Count one, of a kind, a name and a verdict; it is kept if it is among the first."""
        effect = self._found.get(of) or Effect(*of, 0, {}, [])
        self._found[of] = effect._replace(number=effect.number + 1)
        for field in fields:
            if field in effect.fields or len(effect.fields) < _MOST_FIELDS:
                effect.fields[field] = effect.fields.get(field, 0) + 1
        if len(effect.examples) < SHOWN:
            effect.examples.append(example)

    def found(self) -> list[Effect]:
        """All of them: by kind, then by name."""
        return sorted(self._found.values(), key=lambda one: (KINDS.index(one.kind), one.name, one.verdict))


class Impact(NamedTuple):
    """What came of it. against: what today's code was compared with. compared: how many, by kind and name.

    schema: what became of the classes. not_judged: commands that could not be, by why: how many and the first position.
    nothing: why there was nothing to look at.
    """

    against: str
    compared: Mapping[tuple[str, str], int] = {}
    effects: Sequence[Effect] = ()
    schema: Checked = Checked("lock")
    not_judged: Mapping[str, tuple[int, int]] = {}
    nothing: str = ""

    @property
    def differs(self) -> bool:
        """Whether anything is another: also what harms nobody, as a field that is new."""
        return bool(self.effects or self.schema.rows)

    @property
    def totals(self) -> dict[str, int]:
        """How many of each kind were compared."""
        return {kind: sum(count for (each, _), count in self.compared.items() if each == kind) for kind in KINDS}

    def checked(self) -> Checked:
        """The same as a part of a check: a finding for each kind of difference, and those of the classes."""
        findings = [*map(_finding, self.effects), *self.schema.findings]
        looked = ", ".join(f"{count:,} {kind}{'' if count == 1 else 's'}" for kind, count in self.totals.items())
        rows = [
            {"kind": one.kind, "name": one.name, "verdict": one.verdict, "count": one.number} for one in self.effects
        ]
        told = "" if self.nothing else f"{looked} against {self.against}"
        return Checked("impact", findings, told, self.nothing, self.schema.subjects, rows, self.schema.paste)


def _finding(effect: Effect) -> Finding:
    first = effect.examples[0]
    place = f"@{first.position} {first.subject}" if first.position is not None else first.subject
    changed = "; ".join(f"{one.path}: {_short(one.old)} → {_short(one.new)}" for one in first.changes[:3])
    told = f"{effect.told}, the first {place}" + (f": {first.why or changed}" if first.why or changed else "")
    return Finding(f"impact-{effect.code}", "error" if effect.fails else "note", effect.name, told)


def _short(value: Any) -> str:
    if value is None:
        return "∅"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:59] + "…"
