"""cqrs: an event-store workbench. The public names, each imported when it is first used (PEP 562)."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cqrs_cli.domain.aggregate import Aggregate
    from cqrs_cli.domain.clauses import decide, evolve, react
    from cqrs_cli.domain.domain import Domain
    from cqrs_cli.domain.fold import State
    from cqrs_cli.domain.messages import Command, Event, Meta
    from cqrs_cli.domain.process_manager import After, Cancel, CommandRejected, Policy, ProcessManager
    from cqrs_cli.domain.projection import Projection
    from cqrs_cli.domain.query import Page, Query, Read, Where
    from cqrs_cli.domain.renamed import field
    from cqrs_cli.domain.row_model import DELETE, Delete, RowModel

    # fmt: off
    from cqrs_cli.errors import (
        AggregateNotFound,
        CommandReused,
        ConfigurationError,
        Conflict,
        CqrsError,
        Damaged,
        DefinitionError,
        DomainFailed,
        DomainNotLoaded,
        InvalidInput,
        LimitExceeded,
        Misuse,
        NeedsRebuild,
        NotFound,
        NothingMatched,
        NotUnique,
        Passing,
        Rejected,
        StoreFailed,
        StoreNotFound,
        Unavailable,
        Undecodable,
        Unfinished,
    )

    # fmt: on
    from cqrs_cli.finding import Finding
    from cqrs_cli.log.outbox import DeadLetter, Outgoing
    from cqrs_cli.log.stops import Skip, Stop
    from cqrs_cli.scenario.scenario import Scenario
    from cqrs_cli.stores.commits import Recorded
    from cqrs_cli.stores.contract import Selection, Store
    from cqrs_cli.stores.registry import open_store
    from cqrs_cli.workbench.engine import Limits
    from cqrs_cli.workbench.explanation import Explanation
    from cqrs_cli.workbench.outcome import Outcome, Request, RowChange
    from cqrs_cli.workbench.processors.delivery import Delivery
    from cqrs_cli.workbench.processors.projections import Plan
    from cqrs_cli.workbench.processors.refold import Check, Drift
    from cqrs_cli.workbench.processors.rewind import Rewind
    from cqrs_cli.workbench.processors.runner import AtWork, Round, Runner
    from cqrs_cli.workbench.processors.status import ProcessorStatus
    from cqrs_cli.workbench.workbench import Workbench

# fmt: off
__all__ = [
    "DELETE", "After", "Aggregate", "AggregateNotFound", "AtWork", "Cancel", "Check", "Command", "CommandRejected",
    "CommandReused", "ConfigurationError", "Conflict", "CqrsError", "Damaged", "DeadLetter", "DefinitionError",
    "Delete", "Delivery", "Domain", "DomainFailed", "DomainNotLoaded", "Drift", "Event", "Explanation", "Finding",
    "InvalidInput",
    "LimitExceeded", "Limits", "Meta", "Misuse", "NeedsRebuild", "NotFound", "NotUnique", "NothingMatched", "Outcome",
    "Outgoing", "Page", "Passing", "Plan", "Policy", "ProcessManager", "ProcessorStatus", "Projection", "Query",
    "Read", "Recorded", "Rejected", "Request", "Rewind", "Round", "RowChange", "RowModel", "Runner", "Scenario",
    "Selection", "Skip", "State", "Stop", "Store", "StoreFailed", "StoreNotFound", "Unavailable", "Undecodable",
    "Unfinished", "Where", "Workbench", "decide", "evolve", "field", "open_store", "react",
]
# fmt: on

_HOMES = {
    "domain.aggregate": "Aggregate",
    "domain.clauses": "decide evolve react",
    "domain.domain": "Domain",
    "domain.fold": "State",
    "domain.messages": "Command Event Meta",
    "domain.process_manager": "After Cancel CommandRejected Policy ProcessManager",
    "domain.projection": "Projection",
    "domain.query": "Page Query Read Where",
    "domain.renamed": "field",
    "domain.row_model": "DELETE Delete RowModel",
    "errors": (
        "AggregateNotFound CommandReused ConfigurationError Conflict CqrsError Damaged DefinitionError "
        "DomainFailed DomainNotLoaded InvalidInput LimitExceeded Misuse NeedsRebuild NotFound NotUnique "
        "NothingMatched Passing Rejected StoreFailed StoreNotFound Unavailable Undecodable Unfinished"
    ),
    "finding": "Finding",
    "log.outbox": "DeadLetter Outgoing",
    "log.stops": "Skip Stop",
    "scenario.scenario": "Scenario",
    "stores.commits": "Recorded",
    "stores.contract": "Selection Store",
    "stores.registry": "open_store",
    "workbench.engine": "Limits",
    "workbench.explanation": "Explanation",
    "workbench.outcome": "Outcome Request RowChange",
    "workbench.processors.delivery": "Delivery",
    "workbench.processors.projections": "Plan",
    "workbench.processors.status": "ProcessorStatus",
    "workbench.processors.refold": "Check Drift",
    "workbench.processors.rewind": "Rewind",
    "workbench.processors.runner": "AtWork Round Runner",
    "workbench.workbench": "Workbench",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'cqrs_cli' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"cqrs_cli.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
