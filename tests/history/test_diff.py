"""Diffs of states and rows: as patches they give the second, the events are those of blame, one fold is enough."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.history.blame import BlamedChange, blame
from cqrs_cli.history.comparison import ABSENT
from cqrs_cli.history.diff import row_diff, rows_diff, stream_diff, streams_diff, version_at
from cqrs_cli.history.rows import RowHistory, row_key_text
from cqrs_cli.history.steps import StreamHistory
from cqrs_cli.workbench.engine import Limits
from tests.history.carts import Cart, domain, fill
from tests.history.states import apply_patch

STREAMS, EVENTS = 12, 40


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with Workbench.open(tmp_path_factory.mktemp("carts") / "a.db", domain) as bench:
        fill(bench.store, STREAMS, EVENTS, seed=5)
        yield bench


def state(bench: Workbench, stream: str, version: int) -> Any:
    found: Any = bench.replay(stream, at=version).state if version else Cart(cart_id=stream[5:])
    return bench.jsonable(found)


def rows(bench: Workbench, position: int) -> dict[str, Any]:
    kind = bench.domain.rows_of("cart_totals")
    found: Iterator[Any] = bench.rows_at("cart_totals", position)
    return {row_key_text(kind, (row.cart_id, row.what)): bench.jsonable(row) for row in found}


def told(change: BlamedChange) -> tuple[str, int | None]:
    return change.path, None if change.event is None else change.event.version


def test_a_patch_of_two_versions_gives_the_second(bench: Workbench) -> None:
    dice = Random(1)
    for _ in range(150):
        stream, one, other = f"cart-{dice.randrange(STREAMS)}", dice.randint(0, EVENTS), dice.randint(0, EVENTS)
        old, new = state(bench, stream, one), state(bench, stream, other)
        found = stream_diff(bench, stream, one, other)
        assert (found.old, found.new) == (old, new)
        assert apply_patch(old, list(found.operations())) == new
        assert bool(list(found.changes())) == (old != new)


def test_the_events_of_a_diff_are_those_of_blame(bench: Workbench) -> None:
    dice, met = Random(2), 0
    for _ in range(60):
        stream = f"cart-{dice.randrange(STREAMS)}"
        one, other = sorted((dice.randint(0, EVENTS), dice.randint(1, EVENTS)))
        if other == 0:
            continue
        blamed = {
            (each.path, each.event and each.event.version) for each in blame(StreamHistory(bench, stream, at=other))
        }
        for change in stream_diff(bench, stream, one, other, blamed=True).changes():
            assert change.event is not None
            assert one < change.event.version <= other
            assert change.clause is not None
            if (
                change.new is not ABSENT
                and not isinstance(change.new, dict | list)
                and "(order)" not in change.path
                and not change.path.startswith("legs")
            ):
                assert told(change) in blamed
                met += 1
            elif change.new is ABSENT and change.path.startswith("items[product_id="):
                after, before = (state(bench, stream, at) for at in (change.event.version, change.event.version - 1))
                name = change.path[len("items[product_id=") : -1].strip('"')
                assert any(item["product_id"] == name for item in before["items"])
                assert not any(item["product_id"] == name for item in after["items"])
    assert met > 50


def test_two_versions_are_one_fold(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    fold = bench.aggregates.fold_of(bench.domain.aggregate_of("cart-1"))
    over = type(fold).over

    def counted(self: Any, start: Any, events: Any) -> Any:
        listed = list(events)
        taken.extend(event.version for event in listed)
        return over(self, start, listed)

    monkeypatch.setattr(type(fold), "over", counted)
    for blamed in (False, True):
        taken.clear()
        stream_diff(bench, "cart-1", 30, 35, blamed=blamed)
        assert taken == list(range(1, 36))


def test_two_streams(bench: Workbench) -> None:
    found = streams_diff(bench, ("cart-1", 7), ("cart-2", 9))
    assert apply_patch(state(bench, "cart-1", 7), list(found.operations())) == state(bench, "cart-2", 9)
    with pytest.raises(NotFound):
        streams_diff(bench, ("cart-1", 1), ("order-2", 1))


def test_rows_of_two_positions(bench: Workbench) -> None:
    head, dice = bench.store.head(), Random(3)
    kind = bench.domain.rows_of("cart_totals")
    for one, other in ((0, head), (head, 0), *((dice.randint(0, head), dice.randint(0, head)) for _ in range(4))):
        old, new = rows(bench, one), rows(bench, other)
        with rows_diff(bench, kind, (one, other)) as found:
            patch, changes = list(found.operations()), list(found.changes())
        assert apply_patch(old, patch) == new
        assert bool(changes) == (old != new)


def test_the_events_of_rows_are_those_of_blame(bench: Workbench) -> None:
    head, kind, met = bench.store.head(), bench.domain.rows_of("cart_totals"), 0
    with rows_diff(bench, kind, (head // 2, head), lambda row: row.cart_id in ("1", "2"), blamed=True) as found:
        changes = list(found.changes())
    assert {change.path.partition("]")[0] for change in changes} == {"[cart_id=1", "[cart_id=2"}
    for change in changes:
        assert change.event is not None
        assert head // 2 < change.event.position <= head
        key = tuple(part.partition("=")[2] for part in change.path.rpartition("]")[0].lstrip("[").split("]["))
        column = change.path.rpartition("].")[2]
        if "." in change.path and column in ("times", "last"):
            history = RowHistory(bench, kind, key, head)
            assert [(one.event and one.event.position) for one in blame(history, (column,))] == [change.event.position]
            single = row_diff(bench, kind, key, head // 2, head, blamed=True)
            [same] = [one for one in single.changes() if one.path == change.path]
            assert same.event == change.event
            met += 1
    assert met > 3


def test_rows_that_are_followed_are_not_forgotten(bench: Workbench) -> None:
    head, kind = bench.store.head(), bench.domain.rows_of("cart_totals")
    few = Workbench(
        bench.store, domain, limits=Limits(cached_rows=4)
    )  # the store is the other one's, to be closed by it
    wanted: list[Any] = []
    found: list[Any] = []
    for one, told_of in ((bench, wanted), (few, found)):
        with rows_diff(one, kind, (head // 4, head), blamed=True) as diff:
            told_of += [(change.path, change.event and change.event.position) for change in diff.changes()]
    assert found == wanted
    assert len(wanted) > 50


def test_rows_that_are_asked_for_are_so_then_or_now(bench: Workbench) -> None:
    head, kind = bench.store.head(), bench.domain.rows_of("cart_totals")
    with rows_diff(bench, kind, (head // 2, head), lambda row: row.times == 1) as found:
        keys = {row_key_text(kind, key) for key, _ in found.differing()}
    old, new = rows(bench, head // 2), rows(bench, head)
    wanted = {
        key
        for key in old.keys() | new.keys()
        if old.get(key) != new.get(key) and any(one[key]["times"] == 1 for one in (old, new) if key in one)
    }
    assert keys == wanted
    assert len(keys) > 2


def test_points_of_a_stream(bench: Workbench) -> None:
    assert [version_at(bench, "cart-3", position) for position in (0, 3, 4, 16, 10**6)] == [0, 0, 1, 2, EVENTS]


def test_what_can_t_be_compared(bench: Workbench) -> None:
    with pytest.raises(NotFound, match="has no version 41, it is at 40"):
        stream_diff(bench, "cart-1", 1, 41)
    with pytest.raises(NotFound, match="no stream cart-99"):
        stream_diff(bench, "cart-99", 0, 0)
    with pytest.raises(Misuse, match="from the earlier to the later"):
        stream_diff(bench, "cart-1", 3, 1, blamed=True)
    with pytest.raises(NotFound, match="there is no cart_totals/1,nothing"):
        row_diff(bench, bench.domain.rows_of("cart_totals"), ("1", "nothing"), 0, 9)


def test_a_row_that_went_and_came_back(bench: Workbench) -> None:
    kind, head = bench.domain.rows_of("cart_totals"), bench.store.head()
    for key in (("1", "item"), ("2", "leg"), ("3", "item")):
        for one, other in ((0, head), (head // 3, head // 2), (head // 2, head // 3)):
            found = row_diff(bench, kind, key, one, other)
            wanted = [rows(bench, position).get(",".join(key), ABSENT) for position in (one, other)]
            assert [found.old, found.new] == wanted
