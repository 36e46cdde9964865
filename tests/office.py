"""A small domain with reactions: orders are paid, then shipped or cancelled; the tests of reactions run on it."""

from collections.abc import Iterator
from datetime import timedelta

from cqrs_cli import (
    After,
    Aggregate,
    Cancel,
    Command,
    CommandRejected,
    Domain,
    Event,
    Page,
    Policy,
    ProcessManager,
    Projection,
    Query,
    Read,
    Recorded,
    Rejected,
    decide,
    evolve,
    react,
)


class Pay(Command):
    """Orders `bad…` can't be shipped, at `boom…` the code fails, `none…` are shipped under an id that is not there."""

    order_id: str
    items: list[str] = []


class Ship(Command):
    order_id: str
    items: list[str] = []


class CancelOrder(Command):
    order_id: str


class Greet(Command):
    order_id: str


class Paid(Event):
    items: list[str] = []


class Shipped(Event): ...


class Cancelled(Event): ...


class Greeted(Event): ...


class Order(Aggregate):
    order_id: str
    shipped: bool = False
    cancelled: bool = False

    @decide(creates=True)
    def pay(self, command: Pay) -> Paid:
        return Paid(items=command.items)

    @decide
    def ship(self, command: Ship) -> Shipped:
        if self.order_id.startswith("bad"):
            raise Rejected("not in stock", code="out-of-stock")
        if self.order_id.startswith("boom"):
            raise RuntimeError("the carrier is on strike")
        return Shipped()

    @decide
    def cancel(self, command: CancelOrder) -> Cancelled | None:
        return None if self.cancelled else Cancelled()

    @decide
    def greet(self, command: Greet) -> Greeted:
        if self.order_id.startswith("bad"):
            raise Rejected("nobody home", code="not-home")
        return Greeted()

    @evolve
    def was_paid(self, event: Paid) -> None: ...

    @evolve
    def was_shipped(self, event: Shipped) -> None:
        self.shipped = True

    @evolve
    def was_cancelled(self, event: Cancelled) -> None:
        self.cancelled = True

    @evolve
    def was_greeted(self, event: Greeted) -> None: ...


class Fulfilment(ProcessManager, key="order_id"):
    """Ships what is paid; cancels what is not shipped within an hour, or can't be."""

    order_id: str
    state: str = "new"
    seen: list[str] = []
    payments: int = 0

    @evolve
    def paid(self, event: Paid) -> None:
        self.state = "paid"
        self.payments += 1
        self.seen = event.items
        event.items.append("evolved")

    @evolve
    def shipped(self, event: Shipped) -> None:
        self.state = "shipped"

    @evolve
    def refused(self, event: CommandRejected) -> None:
        self.state = f"refused: {event.command} {event.code}"

    @react
    def ship(self, event: Paid) -> Iterator[Ship | After]:
        if self.state != "paid":
            raise AssertionError(f"react saw the row as {self.state}")
        self.state = "touched by a react"
        event.items.append("reacted")
        target = "nobody" if self.order_id.startswith("none") else self.order_id
        yield Ship(order_id=target, items=self.seen)
        yield After(timedelta(hours=1), CancelOrder(order_id=self.order_id))

    @react
    def done(self, event: Shipped) -> Cancel:
        return Cancel("CancelOrder")

    @react
    def give_up(self, event: CommandRejected) -> list[Command | Cancel]:
        return [Cancel("CancelOrder"), CancelOrder(order_id=self.order_id)] if event.command == "Ship" else []


class Welcome(Policy):
    """Greets on every shipping."""

    @react
    def greet(self, event: Shipped, recorded: Recorded) -> Greet:
        return Greet(order_id=recorded.key)


class Counts(Projection, key="type"):
    type: str
    count: int = 0

    @evolve(key=lambda event, recorded: recorded.type)
    def counted(self, event: Paid | Shipped | Cancelled | Greeted) -> None:
        self.count += 1


class Orders(Projection, key="order_id"):
    order_id: str
    events: list[str] = []

    @evolve
    def happened(self, event: Paid | Shipped | Cancelled | Greeted, recorded: Recorded) -> None:
        self.events.append(recorded.type)


class InState(Query[Fulfilment]):
    """Processes in a state."""

    state: str

    def run(self, read: Read) -> Page[Fulfilment]:
        return read.page(Fulfilment, state=self.state)


domain = Domain("office", Order, Fulfilment, Welcome, Counts, Orders, InState)
