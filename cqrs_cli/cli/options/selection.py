"""The options with which events and streams are selected: what they mean is said in `log.selection`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli.cli.shell import completion
from cqrs_cli.errors import Misuse

_STREAM = re.compile("(?![0-9a-f]{8}-)[a-z][a-z_]*-")

if TYPE_CHECKING:
    from cqrs_cli.workbench.workbench import Workbench

Address = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[STREAM]",
        help="A stream (order-17, or order 17), or what led to its version 5 (order-17@5).",
        autocompletion=completion.streams,
        show_default=False,
    ),
]
Category = Annotated[
    str | None, typer.Option(metavar="NAME", help="Streams of this category.", autocompletion=completion.categories)
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="NAMES",
        help="Events of these types: A,B; those stored under older names too.",
        autocompletion=completion.types,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Recorded at or after: 2026-01-01T10:00Z, 10:00, yesterday, tuesday, 2h (ago)."),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Recorded before.")]
After = Annotated[str | None, typer.Option(metavar="@POSITION", help="After this position.")]
Before = Annotated[str | None, typer.Option(metavar="@POSITION", help="Before this position.")]
Limit = Annotated[int | None, typer.Option("-n", "--limit", metavar="N", help="The first N in reading order.")]
Last = Annotated[int | None, typer.Option("--last", metavar="N", help="The newest N, in the order of the log.")]
User = Annotated[str | None, typer.Option("--user", metavar="ID", help="Of commands of this user.")]
Commands = Annotated[
    list[str] | None, typer.Option("--command", metavar="NAMES", help="Of these commands: A,B; may be repeated.")
]
Correlation = Annotated[
    str | None, typer.Option("--correlation", metavar="ID", help="Of one story: events with this correlation id.")
]
Grep = Annotated[
    str | None, typer.Option("--grep", metavar="TEXT", help="With this text in the payload or the metadata.")
]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="CONDITION", help="'data.amount < 0 and user = till-1'; all of several must hold."),
]
Count = Annotated[bool, typer.Option("--count", help="Only how many there are.")]
Reverse = Annotated[bool, typer.Option("--reverse", help="From the newest.")]
FailIfEmpty = Annotated[bool, typer.Option("--fail-if-empty", help="Exit 5 if nothing matched.")]


def address_of(words: Sequence[str] | None) -> str | None:
    """What an address says in words: itself, or a category and a word for each part of a key.

    Raises `Misuse` for several streams.
    """
    if not words:
        return None
    category, *key = words
    if any(_STREAM.match(word) for word in key):
        raise Misuse(f"one stream at a time, not {' '.join(words)}", hint="without a stream: the whole log")
    return f"{category.replace('-', '_')}-{','.join(key)}" if key else category


def category_named(bench: Workbench, text: str | None) -> str | None:
    """The category that a text names, None for all. Raises `NotFound`."""
    from cqrs_cli.domain.messages import snake

    return None if text is None else bench.domain.aggregate_of(snake(text)).category


def categories_named(bench: Workbench, text: str | None) -> list[str]:
    """The categories of the streams of the aggregate that a text names, older ones too; of all without."""
    known = category_named(bench, text)
    aggregates = sorted(bench.domain.aggregates) if known is None else [known]
    return [name for one in aggregates for name in bench.domain.aggregates[one].categories]
