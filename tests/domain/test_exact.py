"""What a class's types prove needless is left out; the stored bytes and digests are the same as ever."""

import contextlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator

from cqrs_cli.domain import codec
from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.exact import Unproven, copied, given_fields
from cqrs_cli.domain.messages import Command, Event
from cqrs_cli.domain.payload import canonical_json
from cqrs_cli.domain.pydantic_fast import to_json
from cqrs_cli.errors import InvalidInput
from tests.domain import golden_messages as golden

GOLDEN = json.loads((Path(__file__).parent / "golden_messages.json").read_text())
ADDRESS = golden.Address(street="a", city="b")


class Plain(BaseModel):
    text: str = "x"
    number: int = 1
    price: Decimal = Decimal(1)


class Pay(Command):
    invoice_id: UUID = golden.ID
    paid: bool = True
    parts: list[Plain] = []
    best: Plain | None = None


class Paid(Event):
    invoice_id: UUID = golden.ID
    paid: bool = True
    parts: list[Plain] = []
    best: Plain | None = None


@pytest.fixture
def looked_at(monkeypatch):
    """The messages whose payload was read back."""
    seen = []
    read_back = codec._read_back
    monkeypatch.setattr(codec, "_read_back", lambda *given: (seen.append(given[0]), read_back(*given))[1])
    return seen


@pytest.mark.parametrize(("name", "command"), list(golden.commands()))
def test_bytes_and_digests_are_those_of_old_stores(name, command):
    sent = Codec({}, {}).sent(command)
    # Large floats are written as 1e22 or 1e+22, by the version of pydantic; the digest does not depend on it.
    assert sent.data
    assert [sent.data.decode().replace("e+", "e"), sent.digest.hex()] == [
        GOLDEN[name][0].replace("e+", "e"),
        GOLDEN[name][1],
    ]


PROVEN = [
    Pay(),
    Pay(parts=[Plain(), Plain(text='\u2028"é', number=-5, price=Decimal("1.10"))], best=Plain(price=Decimal("1E+5"))),
    Pay.model_validate({"paid": 0, "best": {"price": "0.00", "number": "7"}}),
    Pay.model_construct(parts=[], best=None),
]


@pytest.mark.parametrize("command", PROVEN)
def test_what_is_proven_is_not_read_back_and_would_have_come_back_the_same(command, looked_at):
    sent = Codec({}, {}).sent(command)
    assert looked_at == []
    assert sent.data
    assert Pay.model_validate_json(sent.data) == command
    shape = given_fields(Pay)
    assert shape
    assert to_json(shape(command)) == canonical_json(command, has_sets=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"paid": 1},
        {"invoice_id": str(golden.ID)},
        {"parts": (Plain(),)},
        {"parts": [Plain.model_construct(text=5)]},
        {"parts": [Plain.model_construct(number="5")]},
        {"parts": [Plain.model_construct(number=2**64)]},
        {"best": Plain.model_construct(price=Decimal("NaN"))},
        {"best": Plain.model_construct(price=Decimal("Infinity"))},
        {"best": Plain.model_construct(price=1.5)},
        {"best": ADDRESS},
        {"best": type("Derived", (Plain,), {})()},
        {"unknown": 1},
    ],
)
def test_an_instance_that_its_class_did_not_make_is_read_back(changes, looked_at):
    command = Pay().model_copy(update=changes)
    with contextlib.suppress(InvalidInput):
        Codec({}, {}).sent(command)
    assert looked_at == [command]

    event = Paid().model_copy(update=changes)
    with contextlib.suppress(InvalidInput):
        Codec({}, {}).encode(event)
    assert looked_at == [command, event]


def test_one_that_lacks_a_field_is_read_back(looked_at):
    command = Pay()
    del vars(command)["best"]
    with pytest.raises((InvalidInput, AttributeError, KeyError)):
        Codec({}, {}).sent(command)
    shape, copy = given_fields(Pay), copied(Paid)
    assert shape
    assert copy
    with pytest.raises(Unproven):
        shape(command)
    event = Paid()
    del vars(event)["best"]
    with pytest.raises(Unproven):
        copy(event)


def parts_of(model):
    """All that the models in it have, in order, with the types."""
    values = [(name, type(value), str(value)) for name, value in model.__dict__.items()]
    inner = [*getattr(model, "parts", ()), *filter(None, [getattr(model, "best", None)])]
    hidden = (model.model_fields_set, model.__pydantic_extra__, model.__pydantic_private__)
    return type(model), values, hidden, [parts_of(each) for each in inner]


PLAIN = st.builds(
    Plain,
    text=st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    number=st.integers(-(2**63), 2**63 - 1),
    price=st.decimals(allow_nan=False, allow_infinity=False),
)
FIELDS = {"invoice_id": st.uuids(), "paid": st.booleans(), "parts": st.lists(PLAIN), "best": st.none() | PLAIN}


@given(fields=st.fixed_dictionaries({}, optional=FIELDS))
def test_the_copy_of_an_event_is_what_its_payload_gives(fields):
    event = Paid(**fields)
    encoded = Codec({}, {}).encode(event)
    copy = copied(Paid)
    assert copy
    read, own = Paid.model_validate_json(encoded.data), copy(event)
    assert parts_of(own) == parts_of(encoded.event) == parts_of(read)
    assert own == read == event


def test_a_copy_shares_nothing_that_can_change(looked_at):
    event = Paid(parts=[Plain(), Plain()], best=Plain())
    own: Any = Codec({}, {}).encode(event).event
    assert looked_at == []
    own.parts[0].text, own.best.text = "changed", "changed"
    own.parts.append(Plain())
    own.model_fields_set.clear()
    own.best.model_fields_set.clear()
    assert event == Paid(parts=[Plain(), Plain()], best=Plain())
    again: Any = Codec({}, {}).encode(event).event
    assert again.best.model_fields_set == {"text", "number", "price"}


def classes(base):
    class Upper(BaseModel):
        text: str

        @field_validator("text")
        @classmethod
        def upper(cls, text):
            return text.upper()

    class Own(BaseModel):
        number: int

        def __eq__(self, other):
            return False

    class New(BaseModel):
        def __new__(cls, *_, **__):
            return super().__new__(cls)

    class Post(BaseModel):
        def model_post_init(self, context):
            pass

    annotations = [
        float, set[int], dict[str, int], tuple[int, ...], Annotated[int, Field(gt=0)], Annotated[str, Field(alias="b")],
        Annotated[int, Field(exclude=True)], Annotated[list[int], Field(max_length=2)], Upper, list[Own], New, Post, object,
        golden.Opened, golden.Named, golden.Unit, int | str,
    ]  # fmt: skip
    return [type("Odd", (base,), {"__annotations__": {"a": each}, "__module__": __name__}) for each in annotations]


@pytest.mark.parametrize("cls", [*classes(Command), golden.Tree, golden.Written])
def test_types_that_need_the_look_prove_nothing(cls):
    assert given_fields(cls) is None


@pytest.mark.parametrize("cls", [Pay, Plain, golden.Address])
def test_types_that_prove_it(cls):
    assert given_fields(cls) is not None


@pytest.mark.parametrize("cls", classes(Event))
def test_what_they_do_not_prove_is_not_copied_either(cls):
    assert copied(cls) is None
