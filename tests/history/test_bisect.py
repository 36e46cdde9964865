"""The first event after which a rule fails: against brute force, over streams and rows, with rules of every kind."""

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Aggregate, Command, Domain, Event, Projection, Workbench, decide, evolve
from cqrs_cli.domain.row_model import DELETE
from cqrs_cli.errors import DomainFailed, Misuse
from cqrs_cli.history.bisect import Break, Search, event_of, grouped, search_rows, search_streams, states
from cqrs_cli.history.rules import ROW, STATE, condition, from_settings, function, functions_of
from cqrs_cli.stores.contract import Selection


class Open(Command):
    till_id: str


class Move(Command):
    till_id: str
    amount: Decimal
    note: str = ""


class Shut(Command):
    till_id: str


class Opened(Event): ...


class Moved(Event):
    amount: Decimal
    note: str = ""


class Shut_(Event, name="Shut"): ...


class Till(Aggregate):
    till_id: str
    balance: Decimal = Decimal(0)
    notes: list[str] = []

    @decide(creates=True)
    def open(self, command: Open) -> Opened:
        return Opened()

    @decide
    def move(self, command: Move) -> Moved:
        return Moved(amount=command.amount, note=command.note)

    @decide
    def shut(self, command: Shut) -> Shut_:
        return Shut_()

    @evolve
    def opened(self, event: Opened) -> None: ...

    @evolve
    def moved(self, event: Moved) -> None:
        self.balance += event.amount
        self.notes.append(event.note)

    @evolve
    def was_shut(self, event: Shut_) -> None:
        self.balance = Decimal(0)


class TillRow(Projection, key="till_id", name="tills"):
    till_id: str
    balance: Decimal = Decimal(0)

    @evolve
    def opened(self, event: Opened) -> None: ...

    @evolve
    def moved(self, event: Moved) -> None:
        self.balance += event.amount

    @evolve
    def was_shut(self, event: Shut_) -> Any:
        return DELETE


domain = Domain("tills", Till, TillRow)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """30 tills with 40 movements each, whose balances cross zero often."""
    rng = random.Random(7)
    with Workbench.open(str(tmp_path_factory.mktemp("bisect") / "tills.db"), domain) as bench:
        ids = [f"t{number}" for number in range(30)]
        for till in ids:
            bench.send(Open(till_id=till))
        for _ in range(40):
            for till in rng.sample(ids, len(ids)):
                bench.send(Move(till_id=till, amount=Decimal(rng.randint(-50, 55)) / 10))
        bench.send(Shut(till_id="t0"))
        yield bench


def rule(text: str) -> Any:
    return condition(text, text, STATE, Till)


def intervals(bench: Workbench, stream: str, holds: Any) -> list[tuple[int, int | None]]:
    """By brute force: after which position a rule fails, and after which it holds again."""
    found: list[tuple[int, int | None]] = []
    before: Any = Till(till_id=stream.partition("-")[2])
    for event, state in bench.steps(stream):
        if holds(state.state, before, event):
            if found and found[-1][1] is None:
                found[-1] = (found[-1][0], event.position)
        elif not found or found[-1][1] is not None:
            found.append((event.position, None))
        before = state.state
    return found


RULES = {
    "state.balance >= 0": lambda state, before, event: state.balance >= 0,
    "state.balance >= before.balance": lambda state, before, event: state.balance >= before.balance,
    "state.balance >= before.balance or type = Opened": lambda state, before, event: (
        state.balance >= before.balance or event.type == "Opened"
    ),
    "len(state.notes) < 20": lambda state, before, event: len(state.notes) < 20,
    "len(before.notes) < 20": lambda state, before, event: len(before.notes) < 20,
    "event.amount is null or event.amount > -4": lambda state, before, event: (
        event.type != "Moved" or Decimal(json.loads(event.data)["amount"]) > -4
    ),
    "recorded.position % 7 != 0": lambda state, before, event: event.position % 7 != 0,
    "position % 7 != 0": lambda state, before, event: event.position % 7 != 0,
}


