"""A projection that reaches out of its row."""

from cqrs_cli.cli.commands.demo.lesson import Lesson, Step

LESSON = Lesson(
    name="not-idempotent",
    title="A projection that is not idempotent",
    about="Rows and the place in the log move in one transaction, so an event counts once. That holds for the row, and "
    "for nothing else that an evolve touches. This one takes ticket numbers from a file.",
    module="numbered",
    steps=(
        Step("A concert,", "cqrs send announce --concert jazz --seats 100 --price 25"),
        Step("a booking,", "cqrs send book --concert jazz --booking ada --seats 2"),
        Step("and another one.", "cqrs send book --concert jazz --booking bob --seats 2"),
        Step(
            "The door list numbers them. So far, so good:",
            "cqrs project door_list",
            shows=("ada", "bob"),
        ),
        Step(
            "a second time changes nothing, as there is no new event.",
            "cqrs project door_list",
            shows=("ada", "bob"),
        ),
        Step(
            "But rows are to be the same whenever they are folded. A check folds them beside the live ones.",
            "cqrs project door_list --check",
            exit_code=1,
            shows=("2 differences",),
        ),
        Step(
            "After a rebuild the tickets in people's hands are wrong.",
            "cqrs project door_list --rebuild",
            shows=("ada", "5", "bob", "6"),
        ),
        Step(
            "Two bookings, six numbers: the check took some as well.",
            "cat printed.txt; wc -l < printed.txt",
            shows=("6 bob", "6\n"),
        ),
        Step(
            "Mended: the number is the event's position in the log, which never changes.",
            "export CQRS_APP=samples.lessons.renumbered:domain",
        ),
        Step("Folded anew,", "cqrs project door_list --rebuild", shows=("ada", "2", "bob", "3")),
        Step("it stays as it is, however often.", "cqrs project door_list --check", shows=("no drift",)),
    ),
    moral="An evolve computes its row from the row and the event: no clock, no file, no counter, no e-mail. What is to "
    "be done in the world is a reaction's business, which sends each command once (cqrs help reactions).",
)
