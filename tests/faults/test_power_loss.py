"""Thousands of disks as a power loss may leave them, made from what a real process wrote and synced.

The model is told in tests/faults/power.py; the figures are in docs/durability.md.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from cqrs_cli.stores.sqlite.store import SQLiteStore
from tests.faults import power
from tests.faults.power import Disk, Image, Op

pytestmark = pytest.mark.faults

BEFORE, COMMITS = 30, 90


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for a store, where strace can run."""
    reason = power.why_not()
    if reason is not None:
        pytest.skip(reason)
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def images(folder: Path, kind: str, count: int, killed: str = "") -> Iterator[Image]:
    """Of a store from its creation on, or of one whose writer, of the kind `killed`, was killed before."""
    begin, known = 0, []
    if killed:
        power.start(folder, 0, BEFORE, 2, killed)
        begin, known = BEFORE, [power.MADE, *(f"c{n}" for n in range(1, BEFORE + 1))]
    before = power.files_in(folder)
    ops = power.trace(folder, begin, COMMITS, 3, kind)
    if kind in ("full", "relaxed"):
        restarts = sum(op.kind == "write" and (op.at, len(op.data)) == (0, 32) for op in ops)
        assert restarts >= 8, "the WAL was hardly ever written from its start again"
    assert any(op.kind == "say" and f"c{begin + COMMITS}\n".encode() in op.data for op in ops)
    return power.images(ops, before, known, count, seed=1)


@pytest.mark.parametrize(
    ("kind", "killed", "count"),
    [
        ("full", "", 2500),
        ("full", "full", 2000),
        ("unlocked", "", 1500),
        ("unlocked", "unlocked", 800),
        ("unlocked", "full", 800),
    ],
)
def test_nothing_acknowledged_is_lost_at_full_durability(folder: Path, kind: str, killed: str, count: int) -> None:
    number = 0
    for image in images(folder, kind, count, killed):
        lost, wrong = power.examine(image, folder.parent / "image")
        assert (lost, wrong) == ([], ""), f"after operation {image.cut}, {image.said[-1:]} was acknowledged"
        number += 1
    assert number > count * 0.4


@pytest.mark.parametrize("kind", ["full", "unlocked"])
def test_nor_when_the_power_fails_again_amid_the_recovery(folder: Path, kind: str) -> None:
    made = [image for image in images(folder, kind, 60) if image.said]
    number = 0
    for image in made[:: len(made) // 7]:
        copy = folder.parent / "copy"
        power.lay_out(image, copy)
        with SQLiteStore(str(copy / power.NAME)) as store:
            there = len(list(store.commits()))
        again = folder.parent / "again"
        power.lay_out(image, again)
        before = power.files_in(again)
        ops = power.trace(again, there, 8, 2, kind) if there else []
        for second in power.images(ops, before, image.said, 100, seed=2) if ops else ():
            lost, wrong = power.examine(second, folder.parent / "image")
            assert (lost, wrong) == ([], ""), f"after operations {image.cut} and {second.cut}"
            number += 1
    assert number > 200


@pytest.mark.parametrize(
    ("kind", "killed", "least"), [("relaxed", "", 100), ("relaxed", "relaxed", 100), ("relaxed-unlocked", "", 5)]
)
def test_relaxed_durability_loses_the_last_commits_and_nothing_else(
    folder: Path, kind: str, killed: str, least: int
) -> None:
    found = [power.examine(image, folder.parent / "image") for image in images(folder, kind, 500, killed)]
    assert {wrong for _, wrong in found} == {""}
    assert sum(bool(lost) for lost, _ in found) > least


@pytest.mark.parametrize("kind", ["off", "early", "no-folder-sync"])
def test_a_broken_promise_is_noticed(folder: Path, kind: str) -> None:
    found = [power.examine(image, folder.parent / "image") for image in images(folder, kind, 400)]
    assert sum(bool(lost) for lost, _ in found) >= 5
    assert any(wrong for _, wrong in found) == (kind == "off")


def test_the_model_of_the_disk() -> None:
    """A file of two sectors, and its name, at each point of its history."""
    old, new = b"o" * 1024, b"n" * 1024
    disk, chance = Disk({}), random.Random(1)

    def left(*ops: Op) -> set[bytes | None]:
        for op in ops:
            disk.do(op)
        return {disk.left(chance).get("a") for _ in range(2000)}

    assert left(Op("create", 0, "a")) == {None, b""}
    assert left(Op("write", 0, data=old)) > {None, b"", old, old[:512], bytes(512) + old[512:], bytes(1024)}
    assert left(Op("sync", 0)) == {None, old}
    assert left(Op("sync-folder")) == {old}
    halves = left(Op("write", 0, data=new))
    assert halves > {old, new, new[:512] + old[512:], old[:512] + new[512:]}
    assert all(content is not None and set(content) <= set(b"on") and len(content) == 1024 for content in halves)
    assert left(Op("truncate", 0, at=3)) > {old, new, b"nnn", b"ooo"}
    assert left(Op("sync", 0)) == {b"nnn"}
    assert left(Op("unlink", 0, "a")) == {None, b"nnn"}
    assert left(Op("create", 1, "a")) == {None, b"nnn", b""}
    assert left(Op("sync-folder")) == {b""}
