"""Types of events that the code has learnt since, or knows no more: what was passed over is not taken in."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cqrs_cli import (
    After,
    Domain,
    NeedsRebuild,
    Policy,
    ProcessManager,
    Projection,
    Workbench,
    evolve,
    react,
)
from cqrs_cli.cli.shell.hints import say
from tests.boxes import Box, Mark, Marked, Note, Put, Tell, Was
from tests.limited import limited


def rows(marks: bool, inline: bool = False) -> Domain:
    if not marks:

        class Sums(Projection, key="box_id", inline=inline):
            box_id: str
            total: int = 0

            @evolve
            def was(self, event: Was) -> None:
                self.total += 1

        return Domain("boxes", Box, Note, Sums)

    class Both(Projection, key="box_id", name="sums", inline=inline):
        box_id: str
        total: int = 0

        @evolve
        def was(self, event: Was | Marked) -> None:
            self.total += 1

    return Domain("boxes", Box, Note, Both)


def policy(marks: bool) -> Domain:
    if not marks:

        class Nags(Policy, name="nags"):
            @react
            def was(self, event: Was) -> Tell:
                return Tell(note_id="was")

        return Domain("boxes", Box, Note, Nags)

    class More(Policy, name="nags"):
        @react
        def was(self, event: Was) -> Tell:
            return Tell(note_id="was")

        @react
        def marked(self, event: Marked) -> Tell:
            return Tell(note_id="marked")

    return Domain("boxes", Box, Note, More)


def process(marks: bool) -> Domain:
    """Its rows take both in from the start; the later one answers both."""
    if not marks:

        class Counts(ProcessManager, key="box_id", name="counts"):
            box_id: str
            total: int = 0

            @evolve
            def was(self, event: Was | Marked) -> None:
                self.total += 1

            @react
            def tell(self, event: Was) -> Tell:
                return Tell(note_id=f"was-{self.total}")

        return Domain("boxes", Box, Note, Counts)

    class Answers(ProcessManager, key="box_id", name="counts"):
        box_id: str
        total: int = 0

        @evolve
        def was(self, event: Was | Marked) -> None:
            self.total += 1

        @react
        def tell(self, event: Was) -> Tell:
            return Tell(note_id=f"was-{self.total}")

        @react
        def marked(self, event: Marked) -> Iterator[Tell | After]:
            yield Tell(note_id=f"marked-{self.total}")

    return Domain("boxes", Box, Note, Answers)


Open = Callable[[Domain], Workbench]


@pytest.fixture
def open_bench(tmp_path: Path) -> Iterator[Open]:
    benches: list[Workbench] = []

    def opened(domain: Domain) -> Workbench:
        benches.append(Workbench.open(str(tmp_path / "boxes.db"), domain))
        return benches[-1]

    yield opened
    for bench in benches:
        bench.close()


def send(bench: Workbench, words: str) -> None:
    for word in words:
        bench.send(Put(box_id="x") if word == "p" else Mark(box_id="x"))


def totals(bench: Workbench, name: str = "sums") -> list[int]:
    return [row.total for row in bench.rows(name)]  # type: ignore[attr-defined]


def notes(bench: Workbench) -> list[str]:
    return [event.stream.partition("-")[2] for event in bench.log() if event.type == "Told"]


def types(bench: Workbench, name: str) -> dict[str, list[str]]:
    checkpoint = bench.store.rows.checkpoint(name)
    assert checkpoint is not None
    return {key: json.loads(checkpoint.definition).get(key) for key in ("types", "answers")}


# ── rows ──────────────────────────────────────────────────────────────────────────────────────


def test_a_definition_says_what_is_taken_in(open_bench: Open) -> None:
    bench = open_bench(rows(True))
    send(bench, "p")
    bench.project()
    assert types(bench, "sums")["types"] == ["Labelled", "Marked", "Was"]


def test_a_type_that_was_passed_over_needs_a_rebuild(open_bench: Open) -> None:
    old, new = open_bench(rows(False)), open_bench(rows(True))
    send(old, "pmm")
    old.project()
    send(old, "m")  # ahead of the checkpoint: that one will be met
    told = "it takes in Marked now, of which the log has 2 up to @3"
    with pytest.raises(NeedsRebuild, match=told):
        new.project()
    assert [(one.status, one.reason) for one in new.statuses()] == [("needs-rebuild", told)]
    with pytest.raises(NeedsRebuild, match=told):
        new.page("sums")
    with pytest.raises(NeedsRebuild, match=told):
        new.check("sums")
    assert told in str(new.runner().drain().failures["sums"])
    new.rebuild("sums")
    assert totals(new) == [4]
    assert new.check("sums").ok


def test_a_type_that_the_log_does_not_have_yet_is_taken_in_from_now_on(open_bench: Open) -> None:
    old, new = open_bench(rows(False)), open_bench(rows(True))
    send(old, "p")
    old.project()
    assert types(old, "sums")["types"] == ["Was"]
    new.project()
    assert types(old, "sums")["types"] == ["Labelled", "Marked", "Was"]
    send(new, "m")
    new.project()
    assert totals(new) == [2]
    assert new.check("sums").ok


def test_old_code_does_not_move_what_new_code_has_adopted(open_bench: Open) -> None:
    """Neither a command of its own, nor a runner that is at work, whether the log has the type yet or not."""
    old, new = open_bench(rows(False)), open_bench(rows(True))
    send(old, "p")
    runner = old.runner()
    runner.drain()
    new.project()
    send(old, "p")
    told = "the code that moved it last takes in Labelled too; the code that moved it last takes in Marked too"
    assert told in str(runner.drain().failures["sums"])
    with pytest.raises(NeedsRebuild, match=told):
        old.project()
    send(new, "m")
    new.project()
    with pytest.raises(NeedsRebuild, match="takes in Marked too, of which the log has 1 up to @3"):
        old.project()
    assert totals(new) == [3]
    assert new.check("sums").ok


def test_a_runner_with_old_code_that_passed_it_over_first_is_noticed(open_bench: Open) -> None:
    old, new = open_bench(rows(False)), open_bench(rows(True))
    runner = old.runner()
    send(new, "pm")
    runner.drain()
    with pytest.raises(NeedsRebuild, match="it takes in Marked now, of which the log has 1 up to @2"):
        new.project()


def test_a_clause_that_was_removed_needs_a_rebuild(open_bench: Open) -> None:
    old, new = open_bench(rows(True)), open_bench(rows(False))
    send(old, "pm")
    old.project()
    with pytest.raises(NeedsRebuild, match="takes in Marked too, of which the log has 1 up to @2"):
        new.project()
    new.rebuild("sums")
    assert totals(new) == [1]


def test_an_alias_that_came_later_needs_a_rebuild(open_bench: Open, tmp_path: Path) -> None:
    bench = open_bench(rows(True))
    send(bench, "pm")
    bench.project()
    with closing(sqlite3.connect(tmp_path / "boxes.db", isolation_level=None)) as hand:
        # As code did whose event had no alias yet, on a log where it once had another name.
        hand.execute("DROP TRIGGER event_types_update")
        hand.execute("UPDATE event_types SET name = 'Labelled' WHERE name = 'Marked'")
        definition = json.loads(hand.execute("SELECT definition FROM cqrs_checkpoints").fetchone()[0])
        definition["types"].remove("Labelled")
        hand.execute("UPDATE cqrs_checkpoints SET definition = ?", (json.dumps(definition),))
    with pytest.raises(NeedsRebuild, match="it takes in Labelled now, of which the log has 1 up to @2"):
        bench.project()


@pytest.mark.parametrize("make", [rows, policy, process])
def test_checkpoints_of_old_take_in_what_the_code_does_once(
    open_bench: Open, tmp_path: Path, make: Callable[[bool], Domain]
) -> None:
    old, new = open_bench(make(False)), open_bench(make(True))
    old.runner(start=0).drain()
    send(old, "pm")
    old.runner().drain()
    with closing(sqlite3.connect(tmp_path / "boxes.db", isolation_level=None)) as hand:
        definition = json.loads(hand.execute("SELECT definition FROM cqrs_checkpoints").fetchone()[0])
        bare = {key: value for key, value in definition.items() if key not in ("types", "answers", "python", "made")}
        hand.execute("UPDATE cqrs_checkpoints SET definition = ?", (json.dumps(bare),))
    assert new.runner().drain().failures == {}
    assert old.runner().drain().failures != {}, "from then on it is known"


def test_rows_that_old_code_rebuilds_meanwhile_are_gone_on_with_for_good(open_bench: Open) -> None:
    """They are of the old code's types again; what moves them next must say that it takes in more."""
    old, new = open_bench(rows(False)), open_bench(rows(True))
    send(old, "ppp")
    todo = ["p"]

    def meanwhile(*_: object) -> None:
        if todo:
            old.rebuild("sums")
            assert types(old, "sums")["types"] == ["Was"]
            send(old, todo.pop())

    limited(new, batch_events=1, waiting_events=1).project(progress=meanwhile)
    assert (totals(new), todo) == ([4], [])
    assert types(new, "sums")["types"] == ["Labelled", "Marked", "Was"]
    with pytest.raises(NeedsRebuild, match="takes in Marked too"):
        old.project()


