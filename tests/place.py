"""Where servers of the tests are: a folder that goes, programs that end, and ports, with the tests, however those end."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

_STARTER = """
import ctypes, os, signal, sys
user, group, parent, end, reads, *words = sys.argv[1:]
linux = sys.platform == "linux"
libc = ctypes.CDLL(None) if linux else None
if int(user) >= 0:  # PostgreSQL refuses to be run by root
    if int(reads):
        libc.prctl(8, 1)  # keep capabilities
    os.setgroups([])
    os.setgid(int(group))
    os.setuid(int(user))
    if int(reads):  # the one to read what is closed to others: a Python in the home of root
        DAC_READ_SEARCH = 2
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        sets = (ctypes.c_uint32 * 6)(*[1 << DAC_READ_SEARCH] * 3, 0, 0, 0)
        if libc.capset(header, sets) or libc.prctl(47, 2, DAC_READ_SEARCH, 0, 0):
            sys.exit(f"the user {user} can't read {words[0]}")
if linux:  # it ends when whoever started it is gone, killed or not
    libc.prctl(1, int(end))
if os.getppid() == int(parent):
    os.execv(words[0], words)
"""
_GUARD = """
import os, shutil, signal, sys, time
folder = sys.argv[1]
for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(one, signal.SIG_IGN)
def is_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return folder in file.read() or (os.readlink(f"/proc/{pid}/cwd") + "/").startswith(folder + "/")
    except OSError:
        return False
sys.stdin.read()  # until whoever started this is gone, killed or not
for _ in range(200):
    left = [int(one) for one in os.listdir("/proc") if one.isdigit() and int(one) != os.getpid() and is_of(one)]
    if not left:
        break
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    time.sleep(0.05)
shutil.rmtree(folder, ignore_errors=True)
"""


class Place:
    """A temporary folder of a user who is not root, the programs that were started there, and their ports. Close it."""

    def __init__(self, prefix: str, *, guarded: bool = False) -> None:
        """guarded: programs that these start, and what is frozen, end too; on Linux. Whatever has `prefix` and
        belongs to nobody any more is removed."""
        _remove_left_behind(prefix)
        self.folder = Path(tempfile.mkdtemp(prefix=prefix))
        self._lock = (self.folder / "lock.new").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        (self.folder / "lock.new").rename(self.folder / "lock")  # nobody finds it before it is locked
        self._kept = ExitStack()
        self._user = self._group = -1
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user, self._group = nobody.pw_uid, nobody.pw_gid
            os.chmod(self.folder, 0o711)
            self.hand_over(self.folder)
        self._guard: subprocess.Popen[bytes] | None = None
        if guarded:
            words = [sys.executable, "-c", _GUARD, str(self.folder)]
            self._guard = subprocess.Popen(words, cwd="/", stdin=subprocess.PIPE, start_new_session=True)

    def hand_over(self, path: Path) -> None:
        """Give a file or folder to the user of the programs."""
        if self._user >= 0:
            os.chown(path, self._user, self._group)

    def ports(self, count: int) -> list[int]:
        """Ports for programs of this place, all different: `kept_ports`."""
        return kept_ports(count, self._kept)

    def write(self, name: str, text: str) -> Path:
        """A file that only the user of the programs may read."""
        path = self.folder / name
        path.touch(0o600)
        path.write_text(text)
        self.hand_over(path)
        return path

    def readable(self, programs: Path) -> Path:
        """The folder of programs, or a copy of what is above it, if the user can't come there: `…/bin` in a closed home."""
        if self._user < 0 or is_for_all(programs):
            return programs
        copy = self.folder / "programs"
        if not copy.exists():
            shutil.copytree(programs.parent, copy, symlinks=True)
        return copy / programs.name

    def words(self, *words: str, end: signal.Signals = signal.SIGQUIT, python: bool = False) -> list[str]:
        """The words that run these as the user of the programs. end: the signal when the tests are gone.

        python: it is a program of this Python, which may be where only root can read.
        """
        reads = python and self._user >= 0 and not is_for_all(Path(sys.executable))
        told = (self._user, self._group, os.getpid(), int(end), int(reads))
        return [sys.executable, "-c", _STARTER, *map(str, told), *words]

    def start(
        self, words: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start what `words` gave; what it prints goes to the end of a log."""
        with log.open("ab") as file:
            return subprocess.Popen(
                words,
                cwd="/",
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,  # Ctrl-C is for the tests
            )

    def signal(self, folder: Path, number: signal.Signals) -> None:
        """Send a signal to everything that runs in a folder: a server, and each of its processes. On Linux."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                if os.readlink(f"/proc/{pid}/cwd") == str(folder):
                    os.kill(int(pid), number)

    def close(self) -> None:
        """Remove the folder. With a guard, everything that runs there ends before."""
        if self._guard is not None:
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            self._guard.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._kept.close()
        self._lock.close()


def kept_ports(count: int, kept: ExitStack) -> list[int]:
    """Ports of the loopback that nobody has, all different. On Linux nobody is given one before `kept` is closed, also
    while the program that listens there is away: a socket has it that does not listen, beside which one may that asks
    for this very port."""
    some = [socket.socket() for _ in range(count)]
    for one in some:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in some]
    for one in some:
        if sys.platform == "linux":
            kept.enter_context(one)
        else:
            one.close()
    return ports


def is_for_all(path: Path) -> bool:
    """Whether everybody may come to a file or folder."""
    path = path.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _remove_left_behind(prefix: str) -> None:
    """Remove the folders of tests that were killed: nobody holds their locks."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            with (folder / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # it is in use, somebody else's, or just being made
