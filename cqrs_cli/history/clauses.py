"""Which clause took an event in, and where it stands."""

from __future__ import annotations

import inspect
import linecache
import os
from collections.abc import Callable

from cqrs_cli.domain.clauses import Clause
from cqrs_cli.errors import Undecodable
from cqrs_cli.workbench.workbench import Workbench

ClauseOf = Callable[[str], str | None]
"""From an event's stored type to the clause, as `Order.paid (shop.py:213)`; None where none takes it in."""


def aggregate_clauses(bench: Workbench, stream: str) -> ClauseOf:
    """The evolve clauses of a stream's aggregate. Raises `NotFound`."""
    evolvers = bench.domain.aggregate_of(stream).evolvers
    return lambda stored: _told(bench, stored, lambda event: evolvers.get(event))


def row_clauses(bench: Workbench, name: str) -> ClauseOf:
    """The evolve clauses of a read model."""
    routes = bench.domain.routes[name]
    return lambda stored: _told(bench, stored, lambda event: routes[event].clause if event in routes else None)


def _told(bench: Workbench, stored: str, clause_of: Callable[[type], Clause | None]) -> str | None:
    try:
        clause = clause_of(bench.codec.event_class(stored))
    except Undecodable:
        return None
    return None if clause is None else clause_text(clause)


def clause_text(clause: Clause) -> str:
    """`Order.paid (samples/orders/order.py:213)`: the line of its `def`, the file from here where it lies below."""
    code = inspect.unwrap(clause.function).__code__
    line = code.co_firstlineno
    while linecache.getline(code.co_filename, line).lstrip().startswith("@"):  # decorators
        line += 1
    near = os.path.relpath(code.co_filename)
    return f"{clause.where} ({code.co_filename if near.startswith(os.pardir) else near}:{line})"
