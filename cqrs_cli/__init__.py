"""cqrs: an event-store workbench. The public names, each imported when it is first used (PEP 562)."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cqrs_cli.aggregate import Aggregate
    from cqrs_cli.clauses import decide, evolve, react
    from cqrs_cli.domain import Domain
    from cqrs_cli.errors import Conflict, CqrsError, DefinitionError, DomainFailed, NotFound, Rejected
    from cqrs_cli.messages import Command, Event, Meta
    from cqrs_cli.process_manager import After, Cancel, CommandRejected, Policy, ProcessManager
    from cqrs_cli.projection import Projection
    from cqrs_cli.query import Page, Query, Read, Where
    from cqrs_cli.row_model import DELETE, Delete
    from cqrs_cli.scenario import Scenario
    from cqrs_cli.stores.contract import Recorded
    from cqrs_cli.workbench import Workbench

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
    "Scenario",
    "Where",
    "Workbench",
    "decide",
    "evolve",
    "react",
]

_HOMES = {
    "aggregate": ("Aggregate",),
    "clauses": ("decide", "evolve", "react"),
    "domain": ("Domain",),
    "errors": ("Conflict", "CqrsError", "DefinitionError", "DomainFailed", "NotFound", "Rejected"),
    "messages": ("Command", "Event", "Meta"),
    "process_manager": ("After", "Cancel", "CommandRejected", "Policy", "ProcessManager"),
    "projection": ("Projection",),
    "query": ("Page", "Query", "Read", "Where"),
    "row_model": ("DELETE", "Delete"),
    "scenario": ("Scenario",),
    "stores.contract": ("Recorded",),
    "workbench": ("Workbench",),
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
