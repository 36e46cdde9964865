"""From a model to options and back, in process: through Typer's own parser, as a command does it."""

from __future__ import annotations

import datetime as dt
import enum
import json
import traceback
import typing
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pydantic
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, JsonValue, PositiveInt, RootModel, SecretStr, model_validator

from cqrs_cli.cli.options.parameters import GLOBALS, Options, metavar, parameters, with_signature
from cqrs_cli.cli.options.payload import build
from cqrs_cli.cli.shell.command import global_parameters
from cqrs_cli.errors import InvalidInput, Misuse
from cqrs_cli.payloads.normalisation import needs_normalising, normalised
from cqrs_cli.payloads.shapes import shape_of
from tests.cli.options.pairs import format_pairs

ID = "11111111-1111-4111-8111-111111111111"


class Status(enum.Enum):
    PENDING = "pending"
    PAID = "paid"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Geo(BaseModel):
    lat: float
    lon: float


class Address(BaseModel):
    street: str
    postal_code: str
    geo: Geo | None = None
    tags: list[str] = []
    notes: dict[str, str] = {}


class Item(BaseModel):
    product_id: UUID
    quantity: PositiveInt
    unit_price: Decimal = Decimal(1)


class Card(BaseModel):
    kind: Literal["card"]
    number: str


class Cash(BaseModel):
    kind: Literal["cash"]
    amount: Decimal


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


