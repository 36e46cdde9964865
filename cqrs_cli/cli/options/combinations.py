"""Options that exclude each other or go together."""

from collections.abc import Mapping

from cqrs_cli.errors import Misuse
from cqrs_cli.log.waiting import Waiting
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.timeouts import seconds

PATIENCE = 10.0
"""Seconds for which `--wait` waits."""


def only_one(options: Mapping[str, bool]) -> str | None:
    """The option that was given, None if none was. Raises `Misuse` for two."""
    given = [name for name, is_given in options.items() if is_given]
    if len(given) > 1:
        raise Misuse(f"{given[0]} and {given[1]} are two different things", hint="give one of them")
    return given[0] if given else None


def patience(wait: str | None, timeout: str | None) -> float:
    """Seconds for which `--wait` waits. Raises `Misuse`, also if there is nothing to wait for."""
    if timeout is not None and wait is None:
        raise Misuse("--timeout goes with --wait", hint="--wait @POSITION or --wait COMMAND_ID says what to wait for")
    return PATIENCE if timeout is None else seconds("--timeout", timeout)


def waited(store: Store, options: Mapping[str, str]) -> None:
    """Wait until the log has what `wait` says, for `timeout` seconds at most. Raises `Misuse`, `Unavailable`."""
    wait = options.get("wait")
    most = patience(wait, options.get("timeout"))
    if wait is not None:
        Waiting(store, wait, most).for_log()
