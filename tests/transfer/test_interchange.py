"""Interchange files: what an import makes is what was exported, and a file that is not whole gives nothing."""

import gc
import gzip
import json
import random
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import CommandReused, CqrsError, Damaged, InvalidInput, Misuse, NotFound
from cqrs_cli.log.origins import origins
from cqrs_cli.stores import chain
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer import copy as copying
from cqrs_cli.transfer.cloudevents import CloudEventsSink
from cqrs_cli.transfer.copy import AS_IT_IS, Between, copy
from cqrs_cli.transfer.interchange_file import InterchangeFile
from cqrs_cli.transfer.interchange_lines import Head
from cqrs_cli.transfer.interchange_sink import InterchangeSink
from cqrs_cli.transfer.line_file import lines
from cqrs_cli.transfer.narrowing import Narrowing, Wanted
from cqrs_cli.transfer.proof import Proof, ProvenCopy
from cqrs_cli.transfer.store_source import StoreSource
from tests.transfer.logs import awkward_commits, history, make, plain_commits


def exported(source: Path, file: Path, after: int = 0, between: Between = AS_IT_IS) -> Path:
    with open_store(str(source), read_only=True) as store, open(file, "w", encoding="utf-8", newline="") as out:
        log = StoreSource(store, store.head())
        is_whole = not between.steps
        previous = log.mark(after) if after else None
        version = chain.VERSION if is_whole else None
        head = Head(log.name, between.name, after, previous, store.head(), None, version)
        sink = InterchangeSink(out.write, head, is_whole)
        copy(log, sink, between)
        sink.end()
    return file


def as_cloud_events(source: Path, file: Path) -> Path:
    with open_store(str(source), read_only=True) as store, open(file, "w", encoding="utf-8", newline="") as out:
        copy(StoreSource(store), CloudEventsSink(out.write, "shop"))
    return file


def taken(file: Path, store: Path, name: str | None = None) -> Proof:
    source = InterchangeFile(str(file), name)
    source.check(lambda number, error: None)
    with open_store(str(store), create=True, durability="relaxed") as opened:
        return ProvenCopy(source, opened).make()


def complaints(file: Path) -> tuple[CqrsError | None, list[tuple[int, str]]]:
    told: list[tuple[int, str]] = []
    try:
        InterchangeFile(str(file)).check(lambda number, error: told.append((number, f"{error.code}: {error.message}")))
    except CqrsError as error:
        return error, told
    return None, told


def written(file: Path, *records: Any) -> Path:
    file.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in records))
    return file


@pytest.fixture
def awkward(tmp_path: Path) -> Path:
    return make(tmp_path / "awkward.db", awkward_commits())


@pytest.mark.parametrize("by", [exported, as_cloud_events])
def test_what_comes_back_is_what_went(awkward: Path, tmp_path: Path, by: Callable[[Path, Path], Path]) -> None:
    proof = taken(by(awkward, tmp_path / "x.jsonl"), tmp_path / "again.db")
    assert history(tmp_path / "again.db") == history(awkward), "every byte, every time, every hash"
    assert proof.is_same is (True if by is exported else None)


def test_a_file_is_lines_of_json_for_anybody_and_inert(awkward: Path, tmp_path: Path) -> None:
    text = exported(awkward, tmp_path / "x.jsonl").read_text(encoding="utf-8")
    assert all(line.isprintable() for line in text.split("\n"))
    first, *commits, last = map(json.loads, text.splitlines())
    assert first["cqrs_interchange"] == 1
    assert last["end"]["commits"] == len(commits) == len(awkward_commits())
    assert commits[0]["events"][0]["data"] == {"n": 1}
    assert commits[1]["events"][0]["data_text"] == '{"n": 1}'


def test_the_same_log_is_the_same_file(awkward: Path, tmp_path: Path) -> None:
    one, other = exported(awkward, tmp_path / "1"), exported(awkward, tmp_path / "2")
    assert one.read_bytes() == other.read_bytes()