LongSecret = Annotated[SecretStr, Field(min_length=9)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def parsed(model: type[BaseModel], *words: str) -> BaseModel:
    """What a command with these words on its line would make."""
    options = Options(model)
    annotations = parameters(options) | {"data": Annotated[str | None, typer.Option("-d", "--data")]}
    made: list[BaseModel] = []

    def run(values: dict[str, Any]) -> None:
        made.append(build(model, options, values, "thing", "read the help"))

    app = typer.Typer(add_completion=False)
    app.command()(with_signature(run, annotations))
    typer.main.get_command(app).main(list(words), standalone_mode=False)
    return made[0]


def given_fields(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(exclude_unset=True)


def complaints(call: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(InvalidInput) as caught:
        call()
    return tuple(caught.value.complaints)


def flags(model: type[BaseModel]) -> list[tuple[str, ...]]:
    return [option.decls for option in Options(model).all]


# ── one field of each kind ────────────────────────────────────────────────────────────────────


class Kinds(Strict):
    name: str = ""
    count: int = 0
    price: Decimal = Decimal(0)
    ratio: float = 0
    id: UUID | None = None
    day: dt.date | None = None
    moment: dt.datetime | None = None
    gift: bool | None = None
    wrap: bool = True
    status: Status = Status.PENDING
    level: Level = Level.LOW
    grade: Literal[1, 2, "x"] = 1
    maybe: Annotated[int, Field(ge=0)] | None = None
    tags: list[str] = []
    numbers: set[int] = set()
    pair: tuple[int, str] = (0, "")
    labels: dict[str, int] = {}
    address: Address | None = None
    items: list[Item] = []
    payment: Card | Cash | None = None
    payments: list[Annotated[Card | Cash, Field(discriminator="kind")]] = []
    tree: Tree | None = None
    code: int | str = 0
    either: UUID | str = ""
    anything: Any = None
    value: JsonValue = None
    matrix: list[list[int]] = []
    groups: dict[str, list[int]] = {}
    secret: SecretStr | None = None
    root: RootModel[list[int]] | None = None
    newtype: NewType("Number", int) = 0  # type: ignore[valid-type]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--name", "@home"], {"name": "@home"}),
        (["--name", "a,b=c"], {"name": "a,b=c"}),
        (["--name="], {"name": ""}),
        (["--name=--data"], {"name": "--data"}),
        (["--count", "-5"], {"count": -5}),
        (["--price", "12345678901234567890.10"], {"price": Decimal("12345678901234567890.10")}),
        (["--ratio", "0.5"], {"ratio": 0.5}),
        (["--id", ID], {"id": UUID(ID)}),
        (["--day", "2026-01-02"], {"day": dt.date(2026, 1, 2)}),
        (["--moment", "2026-01-02T03:04:05Z"], {"moment": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)}),
        ([], {}),
        (["--gift"], {"gift": True}),
        (["--no-gift"], {"gift": False}),
        (["--no-wrap"], {"wrap": False}),
        (["--status", "paid"], {"status": Status.PAID}),
        (["--level", "2"], {"level": Level.HIGH}),
        (["--grade", "2"], {"grade": 2}),
        (["--grade", "x"], {"grade": "x"}),
        (["--maybe", "3"], {"maybe": 3}),
        (["--tag", "a,b", "--tags", "[1]"], {"tags": ["a,b", "[1]"]}),
        (["--number", "1", "--number", "2"], {"numbers": {1, 2}}),
        (["--pair", "1", "--pair", "2"], {"pair": (1, "2")}),
        (["--labels", "a=1", "--label", "b=2"], {"labels": {"a": 1, "b": 2}}),
        (["--labels", '{"a=b": 1}'], {"labels": {"a=b": 1}}),
        (
            [
                "--address.street",
                "1 Main",
                "--address.postal-code",
                "007",
                "--address.geo.lat",
                "1",
                "--address.geo.lon",
                "2",
            ],
            {"address": {"street": "1 Main", "postal_code": "007", "geo": {"lat": 1.0, "lon": 2.0}}},
        ),
        (["--address", "street='1, Main',postal_code=007"], {"address": {"street": "1, Main", "postal_code": "007"}}),
        (
            ["--address", "street=a,postal-code=1,geo.lat=1,geo.lon=2"],
            {"address": {"street": "a", "postal_code": "1", "geo": {"lat": 1, "lon": 2}}},
        ),
        (
            ["--address", "street=a,postal_code=1,tags=x,tags=y"],
            {"address": {"street": "a", "postal_code": "1", "tags": ["x", "y"]}},
        ),
        (
            ["--address", "street=a,postal_code=1,notes.k=v"],
            {"address": {"street": "a", "postal_code": "1", "notes": {"k": "v"}}},
        ),
        (
            ["--address", '{"street": "a", "postal_code": "1"}', "--address.street", "b"],
            {"address": {"street": "b", "postal_code": "1"}},
        ),
        (
            ["--address", """street=a,postal_code=1,geo='{"lat": 1, "lon": 2}'"""],
            {"address": {"street": "a", "postal_code": "1", "geo": {"lat": 1, "lon": 2}}},
        ),
        (
            ["--item", f"product_id={ID},quantity=2", "--items", f'[{{"product_id": "{ID}", "quantity": 3}}]'],
            {"items": [{"product_id": UUID(ID), "quantity": 2}, {"product_id": UUID(ID), "quantity": 3}]},
        ),
        (["--payment", '{"kind": "cash", "amount": 0.10}'], {"payment": {"kind": "cash", "amount": Decimal("0.10")}}),
        (["--payment", '{"kind": "card", "number": "1"}'], {"payment": {"kind": "card", "number": "1"}}),
        (["--payments", '[{"kind": "card", "number": "1"}]'], {"payments": [{"kind": "card", "number": "1"}]}),
        (
            ["--tree", '{"name": "a", "children": [{"name": "b"}]}'],
            {"tree": {"name": "a", "children": [{"name": "b"}]}},
        ),
        (
            ["--tree.name", "a", "--tree.children", '{"name": "b"}'],
            {"tree": {"name": "a", "children": [{"name": "b"}]}},
        ),
        (["--code", "5"], {"code": 5}),
        (["--code", '"5"'], {"code": "5"}),
        (["--code", "abc"], {"code": "abc"}),
        (["--either", "5"], {"either": "5"}),
        (["--anything", "[1.5]"], {"anything": [1.5]}),
        (["--anything", "plain text"], {"anything": "plain text"}),
        (["--value", '{"a": [0.5, null]}'], {"value": {"a": [0.5, None]}}),
        (["--matrix", "[1, 2]", "--matrix", "[3]"], {"matrix": [[1, 2], [3]]}),
        (["--groups", "a=[1,2]"], {"groups": {"a": [1, 2]}}),
        (["--secret", "s"], {"secret": SecretStr("s")}),
        (["--root", "1", "--root", "2"], {"root": [1, 2]}),
        (["--newtype", "7"], {"newtype": 7}),
        (["-d", '{"count": 1, "name": "a"}', "--name", "b"], {"count": 1, "name": "b"}),
        (["-d", '{"labels": {"a": 1}}', "--label", "b=2"], {"labels": {"a": 1, "b": 2}}),
        (["-d", '{"tags": ["a"]}', "--tag", "b"], {"tags": ["b"]}),
        (["-d", '{"gift": true}', "--no-gift"], {"gift": False}),
        (["-d", '{"value": 0.5}'], {"value": 0.5}),
    ],
)
def test_a_field_of_each_kind(words: list[str], expected: dict[str, Any]) -> None:
    assert given_fields(parsed(Kinds, *words)) == expected


