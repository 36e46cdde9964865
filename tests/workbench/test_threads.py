"""One workbench in several threads, and decides that send commands themselves."""

import asyncio
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cqrs_cli import (
    Aggregate,
    Command,
    Domain,
    DomainFailed,
    Event,
    Limits,
    Projection,
    Query,
    Read,
    Workbench,
    decide,
    evolve,
)
from cqrs_cli.domain.decision import Decided, Services
from cqrs_cli.domain.fold import State
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite.limits import Limits as SQLiteLimits
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.workbench.aggregates import CachedStates
from cqrs_cli.workbench.outcome import Request

THREADS, COMMANDS = 8, 25
PATIENT = SQLiteLimits(timeout=60)  # nobody who waits goes on without its turn


class Count(Command):
    counter_id: str


class CountSlowly(Command):
    counter_id: str


class CountForLong(Command):
    counter_id: str


class Relay(Command):
    counter_id: str
    how: str


class RelaySlowly(Command):
    counter_id: str
    how: str


class Counted(Event):
    pass


class Gateway:
    """What a decide sends with, on the very workbench that decides it, or on one of its own."""

    def __init__(self) -> None:
        self.send: Callable[[Command], Any] = lambda command: None


class Counter(Aggregate):
    counter_id: str
    count: int = 0
    decided: ClassVar[int] = 0

    @decide(creates="either")
    def add_for_long(self, command: CountForLong) -> Counted:
        Counter.decided += 1
        time.sleep(0.03)
        return Counted()

    @decide(creates="either")
    def add(self, command: Count) -> Counted:
        return Counted()

    @decide(creates="either")
    async def add_slowly(self, command: CountSlowly) -> Counted:
        await asyncio.sleep(0)
        return Counted()

    @decide(creates="either")
    def relay(self, command: Relay, gateway: Gateway) -> Counted:
        gateway.send((Count if command.how == "plain" else CountSlowly)(counter_id="inner"))
        return Counted()

    @decide(creates="either")
    async def relay_slowly(self, command: RelaySlowly, gateway: Gateway) -> Counted:
        match command.how:
            case "plain":
                gateway.send(Count(counter_id="inner"))
            case "slow":
                gateway.send(CountSlowly(counter_id="inner"))
            case "twice":
                gateway.send(RelaySlowly(counter_id="middle", how="slow"))
            case "in a thread":
                await asyncio.to_thread(gateway.send, CountSlowly(counter_id="inner"))
        return Counted()

    @evolve
    def counted(self, event: Counted) -> None:
        self.count += 1


class Counts(Projection, key="counter_id"):
    counter_id: str
    count: int = 0

    @evolve
    def counted(self, event: Counted) -> None:
        self.count += 1


class All(Query[Counts]):
    def run(self, read: Read) -> list[Counts]:
        return list(read.rows(Counts))


domain = Domain("counters", Counter, Counts, All)


@domain.provide
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench(open_store(tmp_path / "counters.db", create=True), domain) as opened:
        yield opened


def shared(bench: Workbench) -> Workbench:
    """The workbench, if its store may be used from another thread than the one that opened it."""
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(bench.store.head).result()
        except Exception as error:
            pytest.skip(f"this store is for one thread: {error}")
    return bench


def in_threads(work: Callable[[int], None]) -> None:
    """Do it in eight threads at once, and raise what one of them raised."""
    start = threading.Barrier(THREADS)

    def one(number: int) -> None:
        start.wait()
        work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        for future in [pool.submit(one, number) for number in range(THREADS)]:
            future.result()


def slowly(path: str, number: int, decided: "multiprocessing.Queue[int]") -> None:
    """Ten commands on one stream, each decided in 30 ms."""
    Counter.decided = 0  # a fork has what other tests have counted
    with Workbench(SQLiteStore(path, limits=PATIENT), domain) as bench:
        for _ in range(10):
            bench.send(CountForLong(counter_id="all"))
    decided.put(Counter.decided)


def test_eight_writers_of_one_stream_never_outrun_each_other(tmp_path: Path) -> None:
    path = str(tmp_path / "counters.db")
    with Workbench.open(path, domain) as bench:
        bench.send(Count(counter_id="all"))
    processes = multiprocessing.get_context("fork")
    decided = processes.Queue()
    writers = [processes.Process(target=slowly, args=(path, number, decided)) for number in range(THREADS)]
    for writer in writers:
        writer.start()
    times = sum(decided.get(timeout=60) for _ in writers)
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * THREADS
    with Workbench.open(path, domain) as bench:
        assert bench.load(Counter, "all").state.count == 81
    assert times <= 90  # all but a few are decided once


@pytest.mark.slow
def test_on_a_server_which_keeps_no_queue_all_come_to_their_end(postgres_url: str) -> None:
    """They outrun each other more often than a command is tried at once; whoever was rests, and tries on."""
    with Workbench.open(postgres_url, domain, create=True) as bench:
        bench.send(Count(counter_id="all"))

    def work(number: int) -> None:
        with Workbench(open_store(postgres_url), domain, limits=Limits(tries=2)) as bench:
            for _ in range(4):
                bench.send(CountForLong(counter_id="all"))

    in_threads(work)
    with Workbench.open(postgres_url, domain) as bench:
        assert bench.load(Counter, "all").state.count == 33