def test_inline_rows_know_it_too(open_bench: Open) -> None:
    old, new = open_bench(rows(False, True)), open_bench(rows(True, True))
    send(old, "p")
    send(new, "m")
    assert totals(new) == [2]
    with pytest.raises(NeedsRebuild, match="takes in Marked too, of which the log has 1 up to @2"):
        send(old, "p")
    assert new.store.head() == 2
    send(new, "m")
    assert totals(new) == [3]
    assert new.check("sums").ok


def test_inline_rows_that_old_code_let_pass(open_bench: Open) -> None:
    old, new = open_bench(rows(False, True)), open_bench(rows(True, True))
    send(old, "pm")
    with pytest.raises(NeedsRebuild, match="it takes in Marked now, of which the log has 1 up to @2"):
        send(new, "m")


# ── reactions ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("make", "name"), [(policy, "nags"), (process, "counts")])
def test_a_reaction_asks_what_to_do_with_what_it_missed(
    open_bench: Open, make: Callable[[bool], Domain], name: str
) -> None:
    old, new = open_bench(make(False)), open_bench(make(True))
    old.runner(start=0).drain()
    send(old, "pmpm")
    old.runner().drain()
    before, at = notes(old), old.reactions()[0].position
    told = f"{name} answers Marked now, of which the log has 2 up to @{at}"
    for _ in range(2):
        error = new.runner().drain().failures[name]
        assert (error.code, error.message, error.details["events"]) == ("passed-over", told, 2)
        assert say(error) == f"cqrs run --from @{at} passes them over; from an earlier position on they are answered"
    (status,) = new.reactions()
    assert (status.status, status.reason, status.position) == ("stopped", told, at)
    assert notes(new) == before
    assert new.runner(start=at).drain().failures == {}
    assert notes(new) == before
    send(new, "m")
    assert new.runner().drain().sent == 1
    assert len(notes(new)) == 3


