"""An import reads its file once: what was made of the lines is put down, and given again as it was."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cqrs_cli.errors import Unavailable
from cqrs_cli.stores.contract import ChainLink
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer import interchange_file, line_file, looked_at
from cqrs_cli.transfer.interchange_file import InterchangeFile
from cqrs_cli.transfer.parcel import Parcel
from cqrs_cli.transfer.proof import ProvenCopy
from tests.transfer.logs import awkward_commits, history, make, plain_commits
from tests.transfer.test_interchange import exported, taken


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read, each time."""
    real, seen = line_file.lines, list[str]()

    def lines(path: str, shown: str) -> Iterator[tuple[int, bytes]]:
        seen.append(path)
        return real(path, shown)

    monkeypatch.setattr(interchange_file, "lines", lines)
    return seen


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make(tmp_path / "shop.db", [*awkward_commits(), *plain_commits(500, first=2_000, a_commit=3)])


def test_a_file_is_read_once(source: Path, tmp_path: Path, readings: list[str]) -> None:
    file = exported(source, tmp_path / "x")
    taken(file, tmp_path / "again.db")
    assert history(tmp_path / "again.db") == history(source)
    assert readings == [str(file)]
    with open_store(str(source)) as store:
        store.append(plain_commits(1, first=9_000)[0])
    taken(exported(source, file), tmp_path / "again.db")  # it goes on, and knows by the mark that it may
    assert history(tmp_path / "again.db") == history(source)
    assert len(readings) == 2


def test_what_is_given_is_what_was_put_down(source: Path, tmp_path: Path) -> None:
    file = exported(source, tmp_path / "x")
    looked = InterchangeFile(str(file))
    again = list(looked.parcels(0))
    looked.check(lambda number, error: None)
    found = list(looked.parcels(0))
    assert [one._replace(link=None) for one in found] == again
    assert all(type(one) is Parcel and type(one.link) is ChainLink for one in found)
    assert [one.link.hash.hex() for one in found if one.link] == [one.mark for one in again]
    assert list(looked.parcels(again[7].position)) == found[8:]
    for at in (0, 7, len(again) - 1):
        assert looked.mark(again[at].position) == again[at].mark
    assert looked.mark(10**9) is None
    one, other = looked.parcels(0), looked.parcels(0)  # two at once don't disturb each other
    assert list(zip(one, other, strict=True)) == [(item, item) for item in found]


def test_a_file_that_is_changed_after_the_look(source: Path, tmp_path: Path) -> None:
    file = exported(source, tmp_path / "x")
    looked = InterchangeFile(str(file))
    looked.check(lambda number, error: None)
    file.write_bytes(file.read_bytes().replace(b"Type1", b"Typo1"))
    with open_store(str(tmp_path / "again.db"), create=True) as store:
        assert ProvenCopy(looked, store).make().is_same
    assert history(tmp_path / "again.db") == history(source)


@pytest.mark.parametrize("room", [0, 1, "all but the last"])
def test_without_room_it_is_read_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readings: list[str], room: int | str
) -> None:
    writes, last = 0, (len(awkward_commits()) + 500) // looked_at._TOGETHER

    class Full(io.BytesIO):
        def flush(self) -> None:
            nonlocal writes
            writes += 1
            if writes > (last if isinstance(room, str) else room):
                raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", lambda *words, **named: Full())
    taken(exported(source, tmp_path / "x"), tmp_path / "again.db")
    assert history(tmp_path / "again.db") == history(source)
    assert len(readings) > 1
    assert writes > 0


def test_what_can_not_be_read_again_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", lambda *words, **named: Broken())
    looked = looked_at.LookedAt()
    looked.add(Parcel(plain_commits(1)[0], 1), None)
    assert looked.end()
    with pytest.raises(Unavailable, match="can't be read again: Input/output error") as told:
        list(looked.parcels(0))
    assert told.value.code == "io-error"
