"""A domain for tests of who reads the log: boxes, of which two things happen, and the notes that reactions write."""

from cqrs_cli import Aggregate, Command, Event, decide


class Put(Command):
    box_id: str


class Mark(Command):
    box_id: str


class Tell(Command):
    note_id: str


class Was(Event): ...


class Marked(Event, aliases=("Labelled",)): ...


class Told(Event): ...


class Box(Aggregate):
    box_id: str

    @decide(creates="either")
    def put(self, command: Put) -> Was:
        return Was()

    @decide(creates="either")
    def mark(self, command: Mark) -> Marked:
        return Marked()

    ignores = (Was, Marked)


class Note(Aggregate):
    note_id: str

    @decide(creates="either")
    def tell(self, command: Tell) -> Told:
        return Told()

    ignores = (Told,)