def test_it_goes_on_with_a_longer_file_and_with_the_next_one(tmp_path: Path) -> None:
    source, again = make(tmp_path / "a.db", plain_commits(10)), tmp_path / "b.db"
    assert taken(exported(source, tmp_path / "1"), again).events == 10
    make(source, plain_commits(10, 10))
    proof = taken(exported(source, tmp_path / "2"), again)
    assert (proof.begun, proof.events, proof.duplicates, proof.is_same) == (10, 10, 0, True)
    make(source, plain_commits(10, 20))
    assert taken(exported(source, tmp_path / "3", after=20), again).events == 10
    assert history(again) == history(source)
    make(source, plain_commits(10, 30))
    make(source, plain_commits(10, 40))
    with pytest.raises(Misuse) as caught:
        taken(exported(source, tmp_path / "4", after=40), again)
    assert caught.value.code == "gap"
    with open_store(str(again)) as store:
        (origin,) = origins(store.rows)
        assert (origin.kind, origin.source_position, origin.position) == ("import", 30, 30)


def test_another_log_of_the_same_name_is_refused(tmp_path: Path) -> None:
    source, again = make(tmp_path / "a.db", plain_commits(5)), tmp_path / "b.db"
    taken(exported(source, tmp_path / "1"), again)
    for path in tmp_path.glob("a.db*"):
        path.unlink()
    make(source, plain_commits(9, 100))
    with pytest.raises(Misuse) as caught:
        taken(exported(source, tmp_path / "2"), again)
    assert caught.value.code == "source-changed"
    assert len(history(again)) == 5
    assert taken(tmp_path / "2", again, "another").events == 9


def test_the_same_id_with_another_body_is_an_error(tmp_path: Path) -> None:
    source = make(tmp_path / "a.db", [plain_commits(1)[0]._replace(user_id="eve")])
    again = make(tmp_path / "b.db", plain_commits(1))
    with pytest.raises(CommandReused, match="user"):
        taken(exported(source, tmp_path / "x"), again)
    with open_store(str(again)) as store:
        assert list(origins(store.rows)) == []


