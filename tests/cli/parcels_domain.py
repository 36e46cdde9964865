"""A domain with one of everything that the tests of `send`, `query` and `schema` need."""

from decimal import Decimal

from cqrs_cli import Aggregate, Command, Domain, Event, Page, Projection, Query, Read, Rejected, decide, evolve


class Register(Command):
    """Take a parcel in.

    The second paragraph is for its own help.
    """

    parcel_id: str
    weight: Decimal = Decimal(1)
    express: bool | None = None
    format: str = "box"
    tags: list[str] = []


class Touch(Command):
    parcel_id: str


class Refuse(Command):
    parcel_id: str


class Break(Command):
    parcel_id: str


class Registered(Event):
    weight: Decimal
    express: bool | None
    format: str
    tags: list[str]
    user: str | None


class Parcel(Aggregate):
    parcel_id: str

    @decide(creates=True)
    def register(self, command: Register) -> Registered:
        return Registered(**command.model_dump(exclude={"parcel_id"}), user=command.meta.user_id)

    @decide
    def touch(self, command: Touch) -> None:
        return None

    @decide
    def refuse(self, command: Refuse) -> None:
        raise Rejected("no", code="never")

    @decide
    def broken(self, command: Break) -> None:
        raise RuntimeError("boom")

    @evolve
    def registered(self, event: Registered) -> None: ...


class Parcels(Projection, key="parcel_id"):
    parcel_id: str
    weight: Decimal = Decimal(0)

    @evolve
    def registered(self, event: Registered) -> None:
        self.weight = event.weight


class Heaviest(Query[Parcels]):
    """The heaviest first."""

    limit: Decimal = Decimal(0)

    def run(self, read: Read) -> Page[Parcels]:
        return read.page(Parcels, order="-weight")


class All(Query[Parcels]):
    def run(self, read: Read) -> list[Parcels]:
        return list(read.rows(Parcels))


class One(Query[Parcels]):
    parcel_id: str

    def run(self, read: Read) -> Parcels | None:
        return read.get(Parcels, self.parcel_id)


domain = Domain("parcels", Parcel, Parcels, Heaviest, All, One)
