"""The same document in several formats: one to where data goes, the others into files."""

from __future__ import annotations

import os
from collections.abc import Sequence

from cqrs_cli.cli.printing.documents import Report, Verdicts
from cqrs_cli.cli.printing.formats import format_named
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.config import FORMATS
from cqrs_cli.errors import Misuse
from cqrs_cli.near_names import did_you_mean


class Reports:
    """Where the verdicts go. words: `FORMAT=FILE` each.

    Raises `Misuse` for a format that can't hold them and for a file that can't be written, before any work.
    """

    def __init__(self, session: Session, words: Sequence[str]) -> None:
        self._own, self._others = session.printer, [_printer(session, word) for word in words]
        files: dict[str, str] = {}
        for printer in (self._own, *self._others):
            file = printer.settings.output
            if (
                file is not None
                and files.setdefault(os.path.realpath(file), printer.format.name) != printer.format.name
            ):
                raise Misuse(f"{file} is named for two formats", hint="a file each: --report junit=ci.xml")
            name = printer.format.name
            if not _can_hold(name):
                raise Misuse(f"cqrs ci can't print {name}", hint=f"it prints {', '.join(filter(_can_hold, FORMATS))}")
            printer.ready(Verdicts if Verdicts in printer.format.writes else Report)

    def print(self, document: Verdicts) -> None:
        """Write it everywhere; the files are there before anything is on standard output."""
        for printer in self._others:
            printer.print(document)
            printer.close()
        self._own.print(document)


def _can_hold(name: str) -> bool:
    return not {Verdicts, Report}.isdisjoint(format_named(name).writes)


def _printer(session: Session, word: str) -> Printer:
    name, equals, file = word.partition("=")
    if not equals or not file or file == "-":
        raise Misuse(f"--report {word} names no format and file", hint="--report junit=ci.xml")
    if name not in FORMATS:
        hint = did_you_mean(name, list(FORMATS)) or f"one of {', '.join(filter(_can_hold, FORMATS))}"
        raise Misuse(f"no format is called {name!r}", hint=hint)
    return session.printer_to(name, file)
