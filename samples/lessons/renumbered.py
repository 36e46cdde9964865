"""The numbers come from the log, which says the same each time."""

from cqrs_cli import Domain, Projection, Recorded, evolve

from .concerts import Booked, Concert


class DoorList(Projection, key="booking", version=2):
    """The table `door_list`: a number for each booking, printed on its ticket."""

    booking: str
    number: int = 0

    @evolve
    def booked(self, event: Booked, recorded: Recorded) -> None:
        self.number = recorded.position


domain = Domain("concerts", Concert, DoorList)
