"""The only printer. Data goes to standard output (or `-o FILE`), everything else to standard error.

    printer.print(Table(rows, ["stream", "version"]))   a document, in the format of the settings: see `documents`
    printer.message("appended 2 events")                a note on standard error, silent with -q
    printer.error("line 3: invalid")                    an error that ends nothing, on standard error
    with printer.progress("replayed", total) as done: done(1)

Everything is made inert: values can't reach the terminal as control sequences.
"""

import os
import sys
from collections.abc import Mapping

from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Document, Table
from cqrs_cli.cli.printing.formats import format_named
from cqrs_cli.cli.printing.output import Output, is_terminal, terminal_width, wants_color
from cqrs_cli.cli.printing.progress import Progress
from cqrs_cli.cli.printing.standard_streams import tell
from cqrs_cli.config import Settings
from cqrs_cli.errors import Misuse
from cqrs_cli.stores.registry import path_of


class Printer:
    """Prints documents in the format of the settings.

    Raises `Misuse` for an output file that can't be written or a document that the format can't write, and
    `BrokenPipeError` when nobody reads any more.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str] | None = None) -> None:
        self.settings = settings
        self._environ = os.environ if environ is None else environ
        self.format = format_named(settings.format)(settings.format, self)
        self._output = Output(settings.output, self.format.escapes, spared=path_of(settings.store))

    def print(self, document: Document) -> int:
        """Print a document; returns how many records (or sections) there were."""
        count = self.format.write(document)
        self.flush()
        if not count and isinstance(document, Table) and document.empty is not None:
            self.message(document.empty)
        return count

    # ── notes ─────────────────────────────────────────────────────────────────────────────────

    def message(self, text: str) -> None:
        """A note for people on standard error; silent with -q. One line."""
        if not self.settings.quiet:
            self.error(text)

    def error(self, text: str) -> None:
        """One of several errors, on standard error, with -q too. One line."""
        self.flush()
        tell(visible(text))

    def progress(self, label: str, total: int | None = None, unit: str = "events") -> Progress:
        """Progress of long work on standard error: see `Progress`.

        Silent with -q and --no-progress. Plain lines are left out for programs, whose standard error
        holds nothing but a possible error object.
        """
        width = None if self._environ.get("TERM") == "dumb" else terminal_width(sys.stderr, self._environ)
        lines_unwanted = width is None and self.format.for_programs
        silent = self.settings.quiet or not self.settings.progress or lines_unwanted
        return Progress(None if silent else sys.stderr, visible(label), total, unit, width)

    # ── before any work ───────────────────────────────────────────────────────────────────────

    def ready(self) -> None:
        """Refuse what can't be printed before anything is written to a store: `Misuse`."""
        self.format.only(Table)
        _ = self._output.stream

    def can_hold(self, tables: int) -> None:
        """Refuse several tables in a format that holds one, before any work for them: `Misuse`."""
        if tables > 1 and self.format.holds_one:
            raise Misuse(f"{self.format.name} holds one table, and there are {tables}", hint="name the one to print")

    def stand_apart(self) -> None:
        """From now on nothing but what is printed here is on standard output: see `Output.stand_apart`."""
        self._output.stand_apart()

    def check_reader(self) -> None:
        """Raise `BrokenPipeError` if nobody reads any more: who waits for something to print would never notice."""
        self._output.check_reader()

    def close(self, keep: bool = True) -> None:
        """Finish; with `keep=False` a file of `-o` is left as it was before."""
        self._output.close(keep)

    # ── what formats write with ───────────────────────────────────────────────────────────────

    @property
    def color(self) -> bool:
        """Whether data is printed with colours."""
        return wants_color(self.settings.color, self._output.stream, self._environ)

    @property
    def on_terminal(self) -> bool:
        """Whether a person sees the data as it is printed."""
        return self.settings.output is None and is_terminal(self._output.stream)

    @property
    def width(self) -> int | None:
        """Of the terminal that the data goes to; None if it goes anywhere else."""
        return None if self.settings.output else terminal_width(self._output.stream, self._environ)

    def write(self, text: str) -> None:
        """Append inert text; buffered."""
        self._output.write(text)

    def line(self, text: str, push: bool = False) -> None:
        """Append a line of inert text. push: now."""
        self.write(text + "\n")
        if push:
            self.flush()

    def flush(self) -> None:
        """Push out what is buffered."""
        self._output.flush()
