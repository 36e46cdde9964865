"""`cqrs watch`: the log as it grows, and below it what is behind, stands still or came to nothing."""

from __future__ import annotations

import contextlib
import io
import os
import signal
from typing import Annotated

import typer

from cqrs_cli.cli.options import selection as options
from cqrs_cli.cli.options.foreign import Foreign
from cqrs_cli.cli.printing.standard_streams import tell
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse
from cqrs_cli.log.selection import Asked, EventFilter

_TICK = 0.1
"""Seconds between two looks at the log."""
_MOST = 500
"""Events that are kept for when the window grows."""
_NOTES = 100


class _Notes(io.TextIOBase):
    """Standard error while something is drawn: what is said waits until the end, and the newest is shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, text: str) -> int:
        """Keep its lines."""
        self.lines += [line for line in text.split("\n") if line]
        del self.lines[:-_NOTES]
        return len(text)


def watch(
    words: options.Address = None,
    category: options.Category = None,
    types: options.Types = None,
    lines: Annotated[int | None, typer.Option("--lines", metavar="N", help="At most the newest N events.")] = None,
    foreign: Foreign = False,
) -> int | None:
    """The log as it grows, and below it what is behind, stands still or came to nothing; q or Ctrl-C ends it.

    It only reads. A store that is made later, moved, replaced or away is waited for. Without a domain (--app) no lag
    is known. For pipes and files: cqrs log -f.
    """
    session, stream = current(), options.address_of(words)
    local, has_domain = session.settings.local, session.settings.app is not None
    wanted = EventFilter(Asked(stream, category, types, local=local, has_domain=has_domain))
    if wanted.ends:
        raise Misuse("watch has no end, but the address has one", hint="a stream without @ and what follows it")
    if lines is not None and lines < 0:
        raise Misuse(f"--lines can't be {lines}", hint="at most so many of the newest are shown, from 0")
    _check_terminal(session)
    if has_domain:
        session.domain()  # what is wrong with it is said before anything is drawn
        session.stand_apart()
    chosen = [*(words or ()), *([category] if category else []), *(types or ())]
    return _drawn(session, wanted, " ".join([session.store_file, *chosen]), lines, foreign)


def _check_terminal(session: Session) -> None:
    printer = session.printer
    if printer.format.name != "table" or not printer.on_terminal:
        raise Misuse("watch draws on a terminal, and what it would print goes to none", hint="cqrs log -f")
    if os.environ.get("TERM", "dumb") == "dumb":
        raise Misuse("watch draws on a terminal, and this one (TERM) can't be drawn on", hint="cqrs log -f")


def _drawn(session: Session, wanted: EventFilter, title: str, lines: int | None, foreign: bool) -> int | None:
    from cqrs_cli.cli.commands.watch.looking import Looking
    from cqrs_cli.cli.commands.watch.picture import Picture
    from cqrs_cli.cli.commands.watch.terminal import Ended, Terminal

    most = _MOST if lines is None else min(lines, _MOST)
    printer, notes = session.printer, _Notes()
    looking, picture = Looking(session, wanted, most, foreign), Picture(printer, title, most)
    terminal = Terminal(printer.stream, printer.color)
    known, shown = None, None
    try:
        with contextlib.redirect_stderr(notes), terminal.drawn_on():
            while True:
                now = looking.look(), notes.lines[-1:], terminal.size
                if now != known or terminal.is_blank:
                    seen, note, size = known = now
                    drawn = picture.lines(seen, "".join(note), size)
                    if (drawn, size) != shown or terminal.is_blank:
                        terminal.draw(drawn, size)
                        shown = drawn, size
                if b"q" in terminal.typed(_TICK).lower():
                    return None
    except Ended as ended:
        if ended.number == signal.SIGINT:
            raise KeyboardInterrupt from None
        signal.raise_signal(ended.number)
        return 128 + ended.number  # it is passed over
    finally:
        for line in notes.lines:
            tell(line)
