"""Where read models and processes stand, with what is worth saying of each and the line that helps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from cqrs_cli import records
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.workbench.processors.status import ProcessorStatus
from cqrs_cli.workbench.workbench import Workbench


class Remark(NamedTuple):
    """What is worth saying. line: of the shell, that helps; position: of the event it is about."""

    text: str
    line: str | None = None
    position: int | None = None
    is_bad: bool = False


class Standing(NamedTuple):
    """Where one stands. record: as JSON has it."""

    name: str
    record: dict[str, Any]
    remarks: list[Remark]


def standing(site: Site, bench: Workbench, one: ProcessorStatus) -> Standing:
    """Of a read model or a reaction."""
    is_projection = one.name in bench.domain.projections
    record = (records.projection_status if is_projection else records.reaction_status)(one)
    plain = site.plain(bench, record)
    return Standing(one.name, plain, list(_remarks(one, plain["reason"] or "", is_projection)))


def of_rows(site: Site, bench: Workbench, name: str) -> Standing:
    """Of what keeps these rows."""
    is_reaction = name in bench.domain.reactions
    [one] = bench.reactions(name) if is_reaction else bench.statuses(name)
    return standing(site, bench, one)


def _remarks(one: ProcessorStatus, reason: str, is_projection: bool) -> Iterator[Remark]:
    again = shell("project", one.name, "--rebuild")
    if one.status == "needs-rebuild":
        yield Remark(f"needs a rebuild: {reason}", again, is_bad=True)
    elif one.status == "stopped" and one.stop is not None:
        at = one.stop.position
        words = ("project", one.name, "--skip", f"@{at}") if is_projection else ("run", "--skip", f"{one.name}@{at}")
        yield Remark(f"stopped {reason}; mend the code and it goes on, or let it pass over the event",
                     shell(*words, "--reason", "why"), at, is_bad=True)  # fmt: skip
    elif one.status == "stopped":
        yield Remark(reason, is_bad=True)
    elif one.source == "code":
        yield Remark("its code is not the one that its rows were made with; if that means something else now", again)
    elif one.source == "python":
        yield Remark("its rows were made by another version of Python; to be sure of them", again)
    if one.contained:
        held = ", ".join(f"@{at}" for at in sorted(one.contained))
        yield Remark(f"its rows hold {held}, skipped since; a rebuild takes that out", again)
    if one.rebuilding is not None:
        yield Remark(f"a rebuild runs or was interrupted at @{one.rebuilding}; to go on", again)
