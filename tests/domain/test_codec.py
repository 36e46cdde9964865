"""Events and commands as stored JSON: round trips, versions, names, digests, sharing."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, field_serializer

from cqrs_cli import Command, Event
from cqrs_cli.domain.codec import Codec
from cqrs_cli.errors import DomainFailed, InvalidInput, LimitExceeded, Undecodable
from cqrs_cli.stores.commits import MAX_DEPTH, StoredEvent


class Tone(StrEnum):
    HIGH = "high"
    LOW = "low"


class Level(Enum):
    ONE = 1
    TWO = 2


class Point(BaseModel):
    x: Decimal
    label: str = ""


class Wide(Event):
    text: str
    number: int
    real: float
    exact: Decimal
    flag: bool
    id: UUID
    day: date
    moment: datetime
    clock: time
    span: timedelta
    tone: Tone
    level: Level
    choice: Literal["a", "b"]
    points: list[Point]
    pair: tuple[int, str]
    names: frozenset[str]
    table: dict[str, list[int]]
    maybe: Point | None


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
EXACT = st.decimals(allow_nan=False, allow_infinity=False)
MOMENTS = st.datetimes(timezones=st.just(UTC)) | st.datetimes()
POINTS = st.builds(Point, x=EXACT, label=TEXT)
WIDE = st.builds(
    Wide,
    text=TEXT,
    number=st.integers(-(2**63), 2**63 - 1),
    real=st.floats(allow_nan=False, allow_infinity=False),
    exact=EXACT,
    moment=MOMENTS,
    clock=st.times(),
    span=st.timedeltas(timedelta(days=-9999), timedelta(days=9999)),
    points=st.lists(POINTS, max_size=2),
    pair=st.tuples(st.integers(-(2**63), 2**63 - 1), TEXT),
    names=st.frozensets(TEXT, max_size=3),
    table=st.dictionaries(TEXT, st.lists(st.integers(-(2**63), 2**63 - 1), max_size=2), max_size=2),
    maybe=st.none() | POINTS,
)


def codec(*classes: type[Event] | type[Command]) -> Codec:
    events = {name: cls for cls in classes if issubclass(cls, Event) for name in (cls.stored.name, *cls.stored.aliases)}
    commands = {
        name: cls for cls in classes if issubclass(cls, Command) for name in (cls.stored.name, *cls.stored.aliases)
    }
    return Codec(events, commands)


def stored(name: str, version: int, data: str) -> StoredEvent:
    return StoredEvent(41, "thing-1", 3, name, version, data.encode())


@given(WIDE)
@settings(max_examples=100, deadline=None)
def test_events_come_back_from_their_bytes(event: Wide) -> None:
    cut = codec(Wide)
    encoded = cut.encode(event)
    again = cut.decode(StoredEvent(1, "a", 1, encoded.type, encoded.schema_version, encoded.data))
    assert again == event == encoded.event
    assert cut.encode(again).data == encoded.data


# ── names and versions ────────────────────────────────────────────────────────────────────────


def to_cents(data: dict[str, Any]) -> dict[str, Any]:
    return {"cents": data["euros"] * 100}


def with_currency(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "currency": "EUR"}


class Paid(
    Event, name="paid", version=3, aliases=("Payment", "PaymentMade"), upcasters={1: to_cents, 2: with_currency}
):
    cents: int
    currency: str
    on: date | None = None


@pytest.mark.parametrize(
    ("name", "version", "data"),
    [
        ("paid", 3, '{"cents":500,"currency":"EUR"}'),
        ("paid", 2, '{"cents":500}'),
        ("paid", 1, '{"euros":5}'),
        ("Payment", 1, '{"euros":5,"forgotten":true}'),
        ("PaymentMade", 3, '{"cents":500,"currency":"EUR","new":{"a":1}}'),
    ],
)
def test_older_versions_names_and_fields_are_read(name: str, version: int, data: str) -> None:
    assert codec(Paid).decode(stored(name, version, data)) == Paid(cents=500, currency="EUR")


def test_an_upcast_text_becomes_what_its_field_is() -> None:
    class Dated(Event, version=2, upcasters={1: lambda data: {"on": "2026-01-02", "id": str(UUID(int=1))}}):
        on: date
        id: UUID

    assert codec(Dated).decode(stored("Dated", 1, "{}")) == Dated(on=date(2026, 1, 2), id=UUID(int=1))


def test_a_step_that_changes_nothing_is_dict() -> None:
    class Grown(Event, version=2, upcasters={1: dict}):
        a: int
        b: int = 0

    assert codec(Grown).decode(stored("Grown", 1, '{"a":1}')) == Grown(a=1)


class Part(BaseModel):
    name: str
    id: UUID = Field(default_factory=uuid4)


@dataclass
class Plain:
    name: str
    id: UUID = field(default_factory=uuid4)


FACTORIES = {
    "a field": (UUID, Field(default_factory=uuid4), "Grown.part"),
    "a time": (datetime, Field(default_factory=lambda: datetime.now(UTC)), "Grown.part"),
    "a day": (date, Field(default_factory=date.today), "Grown.part"),
    "in a model": (Part, None, "Part.id"),
    "in a list": (list[Part], None, "Part.id"),
    "in a mapping": (dict[str, Part], None, "Part.id"),
    "in an optional": (Part | None, None, "Part.id"),
    "in a dataclass": (Plain, None, "default_factory"),
}
PARTS = {"in a list": '[{"name":"x"}]', "in a mapping": '{"k":{"name":"x"}}'}


@pytest.mark.parametrize("where", FACTORIES)
def test_what_a_factory_would_make_anew_at_each_reading_is_refused(where: str) -> None:
    kind, default, told = FACTORIES[where]
    given: dict[str, Any] = {} if default is None else {"part": default}

    def grown(**keywords: Any) -> type[Event]:
        return type("Grown", (Event,), {"__annotations__": {"part": kind}, "__module__": __name__, **given}, **keywords)

    old = "{}" if default is not None else '{"part":' + PARTS.get(where, '{"name":"x"}') + "}"
    with pytest.raises(Undecodable) as caught:
        codec(grown()).decode(stored("Grown", 1, old))
    assert told in caught.value.message
    assert "version=2, upcasters={…, 1: lambda data: {**data, " in str(caught.value.hint)
    cls = grown()
    whole = TypeAdapter(cls).validate_json(old)
    assert codec(cls).decode(stored("Grown", 1, whole.model_dump_json())) == whole, "what was written is read"
    if default is None:
        return
    upcast = codec(grown(version=2, upcasters={1: lambda data: {**data, "part": "2026-01-02T00:00:00Z"}}))
    if kind is datetime:
        assert upcast.decode(stored("Grown", 1, old)).part == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "factory", [list, lambda: [1, 2], lambda: [Point(x=Decimal(1))], lambda: Tone.HIGH, lambda: date(2026, 1, 1)]
)
def test_a_factory_of_constants_may_fill_in_what_was_not_stored(factory: Any) -> None:
    class Grown(Event):
        parts: Any = Field(default_factory=factory)

    assert codec(Grown).decode(stored("Grown", 1, "{}")).parts == factory()


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_an_integer_that_no_column_holds_is_refused_when_it_is_sent(number: int) -> None:
    class Counted(Event):
        number: int
        parts: Any = None

    for event in (Counted(number=number), Counted(number=1, parts={"a": [number]})):
        with pytest.raises(InvalidInput, match=f"Counted holds {number}, which needs more than 64 bits"):
            codec(Counted).encode(event)
    fine = Counted(number=2**63 - 1, parts=[str(number), -(2**63), 1e300, Decimal(number)])
    assert codec(Counted).encode(fine.model_copy(update={"parts": fine.parts[:3]})).event.number == 2**63 - 1  # type: ignore[attr-defined]
    data = f'{{"number":{number}}}'
    assert codec(Counted).decode(stored("Counted", 1, data)).number == number, "what is in a log already is read"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Decimal("1E-1001"), "more than 1000 digits"),
        (Decimal("-1E+1000"), "more than 1000 digits"),
        (Decimal("9" * 1001), "more than 1000 digits"),
        (Decimal("0E-4000"), "more than 1000 digits"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "beyond the years"),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))), "beyond the years"),
    ],
)
def test_what_no_column_holds_is_refused_when_it_is_sent(value: Any, told: str) -> None:
    """Else the command is acknowledged, and the read model stops at an event that nobody can change."""

    class Part(BaseModel):
        value: Decimal | datetime

    class Told(Event):
        value: Decimal | datetime | None = None
        parts: list[Part] = []
        by_name: dict[str, Decimal | datetime] = {}

    for event in (Told(value=value), Told(parts=[Part(value=value)]), Told(by_name={"a": value})):
        with pytest.raises(InvalidInput, match=f"Told holds .* {told}"):
            codec(Told).encode(event)
    for fine in (Decimal("1E-1000"), Decimal("9.9E+999"), datetime(1, 1, 1), datetime(9999, 12, 31, tzinfo=UTC)):
        assert codec(Told).encode(Told(value=fine)).event.value == fine  # type: ignore[attr-defined]


def failing(data: dict[str, Any]) -> dict[str, Any]:
    raise KeyError("gone")


class Broken(Event, version=2, upcasters={1: failing}):
    pass


class Misled(Event, version=2, upcasters={1: lambda data: {"a": object()}}):
    a: int = 0


@pytest.mark.parametrize(
    ("name", "version", "data", "error", "told"),
    [
        ("paid", 4, "{}", Undecodable, "version 4, this code knows 3"),
        ("Unknown", 1, "{}", Undecodable, "no event of this domain"),
        ("paid", 3, '{"cents":"many"}', Undecodable, "cents: "),
        ("paid", 3, "{", Undecodable, "does not fit"),
        ("Broken", 1, "{}", DomainFailed, "upcaster of Broken from version 1 raised KeyError"),
        ("Misled", 1, "{}", Undecodable, "upcast"),
    ],
)
def test_what_can_not_be_read_names_the_event(
    name: str, version: int, data: str, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told) as caught:
        codec(Paid, Broken, Misled).decode(stored(name, version, data))
    assert str(caught.value).startswith("event 41 (thing-1 version 3): ")
    assert caught.value.details["position"] == 41  # type: ignore[attr-defined]
    if error is DomainFailed:
        assert "failing" in str(caught.value.traceback)  # type: ignore[attr-defined]


# ── what does not survive ─────────────────────────────────────────────────────────────────────


class Token(BaseModel):
    secret: SecretStr = SecretStr("")


class LogIn(Command):
    password: SecretStr
    inner: Token = Token()


class LogInWritten(LogIn):
    @field_serializer("password")
    def written(self, password: SecretStr) -> str:
        return password.get_secret_value()


@pytest.mark.parametrize(
    "command",
    [LogIn(password="hush"), LogInWritten(password="hush", inner=Token(secret="hush"))],  # type: ignore[arg-type]
)
def test_a_secret_that_json_masks_is_refused_with_a_way_out(command: Command) -> None:
    codec = Codec({}, {})
    with pytest.raises(InvalidInput, match="comes back changed") as caught:
        codec.sent(command)
    assert "a SecretStr is masked in JSON" in (caught.value.hint or "")
    assert "hush" not in str(caught.value)
    assert b'"hush"' in codec.sent(LogInWritten(password="hush")).data  # type: ignore[operator, arg-type]


class Inner(BaseModel):
    real: float | None = None


class Outer(Event):
    inner: Inner = Inner()
    free: Any = None
    either: Decimal | str = ""


class Order(Command):
    inner: Inner = Inner()
    free: Any = None
    either: Decimal | str = ""


@pytest.mark.parametrize(
    "fields",
    [
        {"inner": Inner(real=float("nan"))},
        {"inner": Inner(real=float("inf"))},
        {"free": float("nan")},
        {"free": (1, 2)},
        {"free": Decimal(1)},
        {"free": {1: "a"}},
        {"free": datetime(2026, 1, 1)},
        {"either": "1"},
    ],
)
def test_what_would_come_back_changed_is_refused(fields: dict[str, Any]) -> None:
    cut = codec(Outer, Order)
    with pytest.raises(InvalidInput, match="Outer does not survive JSON"):
        cut.encode(Outer(**fields))
    cut.sent(Order())
    with pytest.raises(InvalidInput, match="Order does not survive JSON"):
        cut.sent(Order(**fields))


@pytest.mark.parametrize("kind", [list, dict])
def test_what_its_type_makes_too_deep_is_refused(kind: type) -> None:
    annotation: Any = int
    value: Any = 1
    for _ in range(MAX_DEPTH):
        annotation, value = (list[annotation], [value]) if kind is list else (dict[str, annotation], {"a": value})
    deep: type[Event] = type("Deep", (Event,), {"__annotations__": {"value": annotation}, "__module__": __name__})
    with pytest.raises(LimitExceeded, match="Deep is nested more than 64 deep"):
        codec(deep).encode(deep(value=value))  # type: ignore[call-arg]


def test_a_number_that_json_has_not_is_refused_however_the_class_writes_it() -> None:
    class Open(Event):
        model_config = ConfigDict(allow_inf_nan=True, ser_json_inf_nan="constants")

        real: float

    for real in (float("nan"), float("inf")):
        with pytest.raises(InvalidInput, match="JSON has not"):
            codec(Open).encode(Open(real=real))


def test_a_made_up_instance_is_refused() -> None:
    with pytest.raises(InvalidInput):
        codec(Paid).encode(Paid.model_construct(cents="many", currency="EUR"))


def test_two_aliases_that_differ_are_noticed_with_the_first_command() -> None:
    class Odd(Command):
        a: int = Field(validation_alias="x", serialization_alias="y")

    with pytest.raises(InvalidInput, match="Odd does not survive JSON"):
        codec(Odd).sent(Odd.model_validate({"x": 1}))


# ── digests ───────────────────────────────────────────────────────────────────────────────────


class Place(Command):
    customer: str
    lines: list[Point] = []
    options: dict[str, int] = {}
    note: str = "none"


def digest(command: Command) -> bytes:
    return codec(type(command)).sent(command).digest


def test_the_digest_is_of_what_was_sent() -> None:
    plain = Place(customer="a")
    assert digest(plain) == digest(Place(customer="a"))
    assert digest(plain) != digest(Place(customer="b"))
    assert digest(plain) != digest(Place(customer="a", note="none")), (
        "a default that was sent is not one that was left out"
    )
    assert digest(Place(customer="a", options={"x": 1, "y": 2})) == digest(
        Place(options={"y": 2, "x": 1}, customer="a")
    )
    assert digest(Place(customer="a", lines=[Point(x=Decimal(1))])) != digest(
        Place(customer="a", lines=[Point(x=Decimal(2))])
    )
    assert digest(Place(customer="a", lines=[Point(x=Decimal(1))])) != digest(
        Place(customer="a", lines=[Point(x=Decimal(1), label="")])
    )


def test_the_envelope_is_no_part_of_the_digest() -> None:
    first = Place(customer="a")
    assert digest(first) == digest(
        first.with_meta(user_id="ada", timestamp=datetime(2026, 1, 1, tzinfo=UTC), metadata={"a": 1})
    )


def test_a_default_that_the_clock_gives_is_no_part_of_the_digest() -> None:
    class Now(Command):
        at: datetime = Field(default_factory=lambda: datetime.now(UTC))

    assert digest(Now()) == digest(Now())


def test_the_digest_outlives_a_new_order_of_fields_and_a_new_field() -> None:
    class Before(Command, name="place"):
        customer: str
        note: str

    class After(Command, name="place"):
        note: str
        urgent: bool = False
        customer: str

    assert digest(Before(customer="a", note="b")) == digest(After(customer="a", note="b"))


def test_a_field_may_have_any_name() -> None:
    class Named(Command):
        default: dict[str, int]
        metadata: set[str]

    assert digest(Named(default={"a": 1, "b": 2}, metadata={"x", "y"})) == digest(
        Named(metadata={"y", "x"}, default={"b": 2, "a": 1})
    )


@pytest.mark.parametrize(
    ("annotation", "value", "canonical"),
    [
        (float, 5e-5, '{"value":5e-05}'),
        (dict[str, int], {"b": 1, "a": 2}, '{"value":{"a":2,"b":1}}'),
        (list[dict[str, int]], [{"b": 1, "a": 2}], '{"value":[{"a":2,"b":1}]}'),
    ],
)
def test_the_digest_is_that_of_the_canonical_form(annotation: Any, value: Any, canonical: str) -> None:
    """For ever: a retry with newer code must have the digest of the command that it repeats."""

    class Some(Command):
        value: annotation  # pyright: ignore[reportInvalidTypeForm]

    assert digest(Some(value=value)) == sha256(canonical.encode()).digest()


def test_the_digest_calls_fields_by_their_aliases() -> None:
    class Aliased(Command):
        size: int = Field(alias="Width")
        height: int = 0

    sent = Aliased.model_validate({"Width": 1, "height": 2})
    assert digest(sent) == sha256(b'{"Width":1,"height":2}').digest()


def test_a_command_comes_back_from_its_payload() -> None:
    cut = codec(Place)
    command = Place(customer="a", lines=[Point(x=Decimal("1.50"))])
    sent = cut.sent(command)
    assert sent.data is not None
    assert cut.command(sent.type, sent.schema_version, sent.data) == command
    with pytest.raises(Undecodable, match="'Nobody'"):
        cut.command("Nobody", 1, sent.data)


# ── sharing ───────────────────────────────────────────────────────────────────────────────────


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)

    x: int


@dataclass
class Loose:
    x: int


def shareable(annotation: Any) -> bool:
    cls: type[Event] = type("Some", (Event,), {"__annotations__": {"value": annotation}, "__module__": __name__})
    return codec(cls).shareable(cls)


@pytest.mark.parametrize(
    "annotation", [int, str | None, Decimal, Tone, tuple[int, ...], frozenset[str], Frozen, tuple[Frozen, ...]]
)
def test_what_can_not_change_is_shared(annotation: Any) -> None:
    assert shareable(annotation)


@pytest.mark.parametrize(
    "annotation", [list[int], set[int], dict[str, int], Any, Point, tuple[Point, ...], Loose, Frozen | Point]
)
def test_what_can_change_is_not_shared(annotation: Any) -> None:
    assert not shareable(annotation)


def test_the_encoded_copy_shares_nothing_with_the_event() -> None:
    points = [Point(x=Decimal(1))]

    class Drawn(Event):
        points: list[Point]

    event = Drawn(points=points)
    encoded = codec(Drawn).encode(event)
    event.points.append(Point(x=Decimal(2)))
    assert len(encoded.event.points) == 1  # type: ignore[attr-defined]
    assert b'"2"' not in encoded.data
