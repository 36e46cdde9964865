"""Which event each field of a state or row is from, and every change of a field."""

from __future__ import annotations

from typing import Any, NamedTuple

from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.history.attribution import Attribution
from cqrs_cli.history.comparison import ABSENT
from cqrs_cli.history.paths import Path, path_text, selects
from cqrs_cli.history.rows import RowHistory
from cqrs_cli.history.shapes import Shape
from cqrs_cli.history.steps import History
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.stores.commits import Recorded


class Blamed(NamedTuple):
    """A field and the event after which its value last differed; None for what the state begins with.

    value: `ABSENT` for what is there no more. clause: as `Order.paid (shop.py:213)`.
    """

    path: str
    value: Any
    event: Recorded | None
    clause: str | None


class BlamedChange(NamedTuple):
    """A change of a field, by an event, if that is known. old, new: `ABSENT` where there is nothing."""

    path: str
    old: Any
    new: Any
    event: Recorded | None
    clause: str | None


def blame(history: History, wanted: Path | None = None) -> list[Blamed]:
    """Every field, or those that `wanted` selects, in the order of the state. One fold.

    Raises `NotFound` for a row or a field that is not there (a field that was removed is), `Misuse` for one that the
    model has not, and what the fold raises.
    """
    value, attribution = _attributed(history, everything=False)
    clause_of = history.clause_of
    found = [
        Blamed(path_text(path), leaf, event, None if event is None else clause_of(event.type))
        for path, leaf, event in (attribution.leaves(value) if value is not ABSENT else ())
        if wanted is None or selects(wanted, path)
    ]
    if not found and wanted is not None:
        gone = sorted(attribution.gone(wanted), key=lambda one: one[1].position)
        found = [Blamed(path_text(path), ABSENT, event, clause_of(event.type)) for path, event in gone]
    if not found and wanted is not None:
        raise _no_field(history, wanted)
    return found


def field_history(history: History, wanted: Path) -> list[BlamedChange]:
    """Every change of what `wanted` selects, oldest first. Raises what `blame` does, but for a row that is gone."""
    value, attribution = _attributed(history, everything=True)
    found = [
        BlamedChange(path_text(told.path), told.old, told.new, told.event, history.clause_of(told.event.type))
        for told in attribution.changes(value, wanted)
    ]
    if not found and value is not ABSENT and not any(selects(wanted, path) for path, *_ in attribution.leaves(value)):
        raise _no_field(history, wanted)
    return found


def _no_field(history: History, wanted: Path) -> NotFound:
    """The error for what is not in the state; raises `Misuse` if it can't be."""
    check_field(history, wanted)
    return NotFound(f"{history.name} has no {path_text(wanted)}", code="field-not-found", subject=history.name)


def check_field(history: History, wanted: Path | None) -> None:
    """Raise `Misuse` for a field that the model has not, with what is near."""
    shape: Shape = history.shape
    for at, step in enumerate(wanted or ()):
        if not isinstance(step, str):
            shape = shape.element
            continue
        if shape.names is None and shape.element.names is not None:  # the brackets were left out
            shape = shape.element
        names = shape.names
        name = step if names is None or step in names else step.replace("-", "_")
        if names is not None and name not in names:
            place = f" in {path_text((wanted or ())[:at])}" if at else ""
            hint = did_you_mean(name, names) or f"there is {', '.join(names)}"
            raise Misuse(f"{history.name} has no field {step!r}{place}", code="unknown-field", hint=hint)
        shape = shape.member(name)


def _attributed(history: History, everything: bool) -> tuple[Any, Attribution]:
    """The last state, and where all of it is from. Raises `NotFound` for a row that is not there."""
    value, last = history.start, None
    attribution = Attribution(value, history.shape, everything)
    for event, _, value, difference in history.steps():
        attribution.take(difference, event)
        last = event if value is ABSENT and difference is not None else last
    if value is ABSENT and isinstance(history, RowHistory) and not (everything and last is not None):
        raise history.missing(last)
    return value, attribution