def test_a_file_cut_anywhere_gives_nothing(awkward: Path, tmp_path: Path) -> None:
    whole = exported(awkward, tmp_path / "x.jsonl").read_bytes()
    file = tmp_path / "cut.jsonl"
    for size in {0, 1, *random.Random(1).sample(range(len(whole) - 1), 40), len(whole) - 2}:
        file.write_bytes(whole[:size])
        if not size:
            continue
        error, _ = complaints(file)
        assert isinstance(error, (Damaged, InvalidInput)), size
        lines_end = whole[:size].endswith(b"\n")
        assert not lines_end or error.code == "cut"
    packed = tmp_path / "x.jsonl.gz"
    data = gzip.compress(whole)
    for size in (len(data) - 1, len(data) // 2, 30):
        packed.write_bytes(data[:size])
        error, _ = complaints(packed)
        assert isinstance(error, Damaged)
        assert error.code in ("cut", "file-damaged")
    assert not (tmp_path / "again.db").exists()


def test_a_changed_file_gives_nothing(awkward: Path, tmp_path: Path) -> None:
    """Whatever is edited, left out, put in, swapped or put elsewhere."""
    records = exported(awkward, tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()
    changed = tmp_path / "changed.jsonl"
    first = json.loads(records[1])
    for name, other in (
        ("recorded_at", "2020-01-01T00:00:00Z"), ("user_id", "eve"), ("metadata", {}), ("correlation_id", "x"),
        ("causation_id", "y"), ("id", "z"), ("hash", "0" * 64), ("recorded_at", None), ("hash", None),
        ("events", [{**first["events"][0], "data": {"n": 2}}]), ("events", [{**first["events"][0], "version": 2}]),
        ("events", [{**first["events"][0], "stream": "order-9"}]), ("events", [{**first["events"][0], "version": None}]),
    ):  # fmt: skip
        record = {**first, name: other}
        written(changed, records[0], {key: value for key, value in record.items() if value is not None}, *records[2:])
        error, told = complaints(changed)
        assert isinstance(error, Damaged), name
        assert told[0][0] == 2, "the line is named"
    for lines_ in (
        [*records[:3], *records[4:]],
        [*records[:3], records[4], records[3], *records[5:]],
        [*records[:3], records[3], *records[3:]],
        records[1:],
        [*records, records[3]],
        [*records[:-1], records[-1].replace('"commits":', '"commits":1')],
    ):
        assert isinstance(complaints(written(changed, *lines_))[0], (Damaged, InvalidInput))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "no JSON"), ("[1]", "no JSON object"), ("{}", "no data"), ('{"stream":"a-1","type":"T"}', "no data"),
        ('{"stream":"a-1","data":{}}', "type is missing"), ('{"type":"T","data":{}}', "stream is missing"),
        ('{"stream":"a/1","type":"T","data":{}}', "holds '/'"), ('{"stream":5,"type":"T","data":{}}', "stream is no text"),
        ('{"stream":"a-1","type":"T","data":{},"strem":1}', "nothing is called 'strem'; did you mean 'stream'"),
        ('{"stream":"a-1","type":"T","data":{},"recorded_at":"yesterday"}', "no time like"),
        ('{"stream":"a-1","type":"T","data":{},"recorded_at":"2020-01-01"}', "no time like"),
        ('{"stream":"a-1","type":"T","data":{},"recorded_at":"2999-01-01T00:00:00Z"}', "not over yet"),
        ('{"stream":"a-1","type":"T","data":{},"metadata":[]}', "metadata is no object"),
        ('{"stream":"a-1","type":"T","data":NaN}', "no JSON"), ('{"events":[]}', "no array with something"),
        ('{"stream":"a-1","type":"T","data":"\\u0000"}', None), ('{"stream":"a-1","type":"T","data":"\\ud800"}', "UTF-8"),
        ('{"stream":"a-1","type":"T","data":{},"schema_version":0.5}', "no whole number"),
        ('{"cqrs_interchange":1,"source":"x"}', "one head"), ('{"specversion":"0.3"}', "1.0 is known"),
        ('{"specversion":"1.0","id":"1","source":"s","type":"T"}', "no subject"),
        ("[" * 100_000, "nested too deep"), ("\udcff", "UTF-8"),
    ],
)  # fmt: skip
def test_a_line_that_can_not_be_taken_is_named(tmp_path: Path, line: str, complaint: str | None) -> None:
    file = tmp_path / "x.jsonl"
    good = '{"stream":"a-1","type":"T","data":{}}\n'
    file.write_bytes((good + line + "\n" + good).encode("utf-8", "surrogateescape"))
    error, told = complaints(file)
    if complaint is None:
        assert error is None
        return
    assert isinstance(error, InvalidInput)
    assert [number for number, _ in told] == [2]
    assert complaint in told[0][1]


def test_times_that_fall_are_refused(tmp_path: Path) -> None:
    event = {"stream": "a-1", "type": "T", "data": 1}
    _, told = complaints(
        written(
            tmp_path / "x",
            {**event, "recorded_at": "2020-01-02T00:00:00Z"},
            event,
            {**event, "recorded_at": "2020-01-01T00:00:00+00:00"},
        )
    )
    assert [number for number, _ in told] == [3]