def test_eight_threads_of_one_workbench_take_turns_at_a_stream(tmp_path: Path) -> None:
    Counter.decided = 0
    store = SQLiteStore(str(tmp_path / "counters.db"), create=True, limits=PATIENT)
    with Workbench(store, domain) as bench:

        def work(number: int) -> None:
            for _ in range(4):
                bench.send(CountForLong(counter_id="all"))

        in_threads(work)
        assert bench.load(Counter, "all").state.count == 32
    assert Counter.decided == 32


def test_eight_threads_on_one_workbench(bench: Workbench) -> None:
    shared(bench)

    def work(number: int) -> None:
        for turn in range(COMMANDS):
            match (number + turn) % 4:
                case 0:
                    list(bench.send_batch(Request(line, Count(counter_id="all")) for line in range(3)))
                case 1:
                    bench.send((Count if turn % 2 else CountSlowly)(counter_id=f"own-{number}"))
                    assert bench.load(Counter, f"own-{number}").state.count >= 1
                case 2:
                    bench.send(Count(counter_id="all"))
                    assert bench.query(All())
                case 3:
                    for event, state in bench.steps(Counter, "all") if bench.store.version("counter-all") else ():
                        assert state.state.count == state.version == event.version

    in_threads(work)
    counts = {state.state.counter_id: state.state.count for state in bench.aggregates.all("counter")}
    assert {row.counter_id: row.count for row in bench.query(All())} == counts
    assert sum(counts.values()) == bench.store.head()
    assert counts["all"] > 100
    assert bench.check("counts").ok


def decided(state: State[Any], data: bytes = b"{}") -> Decided:
    """A decision that led to the state."""
    sent = SentCommand("Count", 1, b"", None, 0)
    return Decided("c", sent, Commit("c", (NewEvent(state.stream, "Counted", 1, data),)), state.stream, 0, state)


def test_a_state_that_much_went_into_at_once_is_not_kept() -> None:
    cached = CachedStates(3, 10)
    cached.put(decided(State("counter-1", 1, Counter(counter_id="1"))))
    cached.put(decided(State("counter-2", 1, Counter(counter_id="2")), b"{" + b" " * 10 + b"}"))
    assert list(cached) == ["counter-1"]


def test_cached_states_are_nobody_else_s() -> None:
    cached = CachedStates(3, 10)
    taken: list[State[Any]] = []

    def work(number: int) -> None:
        for turn in range(2_000):
            state = cached.take(f"counter-{turn % 5}")
            if state is not None:
                taken.append(state)
            cached.put(decided(State(f"counter-{turn % 5}", turn, Counter(counter_id=str(number)))))

    in_threads(work)
    assert len(list(cached)) <= 3
    assert len({id(state) for state in taken}) == len(taken)


def test_a_service_is_made_once() -> None:
    made: list[int] = []
    other = Domain("services", Counter)

    @other.provide
    def slow() -> Gateway:
        made.append(1)
        threading.Event().wait(0.05)
        return Gateway()

    services = Services(other)
    in_threads(lambda _: services(Gateway, "a test"))
    assert made == [1]


# ── a decide that sends ───────────────────────────────────────────────────────────────────────


def ended(act: Callable[[], Any]) -> Any:
    """What it gives or raises; a failure of the test if it hangs."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(act())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert found, "it hangs"
    return found[0]


WAYS = [RelaySlowly(counter_id="outer", how=how) for how in ("plain", "slow", "twice", "in a thread")]
WAYS_IN_ONE_THREAD = [Relay(counter_id="outer", how=how) for how in ("plain", "slow")]


@pytest.mark.parametrize("command", [*WAYS_IN_ONE_THREAD, *WAYS], ids=repr)
def test_a_service_that_sends_with_a_workbench_of_its_own(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "counters.db"

    def send(inner: Command) -> None:
        with Workbench.open(path, domain, services={Gateway: nested}) as own:
            own.send(inner)

    def outer() -> Any:
        with Workbench.open(path, domain, services={Gateway: nested}) as bench:
            return bench.send(command.with_meta()).status, bench.load(Counter, "inner").version

    nested = Gateway()
    nested.send = send
    assert ended(outer) == ("committed", 1)


@pytest.mark.parametrize("command", WAYS_IN_ONE_THREAD, ids=repr)
def test_a_decide_that_sends_on_its_own_workbench(tmp_path: Path, command: Command) -> None:
    nested = Gateway()

    def outer() -> Any:
        with Workbench.open(tmp_path / "counters.db", domain, services={Gateway: nested}) as bench:
            nested.send = bench.send
            return bench.send(command.with_meta()).status, bench.load(Counter, "inner").version

    assert ended(outer) == ("committed", 1)


@pytest.mark.parametrize("command", WAYS, ids=repr)
def test_an_async_decide_that_sends_on_its_own_workbench(tmp_path: Path, command: Command) -> None:
    """Its service runs in another thread than the workbench: answered by a store for several threads, else refused."""
    nested = Gateway()

    def outer() -> Any:
        with Workbench.open(tmp_path / "counters.db", domain, services={Gateway: nested}) as bench:
            shared_by_threads = ended(bench.store.head) == 0
            nested.send = bench.send
            try:
                answer = bench.send(command.with_meta()).status
            except DomainFailed:
                return not shared_by_threads
            return answer == "committed" and bench.load(Counter, "inner").version == 1

    assert ended(outer) is True
