"""What a command gives to be printed: a document. How it looks is the format's business.

    Table      many records           Sections   several tables        Report   facts in several parts
    Single     one record             Graph      what leads to what    Findings what a check found
    Outcomes   what became of many    Moment     work that goes on     Text, Value as they are

The method of a format that writes one has its name.
A *record* is a mapping of JSON-ready values (decimals, ids, times, enums and models are understood too).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cqrs_cli.cli.printing.places import Place
from cqrs_cli.finding import Finding

Record = Mapping[str, Any]
Columns = Sequence["str | Column"]
Row = Callable[[Any], Record]

_WHOLE = frozenset(
    {"id", "stream", "position", "version", "type", "projection", "key", "category", "name", "path", "code"}
)


class Column(NamedTuple):
    """A column of a table.

    whole: never cut or dropped, and folded only before other columns are dropped, the first of them not even then;
        None: decided by the name (ids, streams, positions …).
    drop: where there is no room, columns with the highest number go first; of equals the one furthest right.
    """

    name: str
    title: str | None = None
    whole: bool | None = None
    drop: int = 0

    @property
    def keeps(self) -> bool:
        """Whether the column stays whole on a narrow terminal."""
        if self.whole is not None:
            return self.whole
        name = self.name
        return name in _WHOLE or name.endswith(("_id", "_no", "_code", "_key"))


class Table(NamedTuple):
    """Many records, printed as they come.

    columns: what a table or Markdown shows, in order (machine formats always have every member; CSV takes
        the members of the first record). None: all members.
    row: the flat record to show in tables and Markdown instead of the record itself.
    group: tables and Markdown only: consecutive records with the same title form one table under it.
    empty: a note on standard error when there were none.
    live: each record is pushed out at once (following); tables become plain lines. Not with `json`.
    members: what a record would have had: the head of CSV and TSV when there were none.
    whole: what JSON has instead of an array. flat: the table that is shown where a record is a row.
    most: tables and Markdown show so many; `more` is the note on how many are left out.
    text: what a person reads of each record, as it comes, instead of a table.
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


class Single(NamedTuple):
    """One record: names and values in two columns, or one JSON object, or a table of one row.

    row, text: as of `Table`.
    """

    record: Record
    row: Row | None = None
    text: Callable[[Any], str] | None = None


class Section(NamedTuple):
    """A table of several: its title, a record whose member `rows` is an iterable of records, and what it shows."""

    title: str
    record: Record
    columns: Columns | None = None


class Sections(NamedTuple):
    """Several tables, each with its title. CSV and TSV hold one table only: ask `Printer.can_hold` first.

    whole: what JSON has instead of an array of sections. flat: what CSV and TSV have instead.
    """

    sections: Iterable[Section]
    whole: Record | None = None
    flat: Table | None = None


class Report(NamedTuple):
    """Facts of several kinds. whole: all of them, as JSON. rows: the one table of them. parts: what a person reads."""

    whole: Record
    rows: Table
    parts: "Sequence[Document]"


class Graph(NamedTuple):
    """Nodes, each with its `children`.

    records: the same as JSON. line, label: what a node is called in a tree and in a drawing. shape: box, round or
    hexagon. is_dashed: whether what leads to the node is not done yet, or came to nothing.
    """

    name: str
    roots: Sequence[Any]
    records: Iterable[Record]
    line: Callable[[Any], str]
    label: Callable[[Any], str]
    shape: Callable[[Any], str]
    is_dashed: Callable[[Any], bool]


class Findings(NamedTuple):
    """What a check found. check: its name. checked: all that was looked at, found or not. otherwise: the document
    for formats that know nothing of findings. place: where to show what is about a thing, by its name."""

    check: str
    checked: Sequence[str]
    findings: Sequence[Finding]
    otherwise: Table
    place: Callable[[str], Place]


class Outcomes(NamedTuple):
    """What became of many things, as it becomes known.

    record, flat: one of them as a record and as a row, which has `members`. tell: says on standard error what failed.
    summary: all of them counted, at the end.
    """

    outcomes: Iterable[Any]
    record: Row
    flat: Row
    members: Sequence[str]
    tell: Callable[[Any], None]
    summary: Callable[[], Record]


class Moment(NamedTuple):
    """Where work that goes on has come to."""

    record: Record


class Text(NamedTuple):
    """Lines as they are, whatever the format; control characters are made visible."""

    text: str


class Value(NamedTuple):
    """A JSON document, whatever the format (a JSON Schema, an example payload)."""

    value: Any


Document = Table | Single | Sections | Report | Graph | Findings | Outcomes | Moment | Text | Value
TABULAR: tuple[type, ...] = (Table, Single, Sections, Report, Outcomes)
"""What a format of records can write."""


def chosen_columns(columns: Columns | None, records: Iterable[Record]) -> list[Column]:
    """The columns that were asked for, else every member of the records in order of appearance."""
    if columns is not None:
        return [column if isinstance(column, Column) else Column(column) for column in columns]
    return [Column(name) for name in dict.fromkeys(name for record in records for name in record)]
