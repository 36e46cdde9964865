"""The token that programs show, in a file that nobody else can read."""

from __future__ import annotations

import os
import re
import stat

from cqrs_cli.errors import ConfigurationError
from cqrs_cli.ownership import is_trusted, owner

SHORTEST = 16
_TOKEN = re.compile("[!-~]+")


def read_token(path: str | os.PathLike[str]) -> str:
    """The token in a file. Raises `ConfigurationError` for a file that others can read, and for what may be guessed."""
    try:
        with open(path, encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            if hasattr(os, "geteuid") and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigurationError(
                    f"{path} can be read by others (mode {stat.S_IMODE(mode):03o})",
                    code="token-file",
                    hint=f"chmod 600 {path}",
                )
            if not is_trusted(file.fileno()):
                raise ConfigurationError(
                    f"{path} belongs to {owner(file.fileno())}, not to you",
                    code="token-file",
                    hint="a file of your own",
                )
            token = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or "it is no ASCII"
        raise ConfigurationError(
            f"{path} can't be read: {told}", code="token-file", hint=_way_on(path, error)
        ) from None
    if len(token) < SHORTEST or not _TOKEN.fullmatch(token):
        raise ConfigurationError(
            f"the token in {path} has {len(token)} characters, or some that no header can have",
            code="token-file",
            hint=f"{SHORTEST} or more that nobody guesses: openssl rand -hex 32 makes some",
        )
    return token


def _way_on(path: str | os.PathLike[str], error: Exception) -> str:
    if isinstance(error, PermissionError) and hasattr(os, "geteuid"):
        return f"it has to belong to who serves: chown {os.geteuid()} {path}"
    if isinstance(error, IsADirectoryError):
        return "a file with the token; a container makes a folder where a file that is mounted is missing"
    return f"make one: (umask 077; openssl rand -hex 32 > {path})"
