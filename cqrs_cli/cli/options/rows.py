"""What is asked of the rows of a table, in `query` and `project`: the options, and what they mean together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cqrs_cli.cli.options.combinations import only_one
from cqrs_cli.errors import Misuse
from cqrs_cli.near_names import did_you_mean

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.printer import Printer

Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="CONDITION", help="'total>=10 or city=Rome'; all of several must hold."),
]
Order = Annotated[
    str | None, typer.Option("--order", metavar="COLUMNS", help="'-total,name': columns, - for descending.")
]
Limit = Annotated[int | None, typer.Option("--limit", metavar="N", help="At most so many rows.")]
Cursor = Annotated[
    str | None, typer.Option("--cursor", metavar="CURSOR", help="The next page, as the one before said.")
]
Explain = Annotated[bool, typer.Option("--explain", help="Say what was read and how it was found.")]
FailIfEmpty = Annotated[bool, typer.Option("--fail-if-empty", help="Exit 5 if there are no rows.")]
OnePage = Annotated[bool, typer.Option("--page", help="One page, with the cursor to the next one in it: for programs.")]
Columns = Annotated[str | None, typer.Option("--columns", metavar="A,B", help="Only these columns, in this order.")]
Count = Annotated[bool, typer.Option("--count", help="Only how many rows there are.")]
Sum = Annotated[str | None, typer.Option("--sum", metavar="COLUMN", help="Only the sum of a column, exact.")]
Distinct = Annotated[
    str | None, typer.Option("--distinct", metavar="COLUMN", help="Only the different values of a column, sorted.")
]


class RowsAsked(NamedTuple):
    """What is asked of rows.

    limit: at most so many. cursor: after the page that had it. page: with a cursor in it. order: by these columns.
    columns: only these. counted, sum, distinct: instead of rows, what they come to.
    """

    limit: int | None = None
    cursor: str | None = None
    page: bool = False
    order: str | None = None
    columns: str | None = None
    counted: bool = False
    sum: str | None = None
    distinct: str | None = None

    def check(self, printer: Printer) -> None:
        """Refuse what can't be, before any work: `Misuse`."""
        if self.limit is not None and self.limit < 1:
            raise Misuse(
                f"--limit: expected a number from 1 (got {self.limit})",
                hint="without --limit all rows come, to a terminal a page of the usual size",
            )
        if self.page and not printer.format.holds_header:
            raise Misuse(
                f"--page is for programs, and --format {printer.format.name} for people",
                hint="--json, --jsonl, --csv or --format tsv; without --page the next page is told on standard error",
            )
        folding = {"--count": self.counted, "--sum": self.sum is not None, "--distinct": self.distinct is not None}
        chosen = only_one({**folding, "--page": self.page})
        others = {"--limit": self.limit, "--cursor": self.cursor, "--order": self.order, "--columns": self.columns}
        for name, value in others.items():
            if value is not None and chosen in folding:
                raise Misuse(f"{chosen} is about all rows that match, so {name} means nothing", hint="leave one out")

    @property
    def is_folded(self) -> bool:
        """Whether the rows themselves are not printed, but what they come to."""
        return self.counted or self.sum is not None or self.distinct is not None

    def wants_all(self, printer: Printer) -> bool:
        """Whether all rows are read: always, unless somebody asked for a page or reads a table as it comes."""
        if self.is_folded:
            return True
        return self.limit is None and not self.page and not (printer.format.for_people and printer.on_terminal)

    def check_columns(self, names: Sequence[str]) -> None:
        """Refuse a column that is none of `names`: `Misuse`."""
        for option, text in (("--columns", self.columns), ("--sum", self.sum), ("--distinct", self.distinct)):
            if text is not None:
                columns_named(option, text, names, several=option == "--columns")

    def shown(self, names: Sequence[str]) -> list[str]:
        """The columns to print, of these."""
        return list(names) if self.columns is None else columns_named("--columns", self.columns, names)


def columns_named(option: str, text: str, names: Sequence[str], several: bool = True) -> list[str]:
    """The columns that a text names, each once; kebab-case is understood. Raises `Misuse` for what is none."""
    found: dict[str, None] = {}
    for term in text.split(",") if several else [text]:
        name = term.strip() if term.strip() in names else term.strip().replace("-", "_")
        if name not in names:
            hint = did_you_mean(name, list(names)) or f"there is {', '.join(names)}"
            raise Misuse(f"{option}: there is no column {name!r}", code="unknown-column", hint=hint)
        found[name] = None
    return list(found)
