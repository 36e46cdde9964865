"""Rows as instances: stored ones, and new ones before their first event."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from cqrs_cli import Event, Projection, evolve
from cqrs_cli.domain import row_model
from cqrs_cli.domain.row_model import outdated, row_maker, row_opener, row_type
from cqrs_cli.errors import Misuse


class Noted(Event):
    id: str


class Colour(Enum):
    RED = "red"


class Plain(Projection, key=("id", "day", "colour", "at")):
    id: UUID
    day: date
    colour: Colour
    at: datetime
    owner: str | None = None
    amount: Decimal = Decimal("1.50")
    shade: Colour = Colour.RED


class WithList(Projection, key="id"):
    id: str
    items: list[str] = []


class WithFactory(Projection, key="id"):
    id: str
    items: list[str] = Field(default_factory=lambda: ["one"])


class Ruled(Projection, key="id"):
    id: Annotated[str, AfterValidator(str.upper)]


class Watched(Projection, key="id"):
    id: str
    owner: str = ""

    @field_validator("id")
    @classmethod
    def upper(cls, value: str) -> str:
        return value.upper()


class Checked(Projection, key="id"):
    id: str
    owner: str = ""

    @model_validator(mode="after")
    def named(self) -> "Checked":
        self.owner = "nobody"
        return self


class AfterInit(Projection, key="id"):
    id: str
    owner: str = ""

    def model_post_init(self, context: Any) -> None:
        self.owner = "nobody"


class Upper(Projection, key="id"):
    model_config = ConfigDict(str_to_upper=True)
    id: str


class ValidatedDefault(Projection, key="id"):
    id: str
    amount: Decimal = Field(default=1, validate_default=True)


class Constructed(Projection, key="id"):
    id: str
    owner: str = ""

    def __init__(self, **values: Any) -> None:
        super().__init__(**{**values, "owner": "me"})


AT = "2026-01-01T10:00:00.000000Z"
MANY = (str(UUID(int=7)), "2026-01-01", "red", AT)
CLASSES: list[tuple[type[Projection], tuple[str, ...]]] = [
    (Plain, MANY), (WithList, ("a",)), (WithFactory, ("a",)), (Ruled, ("a",)), (Watched, ("a",)), (Checked, ("a",)),
    (AfterInit, ("a",)), (Upper, ("a",)), (ValidatedDefault, ("a",)), (Constructed, ("a",)),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "key"), CLASSES)
def test_a_new_row_is_what_its_class_makes_of_the_key(cls: type[Projection], key: tuple[str, ...]) -> None:
    kind = row_type(cls)
    values = {column.column.name: column.decode(part) for column, part in zip(kind.key_columns, key, strict=True)}
    row, other = row_opener(kind)(key), row_opener(kind)(key)
    assert row == cls(**values)
    assert row.model_fields_set == set(cls.model_fields)
    for name, value in row.__dict__.items():
        if isinstance(value, list):
            assert value is not other.__dict__[name]


def test_only_classes_without_rules_of_their_own_take_the_short_way() -> None:
    short = {cls for cls, _ in CLASSES if row_model._is_plain(cls, row_type(cls).table.key)}
    assert short == {Plain}


def test_a_table_with_its_columns_in_another_order_is_outdated() -> None:
    class First(Projection, key="id", name="t"):
        id: str
        size: int = 0
        owner: str = ""

        @evolve
        def noted(self, event: Noted) -> None: ...

    class Second(Projection, key="id", name="t"):
        id: str
        owner: str = ""
        size: int = 0

        @evolve
        def noted(self, event: Noted) -> None: ...

    first, second = (row_type(cls).definition for cls in (First, Second))
    assert outdated(first, second) == "the order of the columns changed"
    assert outdated(first, first) is None


@pytest.mark.parametrize("stored", ["", "{bad", "[]", "{}", "7"])
def test_a_definition_that_is_none_asks_for_a_rebuild(stored: str) -> None:
    definition = row_type(Plain).definition
    assert outdated(stored, definition) == "what its rows were made with can't be read any more"


class Listed(Projection, key="id", name="t", inline=True):
    id: str
    owner: str = ""


class ListedByBoth(Projection, key=("id", "owner"), name="t", inline=True):
    id: str
    owner: str = ""


class ListedOnce(Projection, key="id", name="t", inline=True, unique="owner"):
    id: str
    owner: str = ""


class ListedQuickly(Projection, key="id", name="t", inline=True, indexes="owner"):
    id: str
    owner: str = ""


class ListedOrNot(Projection, key="id", name="t", inline=True):
    id: str
    owner: str | None = ""


@pytest.mark.parametrize(
    ("cls", "before", "after"),
    [
        (ListedByBoth, "the key (id) became (id, owner)", "the key (id, owner) became (id)"),
        (ListedOnce, "the unique columns changed", "the unique columns changed"),
        (ListedQuickly, "the indexes changed", "the indexes changed"),
        (ListedOrNot, "column owner changed its type", "column owner changed its type"),
    ],
)
def test_what_outdates_a_table_with_the_same_columns(cls: type[Projection], before: str, after: str) -> None:
    plain, other = row_type(Listed).definition, row_type(cls).definition
    assert outdated(plain, other) == before
    assert outdated(other, plain) == after
    assert outdated(other, other) is None


@pytest.mark.parametrize(
    ("unique", "rules"),
    [
        ("owner", (("owner",),)),
        (("owner",), (("owner",),)),
        (("owner", "name"), (("owner", "name"),)),
        ([("owner", "name")], (("owner", "name"),)),
        (["owner", "name"], (("owner",), ("name",))),
        ([("owner", "name"), "name"], (("owner", "name"), ("name",))),
        ((("owner", "name"), ("name",)), (("owner", "name"), ("name",))),
        (("owner", ("owner", "name")), (("owner",), ("owner", "name"))),
        ((), ()),
        ([], ()),
    ],
)
def test_a_tuple_of_names_is_one_rule_and_a_list_has_several(unique: Any, rules: Any) -> None:
    class Both(Projection, key="id", name="t", inline=True, unique=unique):
        id: str
        owner: str = ""
        name: str = ""

    assert row_type(Both).table.unique == rules


def test_new_rows_share_nothing_that_changes() -> None:
    opened = row_opener(row_type(Plain))
    row, other = opened(MANY), opened(MANY)
    row.owner = "ada"  # type: ignore[attr-defined]
    assert other == Plain(
        id=UUID(int=7), day=date(2026, 1, 1), colour=Colour.RED, at=datetime(2026, 1, 1, 10, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("id", "nonsense", "'nonsense' is no UUID"),
        ("amount", "1,5", "'1,5' is no decimal number"),
        ("day", "x", "Invalid isoformat"),
        ("shade", "blue", "not a valid"),
    ],
)
def test_a_stored_value_that_no_longer_fits_is_named(column: str, value: str, told: str) -> None:
    stored = dict(zip(Plain.model_fields, (*MANY, None, "1.50", "red"), strict=True))
    made = row_maker(row_type(Plain))
    assert made(list(stored.values())) == row_opener(row_type(Plain))(MANY)
    with pytest.raises(Misuse, match=rf"plain.{column}: a stored value no longer fits Plain: .*{told}") as caught:
        made(list((stored | {column: value}).values()))
    assert caught.value.code == "needs-rebuild"