@pytest.mark.parametrize("every", [False, True])
def test_against_brute_force_all_rules_at_once(bench: Workbench, every: bool) -> None:
    found = search_streams(bench, [rule(text) for text in RULES], Selection(category="till"), every=every)
    assert (found.events, found.subjects) == (bench.store.head(), 30)
    for text, holds in RULES.items():
        for number in range(30):
            stream = f"till-t{number}"
            wanted = intervals(bench, stream, holds)
            told = [(one.position, one.until) for one in found.breaks if (one.rule, one.key) == (text, stream)]
            assert told == (wanted if every else [(first, None) for first, _ in wanted[:1]]), (text, stream)


def test_one_stream_up_to_a_point(bench: Workbench) -> None:
    wanted = intervals(bench, "till-t3", RULES["state.balance >= 0"])
    first = wanted[0][0]
    for position, count in ((first - 1, 0), (first, 1)):
        found = search_streams(bench, [rule("state.balance >= 0")], Selection(stream="till-t3", before=position + 1))
        assert [one.position for one in found.breaks] == [first][:count]


def test_what_a_break_tells(bench: Workbench) -> None:
    found = search_streams(bench, [rule("state.balance >= 0")], Selection(category="till"))
    for one in found.breaks[:5]:
        event = event_of(bench, one)
        assert (event.stream, event.version, event.type) == (one.stream, one.version, one.type)
        before, after = states(bench, one)
        assert Decimal(before["balance"]) >= 0 > Decimal(after["balance"])
        assert after == bench.jsonable(bench.replay(one.stream, at=one.version).state)
        assert found.clause_of(one.type) is not None


def test_groups_count_streams(bench: Workbench) -> None:
    found = search_streams(bench, [rule("state.balance >= before.balance")], Selection(category="till"), every=True)
    (group, *rest) = grouped(found)
    assert not [one for one in rest if one.type == "Moved"]
    assert group.subjects == len({one.key for one in found.breaks if one.type == "Moved"}) <= 30
    assert group.first == next(one for one in found.breaks if one.type == "Moved")


def test_rows_against_brute_force(bench: Workbench) -> None:
    kind = bench.domain.rows_of("tills")
    rules = [
        condition("r", "row.balance >= 0", ROW, kind.cls),
        condition("b", "row.balance >= before.balance", ROW, kind.cls),
    ]
    found = search_rows(bench, rules, kind, every=True)
    for number in range(1, 30):
        wanted = intervals(bench, f"till-t{number}", RULES["state.balance >= 0"])
        told = [(one.position, one.until) for one in found.breaks if (one.rule, one.stream) == ("r", f"till-t{number}")]
        assert told == wanted
    one = next(one for one in found.breaks if one.rule == "r")
    assert Decimal(one.before["balance"]) >= 0 > Decimal(one.after["balance"])
    assert found.name_of(one.key) == f"tills/{one.stream.partition('-')[2]}"
    assert found.subjects == 29


def test_a_row_that_goes_breaks_no_rule_any_more(bench: Workbench) -> None:
    kind = bench.domain.rows_of("tills")
    never = condition("never", "row.balance > 1000000", ROW, kind.cls)
    found = search_rows(bench, [never], kind, key=("t0",), every=True)
    assert [(one.until, one.before) for one in found.breaks] == [(bench.store.head(), None)]


def test_nothing_is_written_and_read_models_stay(bench: Workbench) -> None:
    before = (bench.store.head(), bench.store.rows.checkpoints())
    kind = bench.domain.rows_of("tills")
    search_rows(bench, [condition("r", "row.balance >= 0", ROW, kind.cls)], kind)
    assert (bench.store.head(), bench.store.rows.checkpoints()) == before


# ── rules ─────────────────────────────────────────────────────────────────────────────────────


def search(bench: Workbench, *rules: Any) -> Search:
    return search_streams(bench, rules, Selection(category="till"))


