"""Process managers and policies as classes: which process an event concerns, and which mistakes are named."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli import (
    After,
    Aggregate,
    Command,
    CommandRejected,
    DefinitionError,
    Domain,
    Event,
    Policy,
    ProcessManager,
    Projection,
    Recorded,
    Workbench,
    decide,
    evolve,
    react,
)
from tests import office
from tests.reacting import sent


class Sum(ProcessManager, key="story", name="sums"):
    """Counts the events of a story, whatever their streams: keyed by correlation id."""

    story: str
    events: int = 0

    @evolve(key=lambda event, recorded: recorded.correlation_id)
    def happened(self, event: office.Paid | office.Shipped) -> None:
        self.events += 1

    @react(key=lambda event, recorded: [recorded.correlation_id, recorded.correlation_id])
    def answer(self, event: office.Shipped) -> office.Greet | None:
        return office.Greet(order_id="o2") if self.events == 2 else None


def test_a_process_may_be_keyed_by_correlation_id_and_keys_count_once(tmp_path: Path) -> None:
    with Workbench.open(str(tmp_path / "s.db"), Domain("sums", office.Order, Sum)) as bench:
        bench.runner().drain()
        for order in ("o1", "o2"):
            bench.send(office.Pay(order_id=order).with_meta(correlation_id="story-1"))
        bench.send(office.Ship(order_id="o1").with_meta(correlation_id="story-1"))
        assert bench.runner().drain().sent == 0  # three events by then
        bench.send(office.Pay(order_id="o3").with_meta(correlation_id="story-2"))
        bench.send(office.Ship(order_id="o3").with_meta(correlation_id="story-2"))
        assert bench.runner().drain().sent == 1
        assert {row.story: row.events for row in bench.rows("sums")} == {"story-1": 3, "story-2": 2}  # type: ignore[attr-defined]
        assert sent(bench.store)[-1] == "Greet order-o2"


class Second(ProcessManager, key="order_id", name="seconds"):
    """Ships as well, and counts what was rejected: as many as its own."""

    order_id: str
    rejected: int = 0

    @evolve
    def refused(self, event: CommandRejected) -> None:
        self.rejected += 1

    @react
    def ship(self, event: office.Paid) -> office.Ship | None:
        return office.Ship(order_id=self.order_id) if self.order_id == "bad1" else None


def test_rejections_of_another_process_concern_no_row(tmp_path: Path) -> None:
    domain = Domain("two", office.Order, office.Fulfilment, Second)
    with Workbench.open(tmp_path / "s.db", domain) as bench:
        bench.runner().drain()
        for order in ("bad1", "bad2"):  # the first is shipped by both, the second by the other alone
            bench.send(office.Pay(order_id=order))
        bench.runner().drain()
        streams = [event.stream for event in bench.store.read() if event.type == "command-rejected"]
        assert sorted(streams) == ["fulfilment-bad1", "fulfilment-bad2", "seconds-bad1"]
        assert {row.order_id: row.rejected for row in bench.rows(Second)} == {"bad1": 1}
        assert not bench.check("seconds").drift


def test_a_key_function_that_fails_is_a_poison_event(tmp_path: Path) -> None:
    class Lost(ProcessManager, key="order_id"):
        order_id: str

        @react(key=lambda event, recorded: 1 / 0)
        def answer(self, event: office.Paid) -> None: ...

    class Odd(ProcessManager, key="order_id"):
        order_id: UUID

        @react(key=lambda event, recorded: "no UUID")
        def answer(self, event: office.Paid) -> None: ...

    with Workbench.open(str(tmp_path / "s.db"), Domain("lost", office.Order, Lost, Odd)) as bench:
        bench.runner().drain()
        bench.send(office.Pay(order_id="o1"))
        failures = bench.runner().drain().failures
        assert "the key of Lost.answer" in failures["lost"].message
        assert "ZeroDivisionError" in failures["lost"].message
        assert "is no key" in failures["odd"].message


def test_a_command_id_in_any_form_of_unicode_keys_a_process_of_its_own(tmp_path: Path) -> None:
    class Story(ProcessManager, key="story"):
        story: str
        refused: str = ""

        @react(key=lambda event, recorded: recorded.correlation_id)
        def answer(self, event: office.Paid, recorded: Recorded) -> office.Ship:
            return office.Ship(order_id=recorded.stream[6:])

        @evolve
        def rejected(self, event: CommandRejected) -> None:
            self.refused = event.code

    ids = ["é-1", "e\N{COMBINING ACUTE ACCENT}-1", "\N{ANGSTROM SIGN}", "a b,%/@"]
    with Workbench.open(str(tmp_path / "s.db"), Domain("stories", office.Order, Story)) as bench:
        bench.runner().drain()
        for number, id in enumerate(ids):
            bench.send(office.Pay(order_id=f"bad{number}").with_meta(command_id=id))
        done = bench.runner().drain()
        assert (done.failures, done.rejected) == ({}, len(ids))
        assert {row.story: row.refused for row in bench.rows(Story)} == dict.fromkeys(ids, "out-of-stock")


def test_deadlines_of_a_policy_are_all_kept(tmp_path: Path) -> None:
    class Remind(Policy):
        @react
        def remind(self, event: office.Paid, recorded: Recorded) -> After:
            return After(timedelta(days=1), office.Greet(order_id=recorded.stream[6:]))

    with Workbench.open(str(tmp_path / "s.db"), Domain("remind", office.Order, Remind)) as bench:
        bench.runner().drain()
        for order in ("o1", "o2"):
            bench.send(office.Pay(order_id=order))
        bench.runner().drain()
        assert bench.reactions()[0].deadlines == 2


# ── mistakes ──────────────────────────────────────────────────────────────────────────────────


class Poke(Command):
    key_id: int


class Poked(Event): ...


class Thing(Aggregate, category="thing", key="key_id"):
    key_id: int

    @decide(creates="either")
    def poke(self, command: Poke) -> Poked:
        return Poked()

    @evolve
    def poked(self, event: Poked) -> None: ...


def _no_react() -> Any:
    class Idle(ProcessManager, key="key_id"):
        key_id: int

    return Idle


def _two_reacts() -> Any:
    class Torn(Policy):
        @react
        def one(self, event: Poked) -> None: ...

        @react
        def two(self, event: Poked) -> None: ...

    return Torn


def _gives_events() -> Any:
    class Mixed(Policy):
        @react
        def answer(self, event: Poked) -> Poked:
            return event

    return Mixed


def _remembers() -> Any:
    class Elephant(Policy):
        @react
        def answer(self, event: Poked) -> None: ...

        @evolve
        def poked(self, event: Poked) -> None: ...

    return Elephant


def _keyed_policy() -> Any:
    class Keyed(Policy):
        @react(key=lambda event, recorded: 1)
        def answer(self, event: Poked) -> None: ...

    return Keyed


def _wants_arguments() -> Any:
    class Needy(Policy):
        def __init__(self, mail: str) -> None:
            self.mail = mail

        @react
        def answer(self, event: Poked) -> None: ...

    return Needy


def _bad_name() -> Any:
    class Named(Policy, name="no name"):
        @react
        def answer(self, event: Poked) -> None: ...

    return Named


def _bad_key() -> Any:
    class Flag(ProcessManager, key="key_id"):
        key_id: bool

        @react(key=lambda event, recorded: True)
        def answer(self, event: Poked) -> None: ...

    return Flag


def _named_as_streams() -> Any:
    class Again(ProcessManager, key="key_id", name="thing"):
        key_id: int

        @react
        def answer(self, event: Poked) -> None: ...

    return Again


def _coroutine() -> Any:
    class Later(Policy):
        @react
        async def answer(self, event: Poked) -> None: ...

    return Later


def _rejections_of_others() -> Any:
    class Rejections(Projection, key="command"):
        command: str

        @evolve
        def rejected(self, event: CommandRejected) -> None: ...

    return Rejections


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_no_react, "Idle has no @react"),
        (_two_reacts, "Torn.two and Torn.one are both for Poked"),
        (_gives_events, "Mixed.answer gives Poked, which is an event"),
        (_remembers, "Elephant.poked: @evolve means nothing in Elephant"),
        (_keyed_policy, "Keyed.answer: key= is for process managers"),
        (_wants_arguments, "Needy can't be made without arguments"),
        (_bad_name, "'no name' can't be a name"),
        (_bad_key, "Flag.key_id: the key of a process is str, int, UUID or date"),
        (_named_as_streams, "Again is called 'thing', as are the streams of Thing"),
        (_coroutine, "Later.answer is asynchronous"),
        (_rejections_of_others, "a CommandRejected concerns the process that sent the command"),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["before its aggregate", "after it"])
def test_mistakes_are_named_when_the_domain_is_made(make: Any, told: str, first: bool) -> None:
    def define() -> None:
        part = make()
        Domain("things", *((part, Thing) if first else (Thing, part)))

    with pytest.raises(DefinitionError) as raised:
        define()
    assert told in raised.value.message
    assert raised.value.hint


def test_a_service_nobody_provides_is_found_by_check() -> None:
    class Mailer: ...

    class Mails(Policy):
        @react
        def mail(self, event: Poked, recorded: Recorded, mailer: Mailer) -> None: ...

    findings = Domain("things", Thing, Mails).check()
    assert [(one.code, one.where) for one in findings] == [("no-service", "Mails.mail")]
