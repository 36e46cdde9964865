"""How something came about, on standard error: a column for people, a line of JSON for programs."""

from collections.abc import Iterable, Mapping
from typing import Any

from cqrs_cli.cli.printing.places import Place
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.json_text import json_text

Step = tuple[str, str]


def tell(printer: Printer, record: Mapping[str, Any], steps: Iterable[Step]) -> None:
    """Tell it, -q or not: it was asked for. steps: a word and a text each."""
    if printer.format.for_programs:
        printer.error(json_text({"explained": record}))
        return
    for word, text in steps:
        printer.error(f"{word:<9} {text}")


def placed(name: str, place: Place | None) -> str:
    """`Order.pay, order.py:205`; the name alone where nothing is known of its source."""
    return name if place is None else f"{name}, {place.file}:{place.line}"