def test_what_is_not_said_is_not_set() -> None:
    """The digest of a command is over the fields that were sent; unset is not false."""
    assert parsed(Kinds).model_fields_set == set()
    assert parsed(Kinds, "--no-wrap").model_fields_set == {"wrap"}


def test_models_come_from_files(tmp_path: Path) -> None:
    item = tmp_path / "item.json"
    item.write_text(json.dumps([{"product_id": ID, "quantity": 1}, {"product_id": ID, "quantity": 2}]))
    tree = tmp_path / "tree.json"
    tree.write_text('{"name": "x"}')
    made = parsed(
        Kinds,
        "--item",
        f"@{item}",
        "--tree",
        f"@{tree}",
        "--tag",
        f"@{item}",
        "--payment",
        '{"kind":"card","number":"@x"}',
    )
    assert [item["quantity"] for item in given_fields(made)["items"]] == [1, 2]
    assert given_fields(made)["tree"] == {"name": "x"}
    assert given_fields(made)["tags"] == [f"@{item}"], "a scalar that begins with @ is literal"


def test_data_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text('{"count": 3}')
    assert given_fields(parsed(Kinds, "-d", f"@{file}")) == {"count": 3}
    with pytest.raises(Misuse, match="-d/--data: can't read"):
        parsed(Kinds, "-d", f"@{tmp_path / 'none'}")


@pytest.mark.parametrize("data", ["[1]", "1", '{"a":', '{"count": 1, "count": 2}', '{"count": NaN}'])
def test_data_that_is_no_json_object(data: str) -> None:
    with pytest.raises(InvalidInput, match="-d/--data: "):
        parsed(Kinds, "-d", data)


# ── complaints ────────────────────────────────────────────────────────────────────────────────


class Order(Strict):
    customer_id: UUID
    items: list[Item]
    shipping_address: Address
    reason: str = ""
    payment: Annotated[Card | Cash, Field(discriminator="kind")] | None = None
    labels: dict[str, int] = {}
    pin: SecretStr | None = Field(None, min_length=9)


def test_all_complaints_come_at_once_mapped_to_flags() -> None:
    words = ["--customer-id", "x", "--item", f"product_id={ID},quantity=two", "--item", f"quantity=0,product_id={ID}"]
    words += ["--shipping-address.street", "s", "--payment", '{"kind": "card"}', "--label", "a=b", "--pin", "geheim"]
    words += ["-d", '{"reasn": 1}']
    found = complaints(lambda: parsed(Order, *words))
    assert found[1:] == (
        "--items[0].quantity: Input should be a valid integer (got 'two')",
        "--items[1].quantity: Input should be greater than 0 (got '0')",
        "--shipping-address.postal-code: Field required",
        "--payment.number: as card: Field required",
        "--labels.a: Input should be a valid integer (got 'b')",
        "--pin: Value should have at least 9 items after validation, not 6",
        "reasn: there is no such field; did you mean 'reason'?",
    )
    assert found[0].startswith("--customer-id: Input should be a valid UUID")
    assert complaints(lambda: parsed(Order, "--customer-id", "6db370b2"))[0] == (
        "--customer-id: this is the beginning of an id, and a field wants all of it: --json shows ids whole"
        " (got '6db370b2')"
    )
    text = "\n".join(found)
    assert "pydantic" not in text
    assert "http" not in text
    assert "geheim" not in text


