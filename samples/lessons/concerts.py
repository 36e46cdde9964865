"""Concerts and who has seats: `cqrs --app samples.lessons.concerts:domain send announce …`."""

from decimal import Decimal

from pydantic import Field, NonNegativeInt, PositiveInt

from cqrs_cli import (
    DELETE,
    Aggregate,
    Command,
    Delete,
    Domain,
    Event,
    Page,
    Projection,
    Query,
    Read,
    Rejected,
    Where,
    decide,
    evolve,
)


class Announce(Command):
    """Announce a concert, with so many seats at a price."""

    concert: str
    seats: PositiveInt
    price: Decimal = Field(ge=0)


class ChangeSeats(Command):
    """Put more or fewer seats up, but no fewer than are taken."""

    concert: str
    seats: PositiveInt


class Book(Command):
    """Take seats, under a booking's name."""

    concert: str
    booking: str
    seats: NonNegativeInt


class Release(Command):
    """Give the seats of a booking back."""

    concert: str
    booking: str


class Announced(Event):
    seats: int
    price: Decimal


class SeatsChanged(Event):
    seats: int


class Booked(Event):
    booking: str
    seats: int
    amount: Decimal


class Released(Event):
    booking: str
    seats: int
    amount: Decimal


class Concert(Aggregate, key="concert"):
    """A concert, with the seats of each booking."""

    concert: str
    seats: int = 0
    price: Decimal = Decimal(0)
    taken: dict[str, int] = {}

    @decide(creates=True)
    def announce(self, command: Announce) -> Announced:
        return Announced(seats=command.seats, price=command.price)

    @decide
    def change_seats(self, command: ChangeSeats) -> SeatsChanged:
        if command.seats < (taken := sum(self.taken.values())):
            raise Rejected(f"{taken} seats are taken", code="too-few-seats")
        return SeatsChanged(seats=command.seats)

    @decide
    def book(self, command: Book) -> Booked:
        free = self.seats - sum(self.taken.values())
        if command.seats > free:
            raise Rejected(f"{free} seats are free, {command.seats} wanted", code="sold-out")
        return Booked(booking=command.booking, seats=command.seats, amount=command.seats * self.price)

    @decide
    def release(self, command: Release) -> Released | None:
        seats = self.taken.get(command.booking)
        return None if seats is None else Released(booking=command.booking, seats=seats, amount=seats * self.price)

    @evolve
    def announced(self, event: Announced) -> None:
        self.seats, self.price = event.seats, event.price

    @evolve
    def seats_changed(self, event: SeatsChanged) -> None:
        self.seats = event.seats

    @evolve
    def booked(self, event: Booked) -> None:
        self.taken[event.booking] = self.taken.get(event.booking, 0) + event.seats

    @evolve
    def released(self, event: Released) -> None:
        del self.taken[event.booking]


class Programme(Projection, key="concert", version=1):
    """The table `programme`: a row a concert."""

    concert: str
    seats: int = 0
    booked: int = 0
    takings: Decimal = Decimal(0)

    @evolve
    def announced(self, event: Announced) -> None:
        self.seats = event.seats

    @evolve
    def seats_changed(self, event: SeatsChanged) -> None:
        self.seats = event.seats

    @evolve
    def seats_booked(self, event: Booked) -> None:
        self.booked += event.seats
        self.takings += event.amount

    @evolve
    def seats_released(self, event: Released) -> None:
        self.booked -= event.seats
        self.takings -= event.amount


class Guests(Projection, key="booking", version=1):
    """The table `guests`: a row a booking."""

    booking: str
    seats: int = 0

    @evolve
    def booked(self, event: Booked) -> None:
        self.seats += event.seats

    @evolve
    def released(self, event: Released) -> Delete:
        return DELETE


class WellSold(Query[Programme]):
    """Concerts with at least so many seats booked, the best first."""

    booked: int = 0

    def run(self, read: Read) -> Page[Programme]:
        return read.page(Programme, where=[Where("booked", ">=", self.booked)], order="-booked")


domain = Domain("concerts", Concert, Programme, Guests, WellSold)
