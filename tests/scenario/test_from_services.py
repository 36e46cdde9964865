"""Scenarios out of streams whose commands asked services: they answer what they answered then, and nothing stands in."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Protocol

import pytest

from cqrs_cli import Aggregate, Command, Domain, Event, Workbench, decide, evolve
from cqrs_cli.masking import Mask
from cqrs_cli.pseudonyms import Pseudonyms
from cqrs_cli.scenario.described import described_as
from cqrs_cli.scenario.from_stream import Hide, of_stream
from cqrs_cli.scenario.trial import tried
from cqrs_cli.scenario.vocabulary import Vocabulary


class Quote(Command):
    parcel_id: str
    sizes: list[int]


class Quoted(Event):
    prices: list[Decimal]
    taxes: dict[str, Decimal]
    carrier: str | None


class Prices(Protocol):
    def of(self, size: int) -> Decimal: ...

    def taxes(self) -> dict[str, Decimal]: ...


class Carriers(Protocol):
    async def best(self, name: str) -> str | None: ...


class Parcel(Aggregate):
    parcel_id: str
    total: Decimal = Decimal(0)

    @decide(creates=True)
    async def quote(self, command: Quote, prices: Prices, carriers: Carriers) -> Quoted:
        found = [prices.of(size) for size in command.sizes]
        try:
            await carriers.best("nobody")
        except LookupError:
            return Quoted(prices=found, taxes=prices.taxes(), carrier=None)
        return Quoted(prices=found, taxes=prices.taxes(), carrier=await carriers.best("Mona Vale"))

    @evolve
    def quoted(self, event: Quoted) -> None:
        self.total = sum(event.prices, Decimal(0))


class Live:
    """taxes has one member, which looks as an answer is written that is said to be one."""

    def of(self, size: int) -> Decimal:
        return Decimal(size) / 4

    def taxes(self) -> dict[str, Decimal]:
        return {"raises": Decimal("0.20")}

    async def best(self, name: str) -> str | None:
        if name == "nobody" and self.is_strict:
            raise LookupError(name)
        return "Mona Vale Couriers"

    is_strict = False


domain = Domain("parcels", Parcel)


def prices() -> Prices:
    return Live()


def carriers() -> Carriers:
    return Live()


domain.provide(prices, record=True)
domain.provide(carriers, record=True)


@pytest.fixture
def bench() -> Iterator[Workbench]:
    with Workbench.open("memory:", domain) as opened:
        yield opened


def what_comes(text: str) -> str | None:
    (one,) = described_as(text, "it")
    return tried(Vocabulary(domain), one).message


def services_of(text: str) -> str:
    return text[text.index("services:") : text.index("when:")]


def test_it_holds_with_no_stand_in(bench: Workbench) -> None:
    bench.send(Quote(parcel_id="a", sizes=[1, 2, 10]))
    text = of_stream(bench, "parcel-a")
    assert services_of(text).splitlines() == [
        "services:",
        '  Prices: {of: {in_turn: ["0.25", "0.5", "2.5"]}, taxes: {answer: {raises: "0.20"}}}',
        "  Carriers: {best: Mona Vale Couriers}",
    ]
    assert what_comes(text) is None
    assert "0.5" in (what_comes(text.replace('["0.25", "0.5"', '["0.25", "0.75"', 1)) or "")
    without = text.replace(services_of(text), "")
    assert "stand" in (what_comes(without) or ""), "nothing live is called"


def test_the_same_answer_once(bench: Workbench) -> None:
    bench.send(Quote(parcel_id="a", sizes=[4, 4]))
    text = of_stream(bench, "parcel-a")
    assert 'Prices: {of: "1",' in text
    assert what_comes(text) is None


def test_what_a_service_raised_is_no_answer(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Live, "is_strict", True)
    bench.send(Quote(parcel_id="a", sizes=[4]))
    text = of_stream(bench, "parcel-a")
    assert "Carriers" not in text
    assert what_comes(text) is not None, "and it is told that the scenario does not hold"


def test_what_is_hidden_is_in_no_answer(bench: Workbench) -> None:
    bench.send(Quote(parcel_id="a", sizes=[4]))
    mask = Mask({"carrier": "pseudonym"}, Pseudonyms(b"k" * 32))
    mask.learn_log(bench.store)
    plain = of_stream(bench, "parcel-a")
    text = of_stream(bench, "parcel-a", hide=Hide(payload=mask.json_text, text=mask.prose))
    assert plain.count("Mona Vale Couriers") == 2
    assert "Mona" not in text
    assert what_comes(text) is None


def test_nothing_is_said_of_services_that_are_not_recorded(bench: Workbench) -> None:
    others: Any = {Prices: Live(), Carriers: Live()}
    plain = Domain("parcels", Parcel)
    plain.provide(prices)
    plain.provide(carriers)
    with Workbench.open("memory:", plain, services=others) as opened:
        opened.send(Quote(parcel_id="a", sizes=[4]))
        assert "services:" not in of_stream(opened, "parcel-a")
