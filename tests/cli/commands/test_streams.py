"""`cqrs streams` and `cqrs stats`."""

import pytest


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
