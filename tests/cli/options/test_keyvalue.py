"""The K=V grammar: what is read back is what was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqrs_cli.cli.options.keyvalue import KeyValueError, parse_pairs
from tests.cli.options.pairs import format_pairs

keys = st.text(min_size=1).filter(lambda key: key.strip(" ") != "")


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a=1", [("a", "1")]),
        ("a=1,b=2", [("a", "1"), ("b", "2")]),
        ("a=1, b =2", [("a", "1"), ("b", "2")]),
        ("a=007", [("a", "007")]),
        ("a=", [("a", "")]),
        ("a=,b=", [("a", ""), ("b", "")]),
        ("url=http://x/?q=1", [("url", "http://x/?q=1")]),
        ("name='Pen, red',quantity=2", [("name", "Pen, red"), ("quantity", "2")]),
        ('name="a \\"b\\" c"', [("name", 'a "b" c')]),
        ("name=O'Brien,x=5\"", [("name", "O'Brien"), ("x", '5"')]),
        (r"a=x\,y,b=2", [("a", "x,y"), ("b", "2")]),
        (r"a\=b=c", [("a=b", "c")]),
        (r"path=C:\temp\new", [("path", r"C:\temp\new")]),
        (r"a=\\", [("a", "\\")]),
        ("a=1,a=2", [("a", "1"), ("a", "2")]),
        ("'a b'=c", [("a b", "c")]),
        ("a= spaced ", [("a", " spaced ")]),
        ('a=""', [("a", "")]),
    ],
)
def test_reads(text: str, pairs: list[tuple[str, str]]) -> None:
    assert parse_pairs(text) == pairs


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected key=value, found an empty text"),
        ("  ", "expected key=value, found an empty text"),
        ("a=1,", "a key=value is missing after a comma"),
        ("a=1,b", "expected key=value, found 'b'"),
    ],
)
def test_says_what_is_missing(text: str, said: str) -> None:
    with pytest.raises(KeyValueError, match=said):
        parse_pairs(text)


@pytest.mark.parametrize("text", ["", "a", "=1", "a=1,", "a=1,,b=2", "a='x", "a='x'y", "a=1,b", " =1", "a,b=1"])
def test_refuses(text: str) -> None:
    with pytest.raises(KeyValueError):
        parse_pairs(text)


@given(st.lists(st.tuples(keys, st.text()), min_size=1))
def test_written_pairs_are_read_back(pairs: list[tuple[str, str]]) -> None:
    assert parse_pairs(format_pairs(pairs)) == pairs


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        pairs = parse_pairs(text)
    except KeyValueError:
        return
    assert parse_pairs(format_pairs(pairs)) == pairs
