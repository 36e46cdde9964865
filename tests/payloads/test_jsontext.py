"""Strict JSON, and one reader of stdin."""

import io
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from cqrs_cli.cli.options.sources import Sources
from cqrs_cli.errors import Misuse
from cqrs_cli.payloads.jsontext import JsonTextError, parse_json


def test_digits_survive() -> None:
    assert parse_json('{"a": 12345678901234567890.10}') == {"a": Decimal("12345678901234567890.10")}
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, "a": 2}', "twice"),
        ('{"x": {"a": 1, "b": 2, "a": 1}}', "'a' stands twice"),
        ("NaN", "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ("{'a': 1}", "not JSON"),
        ("[1] 2", "not JSON"),
        ("", "not JSON"),
        ("[" * 100_000, "deep"),
        ("9" * 5_000, "number"),
        ('{"n": 1e4001}', "exponent"),
        ('{"n": 1E-4001}', "exponent"),
        ('{"n": 1E+2147483648}', "exponent"),  # an integer field would take for ever to write it out
        ('{"n": 9e999999999999999999}', "exponent"),
        ('{"n": 9e9999999999999999999}', "number"),
        (b'"\xff"', "UTF-8"),
    ],
)
def test_refuses(text: str | bytes, why: str) -> None:
    with pytest.raises(JsonTextError, match=why):
        parse_json(text)


def test_stdin_has_one_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"{}")))
    sources = Sources()
    assert sources.read("-", "--data") == b"{}"
    with pytest.raises(Misuse, match="by --data and --item"):
        sources.read("-", "--item")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=r"--item: can't read .*No such file"):
        Sources().read(str(tmp_path / "none.json"), "--item")