def test_functions_get_what_they_ask_for(bench: Workbench) -> None:
    seen: list[Any] = []

    def sound(recorded: Any, state: Till, before: Till, event: Any) -> bool:
        seen.append((recorded, state, before, event))
        return recorded.user_id is None and isinstance(state, Till) and isinstance(before, Till)

    assert search(bench, function("sound", sound, STATE)).breaks == []
    assert len(seen) == bench.store.head()
    assert {type(event) for *_, event in seen} == {Opened, Moved, Shut_}


def test_a_function_that_raises_or_gives_nothing(bench: Workbench) -> None:
    def broken(state: Till) -> bool:
        raise ZeroDivisionError

    def silent(state: Till) -> None: ...

    with pytest.raises(DomainFailed, match=r"the rule broken \(.*test_bisect.py:\d+\) raised ZeroDivisionError"):
        search(bench, function("broken", broken, STATE))
    with pytest.raises(Misuse, match="gave None"):
        search(bench, function("silent", silent, STATE))


def test_a_function_that_changes_what_it_looks_at_is_told_and_not_folded_on_with(bench: Workbench) -> None:
    def drains(state: Till) -> bool:
        state.balance = Decimal(0)
        return True

    def sorts(before: Till) -> bool:
        before.notes.append("seen")
        return True

    def renames(event: Any) -> bool:
        event.__dict__["note"] = "seen"
        return True

    for code in (drains, sorts, renames):
        with pytest.raises(DomainFailed, match=rf"the rule {code.__name__} \(.*\) changed what it was given"):
            search(bench, function(code.__name__, code, STATE))

    def fills(row: TillRow) -> bool:
        row.balance += 1
        return True

    with pytest.raises(DomainFailed, match="the rule fills"):
        search_rows(bench, [function("fills", fills, ROW)], bench.domain.rows_of("tills"))


def test_a_function_that_answers_later_does_not_hold_for_ever(bench: Workbench) -> None:
    async def later(state: Till) -> bool:
        return state.balance >= 0

    def piecewise(state: Till) -> Any:
        yield state.balance >= 0

    for code in (later, piecewise):
        with pytest.raises(Misuse, match=r"gave a (coroutine|generator)"):
            search(bench, function(code.__name__, code, STATE))


@pytest.mark.parametrize("code", [lambda: True, lambda row: True, lambda state, more: True])
def test_a_function_that_asks_for_something_else(code: Any) -> None:
    with pytest.raises(Misuse, match="asks for"):
        function("odd", code, STATE)


@pytest.mark.parametrize(
    "text", ["state.balanse > 0", "row.balance > 0", "state.balance >", "__import__('os')", "true", "before.x = 1"]
)
def test_a_condition_that_is_none(text: str) -> None:
    with pytest.raises(Misuse):
        rule(text)


def test_values_that_can_not_be_compared_name_the_place(bench: Workbench) -> None:
    with pytest.raises(Misuse, match="soon"):
        search(bench, rule("state.balance > soon"))


def test_the_functions_of_a_module_are_its_rules(tmp_path: Path) -> None:
    from cqrs_cli.loading import load_module

    (tmp_path / "rules.py").write_text(
        "from json import dumps\n"
        "def second(row): return True\n"
        "def positive(state): return state.balance >= 0\n"
        "def _helper(state): return False\n"
        "def helper(number): return False\n"
        "def grows(state, before): return state.balance >= before.balance\n"
    )
    module = load_module(str(tmp_path / "rules.py"), tmp_path)
    assert [one.name for one in functions_of(module, STATE)] == ["positive", "grows"]
    assert [one.name for one in functions_of(module, ROW)] == ["second"]


def test_rules_of_the_settings_are_for_all_or_for_one() -> None:
    table = {"all": "state.balance >= 0", "till": {"mine": "state.till_id != x"}, "order": {"other": "state.total > 0"}}
    assert [one.name for one in from_settings(table, STATE, Till, "till")] == ["all", "mine"]
    with pytest.raises(Misuse, match="the rule odd is 3"):
        from_settings({"odd": 3}, STATE, Till, "till")


def test_an_absent_value_does_not_hold(bench: Workbench) -> None:
    (first, *_) = search(bench, rule("before.notes[0] = x")).breaks
    assert isinstance(first, Break)
