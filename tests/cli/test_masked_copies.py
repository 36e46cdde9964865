"""Copies that hide, by the command line: a domain can still read them, and what it says is what it said."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

KEY = "a key that nobody guesses"
FIELDS = ("customer", "number", "iban", "born", "seen", "limit", "age", "vip")
MASKS = [word for field in FIELDS for word in ("--mask", field)]


def account(number: int) -> dict[str, object]:
    """Two accounts share an IBAN, and a limit has digits of its own."""
    return {
        "customer": f"cust{number:03}",
        "number": f"4f1f6a1e-6b8e-4b9c-9d9f-1a2b3c4d{number:04x}",
        "iban": f"NL91 ABNA {1234567890 + number // 2}",
        "born": f"19{60 + number % 40}-03-{number % 28 + 1:02}",
        "seen": f"2026-03-04T05:06:{number % 60:02}.123456Z",
        "limit": f"{100 + number}.50",
        "age": 20 + number % 60,
        "vip": number % 3 == 0,
        "tier": "gold" if number % 2 else "silver",
    }


@pytest.fixture
def typed(here, tmp_path, monkeypatch):
    """A store with 60 accounts, two to an IBAN."""
    shutil.copy(Path(__file__).with_name("typed_domain.py"), tmp_path / "typed.py")
    monkeypatch.setenv("CQRS_APP", "typed:domain")
    monkeypatch.setenv("CQRS_MASK_KEY", KEY)
    lines = [json.dumps({"command": "open", "data": account(number)}) for number in range(60)]
    (tmp_path / "accounts.jsonl").write_text("\n".join(lines))
    assert here("send", "--batch", "accounts.jsonl", "-q").code == 0
    return here


def told(ran) -> Any:
    assert ran.code == 0, ran.err
    return ran.json


def rows(typed, store: str) -> Any:
    assert typed("project", "-q", "--store", store).code == 0
    found = told(typed("project", "iban", "--json", "--store", store))
    return found["rows"] if isinstance(found, dict) else found


def test_states_rows_and_joins_survive(typed, tmp_path):
    made = typed("copy", "cqrs.db", "hidden.db", "--json", *MASKS)
    assert made.code == 0, made.err
    expected = {**dict.fromkeys(FIELDS[1:], 120), "customer": 60}
    assert made.json["masked"] == [{"field": name, "values": expected[name]} for name in sorted(FIELDS)]
    before, after = rows(typed, "cqrs.db"), rows(typed, "hidden.db")
    assert len(before) == len(after) == 30
    assert {row["customers"] for row in after} == {2}
    assert not {row["iban"] for row in before} & {row["iban"] for row in after}
    states = [told(typed("replay", "--json", "--store", name)) for name in ("cqrs.db", "hidden.db")]
    old, new = ([one["state"] for one in each] for each in states)
    for field in ("customer", "number", "limit"):
        assert len({str(one[field]) for one in new}) == len({str(one[field]) for one in old}) == 60
        assert not {str(one[field]) for one in old} & {str(one[field]) for one in new} or field == "limit"
    assert [one["tier"] for one in new] == [one["tier"] for one in old]
    assert typed("verify", "--store", "hidden.db", "--deep").code == 0


def test_fork_export_and_import_say_the_same(typed, tmp_path):
    assert typed("copy", "cqrs.db", "a.db", "-q", *MASKS).code == 0
    assert typed("fork", "b.db", "-q", *MASKS).code == 0
    assert typed("export", "-q", "-o", "bare.jsonl").code == 0
    assert typed("export", "-q", "-o", "hidden.jsonl", *MASKS).code == 0
    assert typed("import", "bare.jsonl", "--store", "c.db", "-q", *MASKS).code == 0
    assert typed("import", "hidden.jsonl", "--store", "d.db", "-q").code == 0
    heads = {typed("verify", "--json", "--store", f"{name}.db").json["hash"] for name in "abcd"}
    assert len(heads) == 1
    assert typed("verify", "--json").json["hash"] not in heads


def test_what_a_list_allows_has_no_pseudonym(typed, tmp_path):
    ran = typed("copy", "cqrs.db", "hidden.db", "--mask", "tier")
    assert ran.code == 2
    assert "masked, Opened at @1 could not be read any more" in ran.err
    assert "a pseudonym keeps the form of a value, but is none of a list" in ran.err
    assert not Path("hidden.db").exists()
    assert typed("copy", "cqrs.db", "hidden.db", "--redact", "limit=null").code == 2
    assert typed("export", "--redact", "number", "-o", "hidden.jsonl").code == 2
    assert not Path("hidden.jsonl").exists()


def test_without_a_domain_a_list_is_a_text(typed, monkeypatch):
    monkeypatch.delenv("CQRS_APP")
    assert typed("copy", "cqrs.db", "hidden.db", "--mask", "tier").code == 0


def test_a_copy_under_another_key_is_refused(typed, monkeypatch):
    assert typed("copy", "cqrs.db", "hidden.db", "-q", *MASKS).code == 0
    assert typed("copy", "cqrs.db", "hidden.db", "-q", *MASKS).code == 0
    monkeypatch.setenv("CQRS_MASK_KEY", KEY[::-1])
    ran = typed("copy", "cqrs.db", "hidden.db", *MASKS)
    assert ran.code == 2
    assert "with other fields masked or under another key" in ran.err
    monkeypatch.delenv("CQRS_MASK_KEY")
    assert typed("copy", "cqrs.db", "hidden.db", *MASKS).code == 2
    assert typed("copy", "cqrs.db", "hidden.db").code == 2


def test_a_typo_is_refused_before_anything_is_made(typed):
    for line in ("copy cqrs.db hidden.db", "export -o hidden.db", "fork hidden.db"):
        ran = typed(*line.split(), "--mask", "ibann")
        assert ran.code == 2, line
        assert "nothing is called 'ibann'" in ran.err
        assert not Path("hidden.db").exists()


def test_the_key_of_a_stream_is_called_as_the_domain_does(typed, monkeypatch):
    """No payload has it: the key is all there is of it."""
    monkeypatch.setenv("CQRS_MASK_KEY", KEY)
    lines = [json.dumps({"stream": f"account-cust{n:03}", "type": "Noted", "data": {}}) for n in range(5)]
    Path("notes.jsonl").write_text("\n".join(lines))
    assert typed("import", "notes.jsonl", "--store", "notes.db", "-q").code == 0
    ran = typed("streams", "--store", "notes.db", "--mask", "customer", "--json")
    assert ran.code == 0
    assert "cust0" not in ran.out
    copied = typed("export", "--store", "notes.db", "--mask", "customer", "-o", "hidden.jsonl")
    assert copied.code == 0, copied.err
    assert "cust0" not in Path("hidden.jsonl").read_text()
