"""A way to a server that is looked at, message by message, and that can be cut at any of them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from cqrs_cli.stores.postgres.address import address_of

_STARTUP = 196_608
"""The code of the message after which messages have a letter before their length."""
_TRIPS = (b"S", b"Q")
"""Sync and a simple query: after each of these the client waits for the answers to all before it."""


class Proxy:
    """Listens on the loopback, and hands on to the server of a URL. url: the same store by this way.

    sent: the letters of the messages of clients, in order, from when `watch` was called. cut: asked with each such
    message before it is handed on; True ends all connections, and the message does not arrive.
    """

    def __init__(self, url: str) -> None:
        with psycopg.connect(**address_of(url).libpq) as connection:
            self._server = connection.info.host, connection.info.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        parts = urlsplit(url)
        login = "".join(f"{quote(one)}:{quote(parts.password or '')}@" for one in (parts.username,) if one)
        place = f"{login}127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = urlunsplit(parts._replace(netloc=place)) + "&sslmode=disable&gssencmode=disable"
        self.sent: list[bytes] = []
        self.cut: Callable[[bytes, bool], bool] = lambda letter, answered: False
        self._ends: list[socket.socket] = []
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def trips(self) -> int:
        """How often a client waited for the server."""
        return sum(letter in _TRIPS for letter in self.sent)

    def watch(self) -> None:
        """Count from now on."""
        self.sent = []

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
                server = self._connected()
            except OSError:
                return
            self._ends += [client, server]
            for run in (self._upwards, self._downwards):
                threading.Thread(target=run, args=(client, server), daemon=True).start()

    def _connected(self) -> socket.socket:
        host, port = self._server
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        one = socket.socket(socket.AF_UNIX)
        one.connect(f"{host}/.s.PGSQL.{port}")
        return one

    def _upwards(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError, EOFError):
            while True:
                length = _read(client, 4)
                body = _read(client, int.from_bytes(length) - 4)
                server.sendall(length + body)
                if int.from_bytes(body[:4]) == _STARTUP:
                    break
            while True:
                letter, length = _read(client, 1), _read(client, 4)
                body = _read(client, int.from_bytes(length) - 4)
                self.sent.append(letter)
                if self.cut(letter, False):
                    self.end_all()
                server.sendall(letter + length + body)
        _end(client, server)

    def _downwards(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError, EOFError):
            while True:
                letter, length = _read(server, 1), _read(server, 4)
                body = _read(server, int.from_bytes(length) - 4)
                if self.cut(letter, True):
                    self.end_all()
                client.sendall(letter + length + body)
        _end(client, server)

    def end_all(self) -> NoReturn:
        """End all connections, on both sides."""
        ends, self._ends = self._ends, []
        _end(*ends)
        raise EOFError

    def close(self) -> None:
        """End it."""
        self._closed = True
        self._listener.close()
        with suppress(EOFError):
            self.end_all()


@contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A proxy before the server of a URL, which ends with the block."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()


def _read(end: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = end.recv(size - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def _end(*ends: socket.socket) -> None:
    for one in ends:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
