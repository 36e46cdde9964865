"""A server in a process of its own, and what it costs: read from /proc, so on Linux only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.folders import Folders, own_environment

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Program:
    """A process that listens on a port."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port

    @property
    def cpu(self) -> float:
        """Seconds of the processor that it has taken, in all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def memory(self) -> float:
        """Megabytes of its own."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="utf-8").split()
        return int(fields[1]) * _PAGE / 1e6


@contextmanager
def program(folders: Folders, *words: str) -> Iterator[Program]:
    """`python -m …`, which says its URL once it answers. Ended with SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words], env=own_environment(folders), cwd=folders.folder,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        port = process.stdout.readline().rpartition(":")[2]
        assert port.strip(), "it did not start"
        yield Program(process, int(port))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@contextmanager
def serving(folders: Folders, store: Path, *words: str) -> Iterator[Program]:
    """`cqrs serve` for the bank that is measured."""
    asked = ["-q", "--store", str(store), "--app", "benchmarks.bank:domain", "serve", "--port", "0", *words]
    with program(folders, "cqrs_cli", *asked) as one:
        yield one
