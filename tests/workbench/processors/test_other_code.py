"""Two versions of the code on one store, as in a deployment: the old one never undoes what the new one made."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cqrs_cli import (
    Domain,
    NeedsRebuild,
    ProcessManager,
    Projection,
    Workbench,
    evolve,
    react,
)
from cqrs_cli.errors import Conflict
from cqrs_cli.workbench.processors.rebuild import Rebuild
from tests.boxes import Box, Note, Put, Tell, Was
from tests.limited import limited


def sums(version: int, worth: int, inline: bool = False) -> Domain:
    class Sums(Projection, key="box_id", version=version, inline=inline):
        box_id: str
        total: int = 0

        @evolve
        def was(self, event: Was) -> None:
            self.total += worth

    return Domain("boxes", Box, Note, Sums)


def counting(version: int, worth: int) -> Domain:
    class Sums(ProcessManager, key="box_id", version=version):
        box_id: str
        total: int = 0

        @evolve
        def was(self, event: Was) -> None:
            self.total += worth

        @react
        def tell(self, event: Was) -> Tell:
            return Tell(note_id=self.box_id)

    return Domain("boxes", Box, Note, Sums)


def totals(bench: Workbench) -> list[int]:
    return [row.total for row in bench.rows("sums")]  # type: ignore[attr-defined]


def put(bench: Workbench, count: int) -> None:
    for _ in range(count):
        bench.send(Put(box_id="x"))


def once(action: Callable[[], object]) -> Callable[..., None]:
    todo = [action]

    def run(*_: object) -> None:
        while todo:
            todo.pop()()

    return run


def test_a_projection_that_is_caught_up_while_new_code_rebuilds_it(tmp_path: Path) -> None:
    path = str(tmp_path / "boxes.db")
    with Workbench.open(path, sums(1, 1)) as opened, Workbench.open(path, sums(2, 1000)) as new:
        old = limited(opened, batch_events=5, waiting_events=1)
        put(old, 20)
        with pytest.raises(NeedsRebuild, match="version 2 became 1"):
            old.project(progress=once(lambda: new.rebuild("sums")))
        put(new, 10)
        with pytest.raises(NeedsRebuild, match="version 2 became 1"):
            old.project()
        new.project()
        assert totals(new) == [30_000]
        assert new.check("sums").ok


def test_what_is_settled_at_the_end_is_not_settled_over_new_rows(tmp_path: Path) -> None:
    """Old code that read on past events of others moves its checkpoint at the end: not one of other code."""
    path = str(tmp_path / "boxes.db")
    with Workbench.open(path, sums(1, 1)) as old, Workbench.open(path, sums(2, 1000)) as new:
        put(old, 3)
        runner = old.runner(start=0)
        runner.drain()
        old.send(Tell(note_id="n"))
        settle = runner._loop.settle
        runner._loop.settle = lambda some: (new.rebuild("sums"), settle(some))  # type: ignore[assignment, method-assign]
        runner.drain()
        runner._loop.settle = settle  # type: ignore[method-assign]
        put(new, 1)
        assert "version 2 became 1" in str(runner.drain().failures["sums"])
        new.project()
        assert totals(new) == [4_000]


def test_a_process_manager_whose_runner_has_old_code(tmp_path: Path) -> None:
    path = str(tmp_path / "boxes.db")
    with Workbench.open(path, counting(1, 1)) as opened, Workbench.open(path, counting(2, 1000)) as new:
        old = limited(opened, batch_events=5, answered_events=1)
        old.runner(start=0).drain()
        put(old, 20)
        runner, rebuild = old.runner(), once(lambda: new.rebuild("sums"))
        between = runner._loop._between
        runner._loop._between = lambda *told: (rebuild(), between(*told))  # type: ignore[assignment]
        assert "version 2 became 1" in str(runner.drain().failures["sums"])
        assert "version 2 became 1" in str(runner.drain().failures["sums"])
        assert new.runner().drain().failures == {}
        assert totals(new) == [20_000]
        assert new.check("sums").ok
        assert len([event for event in new.log() if event.type == "Told"]) == 20


def test_rows_of_a_process_of_other_code_are_not_read(tmp_path: Path) -> None:
    """They move when reactions run, not for a reader: it is refused all the same."""
    path = str(tmp_path / "boxes.db")
    with Workbench.open(path, counting(1, 1)) as old, Workbench.open(path, counting(2, 1000)) as new:
        old.runner(start=0).drain()
        put(old, 1)
        old.runner().drain()
        with pytest.raises(NeedsRebuild, match="version 1 became 2"):
            new.page("sums")
        new.rebuild("sums")
        with pytest.raises(NeedsRebuild, match="version 2 became 1"):
            old.page("sums")
        reader = Workbench.open(path, counting(1, 1), read_only=True)
        with reader, pytest.raises(NeedsRebuild, match="version 2 became 1"):
            reader.page("sums")
        assert [row.total for row in new.page("sums").rows] == [1_000]


@pytest.mark.parametrize("at", [0, 1])
def test_a_rebuild_by_old_code_beside_one_by_new(tmp_path: Path, at: int) -> None:
    """Neither goes on with rows of the other: who comes second ends, whichever that is."""
    path = str(tmp_path / "boxes.db")
    domains = [sums(1, 1), sums(1, 1000)]  # another body, and no other version
    with Workbench.open(path, domains[at]) as first, Workbench.open(path, domains[1 - at]) as second:
        put(first, 20)
        first.project()
        rebuilding = limited(first, batch_events=5, waiting_events=1)
        other = Rebuild(second._projector, [second.domain.rows_of("sums")])
        with pytest.raises(Conflict, match="sums was rebuilt by another process meanwhile"):
            rebuilding.rebuild("sums", progress=once(lambda: other._begin(second.domain.rows_of("sums"), False)))
        other.run()
        assert totals(second) == [20_000 if at == 0 else 20]
        assert second.check("sums").ok


def test_a_swap_takes_no_rows_of_other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "boxes.db")
    with Workbench.open(path, sums(1, 1)) as old, Workbench.open(path, sums(2, 1000)) as new:
        put(old, 20)
        old.project()
        other, swap = Rebuild(new._projector, [new.domain.rows_of("sums")]), Rebuild._swap
        begin = once(lambda: other._begin(new.domain.rows_of("sums"), False))
        monkeypatch.setattr(Rebuild, "_swap", lambda rebuild: (begin(), swap(rebuild)))
        with pytest.raises(Conflict, match="sums was rebuilt by another process meanwhile"):
            old.rebuild("sums")
        assert totals(old) == [20]


def test_inline_rows_are_not_moved_by_old_code(tmp_path: Path) -> None:
    path = str(tmp_path / "boxes.db")
    with Workbench.open(path, sums(1, 1, True)) as old, Workbench.open(path, sums(2, 1000, True)) as new:
        put(old, 3)
        new.rebuild("sums")
        with pytest.raises(NeedsRebuild, match="version 2 became 1"):
            put(old, 1)
        put(new, 1)
        assert totals(new) == [4_000]


def test_rows_that_old_code_went_on_with_are_said_to_be_made_by_other_code(tmp_path: Path) -> None:
    """The body alone is another: that needs no rebuild, but after one the new code must hear of the old."""
    path = str(tmp_path / "boxes.db")
    with Workbench.open(path, sums(1, 1)) as old, Workbench.open(path, sums(1, 1000)) as new:
        put(old, 1)
        old.project()
        assert [old.statuses()[0].source, new.statuses()[0].source] == [None, "code"]
        new.rebuild("sums")
        assert [old.statuses()[0].source, new.statuses()[0].source] == ["code", None]
        old.project()  # moves nothing
        assert new.statuses()[0].source is None
        put(old, 1)
        old.project()
        assert totals(new) == [1_001]
        assert [old.statuses()[0].source, new.statuses()[0].source] == ["code", "code"]
        new.rebuild("sums")
        assert new.statuses()[0].source is None
