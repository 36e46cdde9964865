"""Renamed classes in the shell: what is asked for by either name is found, and what goes by which name is said."""

from collections.abc import Callable

import pytest

from tests.cli.conftest import Ran
from tests.cli.conftest import here as here
from tests.test_change import BASKETS, DEALS, HAILS, RENAMED, used
from tests.test_change import shop as shop

Shop = Callable[..., Ran]
PUT = [*RENAMED, ("class Put(Event)", "class Put(Event, aliases=('Added',))")]
TOLD = "nothing in the store tells whether 'Put' was renamed"


@pytest.mark.parametrize("asked", ["basket-a", "basket a", "cart-a", "cart a"])
def test_a_stream_is_replayed_by_either_name(shop: Shop, asked: str) -> None:
    used(shop)
    ran = shop(f"replay {asked} --json", BASKETS)
    assert (ran.json["stream"], ran.json["state"]["cents"]) == ("cart-a", 400)
    assert [step["stream"] for step in shop(f"replay {asked} --steps --json", BASKETS).json] == ["cart-a"] * 3
    assert shop(f"replay {asked}@1 --json", BASKETS).json["state"]["cents"] == 150


def test_all_of_a_category_are_those_of_both(shop: Shop) -> None:
    used(shop)
    assert shop("send add --cart-id b --cents 1", BASKETS).out.count("basket-b") >= 1
    for line in ("replay --json", "replay --category basket --json", "replay --category cart --json"):
        streams = {one["stream"] for one in shop(line, BASKETS).json}
        assert {"basket-b", "cart-a"} <= streams
    assert {one["stream"] for one in shop("snapshot list --category basket --json", BASKETS).json} == {
        "basket-b",
        "cart-a",
    }
    assert [one["stream"] for one in shop("snapshot take basket-a --json", BASKETS).json] == ["cart-a"]
    assert shop("replay --verify --json", BASKETS).json["compared"] == 2
    assert shop("replay --verify basket-a --json", BASKETS).json["compared"] == 1
    assert shop("replay basket-z", BASKETS).code == 3


def test_two_streams_of_a_key_are_told_with_what_to_do(shop: Shop) -> None:
    used(shop)
    shop("send add --cart-id b --cents 1", BASKETS)
    shop("send add --cart-id b --cents 1", [])
    ran = shop("send empty --cart-id b", BASKETS)
    assert (ran.code, "two-streams" in ran.err, "log basket-b and " in ran.err) == (2, True, True)
    assert shop("replay basket-b", BASKETS).code == 2


def test_a_process_is_asked_for_by_either_name(shop: Shop) -> None:
    used(shop)
    for _ in "89":
        assert shop("send add --cart-id z --cents 1", DEALS).code == 0
    for position, name in enumerate(("deals", "offers"), 8):
        assert shop(f"query {name} --json", DEALS).json == [{"cart_id": "a", "adds": 3}]
        assert shop(f"project {name} --json", DEALS).json["rows"] == [{"cart_id": "a", "adds": 3}]
        assert shop(f"run --skip {name}@{position} --reason no", DEALS).code == 0
    ran = shop("run --status --json", DEALS)
    assert {one["reaction"] for one in ran.json} == {"greets", "offers"}
    assert "deals goes on as offers, the name under which it began on this store" in ran.err


def test_a_policy_that_goes_on_is_told_by_run(shop: Shop) -> None:
    used(shop)
    assert "hails goes on as greets" in shop("run --once", HAILS).err


def positions(ran: Ran) -> list[int]:
    return [event["position"] for event in ran.json]


def test_a_type_is_found_under_its_older_names(shop: Shop) -> None:
    used(shop)
    assert shop("run --once", PUT).code == 0
    before = shop("log --type Put --json", PUT)
    assert (positions(before), before.err) == ([1, 2], "")
    shop("send add --cart-id b --cents 1", PUT)
    for line in ("log --type Put", "log --type put", "log --type Put --reverse -n 99"):
        assert {event["type"] for event in shop(f"{line} --json", PUT).json} == {"Put", "Added"}
        assert sorted(positions(shop(f"{line} --json", PUT))) == [1, 2, 8]
    assert shop("log --type Put --count", PUT).out == "3\n"
    assert positions(shop("log --type Added --json", PUT)) == [1, 2]
    assert positions(shop("log --where 'type = Put' --json", PUT)) == [8]
    assert shop("log -f -n 3 --type Put --jsonl", PUT).out.count("\n") == 3
    assert {one["type"]: one["events"] for one in shop("stats --by type --type Put --json", PUT).json} == {
        "Added": 2,
        "Put": 1,
    }


def test_where_nothing_tells_of_older_names_it_is_said(shop: Shop) -> None:
    for edits in ([], PUT):
        shop("send add --cart-id a --cents 1", edits)
    for line in ("log --type Put", "stats --by type --type Put", "log --count --type put"):
        assert TOLD in shop(line, PUT).err
    assert shop("project carts", PUT).code == 0
    for line in ("log --type Put", "stats --by type --type Put", "log --type Added"):
        assert shop(line, PUT).err == ""


def test_of_a_type_that_has_no_older_name_nothing_is_said(shop: Shop) -> None:
    used(shop)
    for name in ("Added", "Emptied", "Thanked"):
        assert shop(f"log --type {name}", []).err == ""
