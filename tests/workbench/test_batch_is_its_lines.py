"""A batch is its lines: the outcomes and the log are those of sending them one by one, whoever else writes meanwhile."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cqrs_cli import Command, Workbench
from cqrs_cli.errors import CqrsError
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.workbench.batch import failed
from cqrs_cli.workbench.engine import Limits
from cqrs_cli.workbench.outcome import Outcome, Request
from samples.users import domain
from samples.users.user import ChangeEmail, CloseAccount, RegisterUser

Step = tuple[str, str, str]


class Interrupted(SQLiteStore):
    """A store at which something happens before each write of a batch; writes counts those that were asked for."""

    def __init__(self, path: str, *meanwhile: Callable[[], Any]) -> None:
        super().__init__(path, create=True, durability="relaxed")
        self.meanwhile, self.writes = list(meanwhile), 0

    def append_many(self, appends: Sequence[Append]) -> Any:
        self.writes += 1
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return super().append_many(appends)


def user(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"cqrs:user:{name}")


def command(step: Step, id: str) -> Command:
    kind, name, email = step
    if kind == "register":
        return RegisterUser(email=f"{email}@x.io", name=name).with_meta(command_id=name)
    if kind == "change":
        return ChangeEmail(user_id=user(name), email=f"{email}@x.io").with_meta(command_id=id)
    return CloseAccount(user_id=user(name)).with_meta(command_id=id)


def requests(steps: Sequence[Step], expect: Sequence[Any] = ()) -> list[Request]:
    expected = dict(enumerate(expect))
    return [Request(line, command(step, f"c{line}"), expected.get(line)) for line, step in enumerate(steps)]


def told(outcome: Outcome) -> tuple[Any, ...]:
    if outcome.error is not None:
        # An id that somebody else took is found before the decision or by the write, which say it differently.
        message = None if outcome.error.code == "command-id-reused" else outcome.error.message
        return (outcome.status, outcome.error.code, message)
    return (outcome.status, outcome.stream, outcome.version_before, [e._replace(recorded_us=0) for e in outcome.events])


def log(bench: Workbench) -> list[Any]:
    return [event._replace(recorded_us=0) for event in bench.store.read()]


def one_by_one(path: str, sent: list[Request], other: Command | None, at: int, fail_fast: bool = False) -> Any:
    """Outcomes and log, with a command of somebody else before the line `at`."""
    with Workbench.open(path, domain, durability="relaxed") as bench:
        outcomes: list[Any] = []
        for line, request in enumerate([*sent, None]):
            if line == at and other is not None:
                quietly(bench, other)
            if request is None or (fail_fast and outcomes and len(outcomes[-1]) == 3):
                continue
            assert request.command is not None
            try:
                outcomes.append(told(bench.send(request.command, expect=request.expect)))
            except CqrsError as error:
                outcomes.append(told(failed(request, error)))
        return outcomes, log(bench)


def quietly(bench: Workbench, command: Command) -> None:
    with contextlib.suppress(CqrsError):
        bench.send(command)


NAMES, EMAILS = st.sampled_from("uvw"), st.sampled_from("abc")
STEPS = st.tuples(st.sampled_from(["register", "change", "change", "close"]), NAMES, EMAILS)
EXPECT = st.sampled_from([None, None, None, None, "new", 1, 2])
FREED_LATE: list[Step] = [
    ("register", "u", "a"),
    ("register", "v", "b"),
    ("change", "v", "a"),  # refused by the rule
    ("change", "v", "c"),  # frees b
    ("register", "w", "b"),
]


@given(st.lists(STEPS, max_size=14), st.lists(EXPECT, max_size=14), st.integers(1, 14), st.booleans())
@settings(max_examples=40, deadline=None)
@example(FREED_LATE, [], 14, False)
@example(FREED_LATE, [], 14, True)
@example([("register", "u", "a"), ("register", "v", "a"), ("change", "u", "a")], [], 3, True)
def test_a_batch_is_its_lines(steps: list[Step], expect: list[Any], group: int, fail_fast: bool) -> None:
    with TemporaryDirectory() as folder:
        wanted = one_by_one(f"{folder}/1.db", requests(steps, expect), None, 0, fail_fast)
        store = SQLiteStore(f"{folder}/2.db", create=True, durability="relaxed")
        with Workbench(store, domain, limits=Limits(written_together=group)) as bench:
            outcomes = list(map(told, bench.send_batch(requests(steps, expect), fail_fast=fail_fast)))
            assert (outcomes, log(bench)) == wanted


@given(st.lists(STEPS, min_size=1, max_size=9), st.lists(EXPECT, max_size=9), STEPS, st.integers(0, 2))
@settings(max_examples=40, deadline=None)
@example([("register", "u", "a"), ("change", "v", "b")], [], ("register", "v", "c"), 0)  # not found, and then it is
@example([("register", "u", "a")], [], ("register", "u", "b"), 0)  # the same id
@example([("register", "u", "a"), ("register", "v", "b")], [], ("register", "w", "a"), 0)  # the rule, and a stream
@example([*FREED_LATE[:2], ("change", "w", "c"), ("close", "v", ""), FREED_LATE[4]], [], ("register", "w", "z"), 0)
def test_a_batch_is_its_lines_with_somebody_else_in_between(
    steps: list[Step], expect: list[Any], other: Step, writes: int
) -> None:
    """What somebody does before one of its writes is as if done before one of its lines."""
    sent = command(other, "o")
    with TemporaryDirectory() as folder:
        store = Interrupted(f"{folder}/2.db", *[lambda: None] * writes, lambda: quietly(second, sent))
        with Workbench(store, domain) as bench, Workbench.open(f"{folder}/2.db", domain) as second:
            found = list(map(told, bench.send_batch(requests(steps, expect)))), log(bench)
        happened = sent if not store.meanwhile else None
        orders = [
            one_by_one(f"{folder}/o{at}.db", requests(steps, expect), happened, at) for at in range(len(steps) + 1)
        ]
        assert found in orders


def test_an_address_that_a_later_line_frees_in_time(tmp_path: Path) -> None:
    with Workbench.open(str(tmp_path / "users.db"), domain) as bench:
        outcomes = list(bench.send_batch(requests(FREED_LATE)))
        assert [outcome.status for outcome in outcomes] == ["committed", "committed", "rejected", *["committed"] * 2]
        assert [event.commit_id for event in bench.store.read()] == ["u", "v", "c3", "w"]


def test_what_is_decided_in_vain_stays_little(tmp_path: Path) -> None:
    """Every second line is refused, and the next one follows it."""
    decided, lines = 0, 600

    class Counting(SQLiteStore):
        def append_many(self, appends: Sequence[Append]) -> Any:
            nonlocal decided
            decided += len(appends)
            return super().append_many(appends)

    steps: list[Step] = [("register", "u", "a"), ("register", "v", "b")]
    steps += [("change", "v", "a" if line % 2 else f"x{line}") for line in range(lines)]
    store = Counting(str(tmp_path / "users.db"), create=True, durability="relaxed")
    with Workbench(store, domain) as bench:
        outcomes = [outcome.status for outcome in bench.send_batch(requests(steps))]
        assert outcomes == ["committed", "committed", *["committed", "rejected"] * (lines // 2)]
    assert decided < 5 * lines


def test_large_lines_are_written_few_at_a_time(tmp_path: Path) -> None:
    """So that a batch needs no more memory than a write: 400 lines of 1 MB took 2 GB."""
    store, read = Interrupted(str(tmp_path / "users.db")), 0

    def lines() -> Iterator[Request]:
        nonlocal read
        for read in range(1, 41):
            yield Request(read, RegisterUser(email=f"{read}@x.io", name="x" * 10_000))

    with Workbench(store, domain, limits=Limits(written_bytes=40_000)) as bench:
        for answered, outcome in enumerate(bench.send_batch(lines()), 1):
            assert (outcome.status, read - answered < 5) == ("committed", True)
        assert store.writes == 10


def test_what_small_commands_lead_to_is_written_few_at_a_time(tmp_path: Path) -> None:
    steps: list[Step] = [("register", f"u{n}", f"e{n}") for n in range(40)]
    store = Interrupted(str(tmp_path / "users.db"))
    with Workbench(store, domain, limits=Limits(written_bytes=1_000)) as bench:
        closed: list[Step] = [("close", f"u{n}", "") for n in range(40)]
        assert {outcome.status for outcome in bench.send_batch(requests([*steps, *closed]))} == {"committed"}
        assert 3 <= store.writes <= 6


def test_lines_that_nobody_refuses_are_one_write(tmp_path: Path) -> None:
    store = Interrupted(str(tmp_path / "users.db"))
    with Workbench(store, domain) as bench:
        steps: list[Step] = [("register", f"u{n}", f"e{n}") for n in range(300)]
        steps += [("change", f"u{n}", f"f{n}") for n in range(300)]
        assert {outcome.status for outcome in bench.send_batch(requests(steps))} == {"committed"}
        assert (store.writes, bench.store.head()) == (1, 600)


# ── rejections that are expected ──────────────────────────────────────────────────────────────


def test_what_is_to_be_rejected_is_never_written_and_sees_what_is_before_it(tmp_path: Path) -> None:
    """Inline rules count too, and a line after it is decided on what is written."""
    lines = [
        Request(1, command(("register", "ann", "a"), "c1")),
        Request(2, command(("register", "bob", "a"), "c2"), rejection="not-unique"),
        Request(3, command(("register", "bob", "b"), "c3"), rejection="not-unique"),
        Request(4, command(("change", "ann", "b"), "c4")),
        Request(5, command(("register", "bob", "b"), "c5"), rejection="not-unique"),
        Request(6, command(("register", "bob", "a"), "c6")),
        Request(7, command(("change", "bob", "b"), "c7"), rejection="not-unique"),
    ]
    with contextlib.closing(Interrupted(str(tmp_path / "a.db"))) as store, Workbench(store, domain) as bench:
        outcomes = list(bench.send_batch(lines))
        assert [outcome.status for outcome in outcomes] == [
            *("committed", "as-expected", "unexpected", "committed", "as-expected", "committed", "as-expected")
        ]
        assert [event.command_id for event in bench.store.read()] == ["ann", "c4", "bob"]
        assert store.writes == 3
        assert [outcome.is_failure for outcome in outcomes] == [False, False, True, False, False, False, False]


@given(st.lists(STEPS, max_size=12))
@settings(max_examples=25)
def test_expected_rejections_are_those_that_one_by_one_would_be(steps: list[Step]) -> None:
    """Whatever comes before it: a line is as expected exactly where sending it would be rejected so."""
    with TemporaryDirectory() as folder, Workbench.open(f"{folder}/1.db", domain, durability="relaxed") as bench:
        asked = [
            request._replace(rejection="not-unique" if n % 2 else None) for n, request in enumerate(requests(steps))
        ]
        outcomes = list(bench.send_batch(asked))
        with Workbench.open(f"{folder}/2.db", domain, durability="relaxed") as other:
            for request, outcome in zip(requests(steps), outcomes, strict=True):
                assert request.command is not None
                status: str
                try:
                    status = other.send(request.command, dry_run=request.line % 2 == 1).status
                    code = None
                except CqrsError as error:
                    status, code = "error", error.code
                if request.line % 2:
                    assert (outcome.status == "as-expected") == (code == "not-unique")
                else:
                    assert (outcome.error.code if outcome.error else outcome.status) == (code or status)
            assert log(bench) == log(other)