def test_a_secret_among_other_kinds_is_not_shown() -> None:
    class Login(Strict):
        pin: Annotated[SecretStr, Field(min_length=9)] | UUID

    found = complaints(lambda: parsed(Login, "--pin", "geheim"))
    assert len(found) == 2
    assert "geheim" not in "\n".join(found)


class Inner(Strict):
    password: SecretStr
    user: str = ""


class Keeper(Strict):
    inner: Inner | None = None
    inners: list[Inner] = []
    secrets: list[SecretStr] = []
    named: dict[str, SecretStr] = {}
    deep: dict[str, list[Inner]] = {}
    either: Inner | Annotated[SecretStr, Field(min_length=99)] | None = None
    pair: tuple[int, SecretStr] | None = None


@pytest.mark.parametrize(
    "words",
    [
        ["--inner", "geheim"],
        ["--inner", "geheim=1"],
        ["--inner", "=geheim"],
        ["--inner", "password='geheim"],
        ["--inner", "password='geheim'geheim"],
        ["--inner", "password=x,geheim"],
        ["--inner", "password=geheim,password=geheim"],
        ["--inner", "{geheim"],
        ["--inner", '["geheim"]'],
        ["--inner", '{"password": ["geheim"]}'],
        ["--inner.password", "geheim\udcff"],
        ["--inners", "geheim"],
        ["--inners", '["geheim"'],
        ["--inners", "password=x", "--inners", "password=geheim,geheim=1"],
        ["--secrets", "geheim\udcff"],
        ["--named", "geheim"],
        ["--named", "{geheim"],
        ["--named", "a=geheim\udcff"],
        ["--deep", "a=geheim"],
        ["--deep", "a=[geheim"],
        ["--deep", "a=geheim", "--deep", "a=geheim"],
        ["--either", "geheim"],
        ["--either", '{"password": ["geheim"]}'],
        ["--pair", "geheim"],
        ["--pair", '["geheim", "geheim"]'],
        ["-d", "geheim"],
        ["-d", '["geheim"]'],
        ["-d", '{"inner": "geheim", "secrets": ["x", {"a": "geheim"}], "pair": ["geheim", 1]}'],
    ],
    ids=" ".join,
)
def test_what_may_hold_a_secret_is_never_quoted(words: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        parsed(Keeper, *words)
    told = "".join(traceback.format_exception(caught.value))  # as --debug prints it
    assert "geheim" not in told + "\n".join(caught.value.complaints)


def test_that_a_comma_ends_a_value_is_told_where_it_mattered() -> None:
    [said] = complaints(lambda: parsed(Order, *REST, "--shipping-address", "street=Rue 1, rez,postal_code=1"))
    assert said.startswith("--shipping-address: expected key=value, found 'rez'; a comma begins the next pair")
    said, *_ = complaints(lambda: parsed(Order, *REST, "--shipping-address", "street=a, see url=1,postal_code=1"))
    assert "no such key 'see url'" in said
    assert "a comma begins the next pair" in said
    quoted = """street="Rue 1, rez",postal_code=1"""
    escaped = r"street=Rue 1\, rez,postal_code=1"
    for text in (quoted, escaped):
        made = parsed(Order, *REST, "--shipping-address", text)
        assert isinstance(made, Order)
        assert made.shipping_address.street == "Rue 1, rez"
    assert "one pair each time" in next(option.help for option in Options(Order).all if option.flag == "--labels")


REST = ["--customer-id", ID, "--item", f"product_id={ID},quantity=1"]


def test_texts_that_can_not_be_read_are_complaints_beside_the_others() -> None:
    words = [
        "--item",
        "quantity",
        "--shipping-address",
        "stret=x",
        "--payment",
        "card",
        "--label",
        "a",
        "--label",
        "a=1",
    ]
    found = complaints(lambda: parsed(Order, *words))
    assert [complaint.split(":")[0] for complaint in found] == [
        "--items[0]",
        "--shipping-address",
        "--payment",
        "--labels",
        "--customer-id",
        "--shipping-address.street",
        "--shipping-address.postal-code",
    ]
    assert "did you mean 'street'?" in found[1]
    assert "Field required" in found[4]


def test_a_value_that_can_not_be_read_hides_no_complaint_about_the_others(tmp_path: Path) -> None:
    words = ["--item", "product_id=1,quantity=two", "--item", "foo", "--item", f"product_id={ID},quantity=0"]
    words += ["--item", f"product_id={ID},quantity=no,unit_prise=2", "--label", "a", "--label", "b=x"]
    words += ["--shipping-address", f"@{tmp_path / 'none.json'}"]
    found = complaints(lambda: parsed(Order, *words))
    assert [complaint.split(":")[0] for complaint in found] == [
        "--items[1]",
        "--items[3]",
        "--shipping-address",
        "--labels",
        "--customer-id",
        "--items[0].product_id",
        "--items[0].quantity",
        "--items[2].quantity",
        "--items[3].quantity",
        "--labels.b",
    ]
    assert "found 'foo'" in found[0]
    assert "did you mean 'unit_price'?" in found[1]
    assert "can't read" in found[2]


def test_data_that_can_not_be_read_hides_no_complaint_about_options(tmp_path: Path) -> None:
    words = ["-d", f"@{tmp_path / 'none.json'}", "--item", "foo", "--item", f"product_id={ID},quantity=0"]
    found = complaints(lambda: parsed(Order, *words))
    assert [complaint.split(":")[0] for complaint in found] == ["-d/--data", "--items[0]", "--items[1].quantity"]


def test_a_key_of_json_is_named_as_it_was_written() -> None:
    found = complaints(lambda: parsed(Order, "-d", '{"customer-id": 1}'))
    assert "customer-id: there is no such field; did you mean 'customer_id'?" in found
    assert "--customer-id: Field required" in found


def test_rules_about_the_whole_are_not_judged_on_a_part() -> None:
    class Picky(Strict):
        items: list[Item] = Field([], min_length=1)

        @model_validator(mode="after")
        def _some(self) -> Picky:
            raise ValueError("this is no complaint about what could not be read")

    assert len(complaints(lambda: parsed(Picky, "--item", "foo"))) == 1
    assert len(complaints(lambda: parsed(Picky, "--item", "foo", "--item", f"product_id={ID},quantity=1"))) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--shipping-address", "street=a,street=b,postal_code=1"],
        ["--shipping-address", "street=a,postal_code=1,postal-code=2"],
        ["--shipping-address", "street=a,postal_code=1,street.x=2"],
        ["--label", "a=1", "--label", "a=2"],
        ["--shipping-address", '{"street": "a", "street": "b", "postal_code": "1"}'],
    ],
)
def test_nothing_is_given_twice(words: list[str]) -> None:
    found = complaints(lambda: parsed(Order, *words))
    assert any(("twice" in line) or ("no parts" in line) for line in found), found


