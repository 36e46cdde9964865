"""Deciding is one function: a mistake of the domain is the same error in a send, a batch, a dry run and a scenario."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import (
    Aggregate,
    Command,
    Conflict,
    Domain,
    DomainFailed,
    Event,
    Rejected,
    Scenario,
    Workbench,
    decide,
    evolve,
)
from cqrs_cli.errors import CqrsError, DefinitionError, InvalidInput, LimitExceeded
from cqrs_cli.stores.commits import MAX_COMMIT_EVENTS, MAX_EVENT_BYTES
from cqrs_cli.workbench.outcome import Request


class Err(Command):
    thing_id: str
    how: str


class ErrSlowly(Command):
    thing_id: str
    how: str


class AskNobody(Command):
    thing_id: str


class AskBroken(Command):
    thing_id: str


class Open(Command):
    thing_id: str


class Add(Command):
    thing_id: str


class Erred(Event):
    how: str = ""
    value: Any = None


class Unnamed(Event):
    pass


class Nobody: ...


class Broken: ...


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class Thing(Aggregate):
    thing_id: str
    names: list[str] = []

    @decide(creates="either")
    def err(self, command: Err) -> Iterator[Erred]:
        match command.how:
            case "too many":
                for _ in range(MAX_COMMIT_EVENTS + 1):
                    yield Erred()
            case "endless":
                while True:
                    yield Erred()
            case "unnamed":
                yield Unnamed()  # type: ignore[misc]
            case "impure":
                self.names.append("changed")
                yield Erred()
            case "impure, rejecting":
                self.names.append("changed")
                raise Rejected("no", code="no")
            case "nan":
                yield Erred(value=float("nan"))
            case "surrogate":
                yield Erred(value="\ud800")
            case "comes back changed":
                yield Erred(value=(1, 2))
            case "too deep":
                yield Erred(value=nested(100))
            case "too long":
                yield Erred(value="x" * (MAX_EVENT_BYTES + 1))
            case "too long together":
                for _ in range(17):
                    yield Erred(value="x" * (MAX_EVENT_BYTES - 100))
            case "no event":
                yield "Erred"  # type: ignore[misc]
            case "leave":
                raise SystemExit(0)
            case "conflict":
                raise Conflict("not now")
            case "reject":
                raise Rejected("no", code="no")
            case _:  # what the evolve does with it
                yield Erred(how=command.how)

    @decide(creates="either")
    async def err_slowly(self, command: ErrSlowly) -> Erred:
        if command.how == "conflict":
            raise Conflict("not now")
        raise RuntimeError("slowly")

    @decide(creates="either")
    def ask_nobody(self, command: AskNobody, nobody: Nobody) -> Erred:
        return Erred()

    @decide(creates="either")
    def ask_broken(self, command: AskBroken, broken: Broken) -> Erred:
        return Erred()

    @decide(creates=True)
    def open(self, command: Open) -> Erred:
        return Erred()

    @decide
    def add(self, command: Add) -> Erred:
        return Erred()

    @evolve
    def erred(self, event: Erred) -> "Thing | None":
        if event.how == "evolve raises":
            raise ValueError("can't")
        if event.how == "evolve gives another type":
            return 5  # type: ignore[return-value]
        if event.how == "evolve rejects":
            raise Rejected("too late")
        return None


domain = Domain("things", Thing)


@domain.provide
def broken() -> Broken:
    raise Rejected("a factory may not say so")


MISTAKES: dict[str, tuple[Callable[[], Command], type[CqrsError]]] = {
    **{
        how: (partial(Err, thing_id="a", how=how), kind)
        for how, kind in {
            "too many": LimitExceeded,
            "endless": LimitExceeded,
            "unnamed": DomainFailed,
            "impure": DomainFailed,
            "impure, rejecting": DomainFailed,
            "nan": InvalidInput,
            "surrogate": InvalidInput,
            "comes back changed": InvalidInput,
            "too deep": LimitExceeded,
            "too long": LimitExceeded,
            "too long together": LimitExceeded,
            "no event": DomainFailed,
            "leave": DomainFailed,
            "conflict": DomainFailed,
            "reject": Rejected,
            "evolve raises": DomainFailed,
            "evolve gives another type": DomainFailed,
            "evolve rejects": DomainFailed,
        }.items()
    },
    "slowly": (lambda: ErrSlowly(thing_id="a", how="raise"), DomainFailed),
    "slow conflict": (lambda: ErrSlowly(thing_id="a", how="conflict"), DomainFailed),
    "a service that nobody provides": (lambda: AskNobody(thing_id="a"), DefinitionError),
    "a factory that raises": (lambda: AskBroken(thing_id="a"), DomainFailed),
    "a command that is not JSON": (lambda: Add(thing_id="\ud800"), InvalidInput),
    "a name that is too long": (lambda: Err(thing_id="x" * 300, how=""), LimitExceeded),
    "a user that is too long": (lambda: Err(thing_id="a", how="").with_meta(user_id="u" * 500), LimitExceeded),
    "not there": (lambda: Add(thing_id="none"), CqrsError),
    "there already": (lambda: Open(thing_id="a"), Rejected),
}


def told(error: CqrsError) -> tuple[Any, ...]:
    return type(error), error.code, error.message, error.hint


def raised(act: Callable[[], Any]) -> tuple[Any, ...]:
    with pytest.raises(CqrsError) as caught:
        act()
    return told(caught.value)


def by_batch(bench: Workbench, command: Command) -> tuple[Any, ...]:
    (outcome,) = bench.send_batch([Request(1, command)])
    assert outcome.error is not None
    return told(outcome.error)


def by_scenario(command: Command) -> tuple[Any, ...]:
    scenario = Scenario(domain)
    if command != Add(thing_id="none"):
        scenario.given(Erred())
    try:
        scenario.when(command)
    except CqrsError as error:
        return told(error)
    assert scenario.rejection is not None
    return told(scenario.rejection)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_fails_in_one_fails_in_all(tmp_path: Path, mistake: str) -> None:
    make, kind = MISTAKES[mistake]
    command = make()
    command = command if command.meta.user_id else command.with_meta(command_id="c")
    with Workbench.open(tmp_path / "things.db", domain) as bench:
        bench.send(Err(thing_id="a", how=""))
        sent = raised(lambda: bench.send(command))
        assert issubclass(sent[0], kind)
        assert raised(lambda: bench.send(command, dry_run=True)) == sent
        assert by_batch(bench, command) == sent
        assert by_scenario(command) == sent
        bench.aggregates.cached.clear()
        assert by_batch(bench, command) == sent
        assert bench.store.head() == 1
