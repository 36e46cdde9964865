"""The programme as it is wanted next: how many bookings there are, too."""

from cqrs_cli import Domain, evolve

from .concerts import Booked, Concert, Guests
from .concerts import Programme as Before


class Programme(Before, key="concert", version=2, name="programme"):
    """The table `programme`, with a column more."""

    bookings: int = 0

    @evolve
    def seats_booked(self, event: Booked) -> None:
        self.bookings += 1
        self.booked += event.seats
        self.takings += event.amount


domain = Domain("concerts", Concert, Programme, Guests)
