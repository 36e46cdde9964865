"""Two who looked at the same state, and the one who comes second."""

from cqrs_cli.cli.commands.demo.lesson import Lesson, Step

LESSON = Lesson(
    name="lost-update",
    title="A lost update, and the conflict that prevents it",
    about="Ann and Ben look at the same concert and change it, one after the other. Ben has not seen what Ann did. If "
    "he just writes, her change is lost and nobody notices.",
    module="concerts",
    steps=(
        Step("A concert with 100 seats.", "cqrs send announce --concert jazz --seats 100 --price 25"),
        Step("Both look at it: version 1.", "cqrs replay concert-jazz", shows=("jazz", "100")),
        Step(
            "Ann puts up 20 seats more, on what she saw.",
            "cqrs send change-seats --concert jazz --seats 120 --expect 1 --as ann",
            shows=("version 1 → 2",),
        ),
        Step(
            "Ben takes ten away, on what he saw. It is not so any more: a conflict, exit code 4, nothing written.",
            "cqrs send change-seats --concert jazz --seats 90 --expect 1 --as ben",
            exit_code=4,
            shows=("error[conflict]: concert-jazz is at version 2, expected 1",),
        ),
        Step(
            "Had he not said what he expects, it would have gone through, and Ann's 20 seats with it.",
            "cqrs send change-seats --concert jazz --seats 90 --as ben --dry-run",
            shows=("would append 1 event", "nothing was written"),
        ),
        Step(
            "So he looks again,",
            "cqrs log concert-jazz",
            shows=("SeatsChanged", "120"),
            absent=('"seats":90', "seats=90"),
        ),
        Step(
            "and decides again: ten fewer than 120.",
            "cqrs send change-seats --concert jazz --seats 110 --expect 2 --as ben",
            shows=("version 2 → 3",),
        ),
        Step(
            "A rule of the domain needs no --expect. Two want all seats at the same time: whoever comes second is "
            "decided again, on the new state, and rejected.",
            "cqrs send book --concert jazz --booking cyd --seats 110 -q -o cyd.txt &\n"
            "cqrs send book --concert jazz --booking dan --seats 110 -q -o dan.txt; wait",
            shows=("error[sold-out]: 0 seats are free, 110 wanted",),
        ),
        Step("One of them has them.", "cqrs replay concert-jazz", shows=("jazz", "110")),
    ),
    moral="--expect N (or new) is for what a person saw; rules belong into the aggregate, where every decision is made "
    "on the latest state. A conflict may be tried again after a read.",
)