def test_the_users_own_words_in_complaints() -> None:
    class Picky(Strict):
        first: int = 0
        second: int = 0

        @model_validator(mode="after")
        def _ordered(self) -> Picky:
            if self.second < self.first:
                raise ValueError("second comes after first")
            return self

    assert complaints(lambda: parsed(Picky, "--first", "2")) == ("second comes after first",)


def test_long_values_are_cut_and_made_inert() -> None:
    [complaint] = complaints(lambda: parsed(Kinds, "--count", "\x1b[31m" + "x" * 500))
    assert "\x1b" not in complaint
    assert len(complaint) < 150


def test_strict_models_take_texts_too() -> None:
    class Exact(Strict):
        model_config = ConfigDict(strict=True)
        count: int
        id: UUID

    assert given_fields(parsed(Exact, "--count", "1", "--id", ID)) == {"count": 1, "id": UUID(ID)}


# ── names ─────────────────────────────────────────────────────────────────────────────────────


def test_names_of_the_tool_keep_their_meaning() -> None:
    class Clash(Strict):
        format: str = ""
        meta: int = 0
        dry_run: bool = False
        expect: list[str] = []
        as_: str = Field("", alias="as")

    assert flags(Clash) == [
        ("--field.format",),
        ("--field.meta",),
        ("--field.dry-run/--no-field.dry-run",),
        ("--field.expect",),
        ("--field.as",),
    ]
    assert given_fields(parsed(Clash, "--field.format", "x", "--field.expect", "a", "--field.dry-run")) == {
        "format": "x",
        "expect": ["a"],
        "dry_run": True,
    }
    assert complaints(lambda: parsed(Clash, "--field.meta", "x")) == (
        "--field.meta: Input should be a valid integer (got 'x')",
    )


