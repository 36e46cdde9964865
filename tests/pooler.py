"""A PgBouncer in transaction mode before a server of the tests: the next statement may run on another session."""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

from tests.place import Place

PROGRAM = "pgbouncer"
_PREFIX = "cqrs-pooler-"
_ADMIN = "administrator"


class NoPooler(Exception):
    """There is none on this machine."""


class Pooler:
    """It has few sessions on the server, which all who come through it share. Close it."""

    def __init__(self, dsn: str, sessions: int = 8) -> None:
        """dsn: of the server. Raises `NoPooler`."""
        program = shutil.which(PROGRAM) or shutil.which(PROGRAM, path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise NoPooler(f"no {PROGRAM} on this machine: apt-get install {PROGRAM}, or .ci/programs as root")
        parts = urlsplit(dsn)
        self.database, self._password = parts.path.strip("/"), secrets.token_hex(16)
        self._user, self._own = parts.username or "", parts.password or ""
        self._place = Place(_PREFIX)
        [self.port] = self._place.ports(1)
        try:
            users = self._place.write("users", f'"{self._user}" "{self._own}"\n"{_ADMIN}" "{self._password}"\n')
            settings = "\n".join(
                [
                    "[databases]",
                    f"* = host={parts.hostname} port={parts.port}",
                    "[pgbouncer]",
                    f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =",
                    f"auth_type = scram-sha-256\nauth_file = {users}\nadmin_users = {_ADMIN}",
                    f"pool_mode = transaction\ndefault_pool_size = {sessions}\nmax_client_conn = 200",
                    "ignore_startup_parameters = extra_float_digits\n",
                ]
            )
            told = self._place.write("pgbouncer.ini", settings)
            log = self._place.folder / "log"
            self._process = self._place.start(self._place.words(program, str(told)), log)
            self._until_it_answers(log)
        except BaseException:
            self.close()
            raise

    def _until_it_answers(self, log: Path) -> None:
        import psycopg

        end = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise NoPooler(f"{PROGRAM}: {error}\n{log.read_text(errors='replace')}") from error
            time.sleep(0.02)

    def url(self) -> str:
        """The URL of the server's database, by way of the pooler."""
        return f"postgresql://{self._user}:{quote(self._own)}@127.0.0.1:{self.port}/{self.database}"

    def close(self) -> None:
        """End it."""
        process = getattr(self, "_process", None)
        if process is not None:
            process.kill()
            process.wait()
        self._place.close()
