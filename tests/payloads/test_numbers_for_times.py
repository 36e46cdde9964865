"""A number is no time: pydantic would count it in seconds since 1970, and 2026 be 33 minutes after its beginning."""

import datetime
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator

from cqrs_cli.errors import Misuse
from cqrs_cli.payloads.conditions import conditions
from cqrs_cli.payloads.model_reader import model_reader
from cqrs_cli.payloads.normalisation import from_text
from cqrs_cli.payloads.shapes import Loose, shape_of
from tests import bank


class Told(BaseModel):
    at: datetime.datetime | None = None
    day: datetime.date | None = None
    every: list[datetime.datetime] = []
    by_name: dict[str, datetime.date] = {}
    own: Annotated[datetime.datetime | None, BeforeValidator(lambda text: text)] = None


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("number", ["2026", "20260101", "-5", "0.5", " 7 ", "+86400", "0"])
@pytest.mark.parametrize("fields", [{"at": 0}, {"day": 0}, {"every": [0]}, {"by_name": {"a": 0}}])
def test_it_is_refused_in_every_place(fields: dict[str, Any], number: str, as_text: bool) -> None:
    import json

    given = json.loads(json.dumps(fields).replace("0", json.dumps(number)))
    _, found = model_reader(Told).read(given, as_text)
    assert any("not a number" in one.message for one in found)


def test_a_time_is_taken_and_so_is_what_the_field_reads_itself() -> None:
    given = {"at": "2026-01-01T10:00Z", "day": "2026-01-01", "every": ["2026-01-01"], "own": "2026"}
    for as_text in (False, True):
        made, found = model_reader(Told).read(given, as_text)
        assert (made is not None, found) == (True, [])


@pytest.mark.parametrize("text", ["since >= 2026", "day = 0"])
def test_a_condition_wants_a_time_too(text: str) -> None:
    with pytest.raises(Misuse, match="is no number"):
        conditions(bank.domain.rows_of("balance"), [text])
    assert conditions(bank.domain.rows_of("balance"), ["since >= 2026-01-01"]).where


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ('"5"', "5"), ("true", "true"), ("[1]", "[1]"), ("null", None), ("x", "x")]
)
def test_a_text_of_several_kinds_is_json_of_one_of_them_or_itself(text: str, value: Any) -> None:
    shape = shape_of(int | str)
    assert isinstance(shape, Loose)
    assert from_text(shape, text) == value
