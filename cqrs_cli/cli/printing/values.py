"""Values as the cells of a table, for people."""

import json
from enum import Enum
from typing import Any

from cqrs_cli.json_text import has_digits, written
from cqrs_cli.jsonable import jsonable


def cell_text(value: Any) -> str:
    """A value in a table, CSV or Markdown cell, not yet made inert: nothing is the empty text, structures are JSON."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return value
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    plain = jsonable(value)
    if isinstance(plain, str):
        return plain
    if has_digits(plain):
        return "".join(written(plain, None, ""))
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
