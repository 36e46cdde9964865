"""An event whose fields change, in a log that does not."""

from cqrs_cli.cli.commands.demo.lesson import Lesson, Step

LESSON = Lesson(
    name="upcasting",
    title="Upcasting: events of yesterday, read by the code of today",
    about="A door counts people; later it counts adults and children. Events that were stored stay as they are, for "
    "ever. An upcaster turns the old form into the new one, each time one is read.",
    module="visits",
    steps=(
        Step("Three people come in,", "cqrs send let-in --door north --people 3", shows=("version 0 → 1",)),
        Step("and are counted.", "cqrs replay door-north", shows=("people", "3")),
        Step(
            "New code: Entered has version=2, with an upcaster. Nothing in the store is touched.",
            "export CQRS_APP=samples.lessons.visits_later:domain",
        ),
        Step("Those of yesterday count as adults.", "cqrs replay door-north", shows=("adults", "3", "children")),
        Step(
            "What is sent now is stored in the new form.",
            "cqrs send let-in --door north --adults 2 --children 1",
            shows=("version 1 → 2",),
        ),
        Step(
            "Both forms lie side by side in the log, as they were written,",
            'cqrs sql "SELECT position, type, schema_version, data FROM event_log"',
            shows=('{"people":3}', '{"adults":2,"children":1}'),
        ),
        Step(
            "and are one to the fold.",
            "cqrs replay door-north --steps",
            shows=("adults: 0 → 3", "adults: 3 → 5; children: 0 → 1"),
        ),
        Step("A process that still runs the old code", "export CQRS_APP=samples.lessons.visits:domain"),
        Step(
            "can't know what an event from the future means, and says so: exit code 8.",
            "cqrs replay door-north",
            exit_code=8,
            shows=("error[undecodable]", "was stored in version 2, this code knows 1"),
        ),
    ),
    moral="Never edit an event. A field that gets a default needs nothing; what changes its meaning gets a version and "
    "an upcaster (cqrs help writing-a-domain).",
)
