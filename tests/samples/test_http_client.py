"""What the client of the sample does when the server does not answer, or the line breaks."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from itertools import islice
from typing import Any

import pytest

from tests.conftest import ROOT


class Unreliable(BaseHTTPRequestHandler):
    """A server that fails in its turn: `answers` are the statuses that it gives, 0 is to hang up without one."""

    answers: list[int] = []
    heard: list[Any] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append(self.headers["Idempotency-Key"])
        status = self.answers.pop(0)
        if status:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"status": "committed"}')

    def do_GET(self) -> None:
        """Two events behind the last that the caller has, cut off in the middle of the third."""
        last = int(self.headers["Last-Event-ID"])
        self.heard.append(last)
        self.send_response(200)
        self.end_headers()
        for position in (last + 1, last + 2):
            self.wfile.write(b'id: %d\nevent: event\ndata: {"position": %d}\n\n' % (position, position))
        self.wfile.write(b"id: %d\n" % (last + 3))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client, before that server, which does not wait."""
    server = HTTPServer(("127.0.0.1", 0), Unreliable)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setattr(sys, "argv", ["client.py", f"http://127.0.0.1:{server.server_port}"])
    spec = spec_from_file_location("client", ROOT / "samples" / "http" / "client.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    Unreliable.heard = []
    yield module
    server.shutdown()
    server.server_close()


def test_a_command_is_sent_again_with_its_key(client: Any) -> None:
    Unreliable.answers = [0, 503, 0, 201]
    assert client.send("submit-order")["status"] == "committed"
    assert len(Unreliable.heard) == 4
    assert len(set(Unreliable.heard)) == 1
    Unreliable.answers = [400, 201]
    with pytest.raises(SystemExit, match="submit-order: 400"):
        client.send("submit-order")
    assert Unreliable.answers == [201], "a no is an answer"
    assert len(set(Unreliable.heard)) == 2


def test_who_never_answers_is_given_up(client: Any) -> None:
    Unreliable.answers = [0] * 5
    with pytest.raises(SystemExit, match="does not answer"):
        client.send("submit-order")


def test_events_come_once_whatever_breaks(client: Any) -> None:
    assert [event["position"] for event in islice(client.follow(4), 5)] == [5, 6, 7, 8, 9]
    assert Unreliable.heard == [4, 6, 8]