def test_a_policy_answers_what_it_missed_and_nothing_twice(open_bench: Open) -> None:
    old, new = open_bench(policy(False)), open_bench(policy(True))
    old.runner(start=0).drain()
    send(old, "pmpm")
    old.runner().drain()
    done = new.runner(start=2).drain()  # the second alone lies after that
    assert (done.failures, done.sent) == ({}, 1)
    assert notes(new) == ["was", "was", "marked"]
    send(new, "pm")
    assert new.runner(start=0).drain().sent == 2, "the question is answered: it goes on where it was"
    assert notes(new) == ["was", "was", "marked", "was", "marked"]


def test_what_was_answered_by_other_code_is_not_answered_anew(open_bench: Open) -> None:
    """The same command again would be no more than a duplicate; today's code gives one more for the same event."""

    class More(Policy, name="nags"):
        @react
        def was(self, event: Was) -> Iterator[Tell]:
            yield Tell(note_id="was")
            yield Tell(note_id="was-more")

        @react
        def marked(self, event: Marked) -> Tell:
            return Tell(note_id="marked")

    old, new = open_bench(policy(False)), open_bench(Domain("boxes", Box, Note, More))
    old.runner(start=0).drain()
    send(old, "pm")
    old.runner().drain()
    done = new.runner(start=0).drain()
    assert (done.failures, done.sent, list(new.failed())) == ({}, 1, [])
    assert notes(new) == ["was", "marked"]


def test_a_process_answers_what_it_missed_with_its_row_as_it_was_then(open_bench: Open) -> None:
    old, new = open_bench(process(False)), open_bench(process(True))
    old.runner(start=0).drain()
    send(old, "pmpm")
    old.runner().drain()
    assert notes(old) == ["was-1", "was-3"]
    done = new.runner(start=0).drain()
    assert (done.failures, done.sent) == ({}, 2)
    assert notes(new) == ["was-1", "was-3", "marked-2", "marked-4"]
    assert totals(new, "counts") == [4]
    assert new.check("counts").ok
    send(new, "pm")
    assert new.runner().drain().sent == 2
    assert notes(new)[4:] == ["was-5", "marked-6"]


