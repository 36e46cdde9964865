"""A read model that was written without a thought of bookings for no seat, such as those of the press."""

from decimal import Decimal

from cqrs_cli import Domain, Projection, evolve

from .concerts import Booked, Concert, Guests


class Averages(Projection, key="booking", version=1):
    """The table `averages`: what a seat of a booking came to."""

    booking: str
    a_seat: Decimal = Decimal(0)

    @evolve
    def booked(self, event: Booked) -> None:
        self.a_seat = event.amount / event.seats


domain = Domain("concerts", Concert, Averages, Guests)
