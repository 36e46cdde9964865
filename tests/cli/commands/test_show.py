"""`cqrs show`: one event with its command, its cause, what it led to and what it did."""

import json

import pytest

from cqrs_cli import Workbench
from cqrs_cli.log import outbox
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.registry import open_store
from tests import office
from tests.reacting import pay

PEN = "22222222-2222-4222-8222-222222222222"
SHIP = outbox.command_id("pay-bad1:1", "fulfilment", 1)


@pytest.fixture
def story(here, tmp_path):
    """An order that could not be shipped."""
    with Workbench.open(str(tmp_path / "cqrs.db"), office.domain) as bench:
        bench.runner().drain()
        pay(bench, "bad1")
        bench.runner().drain()
    return here


def test_an_event_in_full(story):
    (event,) = story("log -n 1 --json").json
    shown = story("show @1 --json").json
    assert {name: shown[name] for name in event} == event
    assert (shown["changes"], shown["rows"], shown["fold"]) == (
        [{"path": "items", "old": None, "new": []}],
        None,
        "generic",
    )
    assert shown["command"]["command"] == "Pay"
    assert shown["command"]["command_id"] == "pay-bad1"
    assert shown["command"]["data"] == {"order_id": "bad1", "items": []}
    assert shown["caused_by"] is None
    (led,) = shown["led_to"]
    assert (led["reaction"], led["kind"], led["name"], led["id"]) == ("fulfilment.ship", "command", "Ship", SHIP)


@pytest.mark.parametrize("what", ["@1", "order-bad1@1", "pay-bad1:1", "pay-bad1"])
def test_the_ways_to_name_an_event(story, what):
    assert story(f"show {what} --json").json == story("show @1 --json").json


def test_what_caused_it(story):
    rejected = story("show @2 --json").json
    assert rejected["type"] == "command-rejected"
    cancelled = story("show @3 --json").json
    assert cancelled["caused_by"]["id"] == rejected["event_id"]
    assert cancelled["caused_by"]["reaction"] == "fulfilment.give_up"
    assert cancelled["causation_id"] == rejected["event_id"]
    out = story("show @3").out
    assert "caused by command-rejected  fulfilment-bad1  @2  (fulfilment.give_up)" in out.splitlines()
    assert f"led to Ship  fulfilment-bad1  @2  {SHIP}  (fulfilment.ship)" in story("show @1").out.splitlines()


def test_with_the_domain_it_says_what_the_event_did(orders_app):
    order = "018f0000-0000-7000-8000-000000000001"
    item = '{"product_id":"018f0000-0000-7000-8000-000000000003","product_name":"Pen","quantity":2,"unit_price":"1.50"}'
    address = '{"street":"s","city":"Paris","postal_code":"1","country":"F"}'
    data = json.dumps({"customer_id": order, "items": [json.loads(item)], "shipping_address": json.loads(address)})
    assert orders_app(f"send create-order -d '{data}' --command-id first").code == 0
    events = orders_app("log --json").json
    shown = orders_app(f"show @{events[-1]['position']} --json").json
    assert shown["changes"]
    [summary] = [row["key"] for row in shown["rows"] if row["projection"] == "order_summary"]
    assert summary == {"order_id": events[-1]["stream"].removeprefix("order-")}
    assert orders_app("show first --json").json == orders_app("show @1 --json").json or len(events) > 1
    text = orders_app(f"show @{events[-1]['position']}").out.splitlines()
    assert "changed" in text
    assert "rows" in text
    assert any(line.startswith("  order_summary/") for line in text)
    stream = events[-1]["stream"]
    told = orders_app(f"replay {stream} --steps --json").json
    assert shown["changes"] == told[-1]["changes"]


