"""A line as an export writes it says the same whichever way it is read; what is written otherwise is read as any line."""

import json
from pathlib import Path

import pytest

from cqrs_cli.errors import Damaged
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer.exact import ExactJson
from cqrs_cli.transfer.exported_line import ExportedLine
from cqrs_cli.transfer.interchange_file import InterchangeFile
from cqrs_cli.transfer.interchange_lines import LineReader, LineWriter
from cqrs_cli.transfer.store_source import StoreSource
from tests.transfer.logs import awkward_commits, history, make, plain_commits
from tests.transfer.test_interchange import exported, taken


def test_both_ways_read_the_same(tmp_path: Path) -> None:
    source = make(tmp_path / "a.db", [*awkward_commits(), *plain_commits(20, first=2_000, a_commit=3)])
    with open_store(str(source), read_only=True) as store:
        parcels = list(StoreSource(store).parcels(0))
    reader, quick, after, read = LineReader(), ExportedLine(ExactJson()), 0, 0
    for parcel in parcels:
        line = (LineWriter().commit(parcel, True) + "\n").encode()
        found = quick.parcel(line, after)
        assert found in (None, reader.parcel(reader.record(line), "-", after))
        read, after = read + (found is not None), parcel.position
    assert read > 20, "all that has nothing awkward in its names is read the quick way"


LINE = (
    '{"id":"c","position":3,"recorded_at":"2026-01-01T10:00:00.000001Z","command":{"type":"Do","schema_version":1,"digest":"'
    + "0" * 64
    + '","data":{"a":1},"issued_us":-5},"user_id":"ada","metadata":{"b":[2]},"events":[{"stream":"s-1","version":2,"type":"Done",'
    '"schema_version":1,"data":{"a":[{"stream":"x"}]}},{"stream":"s-1","version":3,"type":"Done","schema_version":1,"data":{}}],"hash":"'
    + "a" * 64
    + '"}\n'
)


def test_a_whole_line() -> None:
    found = ExportedLine(ExactJson()).parcel(LINE.encode(), 1)
    assert found == LineReader().parcel(json.loads(LINE), "-", 1)
    assert found is not None
    assert found.commit.events[0].data == b'{"a":[{"stream":"x"}]}'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"position":3', '"position": 3'),
        ('"position":3', '"position":1'),  # it can't follow
        ("2026-01-01T10", "2026-13-01T10"),
        ('"data":{}', '"data":{'),
        ('"data":{}', '"data":NaN'),
        ('"data":{}', '"data":{} '),
        ('"data":{}', '"data":{},"more":1'),
        ('"data":{"a":1},', '"data":{"a":1} ,'),
        ('"metadata":{"b":[2]}', '"metadata":[]'),
        ('"issued_us":-5', '"issued_us":-5.0'),
        ('"version":2', '"version":0'),
        ('"stream":"s-1","version":2', '"stream":"s\\u002d1","version":2'),
        ('"user_id":"ada"', '"user_id":""'),
        ('"user_id":"ada"', '"user":"ada"'),
        ('"}\n', '"}'),
        ('"}\n', '"}}\n'),
        ("\n", " \n"),
    ],
)
def test_what_is_written_in_another_way_is_not_read_quickly(old: str, new: str) -> None:
    assert old in LINE
    assert ExportedLine(ExactJson()).parcel(LINE.replace(old, new).encode(), 1) is None


def test_a_payload_that_a_program_wrote_anew_is_the_one_that_was_exported(tmp_path: Path) -> None:
    source = make(tmp_path / "a.db", [*awkward_commits(), *plain_commits(9, first=2_000)])
    file = exported(source, tmp_path / "x.jsonl")
    text = file.read_text("utf-8")
    for old, new in (("é ü", "\\u00e9 ü"), ('{"n":1}', '{"n": 1}'), ('{"n":2003,', '{"n": 2003,')):
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, "utf-8", newline="")
    taken(file, tmp_path / "b.db")
    assert history(tmp_path / "b.db") == history(source)


def test_a_payload_that_was_changed_is_found(tmp_path: Path) -> None:
    file = exported(make(tmp_path / "a.db", plain_commits(30)), tmp_path / "x.jsonl")
    text = file.read_text("utf-8")
    file.write_text(text.replace('"n":7,', '"n":8,'), "utf-8", newline="")
    with pytest.raises(Damaged, match="1 line can't be taken"):
        InterchangeFile(str(file)).check(lambda number, error: None)
