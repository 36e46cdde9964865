"""Where pseudonyms are put: named fields at any depth, and their values in other texts."""

import json
from unicodedata import normalize

import pytest

from cqrs_cli.errors import Misuse
from cqrs_cli.jsonable import RawJson
from cqrs_cli.masking import Mask, named, redaction
from cqrs_cli.pseudonyms import Pseudonyms
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.streams import check_stream_name

KEY = Pseudonyms(b"key")


def mask(**fields: str) -> Mask:
    return Mask({name.replace("__", "."): way for name, way in fields.items()}, KEY)


def test_a_field_is_masked_at_any_depth_and_in_lists():
    hidden = mask(email="pseudonym").record(
        {"email": "a@b.cc", "people": [{"email": ["d@e.ff", None]}, {"deep": {"email": {"work": "g@h.ii"}}}], "n": 1}
    )
    assert hidden == {
        "email": KEY.of("a@b.cc"),
        "people": [{"email": [KEY.of("d@e.ff"), None]}, {"deep": {"email": {"work": KEY.of("g@h.ii")}}}],
        "n": 1,
    }


def test_a_field_of_something_is_not_that_of_something_else():
    hidden = mask(address__street="blank").value({"address": {"street": "Dam 1"}, "street": "Rokin"})
    assert hidden == {"address": {"street": "[redacted]"}, "street": "Rokin"}


def test_ways():
    hidden = mask(a="pseudonym", b="blank", c="null", d="hash").record(dict.fromkeys("abcd", "secret"))
    assert hidden == {"a": KEY.of("secret"), "b": "[redacted]", "c": None, "d": KEY.digest("secret")}


def test_names_are_read_as_the_command_line_writes_them():
    assert named("account-id") == ("account_id",)
    assert mask(**{"account-id": "null"}).record({"account_id": 5, "account-id": 6}) == {
        "account_id": None, "account-id": None,
    }  # fmt: skip


def test_what_was_learned_is_masked_in_other_texts():
    one = mask(email="pseudonym")
    one.learn({"email": "ada@example.org"})
    hidden = KEY.of("ada@example.org")
    assert one.prose("customer-ada@example.org: no") == f"customer-{hidden}: no"
    assert one.record({"stream": "customer-ada@example.org"}) == {"stream": f"customer-{hidden}"}
    assert one.value({"members": {"ada@example.org": 1}}) == {"members": {hidden: 1}}


@pytest.mark.parametrize("value", ['say "hi" now', "O'Brien\nof Cork", "Zoë Ænne", "back\\slash"])
def test_however_it_is_quoted(value):
    one = mask(name="pseudonym")
    one.learn({"name": value})
    written = (value, repr(value), json.dumps(value), json.dumps(value, ensure_ascii=False), ascii(value))
    for quoted in (*written, repr(value.encode()), normalize("NFD", value)):
        assert one.prose(f"bad: {quoted}!").count(KEY.of(value)) == 1


def test_a_part_of_a_number_is_not_a_value():
    one = mask(code="pseudonym")
    one.learn({"code": 12345})
    assert one.prose("at 9123456 of 12345") == f"at 9123456 of {KEY.of(12345)}"


def test_short_values_are_masked_in_their_field_alone():
    one = mask(pin="pseudonym")
    one.learn({"pin": "abc"})
    assert one.prose("abc") == "abc"
    assert one.record({"pin": "abc", "other": "abc"}) == {"pin": KEY.of("abc"), "other": "abc"}


def test_times_and_ids_are_masked_as_a_whole_or_not_at_all():
    one = mask(year="pseudonym")
    one.learn({"year": "2026-"})
    assert one.record({"recorded_at": "2026-11-26T19:25:55.955401Z"})["recorded_at"].startswith("2026-")


def test_stored_json_keeps_its_digits():
    hidden = mask(email="null").record({"data": RawJson('{"email":"a@b.cc","n":1.10,"big":12345678901234567890.5}')})
    assert hidden["data"] == '{"email":null,"n":1.10,"big":12345678901234567890.5}'
    assert isinstance(hidden["data"], RawJson)
    assert mask(email="null").json_text(b'{"email":"a@b.cc","n":1.10}') == b'{"email":null,"n":1.10}'


def test_json_inside_a_text_is_looked_into():
    assert mask(pin="null").record({"data": '{"pin":"12"}'}) == {"data": '{"pin":null}'}


@pytest.mark.parametrize("about", [{"path": "people[0].email"}, {"path": "/people/0/email"}, {"column": "email"}])
def test_a_record_about_a_field(about):
    hidden = mask(email="null").record({**about, "old": "x", "new": "y", "value": ["z"], "live": "l", "type": "T"})
    assert hidden == {**about, "old": None, "new": None, "value": [None], "live": None, "type": "T"}


def test_json_that_is_too_deep_is_searched_as_a_text():
    one = mask(email="pseudonym")
    one.learn({"email": "ada@example.org"})
    deep = RawJson('{"children":[' * 100_000 + '"ada@example.org"' + "]}" * 100_000)
    assert "ada@example.org" not in one.record({"children": deep})["children"]


def test_a_way_or_a_field_that_is_none():
    assert redaction("iban") == ("iban", "blank")
    with pytest.raises(Misuse, match="no way to redact is called 'gone'"):
        redaction("iban=gone")
    with pytest.raises(Misuse, match="names no field"):
        mask(a__="blank")


def test_a_commit_that_is_copied():
    data = json.dumps({"email": "ada@example.org", "n": 1}).encode()
    event = NewEvent("customer-ada%40example.org,7", "Registered", 1, data)
    command = SentCommand("Register", 1, b"d" * 32, data, 0)
    one = Commit("ada@example.org:1", (event,), command, None, None, "ada@example.org", '{"email":"bob@example.org"}')
    hiding = mask(email="pseudonym")
    hiding.learn_commit(one)
    masked, counts = hiding.commit(one)
    assert counts == {"email": 3}
    assert b"example.org" not in repr(masked).encode()
    hidden = KEY.of("ada@example.org")
    assert masked.events[0].stream == f"customer-{hidden.replace('@', '%40')},7"
    check_stream_name(masked.events[0].stream)
    assert json.loads(masked.events[0].data) == {"email": hidden, "n": 1}
    assert masked.command is not None
    assert len(masked.command.digest) == 32
    assert masked.command.digest != b"d" * 32
    assert mask(name="pseudonym").commit(one) == (one, {})


def test_the_key_of_an_element_is_in_paths_too_however_short():
    one = mask(sku="pseudonym")
    hidden = one.record({"path": "items[sku=pen].quantity", "old": 4, "new": None})
    assert hidden == {"path": f"items[sku={KEY.of('pen')}].quantity", "old": 4, "new": None}
    hidden = one.record({"path": 'items[sku="a[b"].sku', "value": "a[b"})
    assert hidden == {"path": f"items[sku={json.dumps(KEY.of('a[b'))}].sku", "value": KEY.of("a[b")}
    hidden = one.record({"path": "items.(order)", "old": ["pen", "cap"], "new": ["cap", "pen"]})
    assert hidden["old"] == [KEY.of("pen"), "cap"], "a value that was seen, and one that nobody named"
    assert mask(sku="blank").record({"path": "items[sku=pen]"}) == {"path": 'items[sku="[redacted]"]'}
    untouched = {"path": "items[id=pen].sku", "old": None}
    assert mask(name="blank").record(untouched) == untouched