def test_all_events_of_a_command(here, tmp_path):
    events = (NewEvent("a-1", "One", 1, b'{"n": 1.10}'), NewEvent("b-1", "Two", 1, b"{}"))
    sent = SentCommand("Do", 1, b"d" * 32, b'{"price": 12345678901234567890.10}', 0)
    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:
        store.append(Commit("both", events, sent))
        store.append(Commit("from elsewhere", (NewEvent("a-1", "Three", 1, b"{}"),)))
    assert [one["type"] for one in here("show both --json").json] == ["One", "Two"]
    assert [one["type"] for one in here("show both --jsonl").lines] == ["One", "Two"]
    assert here("show both:2 --json").json["type"] == "Two"
    out = here("show both:1 --json").out
    assert '"data":{"n": 1.10}' in out, "every digit as it was stored"
    assert '"data":{"price": 12345678901234567890.10}' in out
    assert here("show @3").out.splitlines()[-2] == "command: none, the event was imported"
    assert here("show @3 --json").json["command"] is None


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("@99", "event-not-found", "there is no event @99, the head is @"),
        ("order-bad1@9", "event-not-found", "order-bad1 is at version"),
        ("order-none@1", "stream-not-found", "no stream order-none"),
        ("pay-bad1:7", "event-not-found", "led to 1 events"),
        ("nothing", "id-not-found", "nothing in the store has the id nothing"),
    ],
)
def test_what_is_not_there(story, what, code, said):
    ran = story(f"show {what} --json")
    assert (ran.code, ran.error["code"], ran.out) == (3, code, "")
    assert said in ran.error["message"]
    assert ran.error["hint"]


@pytest.mark.parametrize("command", ["show", "trace"])
def test_a_position_without_its_sign(story, command):
    ran = story(f"{command} 2 --json")
    assert (ran.code, ran.error["hint"]) == (3, "a position is typed with @: @2")
    assert story(f"{command} @2").code == 0


@pytest.mark.parametrize("what", ["order-bad1", "@x", "@0"])
def test_what_names_no_event(story, what):
    ran = story(f"show {what}")
    assert ran.code in (2, 3)
    assert "hint: " in ran.err
    assert ran.out == ""


def test_a_domain_that_is_broken_takes_nothing_away(story, tmp_path):
    (tmp_path / "broken.py").write_text("1/0")
    ran = story("--app broken show @1 --json")
    assert ran.code == 0
    assert (ran.json["changes"], ran.json["rows"]) == (None, None)
    assert "what it changed is not known, as the domain can't be loaded" in ran.err
    assert story("--app nowhere:domain show @1 --json --generic").json["fold"] == "generic"
    ran = story("--app samples.users:domain show @1 --json")
    assert "what @1 changed is not known: no aggregate" in ran.err


def test_names_from_the_store_are_inert(here, tmp_path):
    evil = "x\x1b[31m\n::error::y"
    with open_store(str(tmp_path / "cqrs.db"), create=True) as store:
        data = json.dumps({evil: {evil: [evil, {}]}}).encode()
        store.append(Commit(evil, (NewEvent("s-1", evil, 1, data),), SentCommand(evil, 1, b"d" * 32, data, 0)))
    for format in ("table", "json", "jsonl", "md"):  # CSV is the data
        out = here("show", "@1", "--format", format).out
        assert "\x1b" not in out
        assert not [line for line in out.splitlines() if line.lstrip().startswith("::")]


def test_the_log_of_one_position_is_no_log(story):
    ran = story("log @1")
    assert ran.code == 2
    assert "cqrs show @1" in ran.err
    assert "cqrs log --before @2" in ran.err


def test_the_beginning_of_a_uuid_and_a_key_in_words(orders_app):
    for _ in range(2):
        ran = orders_app(
            f"send create-order --customer-id {PEN} --item product_id={PEN},product_name=Pen,quantity=2,unit_price=1.50 "
            "--shipping-address.street S --shipping-address.city C --shipping-address.postal-code 1 "
            "--shipping-address.country FR"
        )
        assert ran.code == 0, ran.err
    one, other = (record["stream"].removeprefix("order-") for record in orders_app("streams order --json").json)
    short = one[:8]
    whole = orders_app(f"replay order-{one} --json").out
    for words in (f"replay order-{short}", f"replay order {one}", f"replay order {short}"):
        assert orders_app(f"{words} --json").out == whole, orders_app(words).err
    assert {record["stream"] for record in orders_app(f"log order-{short} --json").json} == {f"order-{one}"}
    assert orders_app(f"show order-{short}@1 --json").json["stream"] == f"order-{one}"
    assert len(orders_app(f"replay order {short} order {other} --json").json) == 2
