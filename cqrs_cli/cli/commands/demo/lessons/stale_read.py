"""A read model is behind the log, and what may not be."""

from cqrs_cli.cli.commands.demo.lesson import Lesson, Step

LESSON = Lesson(
    name="stale-read",
    title="A stale read: a read model is behind the log",
    about="Rows are folded after the commit. Whoever reads them in between reads the past. That is harmless as long as "
    "no decision is made on it, and as long as who needs the present can wait for it.",
    module="concerts",
    steps=(
        Step("A concert with four seats,", "cqrs send announce --concert jazz --seats 4 --price 25"),
        Step("two of which are taken.", "cqrs send book --concert jazz --booking ada --seats 2"),
        Step("The programme knows it.", "cqrs project programme", shows=("position 2", "50")),
        Step(
            "Bob takes the last two, under an id of his own.",
            "cqrs send book --concert jazz --booking bob --seats 2 --command-id bob-1",
            shows=("position 3",),
        ),
        Step(
            "Read as it stands, the programme still has two seats. It says how far behind it is.",
            "cqrs query programme --stale",
            shows=("behind the head: programme 1 event", "50"),
            absent=("100",),
        ),
        Step("So do the places of all read models.", "cqrs project --status", shows=("behind", "programme")),
        Step(
            "Cyd believes it. The decision does not: it is made on the events, not on the rows.",
            "cqrs send book --concert jazz --booking cyd --seats 1",
            exit_code=1,
            shows=("error[sold-out]: 0 seats are free, 1 wanted",),
        ),
        Step(
            "Who has just written asks for at least that. If nobody projects meanwhile, waiting has an end.",
            "cqrs query programme --stale --wait bob-1 --timeout 0.1",
            exit_code=7,
            shows=("error[timed-out]",),
        ),
        Step(
            "Without --stale the rows are brought up to date before they are read.",
            "cqrs query programme --wait bob-1",
            shows=("100",),
        ),
    ),
    moral="Decide on the log, show from the rows. Where a rule needs a row at once, the projection is inline: it "
    "changes in the command's own transaction (cqrs help read-side).",
)