def test_other_spellings_of_a_field_named_like_the_tools_options() -> None:
    class Clash(Strict):
        stores: list[str] = []
        progress: bool = True

    assert flags(Clash) == [("--stores", "--field.store"), ("--progress/--field.no-progress",)]
    assert given_fields(parsed(Clash, "--field.store", "a", "--field.no-progress")) == {
        "stores": ["a"],
        "progress": False,
    }


def test_names_that_would_be_the_same_option() -> None:
    class Twins(Strict):
        item: str = ""
        items: list[str] = []
        gift: bool = False
        no_gift: str = ""
        user_id: int = 0
        userId: int = 0

    all_flags = [flag for option in Options(Twins).all for flag in (*option.flags, option.off) if flag]
    assert len(all_flags) == len(set(all_flags))
    made = parsed(
        Twins, "--item", "a", "--items", "b", "--gift", "--no-gift", "c", "--user-id", "1", "--field.user-id", "2"
    )
    assert given_fields(made) == {"item": "a", "items": ["b"], "gift": True, "no_gift": "c", "user_id": 1, "userId": 2}


def test_singulars() -> None:
    class Plural(Strict):
        items: list[int] = []
        address: list[str] = []
        boxes: list[str] = Field([], json_schema_extra={"singular": "box"})

    assert flags(Plural) == [("--items", "--item"), ("--address",), ("--boxes", "--box")]


def test_aliases_name_the_option_and_the_field_name_works_too() -> None:
    class Aliased(Strict):
        street_name: str = Field(alias="street")
        zip_code: str = Field(validation_alias="postalCode")

    assert flags(Aliased) == [("--street", "--street-name"), ("--postal-code", "--zip-code")]
    assert given_fields(parsed(Aliased, "--street", "a", "--zip-code", "1")) == {"street_name": "a", "zip_code": "1"}
    assert given_fields(parsed(Aliased, "-d", '{"street": "a", "postalCode": "1"}', "--street", "b")) == {
        "street_name": "b",
        "zip_code": "1",
    }
    assert complaints(lambda: parsed(Aliased, "--street", "a")) == ("--postal-code: Field required",)


def test_a_field_under_both_of_its_names_is_refused() -> None:
    class Aliased(Strict):
        street_name: str = Field(alias="street")

    for data in ('{"street_name": "a", "street": "b"}', '{"street": "b", "street_name": "a"}'):
        assert complaints(lambda data=data: parsed(Aliased, "-d", data))  # type: ignore[misc]


def test_where_no_name_is_unknown_the_alias_counts_in_any_order() -> None:
    class Aliased(BaseModel):
        street_name: str = Field(alias="street")

    for data in ('{"street_name": "a", "street": "b"}', '{"street": "b", "street_name": "a"}'):
        assert given_fields(parsed(Aliased, "-d", data)) == {"street_name": "b"}


def test_a_field_that_is_not_for_the_caller_has_no_option() -> None:
    class Made(Strict):
        name: str
        number: int = Field(0, init=False)

    assert flags(Made) == [("--name",)]


def test_help_says_what_pydantic_knows(capsys: pytest.CaptureFixture[str]) -> None:
    class Described(Strict):
        customer_id: UUID = Field(description="Who it is for")
        status: Status = Status.PENDING
        gift: bool | None = None
        address: Address | None = None

    options = {option.flag: option.help for option in Options(Described).all}
    assert options["--customer-id"] == "Who it is for  [required]"
    assert options["--status"] == "[default: pending]"
    assert options["--address.street"] == "[required with --address]"
    assert options["--gift"] == ""


