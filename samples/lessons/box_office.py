"""Seats are taken first and paid for then: what is not paid for is given back."""

from decimal import Decimal
from typing import Literal

from cqrs_cli import Aggregate, Command, CommandRejected, Domain, Event, ProcessManager, Rejected, decide, evolve, react

from .concerts import Book, Booked, Concert, Guests, Programme, Release, Released, WellSold


class Order(Command):
    """Order seats, to be paid with a card."""

    booking: str
    concert: str
    seats: int
    card: str


class Pay(Command):
    """Charge the card."""

    booking: str
    amount: Decimal


class GiveUp(Command):
    """Close an order that came to nothing."""

    booking: str
    reason: str


class Ordered(Event):
    concert: str
    seats: int
    card: str


class Paid(Event):
    amount: Decimal


class GivenUp(Event):
    reason: str


class Sale(Aggregate, key="booking"):
    """An order of seats and its payment."""

    booking: str
    card: str = ""
    state: Literal["open", "paid", "given-up"] = "open"

    @decide(creates=True)
    def order(self, command: Order) -> Ordered:
        return Ordered(concert=command.concert, seats=command.seats, card=command.card)

    @decide
    def pay(self, command: Pay) -> Paid:
        if self.card == "expired":
            raise Rejected("the card has expired", code="card-declined")
        return Paid(amount=command.amount)

    @decide
    def give_up(self, command: GiveUp) -> GivenUp:
        return GivenUp(reason=command.reason)

    @evolve
    def ordered(self, event: Ordered) -> None:
        self.card = event.card

    @evolve
    def paid(self, event: Paid) -> None:
        self.state = "paid"

    @evolve
    def given_up(self, event: GivenUp) -> None:
        self.state = "given-up"


class BoxOffice(ProcessManager, key="booking", version=1):
    """An order on its way: take the seats, charge the card, and give the seats back if it can't be charged."""

    booking: str
    concert: str = ""
    step: str = "ordered"
    trouble: str | None = None

    @evolve
    def ordered(self, event: Ordered) -> None:
        self.concert = event.concert

    @react
    def take_seats(self, event: Ordered) -> Book:
        return Book(concert=event.concert, booking=self.booking, seats=event.seats)

    @evolve
    def booked(self, event: Booked) -> None:
        self.step = "booked"

    @react
    def charge(self, event: Booked) -> Pay:
        return Pay(booking=self.booking, amount=event.amount)

    @evolve
    def paid(self, event: Paid) -> None:
        self.step = "paid"

    @evolve
    def rejected(self, event: CommandRejected) -> None:
        self.step, self.trouble = "failed", event.reason

    @react
    def make_good(self, event: CommandRejected) -> Release | GiveUp:
        if event.was(Pay):
            return Release(concert=self.concert, booking=self.booking)
        return GiveUp(booking=self.booking, reason=event.reason)

    @evolve
    def released(self, event: Released) -> None:
        self.step = "released"

    @react
    def close(self, event: Released) -> GiveUp:
        return GiveUp(booking=self.booking, reason=self.trouble or "released")


domain = Domain("concerts", Concert, Sale, BoxOffice, Programme, Guests, WellSold)
