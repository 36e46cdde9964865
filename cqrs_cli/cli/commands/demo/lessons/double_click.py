"""The same command twice."""

from cqrs_cli.cli.commands.demo.lesson import Lesson, Step

_LINES = (
    """seq 3 | sed 's/.*/{"command":"book","command_id":"n-&","data":{"concert":"jazz","booking":"n-&","seats":1}}/'"""
)

LESSON = Lesson(
    name="double-click",
    title="A double click, and the id of a command",
    about="A click is sent twice, a network swallows an answer, a script is run again. Whether two commands are one or "
    "two can't be seen from their fields: their id says so.",
    module="concerts",
    steps=(
        Step("A concert with 100 seats.", "cqrs send announce --concert jazz --seats 100 --price 25"),
        Step(
            "Ada clicks. Her form made an id for it.",
            "cqrs send book --concert jazz --booking ada --seats 2 --command-id click-1",
            shows=("version 1 → 2",),
        ),
        Step(
            "She clicks again. The same id gets the same answer, and nothing is written.",
            "cqrs send book --concert jazz --booking ada --seats 2 --command-id click-1",
            shows=("duplicate: click-1 had appended 1 event", "nothing new was written"),
        ),
        Step(
            "The same id with other fields is a mistake, and no retry heals it.",
            "cqrs send book --concert jazz --booking ada --seats 3 --command-id click-1",
            exit_code=4,
            shows=("error[command-id-reused]",),
        ),
        Step(
            "Without an id every command is one of its own. Bob's click,",
            "cqrs send book --concert jazz --booking bob --seats 1",
            shows=("version 2 → 3",),
        ),
        Step(
            "and his second one: he has two seats now.",
            "cqrs send book --concert jazz --booking bob --seats 1",
            shows=("version 3 → 4",),
        ),
        Step("As the state shows.", "cqrs replay concert-jazz", shows=("ada", "bob")),
        Step(
            "A batch with ids can be sent again as a whole. Three lines,",
            _LINES + " > lines\ncqrs send --batch lines",
            shows=("3 committed",),
        ),
        Step("and all of them again.", "cqrs send --batch lines", shows=("3 duplicate",)),
    ),
    moral="Give every command that may be sent twice an id, where it is made: an order's number, a line's number, the "
    "id of a form. It is honoured once, for ever.",
)
