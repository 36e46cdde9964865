"""Logs of UmaDB, written by itself: `make peers` installs it."""

# pyright: reportMissingImports=false

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli.errors import InvalidInput, Misuse, Unavailable
from cqrs_cli.transfer.dialects.known import DIALECTS
from cqrs_cli.transfer.dialects.opening import open_reader
from tests.place import kept_ports
from tests.transfer.dialects.mirrors import mirrored
from tests.transfer.logs import fields_of, history

ID = UUID("11111111-1111-4111-8111-111111111111")


@contextmanager
def running(folder: Path, *words: str) -> Iterator[int]:
    """The port of a server."""
    umadb: Any = pytest.importorskip("umadb", reason="make peers installs it")
    kept = ExitStack()
    [port] = kept_ports(1, kept)
    program = "import sys; from umadb.umadb_server_cli import main; sys.exit(main())"
    words = ("--listen", f"127.0.0.1:{port}", "--db-path", str(folder / "uma.db"), *words)
    process = subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                with closing(umadb.Client(f"http://127.0.0.1:{port}")) as client:
                    client.head()
                break
            except umadb.AuthenticationError:
                break
            except umadb.TransportError:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Any]:
    """A server's port, a client that may write, and the class of what it writes."""
    with running(tmp_path) as port:
        umadb: Any = pytest.importorskip("umadb")
        with closing(umadb.Client(f"http://127.0.0.1:{port}")) as client:
            yield port, client, umadb.Event


def test_what_becomes_of_it(server: Any, tmp_path: Path) -> None:
    port, client, event = server
    source, target = f"umadb://127.0.0.1:{port}", tmp_path / "m.db"
    assert mirrored(source, target)[0].events == 0
    client.append(
        [
            event("Registered", b'{"name":"Fid\xc3\xb3"}', ["dog:17", "owner:ada"], ID, {"user_id": "ada"}),
            event("Pinged", b"{}"),
        ]
    )
    client.append([event("TrickAdded", b'{"trick":1}', ["dog:17"]), event("Noted", b"[]", ["a/b"])])
    proof, gap = mirrored(source, target)
    assert (proof.events, proof.commits, proof.position, gap) == (4, 4, 4, None)
    assert fields_of(target, ("stream", "version", "type", "commit_id", "data")) == [
        ("dog-17", 1, "Registered", str(ID), '{"name":"Fidó"}'.encode()),
        ("untagged", 1, "Pinged", "umadb-2", b"{}"),
        ("dog-17", 2, "TrickAdded", "umadb-3", b'{"trick":1}'),
        ("a%2Fb", 1, "Noted", "umadb-4", b"[]"),
    ]
    first = history(target)[0]
    assert (first.user_id, json.loads(first.metadata_json or "")["tags"]) == ("ada", ["dog:17", "owner:ada"])
    client.append([event("Pinged", b"{}")])
    assert mirrored(f"umadb+http://127.0.0.1:{port}/", target)[0].events == 1, "the same log"
    client.append([event("Broken", b"\x00\x01")])
    with pytest.raises(InvalidInput, match="position 6"):
        mirrored(source, target)


def test_whoever_follows_waits(server: Any) -> None:
    port, client, event = server
    with closing(open_reader(f"umadb://127.0.0.1:{port}", DIALECTS)) as reader:
        assert not reader.wait(0, 0.05)
        client.append([event("Pinged", b"{}")])
        assert reader.wait(0, 10)
        assert [one.position for one in reader.events(0)] == [1]
        assert reader.at(1) is not None
        assert reader.at(2) is None


def test_who_is_not_there_or_lets_nobody_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path, "--api-key", "sesame") as port:
        with pytest.raises(Unavailable) as caught:
            open_reader(f"umadb://127.0.0.1:{port}", DIALECTS)
        assert caught.value.code == "no-permission"
        monkeypatch.setenv("UMADB_API_KEY", "sesame")
        with pytest.raises(Unavailable, match="TLS is not enabled") as caught:
            open_reader(f"umadb://127.0.0.1:{port}", DIALECTS)
    with pytest.raises(Unavailable) as caught:
        open_reader("umadb://127.0.0.1:1", DIALECTS)
    assert caught.value.code == "unreachable"
    with pytest.raises(Misuse):
        open_reader("umadb://127.0.0.1:1", DIALECTS, table="events")


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umadb", None)
    with pytest.raises(Misuse) as caught:
        open_reader("umadb://127.0.0.1:1", DIALECTS)
    assert (caught.value.code, caught.value.details["extra"]) == ("driver-missing", "umadb")
