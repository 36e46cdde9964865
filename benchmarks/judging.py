"""`python -m benchmarks.judging [COMMANDS]`: what asks whether a change is all right, against one fold of the same log.

Times are of the processor, this one's and its children's.
"""

import contextlib
import os
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bank import AccountOpened, Deposit, Deposited, OpenAccount, domain
from benchmarks.history import account
from cqrs_cli.checking import parts
from cqrs_cli.checking.material import Material
from cqrs_cli.history.minimisation import fewest_events
from cqrs_cli.history.rehearsal import rehearse
from cqrs_cli.history.rules import STATE, condition, function
from cqrs_cli.scenario.described import described_as
from cqrs_cli.scenario.from_stream import of_stream
from cqrs_cli.scenario.trial import tried
from cqrs_cli.scenario.vocabulary import Vocabulary
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.transfer import corpus
from cqrs_cli.transfer.choice import choose
from cqrs_cli.workbench.outcome import Request
from cqrs_cli.workbench.workbench import Workbench

COMMANDS, TO_AN_ACCOUNT, SCENARIOS, LONG = 50_000, 50, 1_000, 2_000
TURNS = 3


def measure(folder: Path, commands: int = COMMANDS) -> list[tuple[str, str]]:
    """What each takes, and how many folds that is. commands: of the log, each of which led to an event."""
    figures: list[tuple[str, str]] = []
    path = folder / "log.db"
    with Workbench.open(path, domain) as bench:
        accounts = [account(number) for number in range(max(1, commands // TO_AN_ACCOUNT))]
        asked: list[Any] = [OpenAccount(account_id=one, owner="Ada Lovelace") for one in accounts]
        asked += [
            Deposit(account_id=accounts[number % len(accounts)], cents=1) for number in range(commands - len(asked))
        ]
        deque(bench.send_batch(Request(number, one) for number, one in enumerate(asked, 1)), maxlen=0)
        head = bench.store.head()
        read = _seconds(lambda: deque(bench.store.scan(), maxlen=0))
        fold = _seconds(lambda: deque(bench.replay_all("account"), maxlen=0))
        figures.append((f"the log read, {head:,} events", _rate(head, read)))
        figures.append(("all its states folded once", _rate(head, fold)))
        for what, work in _checks(bench, path):
            taken = _seconds(work)
            figures.append((what, f"{_rate(head, taken)}, {taken / fold:.1f} folds"))
        taken = _seconds(lambda: deque(rehearse(bench), maxlen=0))
        figures.append(("rehearse: each command judged twice", f"{_rate(head, taken)}, {taken / fold:.1f} folds"))
        taken = _seconds(lambda: _refreshed(bench, folder))
        figures.append(("corpus refresh", f"{_rate(head, taken)}, {taken / read:.1f} readings"))
    figures += _scenarios()
    figures += _minimised()
    return figures


def _checks(bench: Workbench, path: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """The parts of a check that read the log."""
    rules = {"account": {"never_below": "state.balance >= 0"}}
    folder = Path(__file__).resolve().parent.parent
    given = Material(domain, "benchmarks.bank:domain", folder, bench, "", _silent, rules, store=str(path))
    yield "check log", lambda: parts.check("log", given)
    yield "check log --commands", lambda: parts.check("log", given._replace(commands=True))
    yield "check determinism: two processes", lambda: parts.check("determinism", given)
    yield "check rules, one rule", lambda: parts.check("rules", given)


@contextlib.contextmanager
def _silent(*_: Any) -> Iterator[Callable[[int], object]]:
    yield lambda _: None


def _refreshed(bench: Workbench, folder: Path) -> None:
    found = choose(bench.store)
    corpus.write(bench.store, str(folder / "histories"), found.chosen, rejected=found.rejections)


def _scenarios() -> Iterator[tuple[str, str]]:
    """Scenarios as they come out of a stream, read and tried."""
    with Workbench.open("memory:", domain) as bench:
        bench.send(OpenAccount(account_id=account(0), owner="Ada"))
        for cents in range(5):
            bench.send(Deposit(account_id=account(0), cents=cents))
        one = of_stream(bench, f"account-{account(0)}")
    name = one.splitlines()[0]
    text = "---\n".join(one.replace(name, f"{name} {number}") for number in range(SCENARIOS))

    def try_all() -> None:
        vocabulary = Vocabulary(domain)
        assert all(tried(vocabulary, described).ok for described in described_as(text, "bench"))

    yield f"test: {SCENARIOS:,} scenarios", f"{_seconds(try_all):.2f} s"


def _minimised() -> Iterator[tuple[str, str]]:
    """A stream of which three events break a rule."""
    texts = [(AccountOpened.stored.name, b'{"owner":"Ada"}')]
    texts += [
        (Deposited.stored.name, b'{"cents":%d}' % (7_000 if at in (500, 1_000, 1_500) else 1)) for at in range(LONG - 1)
    ]
    name = f"account-{account(0)}"
    with Workbench.open("memory:", domain) as bench:
        for start in range(0, len(texts), 500):
            events = tuple(NewEvent(name, type, 1, data) for type, data in texts[start : start + 500])
            bench.store.append(Commit(f"long-{start}", events))
        for what, rule in (
            ("a condition", condition("rule", "state.balance < 21000", STATE, domain.aggregate_of(name).cls)),
            ("a function", function("rule", lambda state: state.balance < 21_000, STATE)),
        ):
            found = fewest_events(bench, rule, name) or []
            taken = _seconds(lambda rule=rule: fewest_events(bench, rule, name))  # type: ignore[misc]
            yield f"test --minimise, {what}: {LONG:,} events to {len(found)}", f"{taken:.2f} s"


def _seconds(work: Callable[[], object], turns: int = TURNS) -> float:
    taken = []
    for _ in range(turns):
        start = os.times()
        work()
        end = os.times()
        taken.append(sum(end[:4]) - sum(start[:4]))
    return median(taken)


def _rate(events: int, seconds: float) -> str:
    return f"{events / max(seconds, 0.001):,.0f} a second"


def main() -> None:
    """Print the table."""
    commands = int(sys.argv[1]) if len(sys.argv) > 1 else COMMANDS
    with tempfile.TemporaryDirectory(prefix="cqrs-bench-") as folder:
        for what, figure in measure(Path(folder), commands):
            print(f"{what:<60} {figure:>30}", flush=True)


if __name__ == "__main__":
    main()
