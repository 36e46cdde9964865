"""Whom a file belongs to, and whether code or settings in it may be believed without being named."""

from __future__ import annotations

import os


def is_trusted(path: int | str | os.PathLike[str]) -> bool:
    """Whether the file or folder belongs to this user, or to root, who can do anything anyway. Raises `OSError`.

    path: or an open descriptor. Under `sudo`, what belongs to the user who called it is trusted too.
    """
    if not hasattr(os, "geteuid"):
        return True  # this system knows no owners
    return os.stat(path).st_uid in _trusted_users()


def is_open_to_others(folder: str | os.PathLike[str]) -> bool:
    """Whether everybody may put files into the folder. Raises `OSError`."""
    return bool(os.stat(folder).st_mode & 0o002)


def owner(path: int | str | os.PathLike[str]) -> str:
    """The name of the owner, or the number of one without a name. Raises `OSError`."""
    number = os.stat(path).st_uid
    try:
        import pwd

        return pwd.getpwuid(number).pw_name
    except (ImportError, KeyError):
        return str(number)


def _trusted_users() -> set[int]:
    mine = os.geteuid()
    caller = os.environ.get("SUDO_UID", "")
    return {0, mine, int(caller)} if mine == 0 and caller.isascii() and caller.isdigit() else {0, mine}
