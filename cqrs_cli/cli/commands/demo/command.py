"""`cqrs demo [LESSON]`: real commands on a real store in a temporary folder, with what they answer."""

import sys
import textwrap
from collections.abc import Iterator
from typing import Annotated

import typer

from cqrs_cli.cli.commands.demo import stage
from cqrs_cli.cli.commands.demo.lesson import Lesson
from cqrs_cli.cli.commands.demo.lessons import NAMES, lesson
from cqrs_cli.cli.commands.demo.stage import Ran, Stage
from cqrs_cli.cli.commands.demo.tour import TOUR
from cqrs_cli.cli.printing.documents import Table, Text
from cqrs_cli.cli.printing.output import is_terminal
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import CqrsError, Misuse
from cqrs_cli.near_names import did_you_mean

WIDTH = 78


def lessons(incomplete: str) -> list[str]:
    """Those that begin so, for completion."""
    return [name for name in NAMES if name.startswith(incomplete)]


def demo(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="LESSON",
            help="One of the lessons; a tour without.",
            autocompletion=completion.asked(lessons),
            show_default=False,
        ),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="The lessons that there are.")] = False,
    step: Annotated[bool, typer.Option("--step", help="Wait for Enter after each command.")] = False,
) -> None:
    """A tour, or a lesson, in a temporary folder: real commands and what they answer.

    What it prints can be typed: every command works as it stands, after the line that begins with `export`.
    """
    printer = current().printer
    if listed:
        if name is not None or step:
            raise Misuse("--list shows all lessons", hint="cqrs demo LESSON plays one")
        printer.print(Table(({"lesson": one, "title": lesson(one).title} for one in NAMES), ["lesson", "title"]))
        printer.message("cqrs demo LESSON plays one; --step waits for Enter after each command")
        return
    played = TOUR if name is None else _named(name)
    if step and not (printer.format.for_people and is_terminal(sys.stdin)):
        raise Misuse("--step waits for Enter, and nobody is there to press it", hint="leave --step out")
    printer.unpaged()
    printer.ready()  # what -o names is looked for here, not in the temporary folder
    if printer.format.for_people:
        printer.print(Text(_opening(played, _width(printer))))
    _play(printer, played, step)
    if printer.format.for_people:
        printer.print(Text(_wrapped(played.moral, _width(printer))))
    printer.message(f"{len(played.steps)} commands answered as they should")


def _named(name: str) -> Lesson:
    known = name.lower().replace("_", "-")
    if known not in NAMES:
        hint = did_you_mean(known, NAMES) or "cqrs demo --list has them"
        raise Misuse(f"no such lesson: {name}", hint=hint)
    return lesson(known)


def _play(printer: Printer, played: Lesson, waits: bool) -> None:
    """Play the lesson as far as it goes as it should. Raises `CqrsError` at a step that differs."""
    ran: list[Ran] = []

    def steps(on: Stage) -> Iterator[dict[str, object]]:
        for each in on.play(played):
            ran.append(each)
            yield _record(each)
            if waits and len(ran) < len(played.steps):
                _wait()

    with stage.prepared(played.module) as on:
        numbered = Table(
            steps(on), text=lambda _: _told(ran[-1], f"{len(ran)}/{len(played.steps)}", _width(printer)), live=waits
        )
        printer.print(numbered)
    last = ran[-1]
    if last.differences:
        raise CqrsError(
            f"the demo differs at its step {len(ran)} of {len(played.steps)}: {'; '.join(last.differences)}",
            code="demo-differs",
            hint="this is a bug in cqrs, or the sample was changed",
            command=last.line,
            differences=list(last.differences),
        )


def _wait() -> None:
    sys.stdout.flush()
    print("Enter goes on, Ctrl-C ends … ", end="", file=sys.stderr, flush=True)
    sys.stdin.readline()


def _width(printer: Printer) -> int:
    """Of notes: they are sentences, and are not folded by the terminal."""
    return min(WIDTH, printer.width or WIDTH)


def _opening(played: Lesson, width: int) -> str:
    code = (
        stage.package() / "_samples" if (stage.package() / "_samples").is_dir() else stage.package().parent / "samples"
    )
    title = f"# {played.title}\n#\n{_wrapped(played.about, width)}\n# The code: {code / 'lessons' / played.module}.py"
    return f"{title}\n\n$ {stage.settings(played.module)}\n"


def _told(ran: Ran, number: str, width: int) -> str:
    note = _wrapped(f"{number}  {ran.step.note}", width)
    code = f"[exit code {ran.exit_code}]\n" if ran.exit_code else ""
    return f"{note}\n$ {ran.line}\n{ran.output}{code}"


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _record(ran: Ran) -> dict[str, object]:
    return {"command": ran.line, "exit_code": ran.exit_code, "output": ran.output, "differences": ran.differences}
