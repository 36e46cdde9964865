"""The records of projections and reactions: where they stand, and what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from cqrs_cli.records.counts import lag
from cqrs_cli.records.errors import error_members
from cqrs_cli.records.shape import Hints, Record, named, time_of
from cqrs_cli.stores.moments import rfc3339

if TYPE_CHECKING:
    from cqrs_cli.log.stops import Skip
    from cqrs_cli.workbench.processors.delivery import Delivery
    from cqrs_cli.workbench.processors.projections import Plan
    from cqrs_cli.workbench.processors.refold import Check, Drift
    from cqrs_cli.workbench.processors.runner import Round
    from cqrs_cli.workbench.processors.status import ProcessorStatus

DRIFT = ("key", "column", "live", "fresh")
AT_WORK = ("name", "position", "head")
drift: Callable[[Drift], Record] = partial(named, DRIFT)


def section(name: str, position: int, behind: int, rows: Iterable[Record]) -> Record:
    """The rows of a projection, at a position."""
    return lag(name, position, behind) | {"rows": rows}


def projection_status(one: ProcessorStatus) -> Record:
    """Where a projection stands."""
    names = ("rows", "reason", "source", "rebuilding")
    skips = [{**_skip(skip), "held": skip.position in one.contained} for skip in one.skips]
    return {"projection": one.name, **_place(one), **{name: getattr(one, name) for name in names}, "skipped": skips}


def readiness(one: ProcessorStatus) -> Record:
    """Whether a processor keeps up."""
    told = _place(one)
    return {"name": one.name, **{name: told[name] for name in ("status", "lag", "lag_seconds")}}


def _place(one: ProcessorStatus) -> Record:
    told = {name: getattr(one, name) for name in ("status", "position", "lag")}
    return told | {"lag_seconds": round(one.lag_seconds, 3)}


def reaction_status(one: ProcessorStatus) -> Record:
    """Where a reaction stands."""
    names = ("rows", "waiting", "deadlines", "failed", "reason", "source")
    told = {"kind": one.kind, **_place(one), **{name: getattr(one, name) for name in names}}
    skipped, rewound = [_skip(skip) for skip in one.skips], list(map(dict, one.rewound))
    return {"reaction": one.name, **told, "skipped": skipped, "rewound": rewound}


def _skip(skip: Skip) -> Record:
    at = rfc3339(skip.skipped_us)
    return {"position": skip.position, "by": skip.skipped_by, "at": at, "reason": skip.reason}


def plan(one: Plan) -> Record:
    """What a rebuild of a projection would have to do."""
    seconds = None if one.seconds is None else round(one.seconds, 2)
    told = {"projection": one.projection, "events": one.events, "rows_now": one.rows_now}
    return told | {"estimated_seconds": seconds}


def check(one: Check) -> Record:
    """A projection whose rows were compared with a fresh fold, and what differs."""
    drifts = [drift(difference) for difference in one.drift]
    return {"projection": one.projection, "compared": one.compared, "drift": drifts}


def run_round(done: Round, at_us: int, hints: Hints) -> Record:
    """What a run came to since it last said so, at a time."""
    return {
        "at": rfc3339(at_us),
        "position": done.position,
        "answered": done.taken,
        "sent": done.sent,
        "honoured": done.honoured,
        "rejected": done.rejected,
        "failed": done.dead,
        "held": done.held,
        "at_work": None if done.at_work is None else named(AT_WORK, done.at_work),
        "next_deadline": time_of(done.next_due),
        "stopped": [{"name": name, **error_members(error, hints(error))} for name, error in done.failures.items()],
    }


def delivery(one: Delivery) -> Record:
    """What became of a dead letter that was sent again."""
    return {
        "id": one.outgoing.command_id,
        "command": one.outgoing.command,
        "status": {"dead": "failed", "honoured": "sent"}.get(one.status, one.status),
        "reason": None if one.error is None else one.error.message,
    }
