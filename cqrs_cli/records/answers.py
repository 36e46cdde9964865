"""The records of rows that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cqrs_cli.jsonable import jsonable
from cqrs_cli.records.shape import Record


def answer(row: Any) -> Mapping[str, Any]:
    """A row that a query answered with: a model, a mapping, or any other value. Raises `DomainFailed`, as models do."""
    if hasattr(row, "model_dump") and not isinstance(row, type):
        try:
            plain: Record = jsonable(row)
        except Exception as error:  # of a computed field, a serializer
            from cqrs_cli.failure import domain_failed

            raise domain_failed(error, f"a {type(row).__name__} that is written as JSON") from error
        return plain
    return row if isinstance(row, Mapping) else {"value": row}
