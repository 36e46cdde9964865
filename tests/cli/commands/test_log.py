"""`cqrs log`: the golden JSON shape, the selection that readers share, and following."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from cqrs_cli import records
from cqrs_cli.cli.commands.log import _following
from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.config import Settings
from cqrs_cli.log.points import parse_point
from cqrs_cli.log.selection import Asked, EventFilter
from cqrs_cli.stores.commits import Commit, NewEvent, Recorded
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.registry import open_store
from tests.cli.conftest import Ran
from tests.servers import program


def positions(ran: Ran) -> list[int]:
    return [record["position"] for record in ran.lines]


def test_the_shape_of_a_record_is_the_documented_one(orders, here):
    [record] = here("log -n 1 --json").json
    moment = record.pop("recorded_at")
    assert len(moment) == 27
    assert moment.endswith("Z")
    assert record == {
        "position": 1,
        "stream": "order-1",
        "version": 1,
        "type": "OrderCreated",
        "schema_version": 2,
        "data": {"total": "12.50"},
        "event_id": "command-1:1",
        "command_id": "command-1",
        "correlation_id": "story-1",
        "causation_id": None,
        "user_id": "ada",
        "metadata": {"channel": "web"},
    }
    order = "position stream version type schema_version data event_id command_id correlation_id causation_id user_id"
    assert list(here("log -n 1 --json").json[0]) == [*order.split(), "recorded_at", "metadata"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", [1, 2, 3, 4, 5, 6, 7]),
        ("order-1", [1, 3, 5]),
        ("order-1@2", [1, 3]),
        ("--before @5", [1, 2, 3, 4]),
        ("--category order", [1, 2, 3, 5, 6, 7]),
        ("--category credit_note", [4]),
        ("--category credit-note", [4]),
        ("--type ItemAdded", [3, 6]),
        ("--type item-added --type order_shipped", [3, 5, 6, 7]),
        ("--after @2 --before @6", [3, 4, 5]),
        ("--after 6", [7]),
        ("-n 2", [1, 2]),
        ("-n 0", []),
        ("--reverse -n 2", [7, 6]),
        ("order-1 --reverse", [5, 3, 1]),
        ("order-1@2 --reverse -n 1", [3]),
        ("--since 1h", [1, 2, 3, 4, 5, 6, 7]),
        ("--until 2020-01-01", []),
        ("--type ItemAdded,order-shipped --type CreditNoteIssued", [3, 4, 5, 6, 7]),
        ("--last 2", [6, 7]),
        ("--last 2 order-1", [3, 5]),
        ("--last 99 --type ItemAdded", [3, 6]),
        ("--user ada", [1, 2, 3, 4, 5, 6, 7]),
        ("--user ad", []),
        ("--command create-order -n 2", [1, 2]),
        ("--command pay,CreateOrder --last 1", [7]),
        ("--command pay", []),
        ("--correlation story-1 --category order --after @1 --before @7 --type ItemAdded", [3, 6]),
        ("--correlation story-1 order-1 --reverse -n 2", [5, 3]),
        ("--correlation story-1 --after @5", [6, 7]),
        ("--correlation story-1 --before @3", [1, 2]),
        ("--correlation story-1 --category credit-note", [4]),
        ("--correlation story-2", []),
        ("--grep 12.50", [1]),
        ("--grep total", [1, 2]),
        ("--grep total --last 1", [2]),
        ("--grep total --reverse -n 1", [2]),
        ("--grep channel -n 3", [1, 2, 3]),
        ("--grep Total", []),
        ("--grep total --user bob", []),
        ("--since 2020-01-01 --until 2020-01-02T00:00Z", []),
    ],
)
def test_selection(orders, here, words, expected):
    assert positions(here(f"log {words} --jsonl")) == expected


def test_a_time_splits_the_log_between_since_and_until(orders, here):
    time.sleep(0.002)
    with open_store(str(orders)) as store:
        store.append(Commit("later", (NewEvent("order-3", "OrderCreated", 1, b"{}"),)))
    moment = here("log --jsonl --reverse -n 1").lines[0]["recorded_at"]
    assert positions(here(f"log --jsonl --since {moment}")) == [8]
    assert positions(here(f"log --jsonl --until {moment}")) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        ("order-9", 3, "stream-not-found"),
        ("order-1@9", 3, "version-not-found"),
        ("order/1", 2, "stream-name"),
        ("order-1@x", 2, "address"),
        ("order-1@0", 2, "address"),
        ("@", 2, "address"),
        ("--since someday", 2, "address"),
        ("--after x", 2, "address"),
        ("-n -1", 2, "usage"),
        ("-n x", 2, "usage"),
        ("order-1 --category credit_note", 2, "usage"),
        ("--type Nothing --fail-if-empty", 5, "nothing-matched"),
        ("-f", 2, "usage"),
        ("order-1 order-2", 2, "usage"),
    ],
)
def test_what_can_not_be_answered_says_so(orders, here, words, exit_code, code):
    ran = here(f"log {words} --json")
    assert (ran.code, ran.error["code"]) == (exit_code, code)


@pytest.mark.parametrize("words", ["--reverse", "--before @9", "--until 2h", "order-1@2", "-o out.jsonl"])
def test_following_needs_an_open_end(orders, here, words):
    ran = here(f"log -f --jsonl {words}")
    assert (ran.code, ran.error["code"]) == (2, "usage")


def test_near_names_are_offered(orders, here):
    assert "'order-1'" in here("log order1").err
    assert "'OrderShipped'" in here("log --type OrderShiped").err


def test_reading_never_makes_a_store(here, tmp_path):
    for words in ("log", "log -f --jsonl", "streams", "stats", "doctor"):
        ran = here(f"{words} --store shop.db")
        assert ran.code == 3
        assert "no store at shop.db" in ran.err
        assert "send creates it; another one: --store PATH" in ran.err
    assert os.listdir(tmp_path) == []


def test_reading_leaves_the_file_as_it_was(orders, here):
    before = orders.read_bytes()
    here("log --json")
    here("doctor --json")
    assert orders.read_bytes() == before


def test_reading_opens_read_only(orders, here, monkeypatch):
    from cqrs_cli.stores import registry

    def opening(url, **options):
        asked.append(options)
        return open_store(url, **options)

    asked: list[Any] = []
    monkeypatch.setattr(registry, "open_store", opening)
    for words in ("log --json", "streams", "stats", "doctor"):
        assert here(words).code == 0
    assert asked == [{"create": False, "read_only": True, "durability": None}] * 4


def test_numbers_keep_their_digits(fill, here, tmp_path):
    fill()
    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:
        store.append(Commit("c", (NewEvent("a-1", "T", 1, b'{"x":12345678901234567890.10}'),)))
    assert '"data":{"x":12345678901234567890.10}' in here("log --jsonl").out


def test_a_table_for_people(orders, here):
    lines = [re.sub(r"2\d{3}-\S+Z", "TIME", line) for line in here("log order-1").out.splitlines()]
    assert lines == [
        "@1  TIME  order-1@1  OrderCreated  total=12.50  by ada",
        "@3  TIME  order-1@2  ItemAdded     n=1.1        by ada",
        "@5  TIME  order-1@3  OrderShipped               by ada",
    ]


def test_a_time_that_is_shown_is_a_point_that_has_the_event(orders, here):
    """The table cuts a time to milliseconds; as a point it is the last moment that is written so."""
    shown = [line.split()[1] for line in here("log").out.splitlines()]
    recorded = [record["recorded_at"] for record in here("log --json").json]
    assert shown == [time[:23] + "Z" for time in recorded]
    with open_store(str(orders)) as store:
        for position, text in enumerate(shown, 1):
            moment = parse_point(text).moment
            assert moment is not None
            assert store.position_at(moment) >= position


def test_following_skips_nothing_and_ends_silently(orders, tmp_path):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
    environ["PYTHONPATH"] = str(Path(__file__).parents[3])
    follower = subprocess.Popen(
        [*program(), "log", "--jsonl", "-f", "--after", "@5"],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert follower.stdout is not None
    watchdog = threading.Timer(100, follower.kill)
    watchdog.start()
    try:
        seen = [json.loads(follower.stdout.readline())["position"] for _ in range(2)]
        with open_store(str(orders)) as store:
            for number in range(20):
                store.append(Commit(f"new-{number}", (NewEvent(f"order-{number}", "OrderCreated", 1, b"{}"),)))
                seen.append(json.loads(follower.stdout.readline())["position"])
        assert seen == list(range(6, 28))
        follower.send_signal(signal.SIGINT)
        out, err = follower.communicate(timeout=100)
    finally:
        watchdog.cancel()
        follower.kill()
    assert (follower.returncode, out, err) == (130, b"", b"")


def test_following_gives_no_event_twice_when_one_comes_between_two_looks(orders):
    with open_store(str(orders)) as store:

        class Busy:
            """Somebody appends whenever the head was looked at."""

            def head(self):
                head = store.head()
                store.append(Commit(f"after-{head}", (NewEvent("order-9", "OrderCreated", 1, b"{}"),)))
                return head

            def read(self, selection):
                return store.read(selection)

        printer = Printer(Settings({}, {}))
        followed = itertools.islice(_following(cast(Store, Busy()), EventFilter(Asked()), Selection(), printer), 12)
        assert [event.position for event in followed] == list(range(1, 13))


def test_following_ends_when_nobody_reads_any_more(orders, tmp_path):
    script = f"{sys.executable} -m cqrs_cli log -f --jsonl | head -n 7; echo ${{PIPESTATUS[0]}}"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    ran = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, encoding="utf-8", timeout=60
    )
    *events, code = ran.stdout.splitlines()  # all there are, so that there is nothing more to write
    assert [json.loads(event)["position"] for event in events] == list(range(1, 8))
    assert (code, ran.stderr) == ("141", "")


@pytest.mark.parametrize("format", ["csv", "tsv", "table", "jsonl"])
def test_what_is_followed_is_given_at_once(orders, tmp_path, format):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CQRS_", "PYTHON"))}
    environ["PYTHONPATH"] = str(Path(__file__).parents[3])
    words = ["log", "--format", format, "-f", "--after", "@7"]
    with subprocess.Popen(
        [*program(), *words],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as follower:
        watchdog = threading.Timer(100, follower.kill)
        watchdog.start()
        try:
            with open_store(str(orders)) as store:
                store.append(Commit("new", (NewEvent("order-9", "Sudden", 1, b"{}"),)))
            line = ""
            assert follower.stdout
            while "Sudden" not in line:  # past the head of the table
                line = follower.stdout.readline()
                assert line, "it was killed: the line was never pushed out"
        finally:
            watchdog.cancel()
            follower.kill()


def test_following_ends_at_the_limit(orders, here):
    assert positions(here("log -f --jsonl --type ItemAdded -n 2")) == [3, 6]
    lines = here("log -f -n 3").out.splitlines()
    assert len(lines) == 3


def test_a_payload_that_is_no_json_is_damage(orders, here, monkeypatch):
    broken = records.event

    class Broken:
        def __init__(self, event: Recorded) -> None:
            self.__dict__.update(event._asdict(), data=b'{"n":NaN}', event_id="", command_id="")

    monkeypatch.setattr("cqrs_cli.records.event", lambda event: broken(cast(Recorded, Broken(event))))
    ran = here("log --json")
    assert (ran.code, ran.error["code"], ran.error["position"]) == (6, "damaged", 1)


# ── what no store selects ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ['a "quoted" word', "back\\slash", "é", "tab\there", 'é "x"', "\U0001f600"])
def test_a_text_is_found_as_it_reads_and_as_it_stands_in_json(fill, here, text):
    fill(("a-1", "Said", {"text": f"<{text}>"}), ("a-2", "Said", {"text": "else"}))
    assert positions(here("log", "--grep", text, "--jsonl")) == [1]
    assert positions(here("log", "--grep", json.dumps(text)[1:-1], "--jsonl")) in ([1], [])
    assert positions(here("log", "--grep", json.dumps(text, ensure_ascii=False)[1:-1], "--jsonl")) == [1]


@pytest.mark.parametrize(
    ("words", "number"), [("", 7), ("order-1", 3), ("--grep total", 2), ("--last 3", 3), ("x-1", None)]
)
def test_only_how_many(orders, here, words, number):
    ran = here(f"log --count {words}")
    if number is None:
        assert ran.code == 3
        return
    assert ran.out == f"{number}\n"
    assert here(f"log --count {words} --json").json == {"count": number}
    assert here(f"log --count {words} --csv").out == f"count\n{number}\n"


def test_a_count_of_nothing_can_fail(orders, here):
    assert here("log --count --grep nothing").code == 0
    assert here("log --count --grep nothing --fail-if-empty").code == 5


@pytest.mark.parametrize(
    "words", ["--last 2 -n 1", "--last 2 --reverse", "--last 0", "--last -1", "-f --count --jsonl"]
)
def test_what_does_not_go_together(orders, here, words):
    ran = here(f"log {words}")
    assert ran.code == 2
    assert "hint" in ran.err


def test_a_follower_begins_with_the_last_and_filters_what_comes(orders, fill):
    with open_store(str(orders), read_only=True) as store:
        wanted = EventFilter(Asked(grep="total", last=1))
        following = _following(store, wanted, wanted.on(store, print), Printer(Settings({}, {})))
        assert next(following).position == 2
        fill(("order-3", "OrderCreated", {"n": 1}), ("order-3", "OrderCreated", {"total": 1}))
        assert next(following).position == 9
        wanted = EventFilter(Asked(types=["ItemAdded"], limit=3))
        following = _following(store, wanted, wanted.on(store, print), Printer(Settings({}, {})))
        assert [next(following).position, next(following).position] == [3, 6]
        fill(("order-3", "ItemAdded", {}), ("order-3", "ItemAdded", {}))
        assert [event.position for event in following] == [10]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("data.total = 12.5", [1]),
        ("data.total < 10", [2]),
        ("data.n > 1.05 and data.n < 2", [3]),
        ("stream = order-1 and type != OrderCreated", [3, 5]),
        ("category = credit_note", [4]),
        ("user = ada and position in (2, 4)", [2, 4]),
        ("metadata.channel = web and version = 1", [1, 2, 4]),
        ("command = CreateOrder and not data.total is null", [1, 2]),
        ("recorded_at > 2020-01-01 and position >= 6", [6, 7]),
        ("correlation_id = story-1 and command_id like '%-7'", [7]),
        ("causation_id is null and event_id = 'command-1:1'", [1]),
        ("schema_version = 1", []),
    ],
)
def test_a_condition(orders, here, condition, expected):
    assert positions(here("log", "--where", condition, "--jsonl")) == expected
    assert here("log", "--where", condition, "--count").out == f"{len(expected)}\n"


def test_several_conditions_and_their_mistakes(orders, here):
    assert positions(here("log", "--where", "data.total > 1", "--where", "data.total < 10", "--jsonl")) == [2]
    ran = here("log", "--where", "usr = ada", "--json")
    assert (ran.code, ran.error["code"], ran.error["message"]) == (
        2,
        "expression",
        "there is no field 'usr': »usr« = ada",
    )
    ran = here("log", "--where", "quantity > 1", "--json")
    assert (ran.code, ran.error["message"]) == (2, "there is no field 'quantity': »quantity« > 1")
    assert ran.error["hint"] == "what an event holds is in its data: data.quantity"
    ran = here("log", "--where", "position > x", "--json")
    assert (ran.code, ran.error["code"]) == (2, "expression")


def test_a_condition_on_data_that_is_no_json(here, tmp_path):
    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:
        store.append(Commit("1", (NewEvent("a-1", "A", 1, b"{}"),)))
    import sqlite3

    with closing(sqlite3.connect(tmp_path / "cqrs.db")) as file, file:
        file.execute("DROP TRIGGER IF EXISTS events_are_never_changed")
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f'DROP TRIGGER "{name}"')
        file.execute("UPDATE events SET data = '{'")
    assert here("log --where data.x=1").code == 6


def test_a_local_time_that_is_shown_is_found_again(orders, here, monkeypatch):
    """What is typed under --local is meant as it is shown under --local."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        first = here("log --local -n 1").out.split()[1]
        assert first.endswith("+05:30")
        wall = first[:-6]
        assert positions(here(f"log --jsonl --local --since {wall} --until 2100-01-01")) == list(range(1, 8))
        assert positions(here(f"log --jsonl --since {wall}")) == [], "in UTC that is hours ahead"
        assert positions(here(f"log --jsonl --since {first}")) == list(range(1, 8)), "it says its zone"
        assert here("stats --by hour --local").out.splitlines()[-1].split()[0].endswith("+05:30")
    finally:
        monkeypatch.undo()
        time.tzset()
