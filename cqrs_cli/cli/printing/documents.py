"""What a command gives to be printed: a document. How it looks is the format's business.

    Table      many records           Sections   several tables        Report   facts in several parts
    Single     one record             Graph      what leads to what    Findings what a check found
    Outcomes   what became of many    Moment     work that goes on     Changes  what differs
    Page       a text with headings        Export     a log, to be taken elsewhere
    Verdicts   what came of several checks
    Text, Value as they are

The method of a format that writes one has its name.
A *record* is a mapping of JSON-ready values (decimals, ids, times, enums and models are understood too).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cqrs_cli.cli.printing.places import Place
from cqrs_cli.cli.printing.styles import Style, of_state, of_stream
from cqrs_cli.finding import Finding

Record = Mapping[str, Any]
Columns = Sequence["str | Column"]
Row = Callable[[Any], Record]
Short = Callable[[str], str]
"""Gives the beginning of an id that stands for it, and other texts as they are."""

_STYLES: dict[str, Style] = {
    "stream": of_stream,
    "category": of_stream,
    "status": of_state,
    "position": "dim",
    "recorded_at": "dim",
    "first_recorded_at": "dim",
    "last_recorded_at": "dim",
    "changes": "changes",
}
_WHOLE = frozenset(
    {"id", "stream", "position", "version", "type", "projection", "key", "category", "name", "path", "code"}
)


class Column(NamedTuple):
    """A column of a table.

    whole: never cut; None: decided by the name (ids, streams, positions …). Numbers and times never are.
    drop: it goes before the row becomes a record, where there is no room; the highest number first.
    least: cells that a text of it keeps when it is cut.
    style: of its cells, see `styles`. optional: it is not there where all its cells are empty.
    fills: it takes the room that is left, so that what follows stands at the right end.
    moment: it holds times of the log, which are shown to the millisecond.
    """

    name: str
    title: str | None = None
    whole: bool | None = None
    drop: int = 0
    style: Style = None
    optional: bool = False
    fills: bool = False
    moment: bool = False
    least: int = 8

    @property
    def keeps(self) -> bool:
        """Whether the column stays whole on a narrow terminal."""
        if self.whole is not None:
            return self.whole
        name = self.name
        return self.moment or name in _WHOLE or name.endswith(("_id", "_no", "_code", "_key"))

    @property
    def painted(self) -> Style:
        """How its cells are shown where there are colours."""
        return self.style if self.style is not None else _STYLES.get(self.name)


class Table(NamedTuple):
    """Many records, printed as they come.

    columns: what a table or Markdown shows, in order (machine formats always have every member; CSV takes
        the members of the first record). None: all members.
    row: the flat record to show in tables and Markdown instead of the record itself; a member may be a function that
        gives the text, of one that shortens ids.
    group: tables and Markdown only: consecutive records with the same title form one table under it.
    empty: a note on standard error when there were none.
    live: each record is pushed out at once (following); tables become plain lines. Not with `json`.
    members: what a record would have had: the head of CSV and TSV when there were none.
    whole: what JSON has instead of an array. flat: the table that is shown where a record is a row.
    most: tables and Markdown show so many; `more` is the note on how many are left out.
    text: what a person reads of each record, as it comes, instead of a table. styled: it is inert, with its colours.
    head: whether a table has a line of titles.
    header: what is known of all records together: JSON lines have it as a record before the others, CSV and TSV as a
        line `# name: value` each; no other format. JSON has `whole`.
    """

    records: Iterable[Record]
    columns: Columns | None = None
    row: Row | None = None
    group: Callable[[Any], str] | None = None
    empty: str | None = None
    live: bool = False
    members: Iterable[str] = ()
    whole: Record | None = None
    flat: "Table | None" = None
    most: int | None = None
    more: Callable[[int], str] | None = None
    text: Callable[[Any], str] | None = None
    styled: bool = False
    head: bool = True
    header: Record | None = None


class Single(NamedTuple):
    """One record: names and values in two columns, or one JSON object, or a table of one row.

    row, text, styled: as of `Table`. moments: the members that are times of the log.
    """

    record: Record
    row: Row | None = None
    text: Callable[[Any], str] | None = None
    styled: bool = False
    moments: Collection[str] = ()


class Section(NamedTuple):
    """A table of several: its title, a record whose member `rows` is an iterable of records, and what it shows."""

    title: str
    record: Record
    columns: Columns | None = None
    head: bool = True


class Sections(NamedTuple):
    """Several tables, each with its title. CSV and TSV hold one table only: ask `Printer.can_hold` first.

    whole: what JSON has instead of an array of sections. flat: what CSV and TSV have instead.
    """

    sections: Iterable[Section]
    whole: Record | None = None
    flat: Table | None = None


class Changes(NamedTuple):
    """What differs between two states: a table of changes, and the same as operations of a JSON Patch."""

    table: Table
    operations: Iterable[Record]


class Report(NamedTuple):
    """Facts of several kinds. whole: all of them, as JSON. rows: the one table of them. parts: what a person reads.

    details: tables with their titles, for a page on which they are folded away below `rows`.
    """

    whole: Record
    rows: Table
    parts: "Sequence[Document]"
    details: Sequence[tuple[str, Table]] = ()


class Graph(NamedTuple):
    """Nodes, each with its `children`.

    records: the same as JSON. line, label: what a node is called in a tree, with what shortens ids, and in a drawing.
    shape: box, round or
    hexagon. is_dashed: whether what leads to the node is not done yet, or came to nothing. style: of a node in a tree.
    """

    name: str
    roots: Sequence[Any]
    records: Iterable[Record]
    line: Callable[[Any, Short], str]
    label: Callable[[Any], str]
    shape: Callable[[Any], str]
    is_dashed: Callable[[Any], bool]
    style: Callable[[Any], str | None] = lambda _: None


class Findings(NamedTuple):
    """What a check found. check: its name. checked: all that was looked at, found or not. otherwise: the document
    for formats that know nothing of findings. place: where to show what is about a thing, by its name."""

    check: str
    checked: Sequence[str]
    findings: Sequence[Finding]
    otherwise: "Table | Report"
    place: Callable[[str], Place]


class Part(NamedTuple):
    """A check of several. why: nothing was looked at, or it could not be made; then the error is its one finding."""

    findings: Findings
    seconds: float = 0.0
    why: str | None = None


class Verdicts(NamedTuple):
    """What came of several checks. title: of the whole. verdicts, findings: a row a check, a row a finding.

    otherwise: the document for formats that know nothing of verdicts.
    """

    title: str
    parts: Sequence[Part]
    verdicts: Table
    findings: Table
    otherwise: "Report"


class Outcomes(NamedTuple):
    """What became of many things, as it becomes known.

    record, flat: one of them as a record and as a row, which has `members`. tell: says on standard error what failed.
    summary: all of them counted, at the end. findings: what failed, for a format of findings: each, or one a kind.
    """

    outcomes: Iterable[Any]
    record: Row
    flat: Row
    members: Sequence[str]
    tell: Callable[[Any], None]
    summary: Callable[[], Record]
    findings: Callable[[bool], Findings]


class Moment(NamedTuple):
    """Where work that goes on has come to."""

    record: Record


class Page(NamedTuple):
    """A text with headings, lists and tables, in Markdown. record: the same for programs."""

    record: Record
    markdown: str


class Export(NamedTuple):
    """A log. lines, cloudevents: write it in these forms with what takes text, and give the number of events.

    table: the same for people.
    """

    lines: Callable[[Callable[[str], None]], int]
    cloudevents: Callable[[Callable[[str], None]], int]
    table: Table


class Text(NamedTuple):
    """Lines as they are, whatever the format; control characters are made visible.

    styled: it is inert already, and has the colours that the printer gave.
    """

    text: str
    styled: bool = False


class Value(NamedTuple):
    """A JSON document, whatever the format (a JSON Schema, an example payload)."""

    value: Any


Document = (
    Table
    | Single
    | Sections
    | Changes
    | Report
    | Graph
    | Findings
    | Verdicts
    | Outcomes
    | Moment
    | Page
    | Export
    | Text
    | Value
)
TABULAR: tuple[type, ...] = (Table, Single, Sections, Changes, Report, Outcomes, Page)
"""What a format of records can write."""


def row_columns(names: Iterable[str], key: Collection[str]) -> list[Column]:
    """The columns of a read model: its key is whole."""
    return [Column(name, whole=True if name in key else None) for name in names]


def chosen_columns(columns: Columns | None, records: Iterable[Record]) -> list[Column]:
    """The columns that were asked for, else every member of the records in order of appearance."""
    if columns is not None:
        return [column if isinstance(column, Column) else Column(column) for column in columns]
    return [Column(name) for name in dict.fromkeys(name for record in records for name in record)]
