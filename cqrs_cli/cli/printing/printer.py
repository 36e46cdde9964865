"""The only printer. Data goes to standard output (or `-o FILE`), everything else to standard error.

    printer.print(Table(rows, ["stream", "version"]))   a document, in the format of the settings: see `documents`
    printer.message("appended 2 events")                a note on standard error, silent with -q
    printer.error("line 3: invalid")                    an error that ends nothing, on standard error
    with printer.progress("replayed", total) as done: done(1)

Everything is made inert: values can't reach the terminal as control sequences.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from typing import IO, TYPE_CHECKING, Any

from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Document, Moment, Outcomes, Table
from cqrs_cli.cli.printing.formats import format_named
from cqrs_cli.cli.printing.output import Output, is_terminal, terminal_width, wants_color
from cqrs_cli.cli.printing.progress import Progress
from cqrs_cli.cli.printing.standard_streams import tell
from cqrs_cli.cli.printing.times import shown_time
from cqrs_cli.cli.printing.widths import shorten
from cqrs_cli.config import Settings
from cqrs_cli.errors import Misuse
from cqrs_cli.stores.registry import path_of

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.pager import Pager
    from cqrs_cli.cli.printing.short_ids import ShortIds
    from cqrs_cli.masking import Mask
    from cqrs_cli.stores.contract import Store

ID_LENGTH = 36


class Printer:
    """Prints documents in the format of the settings. store: whose ids are shortened on a terminal, if there is one.

    Raises `Misuse` for an output file that can't be written or a document that the format can't write, and
    `BrokenPipeError` when nobody reads any more.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str] | None = None, mask: Mask | None = None) -> None:
        """mask: hides fields of whatever is printed."""
        self.settings, self._mask = settings, mask
        self._environ = os.environ if environ is None else environ
        self.format = format_named(settings.format)(settings.format, self)
        encoding = "utf-8" if self.format.is_utf8 else None
        self._output = Output(settings.output, self.format.escapes, path_of(settings.store), encoding)
        self.store: Store | None = None
        self._may_page = settings.pager
        self._pager: Pager | None = None
        self._drawn: StringIO | None = None
        self._held: list[str] = []
        self._progress: Progress | None = None
        self._ids: ShortIds | None = None

    def print(self, document: Document) -> int:
        """Print a document; returns how many records (or sections) there were."""
        document = self._masked(document)
        count = 1  # what is known of a document whose reader has left
        with self._paged(document):
            count = self.format.write(document)
            self.flush()
        if not count and isinstance(document, Table) and document.empty is not None:
            self.message(document.empty)
        return count

    def drawn(self, document: Document) -> list[str]:
        """The lines that printing a document comes to, for who draws them himself. Nothing is written."""
        self._drawn = lines = StringIO()
        try:
            self.format.write(self._masked(document))
        finally:
            self._drawn = None
        return lines.getvalue().removesuffix("\n").split("\n") if lines.tell() else []

    def _masked(self, document: Document) -> Document:
        if self._mask is None:
            return document
        from cqrs_cli.cli.printing.masked import masked

        return masked(document, self._mask)

    @property
    def hides(self) -> bool:
        """Whether fields of what is printed are hidden."""
        return self._mask is not None

    @contextmanager
    def _paged(self, document: Document) -> Iterator[None]:
        """While a document is printed that a person may want to turn the pages of; notes wait until it is read."""
        pager = self._pager_of(document)
        if pager is None:
            yield
            return
        self._pager, self._held = pager, []
        try:
            yield
        except BrokenPipeError:
            if not pager.is_over:
                raise
        finally:
            try:
                pager.close()
            finally:
                self._pager = None
                self._output.flush()
                if pager.trouble is not None:
                    self._held.insert(0, pager.trouble)
                if self._progress is not None:
                    self._progress.is_hidden = False
                for text in self._held:
                    tell(visible(text))

    def _pager_of(self, document: Document) -> Pager | None:
        """A pager, where a person sits at a terminal and the document has an end."""
        is_endless = isinstance(document, Moment | Outcomes) or (isinstance(document, Table) and document.live)
        if is_endless or not (self._may_page and self.on_terminal and is_terminal(sys.stdin)):
            return None
        if self._environ.get("TERM", "dumb") == "dumb":
            return None
        from cqrs_cli.cli.printing import pager

        try:
            terminal = self._output.stream.fileno()
            screen = self.width or 80, os.get_terminal_size(terminal).lines or 24
            words = pager.command(self._environ)
        except OSError:  # nothing of the system's
            return None
        except ValueError as error:
            raise Misuse(f"CQRS_PAGER or PAGER can't be read: {error}", hint="less -FRX, or --no-pager") from None
        return None if words is None else pager.Pager(words, screen, self._output, terminal, self._hide_progress)

    def _hide_progress(self) -> None:
        if self._progress is not None:
            self._progress.wipe()
            self._progress.is_hidden = True

    # ── notes ─────────────────────────────────────────────────────────────────────────────────

    def message(self, text: str) -> None:
        """A note for people on standard error; silent with -q. One line."""
        if not self.settings.quiet:
            self.error(text)

    def error(self, text: str) -> None:
        """One of several errors, on standard error, with -q too. One line."""
        if self._pager is not None:
            self._held.append(text)
            return
        self.flush()
        self._make_room()
        tell(visible(text))

    def progress(self, label: str, total: int | None = None, unit: str = "events") -> Progress:
        """Progress of long work on standard error: see `Progress`.

        Silent with -q and --no-progress. Plain lines are left out for programs, whose standard error
        holds nothing but a possible error object.
        """
        width = None if self._environ.get("TERM") == "dumb" else terminal_width(sys.stderr, self._environ)
        lines_unwanted = width is None and self.format.for_programs
        silent = self.settings.quiet or not self.settings.progress or lines_unwanted
        self._progress = Progress(None if silent else sys.stderr, visible(label), total, unit, width)
        return self._progress

    # ── before any work ───────────────────────────────────────────────────────────────────────

    def ready(self, kind: type[Any] = Table) -> None:
        """Refuse a kind of document that can't be printed before anything is written to a store: `Misuse`."""
        self.format.only(kind)
        _ = self._output.stream

    def can_hold(self, tables: int) -> None:
        """Refuse several tables in a format that holds one, before any work for them: `Misuse`."""
        if tables > 1 and self.format.holds_one:
            raise Misuse(f"{self.format.name} holds one table, and there are {tables}", hint="name the one to print")

    def unpaged(self) -> None:
        """From now on what is printed is seen as it comes, however much it is."""
        self._may_page = False

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
    def reaches_terminal(self) -> bool:
        """Whether the data goes to a terminal, be it by `-o /dev/tty`."""
        return is_terminal(self._output.stream)

    @property
    def stream(self) -> IO[str]:
        """Where the data goes."""
        return self._output.stream

    @property
    def width(self) -> int | None:
        """Of the terminal that the data goes to; None if it goes anywhere else."""
        return None if self.settings.output else terminal_width(self._output.stream, self._environ)

    @property
    def room(self) -> int | None:
        """Cells of a line that is not to be longer; None where nothing is cut: anywhere else, and with --wide."""
        return None if self.settings.wide else self.width

    @property
    def cuts(self) -> bool:
        """Whether what is printed is the short form of it, for a line of a terminal."""
        return self.format.name == "table" and self.room is not None

    def cut(self, line: str) -> str:
        """A line of inert text, so much of it as there is room for."""
        room = self.room
        return line if room is None else shorten(line, room, self.glyph("…", "~"))

    def short(self, text: str) -> str:
        """The text, or where lines are cut the beginning of the id that it is: see `ShortIds`."""
        if len(text) < ID_LENGTH or not self.cuts:
            return text
        if self._ids is None or self._ids.store is not self.store:
            from cqrs_cli.cli.printing.short_ids import ShortIds

            self._ids = ShortIds(self.store)
        return self._ids.short(self._ids.note(text))

    def moment(self, recorded: str | None) -> str:
        """A time of a record, to the millisecond and with its zone: UTC, or with --local that of this machine."""
        return "" if recorded is None else shown_time(recorded, self.settings.local)

    def glyph(self, wanted: str, otherwise: str) -> str:
        """The sign, or another where the encoding of the output has none."""
        try:
            wanted.encode(getattr(self._output.stream, "encoding", None) or "utf-8")
        except (LookupError, UnicodeEncodeError):
            return otherwise
        return wanted

    def write(self, text: str) -> None:
        """Append inert text; buffered."""
        self._make_room()
        (self._drawn or self._pager or self._output).write(text)

    def _make_room(self) -> None:
        """Wipe a line of progress that stands where something is going to be printed."""
        if self._progress is not None:
            self._progress.wipe()

    def line(self, text: str, push: bool = False) -> None:
        """Append a line of inert text. push: now."""
        self.write(text + "\n")
        if push:
            self.flush()

    def flush(self) -> None:
        """Push out what is buffered."""
        if self._pager is None:
            self._output.flush()
