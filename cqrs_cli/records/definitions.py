"""The records of what a domain has, and what its rows are read by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cqrs_cli.records.shape import Record

if TYPE_CHECKING:
    from cqrs_cli.workbench.processors.status import ProcessorStatus
    from cqrs_cli.workbench.readings import Reading


def definition(kind: str, name: str, version: int | None, cls: type, description: str) -> Record:
    """A class of a domain that has a schema."""
    return {"kind": kind, "name": name, "version": version, "class": cls.__name__, "description": description}


def reading(one: Reading, status: ProcessorStatus | None) -> Record:
    """What was read of a table, in one way, once or several times. status: of the projection that keeps it."""
    where = [{"column": part.column, "operator": part.operator, "value": part.value} for part in one.where]
    return {
        **{"table": one.table, "position": status and status.position, "lag": status and status.lag},
        **{"by": one.by, "where": where, "order": ["-" * term.descending + term.column for term in one.order]},
        **{"limit": one.limit, "plan": one.plan, "times": one.times, "rows": one.rows},
    }


def reading_explained(
    method: str | None,
    where: tuple[str, int | None] | None,
    by_row: Sequence[str],
    given: int | None,
    reads: Sequence[Record],
) -> Record:
    """What was read for an answer. by_row: conditions that were asked of each row; given: rows of the answer."""
    file, line = where or (None, None)
    told: Record = {"method": method, "file": file, "line": line, "reads": list(reads), "row_by_row": list(by_row)}
    return told | {"read": sum(one["rows"] for one in reads), "given": given}


def query(name: str, parameters: Sequence[str], description: str) -> Record:
    """A query, or a read model that can be asked without one."""
    return {"query": name, "parameters": list(parameters), "description": description}
