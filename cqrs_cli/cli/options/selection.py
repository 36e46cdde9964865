"""The options with which events and streams are selected: what they mean is said in `log.selection`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli.cli.shell import completion

if TYPE_CHECKING:
    from cqrs_cli.workbench.workbench import Workbench

Address = Annotated[
    str | None,
    typer.Argument(
        metavar="STREAM",
        help="A stream (order-17), or what led to its version 5 (order-17@5).",
        autocompletion=completion.streams,
        show_default=False,
    ),
]
Category = Annotated[
    str | None, typer.Option(metavar="NAME", help="Streams of this category.", autocompletion=completion.categories)
]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="NAMES", help="Events stored as these types: A,B.", autocompletion=completion.types),
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Recorded at or after: 2026-01-01T10:00Z, or 2h (ago).")
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


def category_named(bench: Workbench, text: str | None) -> str | None:
    """The category that a text names, None for all. Raises `NotFound`."""
    from cqrs_cli.domain.messages import snake

    return None if text is None else bench.domain.aggregate_of(snake(text)).category
