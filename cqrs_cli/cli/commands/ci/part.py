"""A part of `cqrs ci`: its checks, each from what there is to what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from cqrs_cli.cli.commands.ci.logs import Log
from cqrs_cli.cli.commands.ci.settings import Wanted
from cqrs_cli.cli.shell.hints import in_brackets, say
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import CqrsError, NothingMatched
from cqrs_cli.finding import Checked, Finding, Verdict


class Ground(NamedTuple):
    """What the checks have to look at. logs: one at least, which may turn out not to be there."""

    session: Session
    wanted: Wanted
    logs: Sequence[Log]


class Check(NamedTuple):
    """A check: its name, and what makes it. `run` raises `NothingMatched` if there is nothing to look at."""

    name: str
    run: Callable[[], Checked]


class Part(NamedTuple):
    """A part that can be asked for by name. line: what it asks. checks: those that there are on this ground."""

    name: str
    line: str
    checks: Callable[[Ground], Iterator[Check]]


def judged(part: str, check: Check) -> Verdict:
    """Make a check. What stops it is its verdict, and no check after it is lost."""
    error: CqrsError | None = None
    begun = time.perf_counter()
    try:
        checked = check.run()._replace(part=check.name)
    except NothingMatched as nothing:
        checked = Checked(check.name, nothing=nothing.message + in_brackets(say(nothing)))
    except CqrsError as raised:
        error = raised
        finding = Finding(raised.code, "error", check.name, raised.message, say(raised))
        checked = Checked(check.name, [finding])
    return Verdict(part, checked, time.perf_counter() - begun, error)
