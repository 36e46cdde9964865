"""`cqrs help`: the pages of the documentation that come with the package, and the help of commands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing import pages
from cqrs_cli.cli.printing.documents import Page, Table
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import Misuse, Unavailable
from cqrs_cli.near_names import did_you_mean

TOPICS = (
    "concepts",
    "addresses",
    "expressions",
    "formats",
    "environment",
    "exit-codes",
    "errors",
    "glossary",
    "writing-a-domain",
    "domain",
    "testing",
    "scenarios",
    "read-side",
    "reactions",
    "snapshots",
    "change",
    "checks",
    "operations",
    "mirrors",
    "http",
    "pages",
    "python",
)
"""The pages that the package brings along, in the order of reading; each is `docs/TOPIC.md`."""


def topics(incomplete: str) -> list[str]:
    """Those that begin so, for completion."""
    return [name for name in TOPICS if name.startswith(incomplete)]


def help(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC|COMMAND]",
            help="A topic, or a command as it is typed; the topics without.",
            autocompletion=completion.asked(topics),
        ),
    ] = None,
) -> None:
    """Explain a topic or a command; without a word, the topics that there are."""
    printer = current().printer
    if not words:
        printer.print(Table(map(_listed, TOPICS), ["topic", "title"]))
        printer.message("cqrs help TOPIC explains one; cqrs --help lists the commands")
        return
    name = words[0].lower().replace("_", "-").replace(" ", "-")
    if name in TOPICS and len(words) == 1:
        text = page(name)
        record = records.topic(name, pages.title_of(text), text)
        printer.print(Page(record, pages.without_browser(text, TOPICS)))
        return
    _explain_command(ctx, words)


def page(topic: str) -> str:
    """The text of a topic, in Markdown. Raises `Unavailable` where the package was installed without its pages."""
    path = _folder() / f"{topic}.md"
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Unavailable(
            f"{path} can't be read: {error.strerror}",
            code="page-missing",
            hint="install the package anew, from a wheel",
        ) from error


def _folder() -> Path:
    """The pages are inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[2]
    inside = package / "_docs"
    return inside if inside.is_dir() else package.parent / "docs"


def _listed(topic: str) -> records.Record:
    return {"topic": topic, "title": pages.title_of(page(topic))}


def _explain_command(ctx: typer.Context, words: Sequence[str]) -> None:
    """As `COMMAND --help` would. Raises `Misuse` for what is neither a command nor a topic."""
    whole = ctx.find_root()
    commands = whole.command.list_commands(whole)  # type: ignore[attr-defined]
    if words[0] not in commands:
        hint = (
            did_you_mean(words[0].lower(), [*TOPICS, *commands])
            or "cqrs help lists the topics, cqrs --help the commands"
        )
        raise Misuse(f"no such topic or command: {words[0]}", hint=hint)
    whole.command.main([*words, "--help"], prog_name=whole.info_name, standalone_mode=False, obj=ctx.obj)
