"""A log whose end was cut off behind those who read it: nobody goes on as if nothing were missing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Domain, Policy, Projection, Workbench, evolve, react
from cqrs_cli.errors import Damaged
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit
from cqrs_cli.transfer.copy import copy
from cqrs_cli.transfer.store_sink import StoreSink
from cqrs_cli.transfer.store_source import StoreSource
from cqrs_cli.workbench.outcome import Request
from tests.boxes import Box, Note, Put, Tell, Was


class Counts(Projection, key="box_id"):
    box_id: str
    total: int = 0

    @evolve
    def was(self, event: Was) -> None:
        self.total += 1


class Live(Projection, key="box_id", inline=True):
    box_id: str
    total: int = 0

    @evolve
    def was(self, event: Was) -> None:
        self.total += 1


class Nags(Policy):
    @react
    def tell(self, event: Was) -> Tell:
        return Tell(note_id="nag")


domain = Domain("boxes", Box, Note, Counts, Live, Nags)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "boxes.db")


@pytest.fixture
def bench(path: str) -> Iterator[Workbench]:
    with Workbench.open(path, domain) as bench:
        bench.send(Put(box_id="a"))
        bench.send(Put(box_id="b"))
        bench.runner(start=0).drain()
        yield bench


def put_ahead(bench: Workbench, name: str, by: int = 3) -> int:
    """The position at which the reader stands now, as if as many events after the head had been there."""
    checkpoint, head = bench.store.rows.checkpoint(name), bench.store.head()
    assert checkpoint is not None
    with bench.store.transaction() as rows:
        rows.move(name, checkpoint, checkpoint._replace(position=head + by))
    return head + by


def once_more(path: str, does: Callable[[Workbench], Any], **how: Any) -> Damaged:
    """What a workbench that is new on the store is told."""
    with Workbench.open(path, domain, **how) as bench:
        head = bench.store.head()
        with pytest.raises(Damaged) as caught:
            does(bench)
        assert bench.store.head() == head
    return caught.value


@pytest.mark.parametrize("name", ["counts", "live", "nags"])
def test_nothing_is_sent(path: str, bench: Workbench, name: str) -> None:
    at = put_ahead(bench, name)
    for does in (
        lambda bench: bench.send(Put(box_id="c")),
        lambda bench: bench.send(Put(box_id="a")),
        lambda bench: bench.send(Put(box_id="c"), dry_run=True),
        lambda bench: list(bench.send_batch([Request(1, Put(box_id="d"))])),
    ):
        error = once_more(path, does)
        assert error.message.startswith(f"{name}: it has read up to @{at}, and the log ends at @{bench.store.head()}: ")
        assert (error.code, error.exit_code) == ("end-lost", 6)


def test_nothing_is_copied_into_it(bench: Workbench, tmp_path: Path) -> None:
    with open_store(str(tmp_path / "other.db"), create=True) as other:
        other.append(commit("c1"))
        put_ahead(bench, "nags")
        head = bench.store.head()
        with pytest.raises(Damaged, match="nags: it has read up to"):
            copy(StoreSource(other), StoreSink(bench.store))
        assert bench.store.head() == head


def test_inline_rows_do_not_go_back_while_they_are_used(bench: Workbench) -> None:
    at = put_ahead(bench, "live", by=1)
    with pytest.raises(Damaged, match=f"live: it has read up to @{at}"):
        bench.send(Put(box_id="c"))
    checkpoint = bench.store.rows.checkpoint("live")
    assert checkpoint is not None
    assert checkpoint.position == at


@pytest.mark.parametrize("read_only", [False, True])
def test_rows_are_not_read(path: str, bench: Workbench, read_only: bool) -> None:
    put_ahead(bench, "counts")
    error = once_more(path, lambda bench: bench.page("counts"), read_only=read_only)
    assert error.code == "end-lost"


@pytest.mark.parametrize("name", ["counts", "live", "nags"])
def test_a_runner_stands_still_for_it_alone(bench: Workbench, name: str) -> None:
    put_ahead(bench, name)
    done = bench.runner().drain()
    assert {one: error.code for one, error in done.failures.items()} == {name: "end-lost"}
    assert bench.runner().drain().failures.keys() == {name}


def test_what_others_append_meanwhile_is_no_loss(path: str, bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that was looked up before somebody appended and another moved the checkpoint."""
    head = bench.store.head()
    with Workbench.open(path, domain) as other:
        other.send(Put(box_id="c"))
        other.runner(start=0).drain()
    heads = iter([head])
    real = type(bench.store).head
    monkeypatch.setattr(type(bench.store), "head", lambda self: next(heads, None) or real(self))
    assert bench.runner().drain().failures == {}


@pytest.mark.parametrize("read_only", [False, True])
def test_a_server_that_is_behind_another_has_lost_nothing(
    path: str, bench: Workbench, monkeypatch: pytest.MonkeyPatch, read_only: bool
) -> None:
    """Where several are read in turn: the checkpoint is of one, the head of another that comes after it."""
    head, real = bench.store.head(), type(bench.store).head
    with Workbench.open(path, domain, read_only=read_only) as other:
        heads = iter([head - 1] * 4)
        monkeypatch.setattr(type(bench.store), "head", lambda self: next(heads, None) or real(self))
        if read_only:
            assert other.page("counts").rows
        assert {one.status for one in other.statuses()} == {"ready"}


def test_to_go_on_with_what_is_there(path: str, bench: Workbench) -> None:
    for name in ("counts", "live", "nags"):
        put_ahead(bench, name)
    for name in ("counts", "live"):
        bench.rebuild(name)
    head = bench.store.head()
    bench.rewind("nags", head).apply("me", "its end was cut off")
    with Workbench.open(path, domain) as again:
        again.send(Put(box_id="a"))
        assert again.runner().drain().failures == {}
        assert again.store.head() == head + 2, "the answer is sent"
