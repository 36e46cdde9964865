"""An event that a projection can't take."""

from cqrs_cli.cli.commands.demo.lesson import Lesson, Step

LESSON = Lesson(
    name="poison-event",
    title="A poison event: one projection stops, loudly",
    about="A read model divides by the seats of a booking. The press gets in with a booking of none. The event is in "
    "the log for ever: to pass over it in silence, or to stand still without a word, would both be wrong.",
    module="averages",
    steps=(
        Step("A concert,", "cqrs send announce --concert jazz --seats 100 --price 25"),
        Step("a booking,", "cqrs send book --concert jazz --booking ada --seats 2"),
        Step("the press,", "cqrs send book --concert jazz --booking press --seats 0", shows=("position 3",)),
        Step("and one booking more.", "cqrs send book --concert jazz --booking bob --seats 2"),
        Step(
            "It stops before that event, with the line that raised; guests, beside it, goes on. Exit code 1.",
            "cqrs project",
            exit_code=1,
            shows=("error[domain-failed]: averages stopped at @3", "guests  (position 4)", "averages.py"),
        ),
        Step("So it stands, and says so.", "cqrs project --status", shows=("stopped", "ready")),
        Step("What is that event?", "cqrs show @3", shows=("Booked", "press")),
        Step("The code is mended, and deployed.", "export CQRS_APP=samples.lessons.mended:domain"),
        Step(
            "The next run goes on where it stopped; nothing is lost, nothing counted twice.",
            "cqrs project averages",
            shows=("position 4", "press"),
        ),
        Step("It is what a fold from the start gives.", "cqrs project averages --check", shows=("no drift",)),
    ),
    moral="Mend the code. If it is the event that is wrong, pass it over by name: cqrs project averages --skip @3 "
    "--reason …, which stays on record and is shown for ever.",
)
