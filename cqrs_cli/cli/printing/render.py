"""The only printer. Data goes to standard output (or `-o FILE`), everything else to standard error.

    printer.records(rows, ["stream", "version"])   many things: a table, a JSON array, JSON lines, CSV, TSV, Markdown
    printer.record(row)                            one thing: two columns, a JSON object
    printer.sections(parts, title=…)               several tables: each part has a title and its own `rows`
    printer.value(schema)                          a JSON document whatever the format
    printer.text("…")                              plain lines
    printer.message("appended 2 events")           a note on standard error, silent with -q
    printer.error("line 3: invalid")               an error that ends nothing, on standard error
    with printer.progress("replayed", total) as done: done(1)

A *record* is a mapping of JSON-ready values (decimals, ids, times, enums and models are understood too).
Everything is made inert: values can't reach the terminal as control sequences, nor a spreadsheet as formulas.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cqrs_cli.cli.printing.column import Column
from cqrs_cli.cli.printing.control_characters import csv_text, markdown_text, tsv_text, visible, visible_lines
from cqrs_cli.cli.printing.output import Output, is_terminal, terminal_width, wants_color
from cqrs_cli.cli.printing.progress import Progress
from cqrs_cli.cli.printing.values import cell_text, json_line, json_text
from cqrs_cli.config import FORMATS, Settings
from cqrs_cli.errors import Misuse
from cqrs_cli.jsonable import RawJson
from cqrs_cli.stores.registry import path_of

__all__ = ["Column", "Printer", "RawJson", "Record"]

Record = Mapping[str, Any]
Columns = Sequence["str | Column"]

DRAWN_ROWS = 1_000


class Printer:
    """Prints records in the format of the settings.

    format: one of `config.FORMATS`. Raises `Misuse` for an output file that can't be written or a format
    that a command can't give, and `BrokenPipeError` when nobody reads any more.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str] | None = None) -> None:
        self.settings = settings
        self.format = settings.format
        self._environ = os.environ if environ is None else environ
        errors = "json" if self.format in ("json", "jsonl") else "backslashreplace"
        self._output = Output(settings.output, errors, spared=path_of(settings.store))

    # ── data ──────────────────────────────────────────────────────────────────────────────────

    def records(
        self,
        records: Iterable[Record],
        columns: Columns | None = None,
        *,
        row: Callable[[Record], Record] | None = None,
        group: Callable[[Record], str] | None = None,
        empty: str | None = None,
        live: bool = False,
        members: Iterable[str] = (),
    ) -> int:
        """Print many records as they come; returns how many there were.

        columns: what a table or Markdown shows, in order (machine formats always have every member; CSV takes
            the members of the first record). None: all members.
        row: the flat record to show in tables and Markdown instead of the record itself.
        group: tables only: consecutive records with the same title form one table under it.
        empty: a note on standard error when there were none.
        live: each record is pushed out at once (following); tables become plain lines. Not with `json`.
        members: what a record would have had: the head of CSV and TSV when there were none.
        """
        self.only(*FORMATS)
        counted = _Counted(records)
        if self.format == "json":
            if live:
                raise Misuse("--json can't follow: an array has an end", hint="use --jsonl")
            self._json_array(counted)
        elif self.format == "jsonl":
            for record in counted:
                self._line(json_line(record), live)
        elif self.format in ("csv", "tsv"):
            self._separated(counted, live, members=members)
        else:
            shaped = ((group(record) if group else None, row(record) if row else record) for record in counted)
            for number, (title, part) in enumerate(itertools.groupby(shaped, key=lambda pair: pair[0])):
                if title is not None:
                    self._title(title, first=number == 0)
                self._table((record for _, record in part), columns, live)
        self._output.flush()
        if not counted.count and empty is not None:
            self.message(empty)
        return counted.count

    def record(self, record: Record, columns: Columns | None = None) -> None:
        """Print one thing: names and values in two columns, or one JSON object, or a table of one row."""
        self.only(*FORMATS)
        if self.format == "json":
            self._line(json_text(record, indent=2))
        elif self.format != "table":
            self.records([record], columns)
        else:
            names = _columns(columns, [record])
            titles = [visible(column.title or column.name) for column in names]
            width = max(map(len, titles), default=0)
            for title, column in zip(titles, names, strict=True):
                self._line(f"{title:<{width}}  {visible(cell_text(record.get(column.name)))}".rstrip())
        self._output.flush()

    def sections(
        self,
        sections: Iterable[Record],
        title: Callable[[Record], str],
        *,
        rows: str = "rows",
        columns: Callable[[Record], Columns | None] | None = None,
    ) -> int:
        """Print several tables, each with its title; returns how many.

        A section is a record whose member `rows` is an iterable of records. JSON has the sections as they are;
        CSV and TSV hold one table only: ask `can_hold` first. columns: what each section's table shows.
        """
        self.only(*FORMATS)
        if self.format in ("json", "jsonl"):
            return self.records({**section, rows: list(section[rows])} for section in sections)
        number = 0
        for number, section in enumerate(sections, 1):
            shown = columns(section) if columns else None
            if self.format in ("csv", "tsv"):
                self.can_hold(number)
                self._separated(iter(section[rows]), False, shown)
            else:
                self._title(title(section), first=number == 1)
                self._table(iter(section[rows]), shown, False)
        self._output.flush()
        return number

    def value(self, value: Any) -> None:
        """Print a JSON document, indented, whatever the format (a JSON Schema, an example payload)."""
        self._line(json_text(value, indent=2))
        self._output.flush()

    def text(self, text: str) -> None:
        """Print lines as they are, control characters made visible."""
        self._line(visible_lines(text))
        self._output.flush()

    def raw(self, text: str) -> None:
        """Print a text that its maker has made inert: a graph, an XML document, workflow commands."""
        self._line(text)
        self._output.flush()

    # ── notes ─────────────────────────────────────────────────────────────────────────────────

    def message(self, text: str) -> None:
        """A note for people on standard error; silent with -q. One line."""
        if not self.settings.quiet:
            self._output.flush()
            _tell(visible(text))

    def error(self, text: str) -> None:
        """One of several errors, on standard error, with -q too. One line."""
        self._output.flush()
        _tell(visible(text))

    def progress(self, label: str, total: int | None = None, unit: str = "events") -> Progress:
        """Progress of long work on standard error: see `Progress`.

        Silent with -q and --no-progress. Plain lines are left out under json and jsonl, whose standard error
        holds nothing but a possible error object.
        """
        width = None if self._environ.get("TERM") == "dumb" else terminal_width(sys.stderr, self._environ)
        lines_unwanted = width is None and self.format in ("json", "jsonl")
        silent = self.settings.quiet or not self.settings.progress or lines_unwanted
        return Progress(None if silent else sys.stderr, visible(label), total, unit, width)

    @property
    def color(self) -> bool:
        """Whether data is printed with colours."""
        return wants_color(self.settings.color, self._output.stream, self._environ)

    @property
    def on_terminal(self) -> bool:
        """Whether a person sees the data as it is printed."""
        return self.settings.output is None and is_terminal(self._output.stream)

    def only(self, *formats: str) -> None:
        """Refuse any other format than these: `Misuse`."""
        if self.format not in formats:
            raise Misuse(f"this command can't print {self.format}", hint=f"it prints {', '.join(formats)}")

    def ready(self) -> None:
        """Refuse what can't be printed before anything is written to a store: `Misuse`."""
        self.only(*FORMATS)
        _ = self._output.stream

    def stand_apart(self) -> None:
        """From now on nothing but what is printed here is on standard output: see `Output.stand_apart`."""
        self._output.stand_apart()

    def can_hold(self, tables: int) -> None:
        """Refuse several tables in a format that holds one, before any work for them: `Misuse`."""
        if tables > 1 and self.format in ("csv", "tsv"):
            raise Misuse(f"{self.format} holds one table, and there are {tables}", hint="name the one to print")

    def close(self, keep: bool = True) -> None:
        """Finish; with `keep=False` a file of `-o` is left as it was before."""
        self._output.close(keep)

    # ── inside ────────────────────────────────────────────────────────────────────────────────

    def _line(self, text: str, push: bool = False) -> None:
        self._output.write(text + "\n")
        if push:
            self._output.flush()

    def _title(self, title: str, first: bool) -> None:
        text = visible(title)
        if self.format == "md":
            text = f"## {markdown_text(title)}\n"
        elif self.color:
            text = f"\x1b[1m{text}\x1b[0m"
        self._line(text if first else "\n" + text)

    def _json_array(self, records: Iterator[Record]) -> None:
        opening = "["
        for record in records:
            self._output.write(f"{opening}\n{json_line(record)}")
            opening = ","
        self._line("[]" if opening == "[" else "\n]")

    def _separated(
        self, records: Iterator[Record], live: bool, columns: Columns | None = None, members: Iterable[str] = ()
    ) -> None:
        import csv

        comma = self.format == "csv"
        inert = csv_text if comma else tsv_text
        writer: Any = csv.writer(self._output, lineterminator="\n") if comma else _TabWriter(self._output)
        names: list[str] | None = [column.name for column in _columns(columns, [])] if columns else None
        if names is not None:
            writer.writerow([inert(name) for name in names])
        for record in records:
            if names is None:
                names = list(record)
                writer.writerow([inert(name) for name in names])
            writer.writerow([_separated_cell(record.get(name), inert) for name in names])
            if live:
                self._output.flush()
        if names is None and (head := [inert(name) for name in members]):
            writer.writerow(head)

    def _table(self, records: Iterator[Record], columns: Columns | None, live: bool) -> None:
        head = list(itertools.islice(records, 1 if live else DRAWN_ROWS + 1))
        if not head:
            return
        names = _columns(columns, head)
        inert = markdown_text if self.format == "md" else visible
        rows = [[inert(cell_text(record.get(column.name))) for column in names] for record in head]
        rest = ([inert(cell_text(record.get(column.name))) for column in names] for record in records)
        if self.format == "md":
            self._markdown(names, itertools.chain(rows, rest), live)
            return
        from cqrs_cli.cli.printing.layout import drawn, fit, plain_lines

        terminal = None if self.settings.output else terminal_width(self._output.stream, self._environ)
        in_lines = (
            live or len(rows) > DRAWN_ROWS or (terminal is None and not self.color)
        )  # nothing to fold or to color
        fitted = fit(names, rows[:DRAWN_ROWS], None if live else terminal, folds=not in_lines)
        if in_lines:
            cut = terminal is not None and not live
            for line in plain_lines(names, itertools.chain(rows, rest), fitted, cut=cut, grow=live):
                self._line(line, live)
        else:
            self._output.write(drawn(names, rows, fitted, self.color))
        if len(fitted.shown) < len(names):
            gone = [column.name for index, column in enumerate(names) if index not in fitted.shown]
            self.message(f"not shown, the terminal is too narrow: {', '.join(gone)} (--format jsonl has everything)")

    def _markdown(self, columns: Sequence[Column], rows: Iterable[Sequence[str]], live: bool) -> None:
        self._line("| " + " | ".join(markdown_text(column.title or column.name) for column in columns) + " |", live)
        self._line("|" + " --- |" * len(columns), live)
        for row in rows:
            self._line("| " + " | ".join(row) + " |", live)


class _Counted:
    """Counts what passes."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.count = 0
        self._records = iter(records)

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        record = next(self._records)
        self.count += 1
        return record


class _TabWriter:
    """TSV: cells between tabs; they hold no tab and no line break by now."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def writerow(self, cells: Iterable[str]) -> None:
        self._output.write("\t".join(cells) + "\n")


def _columns(columns: Columns | None, records: Iterable[Record]) -> list[Column]:
    """The columns that were asked for, else every member of the records in order of appearance."""
    if columns is not None:
        return [column if isinstance(column, Column) else Column(column) for column in columns]
    return [Column(name) for name in dict.fromkeys(itertools.chain.from_iterable(records))]


def _separated_cell(value: Any, inert: Callable[[str], str]) -> str:
    """Numbers can't be formulas and stay as they are: -12.5 is no attack."""
    text = cell_text(value)
    return text if isinstance(value, (int, float)) else inert(text)


def _tell(text: str) -> None:
    """A line on standard error; that nobody reads it is no reason to fail."""
    try:
        sys.stderr.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return