def test_lines_that_others_made_need_stream_type_and_data(tmp_path: Path) -> None:
    event = {"stream": "a-1", "type": "T", "data": {"price": 1}}
    file = written(
        tmp_path / "x.jsonl",
        '{"stream":"a-1","type":"T","data":{"price": 1.10}}',
        event,
        event,
        "",
        {"events": [event, {**event, "stream": "a-2"}], "id": "mine", "user_id": "ada", "metadata": {"a": 1}},
    )
    again = tmp_path / "again.db"
    assert taken(file, again).events == 5
    one, two, three, four = history(again)
    assert one.events[0].data == b'{"price":1.10}', "a number keeps its digits"
    assert len({one.id, two.id, three.id}) == 3, "equal lines are two events"
    assert (four.id, four.user_id, four.metadata_json, len(four.events)) == ("mine", "ada", '{"a":1}', 2)
    assert taken(file, again).events == 0, "once"
    written(tmp_path / "more", event)
    file.write_text(file.read_text() + json.dumps(event) + "\n")
    assert taken(file, again).events == 1, "a file that grew goes on"
    assert taken(tmp_path / "more", again).events == 1, "an equal line of another file is another event"
    written(file, event, event, event, event, event, event, event)
    with pytest.raises(Misuse) as caught:
        taken(file, again)
    assert caught.value.code == "source-changed"


def test_cloud_events_of_others(tmp_path: Path) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": "t.x",
        "subject": "a-1",
        "time": "2020-01-01T00:00:00Z",
        "data": {"n": 1},
    }
    file = written(tmp_path / "x", event, {**event, "id": "2", "other": 5}, {**event, "id": "1", "source": "/t"})
    again = tmp_path / "again.db"
    assert taken(file, again).events == 3
    first = history(again)[0]
    assert first.events[0][1:6] == ("a-1", 1, "t.x", 1, b'{"n":1}')
    assert json.loads(first.metadata_json or "")["cloudevent"]["time"] == "2020-01-01T00:00:00Z"
    assert taken(file, again, "anew").duplicates == 3, "an id is one event, whatever the file is called"


def test_a_commit_in_cloud_events_that_is_not_whole(awkward: Path, tmp_path: Path) -> None:
    records = as_cloud_events(awkward, tmp_path / "x").read_text(encoding="utf-8").splitlines()
    many = next(at for at, line in enumerate(records) if '"cqrscount":3' in line)
    for left_out in range(3):
        error, told = complaints(written(tmp_path / "y", *records[: many + left_out], *records[many + left_out + 1 :]))
        assert isinstance(error, InvalidInput)
        assert re.search("of its 3 events|is not the next one", told[0][1])
    error, told = complaints(written(tmp_path / "y", *records[: many + 2]))
    assert isinstance(error, InvalidInput)


def test_a_narrowed_export_is_another_log(tmp_path: Path) -> None:
    source, again = make(tmp_path / "a.db", plain_commits(20, a_commit=2)), tmp_path / "b.db"
    narrowing = Narrowing(Wanted(streams=["order-1,order-2"]))
    between = Between((narrowing,), narrowing.name)
    proof = taken(exported(source, tmp_path / "x", between=between), again)
    assert (proof.source.endswith("a.db?stream=order-1,order-2"), proof.is_same) == (True, None)
    assert {event.stream for one in history(again) for event in one.events} == {"order-1", "order-2"}
    make(source, plain_commits(20, 20, a_commit=2))
    before = len(history(again))
    assert taken(exported(source, tmp_path / "y", between=between), again).begun > 0
    assert len(history(again)) > before


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        list(lines(str(tmp_path / "none"), "none"))
    with pytest.raises(Misuse):
        list(lines(str(tmp_path), "a folder"))


def test_memory_is_that_of_a_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times the log needs no more."""
    monkeypatch.setattr(copying, "_EVENTS_TOGETHER", 200)
    peaks = []
    for number in (4_000, 12_000):
        source = make(tmp_path / f"{number}.db", plain_commits(number))
        gc.collect()
        tracemalloc.start()
        taken(exported(source, tmp_path / "x"), tmp_path / f"again-{number}.db")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 2  # what else this process does is measured too
