"""A policy and a process manager, for cases about subscriptions that answer."""

from cqrs_cli import Aggregate, Command, Domain, Event, Policy, Recorded, Rejected, decide, evolve, react


class Begin(Command):
    task_id: str


class Note(Command):
    task_id: str
    of: str


class Begun(Event): ...


class Noted(Event):
    of: str


class Task(Aggregate):
    task_id: str
    notes: list[str] = []

    @decide(creates=True)
    def begin(self, command: Begin) -> Begun:
        return Begun()

    @decide(creates="either")
    def note(self, command: Note) -> Noted:
        if command.of == "bad":
            raise Rejected("no", code="bad")
        return Noted(of=command.of)

    @evolve
    def begun(self, event: Begun) -> None: ...

    @evolve
    def noted(self, event: Noted) -> None:
        self.notes.append(event.of)


class Diary(Policy):
    @react
    def write(self, event: Begun, recorded: Recorded) -> Note:
        return Note(task_id="diary", of=recorded.stream.removeprefix("task-"))


domain = Domain("reacting", Task, Diary)
