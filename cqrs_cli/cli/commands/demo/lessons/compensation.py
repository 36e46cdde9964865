"""A process across aggregates that makes good what it did."""

from cqrs_cli.cli.commands.demo.lesson import Lesson, Step

LESSON = Lesson(
    name="compensation",
    title="A process that compensates",
    about="Seats are one aggregate, the payment is another: no transaction spans both. A process takes the seats first "
    "and charges the card then. If the card is declined, it gives the seats back.",
    module="box_office",
    steps=(
        Step("A concert with four seats.", "cqrs send announce --concert jazz --seats 4 --price 25"),
        Step("The process begins to listen.", "cqrs run --once --from @0", shows=("position 1",)),
        Step(
            "Ada orders two, with a card that is good,",
            "cqrs send order --booking ada --concert jazz --seats 2 --card visa --command-id ada-1",
        ),
        Step(
            "Bob with one that has expired.",
            "cqrs send order --booking bob --concert jazz --seats 2 --card expired --command-id bob-1",
        ),
        Step(
            "The process answers, until nothing is left to do.", "cqrs run --once", shows=("position 9", "1 rejected")
        ),
        Step(
            "Ada has her seats,",
            "cqrs trace ada-1",
            shows=("Booked", "Paid"),
            absent=("Released",),
        ),
        Step(
            "Bob had them, until the payment was rejected. The rejection is an event of the process's own stream.",
            "cqrs trace bob-1",
            shows=("Booked", "command-rejected", "Released", "GivenUp"),
            absent=("Paid",),
        ),
        Step("His seats are free again.", "cqrs replay concert-jazz", shows=("ada",), absent=("bob",)),
        Step("Where each order stands is a row.", "cqrs query box-office", shows=("paid", "released")),
        Step(
            "Once more: each command was sent once, and is not sent again.",
            "cqrs run --once",
            shows=("position 9", "0 sent"),
        ),
    ),
    moral="Undo with a new fact, never by taking an old one away. Each way to fail leads to one place that makes good "
    "(cqrs help reactions).",
)
