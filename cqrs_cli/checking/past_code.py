"""Code as it was at a commit: its files in a folder for the time, so that it can be imported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cqrs_cli.checking.git import TreeEntry, commit_of, contents, has_commit, place_of, tree_of
from cqrs_cli.errors import Misuse

_LINK, _PROGRAM = "120000", "100755"


class PastCode(NamedTuple):
    """The files of a commit. commit: its id. top: of the work tree. root: stands for it. folder: below root, what the
    folder was that was asked about. absent: submodules whose files are not at hand."""

    commit: str
    top: Path
    root: Path
    folder: Path
    absent: tuple[str, ...] = ()


def past_code(folder: Path, ref: str, place: Path) -> PastCode:
    """All files of the commit that `ref` names, written below a folder that is empty. Raises `Misuse` (`git`).

    They are as they were committed: no filter runs, and the repository is not written to. Submodules are taken along
    where the work tree has them with the commit that is meant.
    """
    commit = commit_of(folder, ref)
    top, prefix = place_of(folder)
    root = place.resolve()
    try:
        absent = tuple(_write(top, commit, root))
    except OSError as error:
        told = f"the files of {ref} ({commit[:12]}) can't be written to {root}: {error.strerror}"
        hint = "room in the folder for temporary files: TMPDIR names another"
        raise Misuse(told, code="output", hint=hint) from error
    there = root / prefix
    if not there.is_dir():
        told = f"there was no folder {prefix.rstrip('/')} at {ref} ({commit[:12]})"
        raise Misuse(told, code="git", hint="a commit that has it: git log -- FOLDER lists them")
    return PastCode(commit, top, root, there, absent)


def _write(top: Path, commit: str, root: Path) -> Iterator[str]:
    """Write the files of a commit below a folder; gives the submodules that are not at hand."""
    entries = tree_of(top, commit)
    files = [one for one in entries if one.kind == "blob"]
    # Links come last: nothing is written through one.
    files.sort(key=lambda one: one.mode == _LINK)
    for entry, data in contents(top, files):
        _put(_place(root, entry), entry, data)
    for entry in entries:
        if entry.kind != "commit":
            continue
        inner = _place(root, entry)
        inner.mkdir(parents=True, exist_ok=True)
        name = os.fsdecode(entry.path)
        if has_commit(top / name, entry.id):
            yield from (f"{name}/{one}" for one in _write(top / name, entry.id, inner))
        else:
            yield name


def _put(path: Path, entry: TreeEntry, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if entry.mode == _LINK:
        os.symlink(os.fsdecode(data), path)
        return
    path.write_bytes(data)
    if entry.mode == _PROGRAM:
        path.chmod(0o700)


def _place(root: Path, entry: TreeEntry) -> Path:
    parts = entry.path.split(b"/")
    if any(part in (b"", b".", b"..", b".git") for part in parts):
        told = f"the commit has a path that is none: {os.fsdecode(entry.path)!r}"
        raise Misuse(told, code="git", hint="a commit that git fsck has nothing to say about")
    return root.joinpath(*map(os.fsdecode, parts))
