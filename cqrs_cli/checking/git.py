"""What git has: a commit that a word names, a file as it was at one, all files of one.

Nothing of the repository's own runs: no hook, filter or pager, and nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cqrs_cli.errors import Misuse

_SECONDS = 60
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
"""What a hook of git has in its environment, relative to where it runs: the folder says which repository is meant."""
_ENVIRONMENT = {"GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
_SETTINGS = ("-c", "protocol.allow=never", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
_HINT = "git has to be there to compare with a commit"


class TreeEntry(NamedTuple):
    """A file, a link or a submodule of a commit. mode: git's, `100644` say. kind: blob or commit. path: as bytes."""

    mode: str
    kind: str
    id: str
    path: bytes


def commit_of(folder: Path, ref: str) -> str:
    """The id of the commit that a word names in the repository of a folder. Raises `Misuse` (`git`)."""
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if commit.returncode:
        if _git(folder, "rev-parse", "--git-dir").returncode:
            told = f"{folder} is in no repository of git: {_first_line(commit.stderr)}"
            raise Misuse(told, code="git", hint="git init, and a commit to compare with")
        told = _first_line(commit.stderr) or f"{ref!r} names no commit"
        hint = "git:main, git:HEAD~1, git:v1.2; a shallow clone has only the newest (fetch-depth: 0)"
        raise Misuse(f"no commit {ref!r} in the repository of {folder}: {told}", code="git", hint=hint)
    return commit.stdout.decode().strip()


def file_at(folder: Path, name: str, ref: str) -> bytes:
    """The bytes of the file `name` of a folder, as the commit has it that `ref` names. Raises `Misuse` (`git`)."""
    id = commit_of(folder, ref)
    found = _git(folder, "cat-file", "blob", f"{id}:./{name}")  # as it is: no filter, no program for differences
    if found.returncode:
        raise Misuse(f"there was no {name} at {ref} ({id[:12]})", code="no-lock-there", ref=ref)
    return found.stdout


def place_of(folder: Path) -> tuple[Path, str]:
    """The top of the work tree that a folder is in, and the folder's path below it. Raises `Misuse` (`git`)."""
    found = _git(folder, "rev-parse", "--show-toplevel", "--show-prefix")
    if found.returncode:
        told = _first_line(found.stderr)
        raise Misuse(f"{folder} is in no work tree of git: {told}", code="git", hint="a clone with its files is wanted")
    top, prefix = found.stdout.decode(errors="surrogateescape").split("\n")[:2]
    return Path(top), prefix


def has_commit(folder: Path, id: str) -> bool:
    """Whether the repository of a folder has a commit."""
    return folder.is_dir() and not _git(folder, "cat-file", "-e", f"{id}^{{commit}}").returncode


def tree_of(folder: Path, commit: str) -> list[TreeEntry]:
    """All that a commit has, whatever folder of the work tree it is asked in. Raises `Misuse` (`git`)."""
    found = _git(folder, "ls-tree", "-r", "-z", "--full-tree", commit)
    if found.returncode:
        raise _incomplete(folder, found.stderr)
    entries = []
    for line in found.stdout.split(b"\0")[:-1]:
        about, _, path = line.partition(b"\t")
        mode, kind, id = about.decode().split(" ")
        entries.append(TreeEntry(mode, kind, id, path))
    return entries


def contents(folder: Path, entries: list[TreeEntry]) -> Iterator[tuple[TreeEntry, bytes]]:
    """The bytes of files and links as they were committed. Raises `Misuse` (`git`) for what is not in the clone."""
    with _running(folder, "cat-file", "--batch") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for entry in entries:
            process.stdin.write(entry.id.encode() + b"\n")
            process.stdin.flush()
            head = process.stdout.readline().split()
            if len(head) != 3:
                raise _incomplete(folder, b" ".join(head))
            size = int(head[2])
            data = process.stdout.read(size + 1)
            if len(data) != size + 1:
                raise _incomplete(folder, b"git ended before all was read")
            yield entry, data[:-1]


@contextmanager
def _running(folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        _command(folder, words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environ(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _incomplete(folder: Path, told: bytes) -> Misuse:
    hint = "a clone that has everything: git fetch --unshallow, or --refetch --filter=… taken away"
    return Misuse(
        f"the repository of {folder} has not all of that commit: {_first_line(told)}",
        code="git",
        hint=hint,
    )


def _first_line(told: bytes) -> str:
    return told.decode(errors="replace").strip().partition("\n")[0]


def _command(folder: Path, words: tuple[str, ...]) -> list[str]:
    return ["git", *_SETTINGS, "-C", str(folder), *words]


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK} | _ENVIRONMENT


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            _command(folder, words), capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS, env=_environ()
        )
    except FileNotFoundError:
        raise Misuse("git is not installed, or not on the PATH", code="git", hint=_HINT) from None
    except subprocess.TimeoutExpired:
        raise Misuse(f"git did not answer in {_SECONDS} seconds", code="git", hint=_HINT) from None
