"""A domain whose read model is the sum of the log: what writers of the fault runs write, and runners keep."""

from cqrs_cli import Aggregate, Command, Domain, Event, Policy, Projection, Recorded, decide, evolve, react

ANSWERED = 3
"""The amount that is answered by an `ANSWER` to the ledger `echo`."""
ANSWER = 2


class Add(Command):
    """Add to a ledger."""

    ledger_id: str
    amount: int


class Split(Command):
    """Add one, so many times, in one commit."""

    ledger_id: str
    parts: int


class Added(Event):
    amount: int


class Ledger(Aggregate):
    ledger_id: str
    total: int = 0

    @decide(creates="either")
    def add(self, command: Add) -> Added:
        return Added(amount=command.amount)

    @decide(creates="either")
    def split(self, command: Split) -> list[Added]:
        return [Added(amount=1)] * command.parts

    @evolve
    def added(self, event: Added) -> None:
        self.total += event.amount


class Total(Projection, key="ledger_id"):
    """What was added to each ledger, and how often."""

    ledger_id: str
    total: int = 0
    times: int = 0

    @evolve
    def added(self, event: Added) -> None:
        self.total += event.amount
        self.times += 1


class Largest(Projection, key="ledger_id"):
    """The largest amount that was added to each ledger, and where in the log."""

    ledger_id: str
    amount: int = 0
    position: int = 0

    @evolve
    def added(self, event: Added, recorded: Recorded) -> None:
        if event.amount > self.amount:
            self.amount, self.position = event.amount, recorded.position


class Echo(Policy):
    """Answers what is to be answered, to one ledger."""

    @react
    def answer(self, event: Added) -> Add | None:
        return Add(ledger_id="echo", amount=ANSWER) if event.amount == ANSWERED else None


domain = Domain("ledger", Ledger, Total, Largest, Echo)
