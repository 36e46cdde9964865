"""`cqrs serve` in a process of its own, and what asks it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import ROOT
from tests.servers import program as program_of_tests


class Program:
    """A server that answers. url: where. module: what serves, if it is not `cqrs serve`."""

    def __init__(
        self, folder: Path, *words: str, app: str = "tests.bank:domain", store: str = "", module: str = "cqrs_cli"
    ) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
        environ |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        served = ["--app", app, *(["--store", store] if store else []), "serve", "--port", "0", *words]
        self.words = served if module == "cqrs_cli" else [app, *words]
        self.process = subprocess.Popen(
            [*(program_of_tests() if module == "cqrs_cli" else [sys.executable, "-m", module]), *self.words],
            cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def client(self, **given: Any) -> httpx.Client:
        """What asks it."""
        return httpx.Client(base_url=self.url, timeout=60, **given)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it by a signal; the exit code and what it said."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@contextmanager
def program(folder: Path, *words: str, **given: Any) -> Iterator[Program]:
    """A server, killed at the end unless it has ended."""
    made = Program(folder, *words, **given)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.communicate()


def frames(lines: Iterator[str]) -> Iterator[tuple[int, str]]:
    """The events of a stream of server-sent events: id and data of each."""
    id, data = 0, ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "id":
            id = int(value)
        elif name == "data":
            data = value
        elif not line and data:
            yield id, data
            data = ""
