"""The rule of pseudonyms: a value of the same form, the same for the same under a key."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from string import ascii_lowercase
from uuid import UUID, uuid4

import pytest

from cqrs_cli.jsonable import Digits
from cqrs_cli.pseudonyms import Pseudonyms


@pytest.fixture
def pseudonyms():
    return Pseudonyms(b"a key")


def test_an_email_stays_an_email(pseudonyms):
    made = pseudonyms.of("ada.lovelace@example.org")
    assert re.fullmatch(r"[a-z]{3}\.[a-z]{8}@[a-z]{7}\.[a-z]{3}\.example", made)
    assert made == Pseudonyms(b"a key").of("ada.lovelace@example.org")
    assert made != Pseudonyms(b"another").of("ada.lovelace@example.org")


def test_a_uuid_stays_one_of_its_version(pseudonyms):
    one = str(uuid4())
    made = pseudonyms.of(one)
    assert made != one
    assert (UUID(made).version, UUID(made).variant) == (UUID(one).version, UUID(one).variant)


def test_dates_and_times_stay_valid(pseudonyms):
    for number in range(300):
        day = date.fromordinal(730_000 + number * 31).isoformat()
        assert date.fromisoformat(pseudonyms.of(day))
        moment = pseudonyms.of(f"{day}T23:59:59.123456Z")
        assert datetime.fromisoformat(moment)
        assert moment.endswith("Z")


@pytest.mark.parametrize("text", ["NL91 ABNA 0417 1643 00", "O'Brien", "Zoë-Ænne", "+31 6 1234-5678", "Ωλ"])
def test_letters_stay_letters_and_digits_digits(pseudonyms, text):
    made = pseudonyms.of(text)
    assert len(made) == len(text)
    for before, after in zip(text, made, strict=True):
        assert before.isdigit() == after.isdigit()
        assert before.isalpha() == after.isalpha()
        assert before.isupper() == after.isupper()
    assert made != text


@pytest.mark.parametrize("number", [7, 10, 123456789012345678901, -42, Digits("1.10"), 2.5, 1e300, 0])
def test_a_number_stays_one_with_its_digits(pseudonyms, number):
    made = pseudonyms.of(number)
    told, was = (one.text if isinstance(one, Digits) else str(one) for one in (made, number))
    assert re.sub("[0-9]", "1", told) == re.sub("[0-9]", "1", was)
    assert Decimal(told) != Decimal(was)


def test_a_number_and_its_text_have_the_same(pseudonyms):
    assert str(pseudonyms.of(4711234)) == pseudonyms.of("4711234")


def test_what_holds_nothing_has_none(pseudonyms):
    assert pseudonyms.of(None) is None
    assert pseudonyms.of("") == ""
    assert pseudonyms.of(True) in (True, False)
    assert re.fullmatch("[0-9a-f]{16}", pseudonyms.of("•••"))
    assert re.fullmatch("[0-9a-f]{16}", pseudonyms.of("---"))


def test_marks_that_mean_something_elsewhere_are_none(pseudonyms):
    assert not set(pseudonyms.of('a"b\\c\x1b[31m<d>\n`')) & set('"\\\x1b<>\n`')


FORMS = {
    "digits": [str(number) for number in range(2_000)],
    "zeros before": [f"{number:03}" for number in range(1_000)],
    "amounts": [f"{number / 100:.2f}" for number in range(3_000)],
    "two letters": [f"{one}{other}" for one in ascii_lowercase for other in ascii_lowercase + "éüŁλ"],
    "days": [date.fromordinal(700_000 + number).isoformat() for number in range(0, 40_000, 7)],
    "e-mails": [f"person{number:05}@example.org" for number in range(5_000)],
    "names": [f"Ada {chr(65 + number % 26)}. Nr{number}" for number in range(2_000)],
    "marks": [f"a{mark}b" for mark in map(chr, range(1, 128)) if not mark.isalnum()],
}


@pytest.mark.parametrize("form", FORMS)
def test_two_values_are_never_one_afterwards_and_none_is_itself(pseudonyms, form):
    values = FORMS[form]
    made = [pseudonyms.of(value) for value in values]
    assert len(set(made)) == len(set(values))
    assert [one for one, other in zip(values, made, strict=True) if one == other] == []


def test_all_of_a_small_form_are_used(pseudonyms):
    assert {pseudonyms.of(number) for number in range(10)} == set(range(10))
    assert {pseudonyms.of(flag) for flag in (True, False)} == {True, False}
    assert len({tuple(map(Pseudonyms(bytes([key])).of, range(10))) for key in range(50)}) > 45


def test_the_next_day_is_not_the_next_day(pseudonyms):
    days = [date(2001, 1, 1) + timedelta(days=number) for number in range(300)]
    made = [date.fromisoformat(pseudonyms.of(day.isoformat())) for day in days]
    assert all(1925 <= day.year <= 2024 for day in made)
    assert sum(abs((other - one).days) < 30 for one, other in pairwise(made)) < 10


def test_what_looks_like_a_day_and_is_none_becomes_no_day(pseudonyms):
    assert re.fullmatch(r"\d{4}-\d\d-\d\d [0-9a-f]{16}", pseudonyms.of("2026-13-45"))


@pytest.mark.parametrize("size", [3_999, 4_001, 20_000])
@pytest.mark.parametrize("char", ["x", "7", "Ж"])
def test_a_long_text_is_another_one_of_its_form(pseudonyms, size, char):
    """Two that differ anywhere differ afterwards, and no part of it stays."""
    text = char * size
    made = pseudonyms.of(text)
    assert len(made) == size
    assert made.isalpha() == text.isalpha()
    assert char * 20 not in made
    for at in (0, size // 2, size - 1):
        other = "y" if char == "x" else "8" if char == "7" else "Д"
        assert pseudonyms.of(text[:at] + other + text[at + 1 :]) != made


def test_texts_that_were_one_part_before_are_what_they_were(pseudonyms):
    """A copy goes on under its key: what it has made of a text holds."""
    assert pseudonyms.of("abc" * 1_000)[:12] == "cftgyzyboufa"