def test_what_was_answered_is_not_answered_again_though_the_run_was_interrupted(open_bench: Open) -> None:
    old, new = open_bench(policy(False)), open_bench(policy(True))
    old.runner(start=0).drain()
    send(old, "pmpm")
    old.runner().drain()
    stopping = new.runner(start=0, stop=iter([False, True]).__next__)
    stopping._ready()  # the question is answered, and then it is killed
    assert new.reactions()[0].position == 0
    assert new.runner().drain().sent == 2
    assert notes(new) == ["was", "was", "marked", "marked"]


@pytest.mark.parametrize(("make", "name"), [(policy, "nags"), (process, "counts")])
def test_old_code_does_not_move_a_reaction_that_new_code_has_adopted(
    open_bench: Open, make: Callable[[bool], Domain], name: str
) -> None:
    old, new = open_bench(make(False)), open_bench(make(True))
    runner = old.runner(start=0)
    runner.drain()
    new.runner().drain()
    send(old, "pm")
    told = f"the code that moved {name} last answers Labelled, Marked too"
    for one in (runner, old.runner()):
        error = one.drain().failures[name]
        assert (error.code, error.message) == ("answers-no-more", told)
        assert say(error) == "let the newer code run; if it is this one: cqrs run --from @1"
    assert notes(old) == []
    assert new.runner().drain().sent == 2


def test_a_clause_of_a_reaction_that_was_removed_is_left_behind_when_that_is_said(open_bench: Open) -> None:
    old, new = open_bench(policy(True)), open_bench(policy(False))
    old.runner(start=0).drain()
    send(old, "p")
    old.runner().drain()
    at = old.reactions()[0].position
    send(old, "p")
    assert new.runner(start=0).drain().failures["nags"].code == "answers-no-more", "a --from that is always given"
    assert new.runner(start=at).drain().failures == {}
    assert types(new, "nags")["answers"] == ["Was"]
    assert notes(new) == ["was", "was"]


def test_a_rebuild_of_a_process_settles_its_rows_and_not_what_it_missed(open_bench: Open) -> None:
    old, new = open_bench(process(False)), open_bench(process(True))
    old.runner(start=0).drain()
    send(old, "pm")
    old.runner().drain()
    new.rebuild("counts")
    assert new.runner().drain().failures["counts"].code == "passed-over"


def test_rows_of_a_process_that_old_code_rebuilt_are_said_to_be_its_own(open_bench: Open) -> None:
    """So it goes on with them, and newer code is asked about what that did not answer."""
    old, new = open_bench(process(False)), open_bench(process(True))
    old.runner(start=0).drain()
    send(old, "p")
    new.runner().drain()
    assert old.runner().drain().failures["counts"].code == "answers-no-more"
    old.rebuild("counts")
    assert types(old, "counts")["answers"] == ["Was"]
    send(old, "m")
    assert old.runner().drain().failures == {}
    assert new.runner().drain().failures["counts"].code == "passed-over"
    assert new.runner(start=0).drain().failures == {}
    assert notes(new) == ["was-1", "marked-2"]


def test_two_questions_one_in_the_other(open_bench: Open) -> None:
    """While it goes back for one type it learns another: each is answered from where it was asked for."""
    from cqrs_cli.workbench.processors.definitions import answered, answering_again, names_in

    first = answering_again('{"answers":["A"]}', frozenset({"B"}), 100, unbuilt=False)
    assert names_in(first, "answers") == frozenset("AB")
    assert dict(answered(first)) == {"A": 100}
    second = answering_again(first, frozenset({"C"}), 40, unbuilt=False)
    assert names_in(second, "answers") == frozenset("ABC")
    assert dict(answered(second)) == {"A": 100, "B": 40}


def test_the_names_are_those_that_the_fold_takes_in() -> None:
    from cqrs_cli.workbench.processors.definitions import names_in

    for domain in (rows(True), process(True)):
        for kind in domain.row_types():
            taken = {name for event in domain.routes[kind.name] for name in (event.stored.name, *event.stored.aliases)}
            assert names_in(kind.definition, "types") == frozenset(taken)
