"""Commands as forms: every kind of field, complaints where they belong, the preview, and one command for two clicks."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest
from pydantic import BaseModel

from cqrs_cli import Aggregate, Command, Domain, Event, decide, evolve
from cqrs_cli.http.identity import Identity
from tests import bank
from tests.http import forms_domain
from tests.http.page import Page, page, submit, walk
from tests.http.served import Served, serving

BOX = "11111111-1111-4111-8111-111111111111"
HOSTILE = "<script>alert(1)</script>\"'\u202e{{7*7}}"
LEAST = {"/box_id": BOX, "/size": "small", "/parts/0/name": "pen", "/parts/0/price": "1.50", "/must_say": ""}


@pytest.fixture
def boxes(tmp_path: Any) -> Iterator[Served]:
    """The boxes, served."""
    with serving(str(tmp_path / "cqrs.db"), forms_domain.domain) as one:
        yield one


def filled(served: Any, name: str = "fill", **typed: str) -> dict[str, str]:
    """The form of a command as a browser has it, with this typed into it."""
    return page(served, f"/ui/commands/{name}").form | typed


def preview(served: Any, fields: dict[str, str], name: str = "fill") -> Page:
    """The answer to a click on Preview."""
    return Page(submit(served, f"/ui/commands/{name}", fields | {"do": "preview"}))


def sent(served: Any, fields: dict[str, str], name: str = "fill") -> Any:
    """The data of the last event, after a click on Send."""
    answer = submit(served, f"/ui/commands/{name}", fields | {"do": "send"})
    assert answer.status_code == 303, answer.text
    assert page(served, answer.headers["location"]).status == 200
    return json.loads(served.get("/events?backwards=true&limit=1").text)[0]["data"]


def test_the_commands_by_what_decides_them(orders: Any) -> None:
    found = page(orders, "/ui/commands")
    assert "Open an order; it gets its id here and answers with it." in found.text
    assert found.text.index("order") < found.text.index("create-order")
    assert "opens" in found.text
    statuses = walk(orders, "/ui/commands")
    assert len(statuses) > 12
    assert set(statuses.values()) == {200}


def test_every_kind_of_field_has_its_input(boxes: Any) -> None:
    found = page(boxes, "/ui/commands/fill")
    assert {"/parts#", "/tags#", "/contact?", "/side?", "/labels", "/either", "/pin"} <= set(found.form)
    assert found.form["/parts#"] == "1"  # one to fill in
    assert [found.form[f"/tags/{n}"] for n in range(2)] == ["first", "second"]  # what holds if nothing is said
    assert found.fields["f-pin"]["type"] == "password"
    assert found.fields["f-labels"]["tag"] == "textarea"
    assert found.fields["f-note"]["placeholder"] == "none"
    assert "What is said with it" in found.text
    pattern = found.fields["f-parts-0-price"]["pattern"]
    assert re.fullmatch(pattern, "1.50")
    assert not re.fullmatch(pattern, "0")
    options = {of["value"] for tag, of in found.tags if tag == "option" and "value" in of}
    assert {"small", "large", "true", "false"} <= options


def test_what_is_typed_is_what_is_sent(boxes: Any) -> None:
    typed = LEAST | {
        "/gift": "true", "/note": HOSTILE, "/day": "2026-01-31", "/weight": "12345678901234567890.10",
        "/labels": '{"a": 1}', "/to/street": "1 Main", "/either": "5", "/anything": '{"x": [1, "2"]}',
        "/pin": "geheim", "/keys#": "1", "/keys/0": "k2", "/tags#": "1", "/tags/0": "only", "/must_say": "7",
        "/contact?": "Phone", "/contact/kind": "phone", "/contact/number": "17", "/side?": "Left", "/side/value": "3",
        "/expect": "a field", "/do": "another",
    }  # fmt: skip
    said = sent(boxes, filled(boxes, **typed))
    assert said["side"] == "Left"
    told = said["said"]
    assert (told["note"], told["weight"], told["gift"]) == (HOSTILE, "12345678901234567890.10", True)
    assert (told["labels"], told["tags"], told["either"]) == ({"a": 1}, ["only"], 5)
    assert told["to"] == {"street": "1 Main", "city": "Paris"}
    assert told["contact"] == {"kind": "phone", "number": 17}
    assert told["parts"] == [{"name": "pen", "price": "1.50", "colours": []}]
    assert (told["anything"], told["must_say"], told["lengths"]) == ({"x": [1, "2"]}, 7, [6, 2])
    assert (told["expect"], told["do"], told["day"]) == ("a field", "another", "2026-01-31")


def test_a_kind_that_nobody_could_tell_later_is_refused(boxes: Any) -> None:
    """Not taken for the first kind that it could be."""
    found = preview(boxes, filled(boxes, **LEAST, **{"/side?": "Right", "/side/value": "3"}))
    assert (found.status, "side comes back changed" in found.text) == (422, True)


def test_what_is_left_empty_is_left_out(boxes: Any) -> None:
    told = sent(boxes, filled(boxes, **LEAST))["said"]
    assert (told["note"], told["gift"], told["to"], told["contact"]) == ("none", False, None, None)
    assert (told["tags"], told["must_say"], told["labels"]) == (["first", "second"], None, {})


def test_elements_are_added_and_removed_without_a_script(boxes: Any) -> None:
    path = "/ui/commands/fill"
    first = filled(boxes, **LEAST)
    more = Page(submit(boxes, path, first | {"do": "add:/parts"}))
    assert (more.status, more.form["/parts#"], more.form["/parts/0/name"]) == (200, "2", "pen")
    inner = Page(submit(boxes, path, more.form | {"/parts/1/name": "ink", "do": "add:/parts/1/colours"}))
    typed = inner.form | {"/parts/1/colours/0": "blue"}
    less = Page(submit(boxes, path, typed | {"do": "remove:/parts/0"})).form
    assert (less["/parts#"], less["/parts/0/name"], less["/parts/0/colours/0"]) == ("1", "ink", "blue")
    none = Page(submit(boxes, path, less | {"do": "remove:/parts/0"})).form
    assert none["/parts#"] == "0"
    assert less["command_id"] == none["command_id"] == first["command_id"]
    for do in ("add:/parts", "remove:/parts/0"):
        assert submit(boxes, path, less | {"/parts#": "101", "do": do}).status_code == 422
    for do in ("remove:/parts", "remove:nothing", "explode", ""):
        assert submit(boxes, path, less | {"do": do}).status_code == 400
    assert json.loads(boxes.get("/events").text) == []


def test_the_kind_of_a_value_is_chosen(boxes: Any) -> None:
    path, first = "/ui/commands/fill", filled(boxes, **LEAST)
    assert "/contact/address" not in first
    chosen = Page(submit(boxes, path, first | {"/contact?": "Email", "do": "choose"}))
    assert chosen.form["/contact/kind"] == ""  # with its default as a hint
    wrong = preview(boxes, chosen.form)
    assert wrong.status == 422
    assert re.search('id="f-contact-address--wrong"[^>]*><p>Field required', wrong.answer.text)
    assert "1 field to mend" in wrong.text  # nothing is said of the kind that was not chosen
    as_json = Page(submit(boxes, path, first | {"/contact?": "JSON", "do": "choose"})).form
    told = sent(boxes, as_json | {"/contact": '{"kind": "email", "address": "a@b"}'})["said"]
    assert told["contact"] == {"kind": "email", "address": "a@b"}


@pytest.mark.parametrize(
    ("typed", "id", "complaint"),
    [
        ({"/box_id": "abc"}, "f-box_id", "valid UUID"),
        ({"/size": "huge"}, "f-size", "small"),
        ({"/parts/0/price": "-1"}, "f-parts-0-price", "greater than 0"),
        ({"/parts/0/name": ""}, "f-parts-0-name", "Field required"),
        ({"/day": "tomorrow"}, "f-day", "valid date"),
        ({"/labels": "{"}, "f-labels", "not JSON"),
        ({"/labels": '{"a": true}'}, "f-labels", "valid integer"),
        ({"/labels": '{"a": "x"}'}, "f-labels", "a: "),
        ({"/to/city": "Oslo"}, "f-to-street", "Field required"),
        ({"/side?": "Left", "/side/value": "x"}, "f-side-value", "valid integer"),
        ({"/keys#": "4"}, "f-keys", "at most 3"),
    ],
)
def test_complaints_stand_at_their_fields(boxes: Any, typed: dict[str, str], id: str, complaint: str) -> None:
    fields = filled(boxes, **LEAST, **{"/note": HOSTILE}) | typed
    found = preview(boxes, fields)
    assert found.status == 422
    [told] = re.findall(f'id="{id}--wrong"[^>]*>(.*?)</div>', found.answer.text)
    assert complaint in told
    assert "1 field to mend" in found.text
    assert found.form | {"/pin": ""} == found.form | fields | {"/pin": ""}  # all that was typed is kept
    assert re.search(f'aria-describedby="[^"]*{id}--wrong', found.answer.text)
    assert len(set(found.ids)) == len(found.ids)
    assert submit(boxes, "/ui/commands/fill", fields | {"do": "send"}).status_code == 422
    assert boxes.get("/events").json() == []


def test_all_complaints_are_told_at_once(boxes: Any) -> None:
    found = preview(boxes, filled(boxes, **{"/box_id": "x", "/day": "x", "/weight": "x", "/parts#": "2"}))
    assert "8 fields to mend" in found.text  # size, and name and price of two parts too
    whole = preview(boxes, filled(boxes, **LEAST) | {"/note": "nothing", "/parts#": "0"})
    assert "a box of nothing" in whole.text.split("box id")[0]


def test_secrets_are_never_told_back(boxes: Any) -> None:
    typed = LEAST | {"/pin": "geheim-1", "/keys#": "1", "/keys/0": "geheim-2", "/day": "x"}
    for answer in (preview(boxes, filled(boxes, **typed)), preview(boxes, filled(boxes, **typed) | {"/day": ""})):
        assert "geheim" not in answer.answer.text
    assert answer.status == 200
    assert "pin" not in answer.shell[-2]
    assert "without what is secret" in answer.text


def test_the_preview_says_what_would_be_and_writes_nothing(orders: Any) -> None:
    fields = filled(orders, "create-order") | {
        "/customer_id": BOX, "/items/0/product_id": BOX, "/items/0/product_name": HOSTILE, "/items/0/quantity": "2",
        "/items/0/unit_price": "1.50", **{f"/shipping_address/{name}": "x" for name in ("street", "city", "country")},
        "/shipping_address/postal_code": "0150",
    }  # fmt: skip
    found = preview(orders, fields, "create-order")
    assert found.status == 200
    for told in ("version 0 → 2", "OrderCreated", "OrderItemAdded", "customer_totals", "new row", "3.00", "1.50"):
        assert told in found.text
    assert "<script>alert" not in found.answer.text
    assert "\u202e" not in found.answer.text
    assert "{{7*7}}" in found.text
    assert orders.get("/events").json() == []
    assert sorted(found.form) == sorted(fields)


def test_a_rule_that_says_no_is_told_with_its_code(boxes: Any) -> None:
    sent(boxes, filled(boxes, **LEAST))
    for do in ("preview", "send"):
        found = Page(submit(boxes, "/ui/commands/refuse", filled(boxes, "refuse", **{"/box_id": BOX}) | {"do": do}))
        assert found.status == 400
        assert "never not this box Rejected by the domain" in found.text
        assert found.form["/box_id"] == BOX
    assert len(boxes.get("/events").json()) == 1


def test_a_form_sent_twice_is_one_command(boxes: Any) -> None:
    path, fields = "/ui/commands/fill", filled(boxes, **LEAST)
    answers = [submit(boxes, path, fields | {"do": "send"}) for _ in range(3)]
    assert [one.status_code for one in answers] == [303] * 3
    assert len({one.headers["location"] for one in answers}) == 1
    assert len(boxes.get("/events").json()) == 1
    done = page(boxes, answers[0].headers["location"])
    assert "committed Filled" in done.text
    assert f"/ui/streams/box-{BOX}?at=1" in done.links
    assert {"/ui/events/1", f"/ui/trace/{fields['command_id']}"} <= set(done.links)
    assert done.form["command_id"] != fields["command_id"]
    other = Page(submit(boxes, path, fields | {"/note": "other", "do": "send"}))
    assert other.status == 422
    assert "command-id-reused" in other.text
    assert other.form["command_id"] != fields["command_id"]
    again = submit(boxes, path, other.form | {"do": "send"})
    assert again.status_code == 303
    assert len(boxes.get("/events").json()) == 2


def test_nothing_to_append_is_said(boxes: Any) -> None:
    sent(boxes, filled(boxes, **LEAST))
    fields = filled(boxes, "bare", **{"/box_id": BOX})
    assert "would stay at version 1" in preview(boxes, fields, "bare").text
    answer = submit(boxes, "/ui/commands/bare", fields | {"do": "send"})
    assert "unchanged" in page(boxes, answer.headers["location"]).text


def test_the_version_that_is_expected(boxes: Any) -> None:
    wrong = preview(boxes, filled(boxes, **LEAST) | {"expect": "seven"})
    assert (wrong.status, wrong.form["expect"]) == (422, "seven")
    assert re.search('id="expect-wrong"[^>]*><p>expected a version', wrong.answer.text)
    conflict = preview(boxes, filled(boxes, **LEAST) | {"expect": "3"})
    assert (conflict.status, "conflict" in conflict.text) == (409, True)
    assert preview(boxes, filled(boxes, **LEAST) | {"expect": "new"}).status == 200
    assert sent(boxes, filled(boxes, **LEAST) | {"expect": "new"})
    assert sent(boxes, filled(boxes, **LEAST) | {"expect": "1"})


def test_a_link_may_fill_in_and_ids_are_suggested(boxes: Any) -> None:
    sent(boxes, filled(boxes, **LEAST))
    found = page(boxes, f"/ui/commands/bare?box_id={BOX}")
    assert found.form["/box_id"] == BOX
    assert BOX in [of.get("value") for tag, of in found.tags if tag == "option"]
    assert found.fields["f-box_id"]["list"] == "s-box"
    for path, status in (("bare?other=1", 422), ("nothing", 404), ("bare?done=", 422)):
        assert page(boxes, f"/ui/commands/{path}").status == status


def test_the_shell_line_sends_the_same(boxes: Any, cqrs: Any) -> None:
    typed = LEAST | {"/labels": '{"a": 1}', "/contact?": "Phone", "/contact/kind": "phone", "/contact/number": "17"}
    found = preview(boxes, filled(boxes, **typed))
    app = ("--app", "tests.http.forms_domain:domain")
    told = json.loads(cqrs(*app, *found.shell, "--json").stdout)
    assert told["status"] == "dry-run"
    said = told["events"][0]["data"]["said"]
    assert (said["parts"], said["labels"]) == ([{"name": "pen", "price": "1.50", "colours": []}], {"a": 1})
    assert cqrs(*app, *page(boxes, "/ui/commands/fill").shell).stdout
    assert cqrs(*app, *page(boxes, "/ui/commands").shell).stdout


def test_who_may_not_send_and_who_only_reads(tmp_path: Any, served: Any) -> None:
    served.post("/commands/open", {"account_id": "ada"})
    path, at = str(tmp_path / "cqrs.db"), "/ui/commands/deposit"
    fields = filled(served, "deposit", **{"/account_id": "ada", "/amount": "5"})
    with serving(path, bank.domain, authenticate=lambda _: Identity("eve", frozenset({"read"}))) as one:
        found = page(one, at)
        assert ("send" in found.ids, "preview" in found.ids) == (False, False)
        for do in ("preview", "send"):
            assert submit(one, at, fields | {"do": do}).status_code == 403
    with serving(path, bank.domain, read_only=True) as one:
        found = page(one, at)
        assert ("send" in found.ids, "preview" in found.ids) == (False, True)
        assert preview(one, fields, "deposit").status == 200
        assert submit(one, at, fields | {"do": "send"}).status_code == 403
    with serving(path, bank.domain, authenticate=lambda _: Identity("ada")) as one:
        assert submit(one, at, fields | {"do": "send"}).status_code == 303
        assert one.get("/events?backwards=true&limit=1").json()[0]["user_id"] == "ada"


def test_what_is_masked_is_told_nowhere(tmp_path: Any) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, mask={"account_id": "", "owner": ""}) as one:
        one.post("/commands/open", {"account_id": "hush-1", "owner": "hush-2"})
        for name in ("deposit", "open"):
            assert "hush" not in page(one, f"/ui/commands/{name}").answer.text
        fields = filled(one, "deposit", **{"/account_id": "hush-1", "/amount": "666"})
        found = preview(one, fields, "deposit")
        rest = re.sub('value="hush-1"', "", found.answer.text)  # what was typed stays in its field
        assert "hush" not in rest, rest[rest.index("hush") - 200 :]
        wrong = preview(one, fields | {"/amount": "hush-2"}, "deposit")
        assert "hush" not in re.sub('value="hush-[12]"', "", wrong.answer.text)


class Wrapping(BaseModel):
    express: bool = False
    ribbons: list[str] = []


class Label(BaseModel):
    text: str
    lines: list[str] = []


class Packed(Event):
    wrapping: Wrapping | None
    label: Label | None


class Pack(Command):
    crate_id: str
    wrapping: Wrapping | None = None
    label: Label | None = None


class Crate(Aggregate, key="crate_id"):
    crate_id: str

    @decide(creates=True)
    def pack(self, command: Pack) -> Packed:
        return Packed(wrapping=command.wrapping, label=command.label)

    @evolve
    def packed(self, event: Packed) -> None:
        """Nothing is kept."""


def test_a_group_that_may_be_left_out_is_if_nothing_is_typed(tmp_path: Any) -> None:
    """Though a list in it has a default, and another field of it must be there."""
    with serving(str(tmp_path / "cqrs.db"), Domain("crates", Crate)) as one:
        assert sent(one, filled(one, "pack", **{"/crate_id": "c1"}), "pack") == {"wrapping": None, "label": None}
        typed = filled(one, "pack", **{"/crate_id": "c2", "/wrapping/express": "true"})
        assert sent(one, typed, "pack") == {"wrapping": {"express": True, "ribbons": []}, "label": None}
        typed = filled(one, "pack", **{"/crate_id": "c3", "/label/lines#": "1", "/label/lines/0": "up"})
        assert submit(one, "/ui/commands/pack", typed | {"do": "send"}).status_code == 422, "text is wanted"


def test_a_form_of_another_domain_sends_nothing(boxes: Any) -> None:
    """The domain has changed since the page was loaded: what it has no input for was meant all the same."""
    fields = filled(boxes, **LEAST)
    path = "/ui/commands/fill"
    for strange in ({"/old_name": "x"}, {"/contact?": "Fax"}, {"/parts/0/size": "1"}, {"/to/planet": "Mars"}):
        for do in ("preview", "send"):
            answer = submit(boxes, path, fields | strange | {"do": do})
            assert (answer.status_code, "load the page again" in answer.text) == (422, True), strange
    assert boxes.get("/events").json() == []
    body = urlencode([*(fields | {"do": "send"}).items(), ("/box_id", "other")])
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert boxes("POST", path, content=body, headers=kind).status_code == 422


def test_lines_for_the_shell_mean_the_store_that_is_served(tmp_path: Any) -> None:
    spoken = ("--app", "tests.bank:domain", "--store", "with a space.db")
    with serving(str(tmp_path / "cqrs.db"), bank.domain, spoken=spoken, sql=True) as one:
        for path in ("/ui/", "/ui/log", "/ui/commands/open", "/ui/sql"):
            assert page(one, path).shell[:4] == list(spoken), path
        line = page(one, "/ui/sql?q=" + quote("-- the count\nSELECT 'a   b' AS n")).shell
        assert line[4:] == ["sql", "--", "-- the count\nSELECT 'a   b' AS n"]


def test_a_form_of_no_form_is_refused(boxes: Any) -> None:
    fields = filled(boxes, **LEAST)
    path = "/ui/commands/fill"
    assert boxes.post(path, {}).status_code == 415
    assert submit(boxes, path, fields | {"strange": "1", "do": "send"}).status_code == 422
    assert submit(boxes, path, fields | {"command_id": "", "do": "send"}).status_code == 422
    assert submit(boxes, path + "?done=x", fields | {"do": "send"}).status_code == 422
    many = fields | {"/parts#": "100"} | {f"/parts/{n}/colours#": "100" for n in range(100)}
    assert submit(boxes, path, many | {"do": "preview"}).status_code == 422
    assert UUID(fields["command_id"])
