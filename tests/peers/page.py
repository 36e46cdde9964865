"""Writes docs/peers.md from the cases of the other stores' suites: `make docs`; a test compares."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import get_args

from cqrs_cli.stores.sqlite.opening import FORMAT
from tests.peers.cases import Case, Peer, Verdict
from tests.peers.test_commanded import COMMANDED
from tests.peers.test_emmett import EMMETT
from tests.peers.test_equinox import EQUINOX
from tests.peers.test_marten import MARTEN
from tests.peers.test_message_db import MESSAGE_DB
from tests.peers.test_rails_event_store import RAILS
from tests.peers.test_umadb import UMADB

PAGE = Path(__file__).parents[2] / "docs" / "peers.md"
PEERS = (EMMETT, MESSAGE_DB, MARTEN, RAILS, COMMANDED, EQUINOX, UMADB)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
RECORDERS = 51
"""Test cases of pyeventsourcing that run on its recorders here; `make peers` counts them."""
HEAD = f"""# For people who come from another store

What other stores' suites expect, run against this one. *holds*: as the other suite wants it. *differs*: offered, with another
meaning that was chosen. *not offered*: there is no such thing. Facts were translated, none of their code is here. Each line but
those that are not offered is a test in `tests/peers/`, and this page is made of them (`make docs`; a test compares).

Of [pyeventsourcing](https://github.com/pyeventsourcing/eventsourcing) 9.5 the reusable test cases themselves are run, on
recorders made of a store (`tests/peers/recorders.py`): {RECORDERS} of {RECORDERS} pass (`make peers`).

Five cases were first written down with what this store answered then, and hold in another form since it answers otherwise: a
commit of 8,001 events is taken (10,000 are), `event_log` has the category, the format of a store is {FORMAT}, an error in the
code of a decide leaves a scenario as `DomainFailed` with the error as its cause, and a reaction that is new on a log that it
would answer asks where to begin (`start=`, `--from @P`).
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, _overview()]
    for peer in PEERS:
        parts.append(f"## {peer.name}\n")
        parts += [_section(verdict, peer.cases) for verdict in VERDICTS]
    return "\n".join(part for part in parts if part)


def _overview() -> str:
    lines = [_row("suite", "cases", *VERDICTS), _row("---", *["---:"] * (1 + len(VERDICTS)))]
    every = Peer("all")
    every.cases = [case for peer in PEERS for case in peer.cases]
    for peer in (*PEERS, every):
        counts = Counter(case.verdict for case in peer.cases)
        lines.append(_row(peer.name, len(peer.cases), *[counts[verdict] for verdict in VERDICTS]))
    return "\n".join(lines) + "\n"


def _section(verdict: Verdict, cases: list[Case]) -> str:
    """What holds is a list; what differs or is not offered is a table with what is so instead."""
    found = [case for case in cases if case.verdict == verdict]
    if not found:
        return ""
    if verdict == "holds":
        return "\n".join(["Holds:\n", *[f"- {_text(case.title)}" for case in found]]) + "\n"
    lines = [_row(verdict, "here"), _row("---", "---")]
    for note, together in groupby(found, key=lambda case: case.note):
        lines.append(_row("<br>".join(_text(case.title) for case in together), _text(note)))
    return "\n".join(lines) + "\n"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _text(text: str) -> str:
    """In a cell, and with what looks like markup as it is."""
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
