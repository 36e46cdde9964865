"""Documents whose fields are masked: what a format is given then, so that none needs to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cqrs_cli.cli.printing import documents
from cqrs_cli.cli.printing.documents import Document, Findings, Outcomes, Table, Verdicts
from cqrs_cli.cli.printing.places import Place
from cqrs_cli.finding import Finding
from cqrs_cli.jsonable import RawJson
from cqrs_cli.masking import Mask


def masked(document: Document, mask: Mask) -> Document:
    """The same document, without what the mask hides."""
    hidden: Document = _WAYS[type(document)](document, mask)
    return hidden


def _texts(function: Callable[..., str] | None, mask: Mask) -> Any:
    return None if function is None else lambda *given: mask.prose(function(*given))


def _row(row: documents.Record, mask: Mask) -> documents.Record:
    """What is made of a masked record: a pseudonym in it has none of its own."""
    return {name: _cell(value, mask) for name, value in row.items()}


def _cell(value: Any, mask: Mask) -> Any:
    if callable(value):  # given what shortens ids: of pseudonyms
        told: Any = value
        return lambda short: mask.prose(told(lambda text: short(mask.prose(text))))
    return mask.prose(value) if isinstance(value, str) and not isinstance(value, RawJson) else value


def _fresh(mask: Mask) -> Callable[[documents.Record], documents.Record]:
    """For what comes while one looks: its values may have come just now."""

    def record(one: documents.Record) -> documents.Record:
        mask.refresh()
        return mask.record(one)

    return record


def _moment(document: documents.Moment, mask: Mask) -> documents.Moment:
    return documents.Moment(_fresh(mask)(document.record))


def _record(record: Any, mask: Mask) -> Any:
    return None if record is None else mask.record(record)


def _table(table: Table, mask: Mask) -> Table:
    row = table.row
    return table._replace(
        records=map(_fresh(mask) if table.live else mask.record, table.records),
        row=None if row is None else lambda record: _row(row(record), mask),
        group=_texts(table.group, mask),
        text=_texts(table.text, mask),
        more=_texts(table.more, mask),
        empty=None if table.empty is None else mask.prose(table.empty),
        whole=_record(table.whole, mask),
        header=_record(table.header, mask),
        flat=None if table.flat is None else _table(table.flat, mask),
    )


def _single(document: documents.Single, mask: Mask) -> documents.Single:
    row = document.row
    return document._replace(
        record=mask.record(document.record),
        row=None if row is None else lambda record: _row(row(record), mask),
        text=_texts(document.text, mask),
    )


def _sections(document: documents.Sections, mask: Mask) -> documents.Sections:
    return documents.Sections(
        (one._replace(title=mask.prose(one.title), record=mask.record(one.record)) for one in document.sections),
        _record(document.whole, mask),
        None if document.flat is None else _table(document.flat, mask),
    )


def _changes(document: documents.Changes, mask: Mask) -> documents.Changes:
    return documents.Changes(_table(document.table, mask), map(mask.record, document.operations))


def _report(document: documents.Report, mask: Mask) -> documents.Report:
    parts = [masked(part, mask) for part in document.parts]
    details = [(mask.prose(title), _table(table, mask)) for title, table in document.details]
    return documents.Report(mask.record(document.whole), _table(document.rows, mask), parts, details)


def _graph(document: documents.Graph, mask: Mask) -> documents.Graph:
    return document._replace(
        records=map(mask.record, document.records),
        line=lambda node, short: mask.prose(document.line(node, lambda text: short(mask.prose(text)))),
        label=_texts(document.label, mask),
    )


def _findings(document: Findings, mask: Mask) -> Findings:
    place = document.place
    were: dict[str, str] = {}

    def hidden(where: str) -> str:
        shown: str = mask.prose(where)
        were[shown] = where
        return shown

    def shown_place(where: str) -> Place:
        return place(were.get(where) or where)

    findings = [
        Finding(
            one.code,
            one.severity,
            hidden(one.where),
            mask.prose(one.message),
            None if one.hint is None else mask.prose(one.hint),
        )
        for one in document.findings
    ]
    checked = [hidden(where) for where in document.checked]
    otherwise: Any = masked(document.otherwise, mask)
    return document._replace(checked=checked, findings=findings, otherwise=otherwise, place=shown_place)


def _verdicts(document: Verdicts, mask: Mask) -> Verdicts:
    parts = []
    for one in document.parts:
        found = _findings(one.findings, mask)
        found = found._replace(check=mask.prose(found.check))
        parts.append(one._replace(findings=found, why=None if one.why is None else mask.prose(one.why)))
    otherwise = _report(document.otherwise, mask)
    verdicts, findings = _table(document.verdicts, mask), _table(document.findings, mask)
    title = mask.prose(document.title)
    return Verdicts(title, parts, verdicts, findings, otherwise)


def _outcomes(document: Outcomes, mask: Mask) -> Outcomes:
    return document._replace(
        record=lambda outcome: _fresh(mask)(document.record(outcome)),
        flat=lambda outcome: _fresh(mask)(document.flat(outcome)),
        summary=lambda: mask.record(document.summary()),
        findings=lambda each: _findings(document.findings(each), mask),
    )


_WAYS: dict[type, Callable[[Any, Mask], Any]] = {
    Table: _table,
    documents.Single: _single,
    documents.Sections: _sections,
    documents.Changes: _changes,
    documents.Report: _report,
    documents.Graph: _graph,
    Findings: _findings,
    Verdicts: _verdicts,
    Outcomes: _outcomes,
    documents.Moment: _moment,
    documents.Export: lambda document, mask: document,  # a copy, on whose way they are hidden: see `transfer.redaction`
    documents.Page: lambda document, mask: documents.Page(mask.record(document.record), mask.prose(document.markdown)),
    documents.Text: lambda document, mask: document._replace(text=mask.prose(document.text)),
    documents.Value: lambda document, mask: documents.Value(mask.value(document.value)),
}


class MaskedStream:
    """Standard error, without what a mask hides: notes, errors, tracebacks, and what the domain prints."""

    def __init__(self, stream: Any, mask: Mask) -> None:
        self._stream, self._mask = stream, mask

    def write(self, text: str) -> int:
        """Write it, masked."""
        self._mask.refresh()
        self._stream.write(self._mask.prose(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write them, masked."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
