"""A server for the application: its socket, its signals, and its end, for which nobody has to wait."""

from __future__ import annotations

import errno
import ipaddress
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from cqrs_cli.errors import CqrsError, Misuse, Unavailable
from cqrs_cli.http.app import Application

GRACE = 5
"""Seconds that requests are given to end."""
AT_ONCE = 2_000
"""Connections that are served at the same time; more are answered 503."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what is bound there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_door(host: str, is_guarded: bool) -> None:
    """Raise `Misuse` (`open-door`) if others could come in and nothing asks who they are."""
    if not is_loopback(host) and not is_guarded:
        raise Misuse(
            f"{host} can be reached by other machines, and nothing asks who they are",
            code="open-door",
            hint="--token-file FILE, or --authenticate MODULE:FUNCTION; or leave --host out, for this machine alone",
        )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises `Unavailable` (`port-taken`, `no-address`)."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        hint = "an address or a name of this machine"
        raise Unavailable(f"{host} is no address here: {error}", code="no-address", hint=hint) from None
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(2048)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRNOTAVAIL:
            hint = "an address of this machine; 0.0.0.0 is all of them"
            raise Unavailable(f"{host} is no address of this machine", code="no-address", hint=hint) from None
        told = "somebody listens there already" if error.errno == errno.EADDRINUSE else error.strerror
        hint = "another one: --port N, or --port 0 for any that is free"
        raise Unavailable(f"port {port} of {host}: {told}", code="port-taken", hint=hint) from None
    return made


def url_of(made: socket.socket) -> str:
    """The URL of what listens."""
    host, port = made.getsockname()[:2]
    return f"http://[{host}]:{port}" if made.family == socket.AF_INET6 else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: Application, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._application, self._ready = app, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Whether it is over: also when nothing can be answered any more."""
        return await super().on_tick(counter) or self._application.face.failure is not None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Followers are let go before anybody waits for them. To be ended by a signal is no failure: exit 0."""
        self._application.let_go()
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def serve(app: Application, made: socket.socket, ready: Callable[[], object], root_path: str = "") -> None:
    """Serve until SIGTERM or SIGINT; what is being written is finished. ready: called once requests are taken.

    Raises what opening the store raises, and `Unavailable` (`replaced`) when another store is in its place.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        root_path=root_path,
        limit_concurrency=AT_ONCE,
        timeout_graceful_shutdown=GRACE,
        ws="none",
    )
    try:
        _Server(config, app, ready).run(sockets=[made])
    except SystemExit:
        if app.face.failure is not None:
            raise app.face.failure from None
        raise CqrsError("the server did not start", code="bug", hint="it is said above why") from None
    finally:
        made.close()
    if app.face.failure is not None:
        raise app.face.failure
