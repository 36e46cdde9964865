"""A PostgreSQL cluster for the tests: three nodes with Patroni, which agree by its own Raft; all on the loopback.

Patroni and its Raft come with the extra `test`. It ends with the tests, however those end.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, NamedTuple

from tests.place import Place
from tests.postgres_server import ROLE, NoServer, programs

_PREFIX = "cqrs-cluster-"
_LIMIT = 120.0
"""Seconds for the nodes to agree, on a busy machine."""
SHARED: dict[str, Any] = {
    "ttl": 20,  # seconds after which a primary that says nothing is none any more; Patroni takes none below
    "loop_wait": 2,
    "retry_timeout": 3,
    "primary_start_timeout": 0,  # a primary that fell is not waited for
    "synchronous_mode": True,
    "postgresql": {"use_pg_rewind": True},
}
"""What the nodes share, as `samples/servers/three` has it."""


class Node(NamedTuple):
    """One of the cluster: its name, and its ports."""

    name: str
    postgres: int
    raft: int
    rest: int


class Cluster:
    """Three servers, of which one is written to and one is waited for at each commit. Close it."""

    def __init__(self) -> None:
        """Raises `NoServer`."""
        if not sys.platform.startswith("linux"):
            raise NoServer("clusters are tried on Linux alone")
        if find_spec("patroni") is None or find_spec("pysyncobj") is None:
            raise NoServer("Patroni is not installed: pip install -e '.[test]'")
        binaries = programs()
        self._password = secrets.token_hex(16)
        self._place = Place(_PREFIX, guarded=True)
        self._agents: dict[str, subprocess.Popen[bytes]] = {}
        ports = self._place.ports(9)
        self.nodes = [Node(f"n{at}", *ports[3 * at : 3 * at + 3]) for at in range(3)]
        try:
            self._programs = self._place.readable(binaries)
            for node in self.nodes:
                self.start(node)
            self.until_whole()
            self._make_role()
        except BaseException:
            self.close()
            raise

    # ── its nodes ─────────────────────────────────────────────────────────────────────────────

    def start(self, node: Node) -> None:
        """Start the agent of a node, which starts its server."""
        folder = self._place.folder
        told = self._place.write(f"{node.name}.yaml", json.dumps(self._settings(node)))  # JSON is YAML, too
        words = self._place.words(sys.executable, "-m", "patroni", str(told), end=signal.SIGKILL, python=True)
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        self._agents[node.name] = self._place.start(words, folder / f"{node.name}.log", environ)

    def _settings(self, node: Node) -> dict[str, Any]:
        folder = str(self._place.folder)
        others = [f"127.0.0.1:{other.raft}" for other in self.nodes if other != node]
        rest = f"127.0.0.1:{node.rest}"
        roles = {
            name: {"username": role, "password": self._password}
            for name, role in (("superuser", "postgres"), ("replication", "replicator"))
        }
        parameters = {
            "max_connections": 60,
            "shared_buffers": "32MB",
            "unix_socket_directories": folder,
            "wal_log_hints": "on",
            "jit": "off",
            "full_page_writes": "on",  # pg_rewind wants them
        }
        shared = {**SHARED, "postgresql": {**SHARED["postgresql"], "parameters": parameters}}
        return {
            "scope": "cqrs",
            "name": node.name,
            "restapi": {"listen": rest, "connect_address": rest},
            "raft": {
                "data_dir": f"{folder}/{node.name}-raft",
                "self_addr": f"127.0.0.1:{node.raft}",
                "partner_addrs": others,
                "password": self._password,
            },
            "bootstrap": {
                "dcs": shared,
                "initdb": [
                    {"encoding": "UTF8"}, {"locale": "C"}, {"auth-host": "scram-sha-256"},
                    {"auth-local": "scram-sha-256"}, "no-sync",
                ],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{node.postgres}",
                "connect_address": f"127.0.0.1:{node.postgres}",
                "data_dir": f"{folder}/{node.name}-data",
                "bin_dir": str(self._programs),
                "pgpass": f"{folder}/{node.name}-pgpass",
                "pg_hba": [
                    "local all all scram-sha-256",
                    "host all all 127.0.0.1/32 scram-sha-256",
                    "host replication replicator 127.0.0.1/32 scram-sha-256",
                ],
                "authentication": roles,
            },
        }  # fmt: skip

    def kill(self, node: Node) -> None:
        """End the agent of a node and its server as a crash of the machine would; `start` brings them back."""
        self._agents[node.name].kill()
        self._agents[node.name].wait()
        self.crash(node)

    def crash(self, node: Node) -> None:
        """End the server of a node, not its agent, as a fault of its own would."""
        postmaster = self._postmaster(node)
        if postmaster is not None:
            os.kill(postmaster, signal.SIGKILL)

    def freeze(self, node: Node) -> None:
        """Let no process of a node go on: its sockets stay open, and nothing is answered. `thaw` lets them."""
        self._signal(node, signal.SIGSTOP)

    def thaw(self, node: Node) -> None:
        """Let a node that was frozen go on, with what it believes to be."""
        self._signal(node, signal.SIGCONT)

    def _signal(self, node: Node, number: signal.Signals) -> None:
        self._agents[node.name].send_signal(number)
        self._place.signal(self._place.folder / f"{node.name}-data", number)

    def _postmaster(self, node: Node) -> int | None:
        try:
            told = (self._place.folder / f"{node.name}-data" / "postmaster.pid").read_text()
            return int(told.splitlines()[0])
        except (OSError, IndexError, ValueError):
            return None

    # ── what they agree on ────────────────────────────────────────────────────────────────────

    def states(self) -> dict[str, dict[str, Any]]:
        """What each agent says of itself; nothing from one that does not answer."""
        return {node.name: _asked(node) for node in self.nodes}

    def primary(self, *, but: Node | None = None) -> Node | None:
        """The node that is written to. but: one that is not asked, for it is frozen."""
        for node in self.nodes:
            if node != but:
                state = _asked(node)
                if state.get("role") == "primary" and state.get("state") == "running":
                    return node
        return None

    def until_primary(self, but: Node | None = None) -> Node:
        """Wait for a primary."""
        return _until(lambda: self.primary(but=but), self._told)

    def until_whole(self) -> Node:
        """Wait until there is a primary, with two standbys that follow it, one of which is waited for at commits."""

        def whole() -> Node | None:
            states = self.states().values()
            follow = [one for one in states if one.get("replication_state") == "streaming"]
            return self.primary() if len(follow) == 2 and any(one.get("sync_standby") for one in follow) else None

        return _until(whole, self._told)

    def _told(self) -> str:
        """What the agents logged last, for a message."""
        logs = sorted(self._place.folder.glob("n*.log"))
        return "\n\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-1500:]}" for log in logs)

    def _make_role(self) -> None:
        import psycopg

        url = self.url(role="postgres").replace(f"/{ROLE}?", "/postgres?")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{self._password}'".encode())
            connection.execute(f"CREATE DATABASE {ROLE} OWNER {ROLE}".encode())

    def url(self, words: str = "", role: str = ROLE) -> str:
        """All nodes in one URL: whoever connects finds the one that takes writes. words: `name=value&…`."""
        hosts = ",".join(f"127.0.0.1:{node.postgres}" for node in self.nodes)
        told = f"target_session_attrs=read-write&connect_timeout=2{'&' if words else ''}{words}"
        return f"postgresql://{role}:{self._password}@{hosts}/{ROLE}?{told}"

    def close(self) -> None:
        """End all that runs, frozen or not, and remove what it had."""
        self._place.close()
        for agent in self._agents.values():
            agent.wait()


def _asked(node: Node) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{node.rest}/patroni", timeout=2) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:  # 503: it is not running as it should
        with suppress(ValueError), error:
            return dict(json.load(error))
    except (OSError, ValueError):
        pass
    return {}


def _until(look: Callable[[], Node | None], told: Callable[[], str]) -> Node:
    end = time.monotonic() + _LIMIT
    while (found := look()) is None:
        assert time.monotonic() < end, f"the nodes don't agree:\n{told()}"
        time.sleep(0.2)
    return found
