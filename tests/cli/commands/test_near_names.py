"""Did you mean …: a name that is nearly one that there is."""

from typing import Any

import pytest


@pytest.fixture
def shop(parcels: Any) -> Any:
    for name in ("pen", "ink"):
        assert parcels(f"send register --parcel-id {name} --weight 1").code == 0
    return parcels


@pytest.mark.parametrize(
    "line",
    [
        "log parcel-pne",
        "replay parcel-pne",
        "replay parcel-pne@2",
        "replay parcel-pne --steps",
        "replay parcel-pne --at 1",
        "replay parcel-pne --verify",
        "send touch --parcel-id pne",
        "send touch --parcel-id pne --dry-run",
        "snapshot take parcel-pne",
    ],
)
def test_a_stream(shop: Any, line: str) -> None:
    ran = shop(line)
    assert ran.code == 3
    assert "hint: did you mean 'parcel-pen'?" in ran.err


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("streams parc", "did you mean 'parcel'?"),
        ("log --category parcl", "did you mean 'parcel'?"),
        ("log --type Registred", "did you mean 'Registered'?"),
    ],
)
def test_a_category_or_type_is_noted_and_no_failure(shop: Any, line: str, near: str) -> None:
    ran = shop(line)
    assert ran.code == 0
    assert near in ran.err
    assert shop(f"{line} --fail-if-empty").code == 5
    assert near not in shop(f"{line} -q").err


def test_the_first_word_of_a_type(orders: Any, here: Any) -> None:
    assert "no event has the type 'Ordr'; did you mean 'OrderCreated' or 'OrderShipped'?" in here("log --type Ordr").err


def test_nothing_is_near(shop: Any) -> None:
    assert "hint: cqrs streams lists what there is" in shop("replay parcel-zzzzzzzzzzzz").err
    assert shop("streams zzzzzz").err == "no stream has the category 'zzzzzz'\nno streams\n"
    assert shop("streams parcel").err == ""


def test_a_stream_that_came_later(shop: Any) -> None:
    ran = shop("replay parcel-ink --at @1")
    assert ran.code == 3
    assert "no stream parcel-ink at that point" in ran.err
    assert "hint: cqrs log parcel-ink" in ran.err


def test_a_category_in_the_place_of_a_stream(shop: Any) -> None:
    for words in ("replay parcel", "replay parcel --steps", "log parcel"):
        ran = shop(words)
        assert ran.code == 3, words
        assert "hint: parcel is a category: --category parcel" in ran.err
