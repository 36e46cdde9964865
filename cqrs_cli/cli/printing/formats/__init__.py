"""Formats: each is one file that writes documents, and one line of `config.FORMATS`, by which it is found."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, ClassVar

from cqrs_cli.cli.printing import documents
from cqrs_cli.cli.printing.control_characters import visible_lines
from cqrs_cli.cli.printing.documents import Document, Findings, Section, Table
from cqrs_cli.config import FORMATS
from cqrs_cli.errors import Misuse
from cqrs_cli.json_text import json_line, json_text

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.printer import Printer


class Format:
    """Writes documents. A format writes at least tables or graphs or findings: the kinds in `writes`.

    for_people: it is read as it stands, on a terminal. for_programs: nothing but data is expected, on standard error
    too. holds_one: one table and no more. holds_header: what is known of all records has a place before them. has_end:
    what it writes is not complete before its end. counts_each: of many findings of one kind it wants each. escapes:
    what becomes of characters that a narrow encoding lacks. is_utf8: whatever the locale, but on a terminal.
    """

    writes: ClassVar[tuple[type, ...]] = ()
    for_people: ClassVar[bool] = False
    holds_one: ClassVar[bool] = False
    holds_header: ClassVar[bool] = False
    for_programs: ClassVar[bool] = False
    has_end: ClassVar[bool] = False
    counts_each: ClassVar[bool] = False
    escapes: ClassVar[str] = "backslashreplace"
    is_utf8: ClassVar[bool] = False

    def __init__(self, name: str, printer: Printer) -> None:
        self.name, self.printer = name, printer

    def only(self, kind: type) -> None:
        """Refuse a kind of document that it can't write: `Misuse`, with the formats that can."""
        if kind not in self.writes:
            others = ", ".join(name for name in FORMATS if kind in format_named(name).writes)
            raise Misuse(f"this command can't print {self.name}", hint=f"it prints {others}")

    def follow(self) -> None:
        """Refuse what is never complete: `Misuse`."""
        if self.has_end:
            raise Misuse(f"--{self.name} can't follow: an array has an end", hint="use --jsonl")

    def write(self, document: Document) -> int:
        """Write it; returns how many records or sections there were. Raises `Misuse` for what it can't write."""
        if isinstance(document, (Findings, documents.Verdicts)) and type(document) not in self.writes:
            document = document.otherwise
        if isinstance(document, documents.Outcomes) and self.has_findings:
            document = document.findings(self.counts_each)
        if not isinstance(document, (documents.Text, documents.Value)):
            self.only(type(document))
        count: int = getattr(self, type(document).__name__.lower())(document)
        return count

    @property
    def has_findings(self) -> bool:
        """Whether it is for findings, in which every error is one."""
        return Findings in self.writes

    # ── what a format makes of a document unless it knows better ──────────────────────────────

    def table(self, document: Table) -> int:
        """Many records."""
        raise NotImplementedError

    def single(self, document: documents.Single) -> int:
        """One record: a table of one row."""
        return self.table(Table([document.record], row=document.row))

    def sections(self, document: documents.Sections) -> int:
        """Several tables: one after the other."""

        def titled(section: Section) -> Table:
            return Table(section.record["rows"], section.columns, group=lambda _: section.title)

        return sum(1 for section in document.sections if self.table(titled(section)) >= 0)

    def changes(self, document: documents.Changes) -> int:
        """What differs: its table."""
        return self.table(document.table)

    def report(self, document: documents.Report) -> int:
        """Facts of several kinds: its one table."""
        return self.table(document.rows)

    def graph(self, document: documents.Graph) -> int:
        """What leads to what: its records."""
        return self.table(Table(document.records))

    def outcomes(self, document: documents.Outcomes) -> int:
        """What became of many things: a row each."""
        return self.table(Table(map(document.flat, document.outcomes), members=document.members))

    def verdicts(self, document: documents.Verdicts) -> int:
        """What came of the parts of a check: the findings of one after those of the other."""
        return sum(self.write(part.findings) for part in document.parts)

    def page(self, document: documents.Page) -> int:
        """A text with headings: its record."""
        return self.single(documents.Single(document.record))

    def export(self, document: documents.Export) -> int:
        """A log: its table."""
        return self.table(document.table)

    def moment(self, document: documents.Moment) -> int:
        """Where work has come to: a line of JSON."""
        self.printer.line(json_line(document.record), push=True)
        return 1

    def text(self, document: documents.Text) -> int:
        """Lines as they are."""
        self.printer.line(document.text if document.styled else visible_lines(document.text))
        return 1

    def value(self, document: documents.Value) -> int:
        """A JSON document."""
        self.printer.line(json_text(document.value, indent=2))
        return 1


def format_named(name: str) -> type[Format]:
    """The format that a line of `config.FORMATS` names, imported now."""
    module, _, attribute = FORMATS[name].partition(":")
    found: type[Format] = getattr(importlib.import_module(module), attribute)
    return found
