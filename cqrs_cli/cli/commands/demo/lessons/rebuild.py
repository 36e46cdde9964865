"""A read model gets another shape while bookings come in."""

from cqrs_cli.cli.commands.demo.lesson import Lesson, Step

_BOOKINGS = (
    """seq {} | sed 's/.*/{{"command":"book","data":{{"concert":"jazz","booking":"b-&","seats":1}}}}/' |\n"""
    """  cqrs send --batch - -q"""
)

LESSON = Lesson(
    name="rebuild",
    title="A rebuild under traffic",
    about="A column is wanted in a table of which nobody may miss a row, while bookings come in. The new rows are "
    "folded beside the live ones, catch up, and take their place in one transaction.",
    module="concerts",
    steps=(
        Step("A large concert,", "cqrs send announce --concert jazz --seats 5000 --price 25"),
        Step("and bookings.", _BOOKINGS.format("500")),
        Step("The programme.", "cqrs project programme", shows=("position 501", "12500")),
        Step("New code, with a column more.", "export CQRS_APP=samples.lessons.wider_programme:domain"),
        Step(
            "It does not guess what the old rows would have there: it asks.",
            "cqrs project programme",
            exit_code=1,
            shows=("error[needs-rebuild]", "column bookings is new"),
        ),
        Step(
            "Bookings come in while it is rebuilt, three times over.",
            _BOOKINGS.format("501 1500")
            + " &\nfor n in 1 2 3; do cqrs project programme --rebuild > rows.txt; done; wait",
            shows=("rebuilt programme (1 row) up to position",),
        ),
        Step("What came after the last swap is caught up,", "cqrs project programme", shows=("1500", "37500")),
        Step("and not one booking is missing.", "cqrs project programme --check", shows=("no drift",)),
        Step("A process that still runs the old code", "export CQRS_APP=samples.lessons.concerts:domain"),
        Step(
            "is stopped, rather than let at rows which it does not know.",
            "cqrs project programme",
            exit_code=1,
            shows=("error[needs-rebuild]", "version 2 became 1"),
        ),
    ),
    moral="Raise version= when rows mean something else; columns are noticed anyhow. What each change asks for is in "
    "cqrs help change.",
)
