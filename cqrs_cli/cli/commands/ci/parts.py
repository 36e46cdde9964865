"""The parts of `cqrs ci`, in the order in which they are run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

from cqrs_cli.cli.commands.ci.logs import Log
from cqrs_cli.cli.commands.ci.part import Check, Ground, Part
from cqrs_cli.cli.shell.hints import NOTHING, in_brackets
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import Misuse
from cqrs_cli.finding import Checked


def _code(ground: Ground) -> Iterator[Check]:
    """The parts of `cqrs check`: those of the code alone once, the others for each log."""
    from cqrs_cli.checking.parts import PARTS

    for name, part in PARTS.items():
        if not part.wants_store:
            yield Check(f"check {name}", partial(_of_code, ground.session, name))
            if name == "lock" and ground.wanted.base is not None:
                ref = ground.wanted.base.ref
                yield Check(f"check lock against {ref}", partial(_of_code, ground.session, name, ref))
    for log in ground.logs:
        for name, part in PARTS.items():
            if part.wants_store:
                yield Check(f"check {name}{_on(ground, log)}", partial(_of_log, ground.session, name, log))


def _of_code(session: Session, name: str, ref: str | None = None) -> Checked:
    from cqrs_cli.checking.parts import check
    from cqrs_cli.cli.commands.check import material_of, with_hints

    material = material_of(session, None, "")._replace(against=None if ref is None else f"git:{ref}")
    try:
        return _said(name, with_hints(check(name, material)))
    except Misuse as error:
        if error.code != "no-lock-there":
            raise
        return Checked(name, nothing=error.message)


def _of_log(session: Session, name: str, log: Log) -> Checked:
    from cqrs_cli.checking.parts import check
    from cqrs_cli.cli.commands.check import material_of, with_hints

    return _said(name, with_hints(check(name, material_of(session, *log.opened()))))


def _said(name: str, checked: Checked) -> Checked:
    return checked if checked.looked_at else checked._replace(nothing=checked.nothing + in_brackets(NOTHING.get(name)))


def _scenarios(ground: Ground) -> Iterator[Check]:
    yield Check("test", partial(_tried, ground.session))


def _tried(session: Session) -> Checked:
    from cqrs_cli.cli.commands.test.command import checked_scenarios, tried_in

    return checked_scenarios(tried_in(session, [os.path.relpath(session.settings.folder, session.settings.cwd)], None))


def _history(ground: Ground) -> Iterator[Check]:
    for log in ground.logs:
        yield Check(f"rehearse{_on(ground, log)}", partial(_rehearsed, ground, log))


def _rehearsed(ground: Ground, log: Log) -> Checked:
    from cqrs_cli.cli.commands.ci.rehearsal import rehearsed

    bench, why = log.opened()
    if bench is None:
        return Checked("rehearse", nothing=why + in_brackets(NOTHING["log"]))
    return rehearsed(ground.session, bench, ground.wanted, len(ground.logs) == 1)


def _effects(ground: Ground) -> Iterator[Check]:
    """Where there is something to compare with; a part that was asked for says that there is not."""
    base = ground.wanted.base
    if base is None:
        if ground.wanted.parts is not None:
            yield Check("impact", lambda: Checked("impact", nothing=f"nothing says what to compare with ({_AGAINST})"))
        return
    for log in ground.logs:
        yield Check(f"impact against {base.ref}{_on(ground, log)}", partial(_compared, ground, log, base.ref))


_AGAINST = "--against REF, or against in [tool.cqrs.ci]"


def _compared(ground: Ground, log: Log, ref: str) -> Checked:
    from cqrs_cli.checking.impact import impact
    from cqrs_cli.cli.commands.check import material_of, with_hints

    bench, why = log.opened()
    if bench is None:
        return Checked("impact", nothing=why + in_brackets(NOTHING["log"]))
    material = material_of(ground.session, bench, why)
    found = with_hints(impact(material, bench, f"git:{ref}", None, ground.wanted.ignore).checked())
    if ground.wanted.impact_fails:
        return found
    return found._replace(findings=[one._replace(severity="note") for one in found.findings])


def _on(ground: Ground, log: Log) -> str:
    """What tells a check from the same one of another log."""
    return f" {log.name}" if len(ground.logs) > 1 else ""


_ALL: tuple[tuple[str, str, Callable[[Ground], Iterator[Check]]], ...] = (
    ("check", "is the code all right, by itself, its lock and the log", _code),
    ("test", "do the scenarios hold", _scenarios),
    ("rehearse", "do recorded commands come to the same", _history),
    ("impact", "do old and new code make the same of a log", _effects),
)
PARTS = {name: Part(name, line, checks) for name, line, checks in _ALL}
"""By name."""
