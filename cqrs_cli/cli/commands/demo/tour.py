"""The tour: the main job in a minute."""

from cqrs_cli.cli.commands.demo.lesson import Lesson, Step

TOUR = Lesson(
    name="tour",
    title="The main job in a minute",
    about="A box office sells seats. Commands are decided on what happened, events are kept, tables are folded from "
    "them, and a process answers with commands of its own.",
    module="box_office",
    steps=(
        Step(
            "A command is decided by the aggregate, and its event is appended to a stream, concert-jazz.",
            "cqrs send announce --concert jazz --seats 4 --price 25",
            shows=("Announced", "appended 1 event to concert-jazz", "version 0 → 1"),
        ),
        Step(
            "Ada orders two seats. Her order is one thing, the seats and the payment are others.",
            "cqrs send order --booking ada --concert jazz --seats 2 --card visa --as ada --command-id o-1",
            shows=("Ordered", "appended 1 event to sale-ada"),
        ),
        Step(
            "A process manager answers events with commands: it takes the seats, then charges the card.",
            "cqrs run --once --from @0",
            shows=("position 4", "2 sent"),
        ),
        Step(
            "What led to what, from her click on.",
            "cqrs trace o-1",
            shows=("Order", "box_office.take_seats", "Booked", "box_office.charge", "Paid"),
        ),
        Step(
            "The domain says no: nothing is written, and the exit code is 1.",
            "cqrs send book --concert jazz --booking bob --seats 9",
            exit_code=1,
            shows=("error[sold-out]: 2 seats are free, 9 wanted",),
        ),
        Step(
            "What would happen? A dry run decides and shows, and writes nothing.",
            "cqrs send book --concert jazz --booking bob --seats 2 --dry-run",
            shows=("would append 1 event to concert-jazz", "nothing was written"),
        ),
        Step(
            "The log holds what happened, and nothing else.",
            "cqrs log concert-jazz",
            shows=("Announced", "Booked"),
            absent=("bob",),
        ),
        Step(
            "A state is the fold of its events: as it was after the first of them,",
            "cqrs replay concert-jazz --at 1",
            shows=("jazz", "25"),
            absent=("ada",),
        ),
        Step("and as it is.", "cqrs replay concert-jazz", shows=("jazz", "ada")),
        Step(
            "A read model is a fold of the same events, kept as a table,",
            "cqrs project programme",
            shows=("position 4", "jazz", "50"),
        ),
        Step("which a query asks,", "cqrs query well-sold --booked 1", shows=("jazz", "50")),
        Step(
            "and which can be thrown away and folded anew at any time.",
            "cqrs project programme --rebuild",
            shows=("rebuilt programme (1 row) up to position 4", "50"),
        ),
    ),
    moral="Next: cqrs demo --list has a lesson for each of the usual traps; cqrs init shop makes a domain of your own; "
    "cqrs help concepts explains the words.",
)
