"""December 2010 of a real shop, there and back: the same hashes, states and rows, now and at a time."""

import csv
import gzip
import json
import subprocess
import sys
import time
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from cqrs_cli.stores.commits import Commit, NewEvent
from tests.conftest import ROOT, Shell
from tests.transfer import foreign
from tests.transfer.logs import fields_of, history, make


def lines_as_events(file: Path) -> list[Commit]:
    """Each of the 42,000 lines as an event, an invoice as a commit, at the time that stands on it."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        rows = [row for row in csv.DictReader(text) if row["InvoiceNo"]]
    commits: list[Commit] = []
    newest = 0
    for number, (invoice, group) in enumerate(groupby(rows, key=lambda row: row["InvoiceNo"])):
        of_invoice = list(group)
        moment = datetime.fromisoformat(of_invoice[0]["InvoiceDate"] + "+00:00")
        newest = max(newest, int(moment.timestamp()) * 1_000_000)
        events = tuple(
            NewEvent(f"invoice-{invoice}", "LineSold", 1, json.dumps(row, separators=(",", ":")).encode())
            for row in of_invoice
        )
        commits.append(
            Commit(f"{number}-{invoice}", events, user_id=of_invoice[0]["CustomerID"] or None, recorded_us=newest)
        )
    return commits


def test_every_line_there_and_back(cqrs: Shell, retail_csv: Path, tmp_path: Path) -> None:
    commits = lines_as_events(retail_csv)
    assert sum(len(one.events) for one in commits) > 42_000
    source = make(tmp_path / "cqrs.db", commits)
    wanted = history(source)
    for words in (("export", "-o", "x.gz"), ("export", "--format", "cloudevents", "-o", "x.gz")):
        cqrs(*words)
        cqrs("import", "x.gz", "--store", "again.db")
        assert history(tmp_path / "again.db") == wanted
        for path in tmp_path.glob("again.db*"):
            path.unlink()
    assert cqrs.json("copy", "cqrs.db", "again.db")["same_history"] is True
    assert history(tmp_path / "again.db") == wanted
    at = "2010-12-05T12:00Z"
    counts = [cqrs.json("log", "--until", at, "--count", "--store", store) for store in ("cqrs.db", "again.db")]
    assert counts[0] == counts[1] != {"count": 0}


def test_states_and_rows_of_a_domain_are_the_same_on_the_copy(cqrs: Shell, retail_csv: Path, tmp_path: Path) -> None:
    converted = subprocess.run(
        [sys.executable, "-m", "samples.retail.convert", str(retail_csv)], cwd=ROOT, capture_output=True, check=True
    )
    cqrs.environ["CQRS_APP"] = "samples.retail:domain"
    lines = converted.stdout.decode().splitlines(keepends=True)
    for part in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):  # a batch may share one recorded time
        cqrs("send", "--batch", "-", "--allow-rejected", "--store", "a.db", stdin="".join(part))
        time.sleep(0.01)
    head = cqrs.json("stats", "--store", "a.db")["events"]
    times = {cqrs.json("show", f"@{at}", "--store", "a.db")["recorded_at"] for at in (1, head)}
    assert len(times) == 2
    at = min(times)
    cqrs("export", "--store", "a.db", "-o", "x.jsonl")
    cqrs("import", "x.jsonl", "--store", "b.db")
    record = cqrs.json("copy", "a.db", "c.db")
    assert (record["same_history"], record["states"]["differing"]) == (True, [])
    assert record["states"]["compared"] > 1_500

    def told(store: str) -> list[Any]:
        return [
            cqrs.json("project", "product-sales", "--store", store),
            cqrs.json("project", "product-sales", "--at", at, "--store", store),
        ]

    wanted = told("a.db")
    assert wanted[0] != wanted[1]
    assert told("b.db") == told("c.db") == wanted

    foreign.write_down(tmp_path / "a.db", tmp_path / "other.db")
    (tmp_path / "cqrs.toml").write_text(foreign.SETTINGS)
    assert cqrs.json("mirror", "other.db", "d.db", "--dialect", "audit")["events"] == head
    assert fields_of(tmp_path / "d.db", foreign.KEPT) == fields_of(tmp_path / "a.db", foreign.KEPT)
    assert told("d.db") == wanted
    states = [cqrs.json("replay", "--category", "invoice", "--store", store) for store in ("a.db", "d.db")]
    assert states[0] == states[1] != []


def test_every_line_of_another_program_mirrored(cqrs: Shell, retail_csv: Path, tmp_path: Path) -> None:
    """Its commits are events alone, so its hash is another one; all else is as it was, at any time."""
    source = make(tmp_path / "cqrs.db", lines_as_events(retail_csv))
    number = foreign.write_down(source, tmp_path / "other.db")
    (tmp_path / "cqrs.toml").write_text(foreign.SETTINGS)
    assert cqrs.json("mirror", "other.db", "again.db", "--dialect", "audit")["events"] == number > 42_000
    assert fields_of(tmp_path / "again.db", foreign.KEPT) == fields_of(source, foreign.KEPT)
    assert cqrs.json("mirror", "other.db", "again.db", "--dialect", "audit")["events"] == 0
    at = "2010-12-05T12:00Z"
    counts = [cqrs.json("log", "--until", at, "--count", "--store", store) for store in ("cqrs.db", "again.db")]
    assert counts[0] == counts[1] != {"count": 0}
    cqrs("verify", "--store", "again.db")