class SecretCard(BaseModel):
    kind: Literal["card"]
    number: LongSecret


@dataclass
class Login:
    password: LongSecret


@pytest.mark.parametrize(
    ("hint", "given"),
    [
        (LongSecret, "geheim"),
        (tuple[LongSecret, int], '["geheim", 1]'),
        (LongSecret | int | Annotated[str, Field(min_length=9)], "geheim"),
        (LongSecret | list[str], '"geheim"'),
        (Annotated[SecretCard | Cash, Field(discriminator="kind")], '{"kind": "card", "number": "geheim"}'),
        (SecretCard | Cash, '{"kind": "card", "number": "geheim"}'),
        (list[SecretCard], '{"kind": "card", "number": "geheim"}'),
        (dict[str, LongSecret], "a=geheim"),
        (Login, '{"password": "geheim"}'),
        (LongSecret | UUID, "geheim"),
    ],
    ids=str,
)
def test_a_secret_is_nowhere_shown(hint: Any, given: str) -> None:
    class Holder(BaseModel):
        __annotations__ = {"value": hint, "plain": int}

    told = complaints(lambda: parsed(Holder, "--value", given, "--plain", "visible"))
    assert len(told) >= 2
    assert not [line for line in told if "geheim" in line or "`g`" in line]
    assert "(got 'visible')" in told[-1]


def test_help_shows_a_spelling_that_is_taken() -> None:
    class Nested(BaseModel):
        rows: list[list[int]] = []
        maps: list[dict[str, int]] = []
        sizes: dict[str, list[int]] = {}
        inner: dict[str, dict[str, int]] = {}
        plain: dict[str, int] = {}
        numbers: list[int] = []

    shown = {option.flag: metavar(option.shape) for option in Options(Nested).all}
    assert shown == {
        "--rows": "JSON",
        "--maps": "JSON",
        "--sizes": "KEY=JSON",
        "--inner": "KEY=JSON",
        "--plain": "KEY=<int>",
        "--numbers": "<int>",
    }
    typed = {"JSON": "[1, 2]", "KEY=JSON": "a=[1, 2]", "KEY=<int>": "a=1", "<int>": "1"}
    words = [word for flag, spelling in shown.items() for word in (flag, typed[spelling])]
    words = [word.replace("[1, 2]", '{"b": 1}') if words[at - 1] in ("--maps", "--inner") else word
             for at, word in enumerate(words)]  # fmt: skip
    assert given_fields(parsed(Nested, *words)) == {
        "rows": [[1, 2]],
        "maps": [{"b": 1}],
        "sizes": {"a": [1, 2]},
        "inner": {"a": {"b": 1}},
        "plain": {"a": 1},
        "numbers": [1],
    }


def test_unknown_options_get_a_suggestion() -> None:
    with pytest.raises(typer.TyperException) as caught:
        parsed(Order, "--custmer-id", "x")
    assert "--customer-id" in caught.value.format_message()


# ── round trip ────────────────────────────────────────────────────────────────────────────────

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
addresses = st.fixed_dictionaries(
    {"street": texts, "postal_code": texts},
    optional={"geo": st.fixed_dictionaries({"lat": st.floats(-90, 90), "lon": st.floats(-180, 180)})},
)
whole = st.fixed_dictionaries(
    {},
    optional={
        "name": texts,
        "count": st.integers(-(10**20), 10**20),
        "price": st.decimals(allow_nan=False, allow_infinity=False),
        "gift": st.booleans(),
        "status": st.sampled_from(Status),
        "grade": st.sampled_from([1, 2, "x"]),
        "tags": st.lists(texts, min_size=1, max_size=3),
        "labels": st.dictionaries(
            texts.filter(lambda key: "=" not in key and not key.startswith("{")), st.integers(), min_size=1
        ),
        "address": addresses,
        "items": st.lists(
            st.fixed_dictionaries({"product_id": st.uuids(), "quantity": st.integers(1, 999)}), min_size=1, max_size=3
        ),
    },
)


