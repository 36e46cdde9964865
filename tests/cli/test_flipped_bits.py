"""A byte of the file that was changed, wherever a value stands: `project --check` never says that all is right."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Shell


@pytest.fixture
def shop(cqrs: Shell) -> Shell:
    cqrs("init", ".")
    cqrs("send", "add-product", "--sku", "pen", "--name", "Pen", "--price", "1.50")
    cqrs("send", "receive-stock", "--sku", "pen", "--quantity", "77777")
    cqrs("send", "sell-product", "--sku", "pen", "--quantity", "55555")
    cqrs("project")
    with closing(sqlite3.connect(cqrs.folder / "shop.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return cqrs


def places(path: Path, text: bytes) -> list[int]:
    whole, found, at = path.read_bytes(), list[int](), -1
    while (at := whole.find(text, at + 1)) >= 0:
        found.append(at)
    return found


def checked(shop: Shell) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "cqrs_cli", "project", "--check"]
    return subprocess.run(words, cwd=shop.folder, env=shop.environ, capture_output=True, encoding="utf-8", timeout=100)


@pytest.mark.parametrize("value", [b"55555", b"83332"])
def test_a_flipped_bit_of_a_value(shop: Shell, value: bytes) -> None:
    """55555 pieces are in a command and an event, their price, 83332.50, in the event and in a row."""
    path = shop.folder / "shop.db"
    sound, found = path.read_bytes(), places(path, value)
    assert len(found) >= 2
    codes = []
    for at in found:
        for beside in shop.folder.glob("shop.db-*"):
            beside.unlink()
        flipped = bytearray(sound)
        flipped[at] ^= 1
        path.write_bytes(flipped)
        ran = checked(shop)
        codes.append(ran.returncode)
        if ran.returncode == 6:
            assert "--rebuild" not in ran.stdout + ran.stderr
    assert set(codes) <= {1, 6}, "neither drift nor damage was told"
    assert 6 in codes
    assert (1 in codes) == (value == b"83332")
