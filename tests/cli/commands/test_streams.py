"""`cqrs streams` and `cqrs stats`."""

import pytest

from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.registry import open_store


def test_the_shape_of_a_stream_is_the_documented_one(orders, here):
    records = here("streams --json").json
    assert [list(record) for record in records] == [
        ["stream", "category", "version", "first_recorded_at", "last_recorded_at"]
    ] * 3
    assert [(r["stream"], r["category"], r["version"]) for r in records] == [
        ("credit_note-C1", "credit_note", 1),
        ("order-1", "order", 3),
        ("order-2", "order", 3),
    ]
    assert all(r["first_recorded_at"] <= r["last_recorded_at"] for r in records)


def test_streams_are_selected_by_category_name_and_number(orders, here):
    def names(words: str) -> list[str]:
        return [record["stream"] for record in here(f"streams {words} --jsonl").lines]

    assert names("order") == ["order-1", "order-2"]
    assert names("credit-note") == ["credit_note-C1"]
    assert names("--after order-1") == ["order-2"]
    assert names("-n 1") == ["credit_note-C1"]
    assert names("nothing") == []
    assert here("streams nothing --fail-if-empty --json").code == 5
    assert here("streams -n -1").code == 2


@pytest.mark.parametrize("words", ["log --category", "streams", "snapshot drop --category"])
def test_a_stream_is_no_category(orders, here, words):
    ran = here(f"{words} order-1 --json")
    assert (ran.code, ran.error["message"]) == (2, "order-1 is a stream, not a category")
    assert ran.error["hint"] == "its category is order"


def test_stats_count_by_category_and_type(orders, here):
    found = here("stats --json").json
    assert {name: found[name] for name in ("events", "streams", "head")} == {"events": 7, "streams": 3, "head": 7}
    assert found["categories"] == [
        {"category": "credit_note", "streams": 1, "events": 1},
        {"category": "order", "streams": 2, "events": 6},
    ]
    assert {"type": "ItemAdded", "events": 2} in found["types"]
    assert found["first_recorded_at"] <= found["last_recorded_at"]


def test_stats_in_every_format(orders, here):
    assert here("stats --csv").out.splitlines()[:3] == [
        "kind,name,streams,events",
        "category,credit_note,1,1",
        "category,order,2,6",
    ]
    table = here("stats").out
    assert "credit_note" in table
    assert "OrderShipped" in table
    assert here("stats --jsonl").lines == [here("stats --json").json]


def test_an_empty_store_has_no_times(fill, here):
    fill()
    found = here("stats --json").json
    assert (found["events"], found["first_recorded_at"], found["categories"]) == (0, None, [])
    assert here("log --json").json == []
    assert here("log").err == "no events\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--order -version", ["order-1", "order-2", "credit_note-C1"]),
        ("--order version,-stream", ["credit_note-C1", "order-2", "order-1"]),
        ("--order -version -n 1", ["order-1"]),
        ("--order=-category,-stream -n 3", ["order-2", "order-1", "credit_note-C1"]),
        ("order-*", ["order-1", "order-2"]),
        ("*-?1", ["credit_note-C1"]),
        ("order-[2-9] --order -version", ["order-2"]),
        ("*1 -n 1", ["credit_note-C1"]),
        ("Order-*", []),
        ("* --after order-1", ["order-2"]),
    ],
)
def test_streams_by_pattern_and_in_another_order(orders, here, words, expected):
    assert [record["stream"] for record in here("streams", *words.split(), "--jsonl").lines] == expected


def test_an_order_that_is_none(orders, here):
    ran = here("streams --order versoin --json")
    assert (ran.code, ran.error["code"], ran.error["hint"]) == (2, "unknown-column", "did you mean 'version'?")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("type", [("OrderCreated", 2), ("ItemAdded", 2), ("OrderShipped", 2), ("CreditNoteIssued", 1)]),
        ("category", [("order", 6), ("credit_note", 1)]),
        ("user", [("ada", 7)]),
        ("command", [("CreateOrder", 7)]),
        ("type --category order --grep total", [("OrderCreated", 2)]),
        ("user --user bob", []),
        ("type --type ItemAdded,OrderShipped --since 1h", [("ItemAdded", 2), ("OrderShipped", 2)]),
        ("type --until 2020-01-01", []),
    ],
)
def test_stats_by(orders, here, words, expected):
    by = words.split()[0]
    found = here(f"stats --by {words} --json").json
    assert sorted((one[by], one["events"]) for one in found) == sorted(expected)
    assert [one["events"] for one in found] == sorted((number for _, number in expected), reverse=True)
    assert here(f"stats --by {words} --csv").out.splitlines()[0] == f"{by},events"
    assert here(f"stats --by {words} --fail-if-empty").code == (0 if expected else 5)


def test_stats_by_time_in_its_order_with_bars(orders, here):
    (day,) = here("stats --by day --json").json
    (hour,) = here("stats --by hour --json").json
    assert day["events"] == hour["events"] == 7
    assert hour["hour"].startswith(day["day"] + "T")
    assert hour["hour"].endswith(":00Z")
    bars = here("stats --by category").out.splitlines()[2:]
    assert [line.count("█") for line in bars] == [30, 5]


def test_events_that_have_none_are_counted_too(here, tmp_path):
    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:
        store.append(Commit("1", (NewEvent("a-1", "Came", 1, b"{}"),)))
    assert here("stats --by command --json").json == [{"command": None, "events": 1}]
    assert "(none)" in here("stats --by user").out


@pytest.mark.parametrize("words", ["--by week", "--since 1h", "--type A", "--by type --since soon"])
def test_stats_that_can_not_be_made(orders, here, words):
    ran = here(f"stats {words} --json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error["hint"]