def words_of(payload: dict[str, Any], dotted: bool) -> list[str]:
    """A payload as a user would type it."""
    words: list[str] = []
    for name, value in payload.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{name}")
        elif name == "labels":
            words += [f"{flag}={key}={number}" for key, number in value.items()]
        elif name == "tags":
            words += [f"{flag}={text}" for text in value]
        elif name == "items":
            words += [f"--item={format_pairs([(key, str(part)) for key, part in item.items()])}" for item in value]
        elif isinstance(value, dict) and dotted:
            words += [f"--{name}.{word[2:]}" for word in words_of(value, dotted)]
        elif isinstance(value, dict):
            geo = value.get("geo", {})
            pairs = [(key, part) for key, part in value.items() if key != "geo"] + [
                (f"geo.{key}", str(part)) for key, part in geo.items()
            ]
            words.append(f"{flag}={format_pairs(pairs)}")
        else:
            words.append(f"{flag}={value.value if isinstance(value, enum.Enum) else value}")
    return words


@settings(deadline=None, max_examples=60)
@given(whole, st.booleans())
def test_a_payload_as_flags_is_that_payload(payload: dict[str, Any], dotted: bool) -> None:
    assert given_fields(parsed(Kinds, *words_of(payload, dotted))) == payload


@settings(deadline=None, max_examples=60)
@given(whole)
def test_a_payload_as_data_is_that_payload(payload: dict[str, Any]) -> None:
    data = Kinds(**payload).model_dump_json(exclude_unset=True)
    assert given_fields(parsed(Kinds, "-d", data)) == payload


def test_a_field_of_json_texts_gets_them_as_they_are() -> None:
    class Texts(Strict):
        one: pydantic.Json[list[int]] | None = None
        rows: list[pydantic.Json[list[int]]] = []

    assert {option.flag: metavar(option.shape) for option in Options(Texts).all} == {
        "--one": "<text>",
        "--rows": "<text>",
    }
    made = parsed(Texts, "--one", "[4]", "--row", "[1, 2]", "--row", "[3]")
    assert given_fields(made) == {"one": [4], "rows": [[1, 2], [3]]}


class Renamed(BaseModel):
    street_name: str = Field(alias="street")


class Holder(BaseModel):
    inner: Renamed


@pytest.mark.parametrize(
    ("annotation", "value", "tidied"),
    [
        (Renamed, {"street": "a"}, {"street_name": "a"}),
        (Holder, {"inner": {"street": "a"}}, {"inner": {"street_name": "a"}}),
        (list[Renamed], [{"street": "a"}], [{"street_name": "a"}]),
        (dict[str, Renamed], {"x": {"street": "a"}}, {"x": {"street_name": "a"}}),
        (Any, Decimal("0.5"), 0.5),
        (list[JsonValue], [Decimal("0.5")], [0.5]),
        (dict[str, list[Any]], {"x": [Decimal("0.5")]}, {"x": [0.5]}),
    ],
)
def test_what_tidying_changes_is_known_before(annotation: Any, value: Any, tidied: Any) -> None:
    shape = shape_of(annotation)
    assert needs_normalising(shape)
    assert repr(normalised(shape, value)) == repr(tidied)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Geo, {"lat": Decimal("0.5"), "lon": Decimal(1)}),
        (list[Item], [{"quantity": Decimal(1)}]),
        (dict[str, Decimal], {"x": Decimal("0.5")}),
        (int | str, Decimal("0.5")),
    ],
)
def test_what_needs_no_tidying_is_left_as_it_is(annotation: Any, value: Any) -> None:
    shape = shape_of(annotation)
    assert not needs_normalising(shape)
    assert repr(normalised(shape, value)) == repr(value)


def test_type_aliases() -> None:
    made = getattr(typing, "TypeAliasType", None)
    alias = made("alias", int) if made else int

    class Aliases(Strict):
        number: alias = 0  # type: ignore[valid-type]

    assert flags(Aliases) == [("--number",)]
    assert given_fields(parsed(Aliases, "--number", "4")) == {"number": 4}


def test_the_tools_own_names_are_those_of_its_global_options() -> None:
    spelled = {flag[2:] for parameter in global_parameters() for flag in parameter.opts if flag.startswith("--")}
    assert spelled | {"help"} == GLOBALS
