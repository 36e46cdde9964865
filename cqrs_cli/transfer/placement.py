"""A file that gets its name when it is whole: made under another one, and nothing is left when it never is."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from cqrs_cli.errors import Misuse, StoreNotFound, Unavailable
from cqrs_cli.passing import passed, passing
from cqrs_cli.stores.sqlite.opening import check_is_file

SUFFIXES = ("", "-wal", "-shm", "-lock", "-journal")


@contextmanager
def made_beside(path: str) -> Iterator[str]:
    """A name beside `path` under which the file is made; whatever has it at the end goes.

    Raises `Unavailable` for what the system refuses meanwhile.
    """
    made = f"{path}.{uuid4().hex[:8]}.part"
    try:
        for suffix in SUFFIXES:
            passing(made + suffix)
        yield made
    except BrokenPipeError:  # nobody reads what is said meanwhile
        raise
    except OSError as error:
        code = {errno.ENOSPC: "full", errno.EDQUOT: "full", errno.EIO: "io-error"}.get(error.errno or 0, "read-only")
        hint = "make room, or check the disk and the rights of the folder; then try again"
        raise Unavailable(
            f"{path} can't be made: {error.strerror or error}", hint=hint, code=code, store=path
        ) from error
    finally:
        for suffix in SUFFIXES:
            with suppress(OSError):
                os.unlink(made + suffix)
            passed(made + suffix)


def check_target(path: str) -> None:
    """Raise `Misuse` if something is there already, `StoreNotFound` if there is no folder for it."""
    if os.path.lexists(path):
        raise taken(path)
    check_folder(path)


def check_folder(path: str) -> None:
    """Raise `StoreNotFound` if there is no folder for a file."""
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise StoreNotFound(f"no folder for the store {path}", hint="make the folder first", store=path)


def check_place(path: str) -> None:
    """Raise `ConfigurationError` if something is there that is no file: it is not replaced, whatever is said."""
    if os.path.lexists(path):
        check_is_file(path, os.stat(path))


def taken(path: str) -> Misuse:
    """Something is there already."""
    return Misuse(f"{path} is there already", hint="a path where nothing is", code="exists", path=path)


def sync(path: str) -> None:
    """Have the file on the disk before it gets its name."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: str) -> None:
    """Have the name of a file on the disk, where the system can say so."""
    with suppress(OSError):
        descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def put_in_place(made: str, path: str) -> None:
    """Give the file its name, unless somebody took it meanwhile. Raises `Misuse`."""
    try:
        os.link(made, path)
    except FileExistsError:
        raise taken(path) from None
    except OSError:  # a file system without links
        check_target(path)
        os.rename(made, path)
    else:
        with suppress(FileNotFoundError):  # at once: a store has one name. If we die here, who opens it does this
            os.unlink(made)
