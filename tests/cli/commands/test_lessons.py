"""Each lesson makes its point: what it is about happens, in what its commands answer."""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

Play = Callable[[str], "list[Played]"]


class Played(NamedTuple):
    command: str
    code: int
    output: str

    def row(self, key: str) -> list[str]:
        """The cells of the first row of a table that begins with this one."""
        return next(line.split() for line in self.output.splitlines() if line.split()[:1] == [key])


@pytest.fixture
def play(here: Any) -> Play:
    def played(name: str) -> list[Played]:
        ran = here("demo", name, "--json")
        assert ran.code == 0, ran.err
        return [Played(one["command"], one["exit_code"], one["output"]) for one in json.loads(ran.out)]

    return played


def test_a_stale_row_is_shown_with_how_far_it_is_behind_and_no_decision_is_made_on_it(play: Play) -> None:
    steps = play("stale-read")
    stale, waited = steps[4], steps[-1]
    assert stale.row("jazz") == ["jazz", "4", "2", "50"]
    assert "behind the head: programme 1 event" in stale.output
    assert (steps[6].code, "error[sold-out]" in steps[6].output) == (1, True)
    assert waited.row("jazz") == ["jazz", "4", "4", "100"]


def test_the_second_update_is_a_conflict_and_nothing_of_it_is_written(play: Play) -> None:
    steps = play("lost-update")
    [refused] = [step for step in steps if step.code == 4]
    assert "--expect 1 --as ben" in refused.command
    assert "error[conflict]: concert-jazz is at version 2, expected 1" in refused.output
    assert not re.search(r"seats\W+90\b", steps[5].output)
    assert "version 2 → 3" in steps[6].output
    raced, state = steps[-2:]
    assert raced.output.count("error[sold-out]") == 1
    assert ("cyd" in state.output) != ("dan" in state.output)


def test_one_id_is_one_command(play: Play) -> None:
    steps = play("double-click")
    assert "duplicate: click-1" in steps[2].output
    assert (steps[3].code, "error[command-id-reused]" in steps[3].output) == (4, True)
    assert re.search(r"ada\W+2\b.*bob\W+2\b", steps[6].output), "once for her, twice for him"
    assert [("3 committed" in step.output, "3 duplicate" in step.output) for step in steps[-2:]] == [
        (True, False),
        (False, True),
    ]


def test_a_fold_that_counts_elsewhere_gives_other_rows_each_time(play: Play) -> None:
    steps = play("not-idempotent")
    listed = [
        step.row("ada")[1]
        for step in steps
        if step.command in (f"cqrs project door_list{end}" for end in ("", " --rebuild"))
    ]
    assert listed == ["1", "1", "5", "2"]
    checks = [step.code for step in steps if "--check" in step.command]
    assert checks == [1, 0]


def test_a_poison_event_stops_one_projection_and_no_other(play: Play) -> None:
    steps = play("poison-event")
    stopped, status, mended = steps[4], steps[5], steps[8]
    assert stopped.code == 1
    assert "averages stopped at @3" in stopped.output
    assert status.row("averages")[1] == "stopped"
    assert status.row("guests")[1] == "ready"
    assert mended.row("press") == ["press", "0"]
    assert mended.row("bob") == ["bob", "25"]


def test_a_rebuild_misses_nothing_that_comes_in_meanwhile(play: Play) -> None:
    steps = play("rebuild")
    traffic = next(step for step in steps if "--rebuild" in step.command)
    places = [int(place) for place in re.findall(r"up to position (\d+)", traffic.output)]
    assert len(places) == 3
    assert places == sorted(places)
    assert steps[6].row("jazz") == ["jazz", "5000", "1500", "37500", "1500"]
    assert "no drift" in steps[7].output
    assert (steps[-1].code, "version 2 became 1" in steps[-1].output) == (1, True)


def test_what_was_not_paid_for_is_given_back(play: Play) -> None:
    steps = play("compensation")
    ada, bob, seats, rows, again = steps[5:]
    assert "Paid" in ada.output
    story = [name for name in re.findall(r"─ (\w[\w-]*)", bob.output) if name in EVENTS]
    assert story == ["Ordered", "Booked", "command-rejected", "Released", "GivenUp"]
    assert re.search(r"ada\W+2\b", seats.output)
    assert [rows.row(name)[2] for name in ("ada", "bob")] == ["paid", "released"]
    assert "0 sent" in again.output


EVENTS = ("Ordered", "Booked", "Paid", "command-rejected", "Released", "GivenUp")


def test_both_forms_of_an_event_are_one_to_the_fold(play: Play) -> None:
    steps = play("upcasting")
    before, after, stored, old = steps[1], steps[3], steps[5], steps[-1]
    assert before.row("people") == ["people", "3"]
    assert (after.row("adults"), after.row("children")) == (["adults", "3"], ["children", "0"])
    assert re.findall(r'\{"[^}]*\}', stored.output) == ['{"people":3}', '{"adults":2,"children":1}']
    assert (old.code, "error[undecodable]" in old.output) == (8, True)
