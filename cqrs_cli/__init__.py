"""cqrs: an event-store workbench. The public names, each imported when it is first used (PEP 562)."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cqrs_cli.domain.aggregate import Aggregate
    from cqrs_cli.domain.clauses import decide, evolve, react
    from cqrs_cli.domain.domain import Domain
    from cqrs_cli.domain.messages import Command, Event, Meta
    from cqrs_cli.domain.process_manager import After, Cancel, CommandRejected, Policy, ProcessManager
    from cqrs_cli.domain.projection import Projection
    from cqrs_cli.domain.query import Page, Query, Read, Where
    from cqrs_cli.domain.row_model import DELETE, Delete
    from cqrs_cli.errors import Conflict, CqrsError, DefinitionError, DomainFailed, NotFound, Rejected
    from cqrs_cli.scenario.scenario import Scenario
    from cqrs_cli.stores.commits import Recorded
    from cqrs_cli.workbench.outcome import Request
    from cqrs_cli.workbench.workbench import Workbench

__all__ = [
    "DELETE",
    "After",
    "Aggregate",
    "Cancel",
    "Command",
    "CommandRejected",
    "Conflict",
    "CqrsError",
    "DefinitionError",
    "Delete",
    "Domain",
    "DomainFailed",
    "Event",
    "Meta",
    "NotFound",
    "Page",
    "Policy",
    "ProcessManager",
    "Projection",
    "Query",
    "Read",
    "Recorded",
    "Rejected",
    "Request",
    "Scenario",
    "Where",
    "Workbench",
    "decide",
    "evolve",
    "react",
]

_HOMES = {
    "domain.aggregate": ("Aggregate",),
    "domain.clauses": ("decide", "evolve", "react"),
    "domain.domain": ("Domain",),
    "errors": ("Conflict", "CqrsError", "DefinitionError", "DomainFailed", "NotFound", "Rejected"),
    "domain.messages": ("Command", "Event", "Meta"),
    "domain.process_manager": ("After", "Cancel", "CommandRejected", "Policy", "ProcessManager"),
    "domain.projection": ("Projection",),
    "domain.query": ("Page", "Query", "Read", "Where"),
    "domain.row_model": ("DELETE", "Delete"),
    "workbench.outcome": ("Request",),
    "scenario.scenario": ("Scenario",),
    "stores.commits": ("Recorded",),
    "workbench.workbench": ("Workbench",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


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
