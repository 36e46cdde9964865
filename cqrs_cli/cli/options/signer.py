"""Who stands on record for a skip or a drop: `--as USER`, else the user of this machine."""

import getpass

from cqrs_cli.errors import Misuse


def signed_by(given: str | None) -> str:
    """The name. Raises `Misuse` for an empty one, and where nothing says who it is."""
    if given is not None:
        if not given.strip():
            raise Misuse("--as is empty, and it stays on record who it was", hint="--as USER")
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for it
        raise Misuse("this machine does not know who you are", hint="--as USER") from None
