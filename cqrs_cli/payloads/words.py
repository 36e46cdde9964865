"""Classes of a domain by the words that name them outside: `create-order` of `CreateOrder`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from cqrs_cli.domain.row_model import RowType

C = TypeVar("C", bound=type)


def doc_of(cls: type) -> str:
    """The class's own docstring, without its indentation; empty if it has none."""
    return inspect.cleandoc(cls.__dict__.get("__doc__") or "")


def line_of(cls: type) -> str:
    """The first paragraph of the docstring as one line."""
    return " ".join(doc_of(cls).partition("\n\n")[0].split())


def by_word(classes: Iterable[C]) -> dict[str, C]:
    """The classes by their names on the command line, sorted."""
    from cqrs_cli.domain.messages import kebab

    return dict(sorted({kebab(cls.__name__): cls for cls in classes}.items()))


def look_up(classes: Mapping[str, C], name: str) -> C | None:
    """The class that a word names: kebab-case, snake_case or the class's own name."""
    from cqrs_cli.domain.messages import kebab

    return classes.get(name) or classes.get(kebab(name))


def by_rows(projections: Iterable[RowType]) -> dict[str, RowType]:
    """The read models by their names on the command line."""
    return dict(sorted({projection.name.replace("_", "-"): projection for projection in projections}.items()))
