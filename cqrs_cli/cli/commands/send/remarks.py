"""What is worth saying after something was written: streams that nobody has a class for, a clock that runs behind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cqrs_cli.cli.shell.session import Session
    from cqrs_cli.workbench.workbench import Workbench


def say_if_orphaned(session: Session, bench: Workbench) -> None:
    """That a stream was opened, and there are some that a renamed aggregate has left."""
    for found in bench.orphaned_streams():
        session.printer.message(f"{found.message} ({found.hint})")


def say_if_ahead(session: Session, recorded_us: int) -> None:
    """That it was recorded in the future of this clock: rarely, so without an import for it."""
    if recorded_us > time.time_ns() // 1000:
        from cqrs_cli.log.clock import ahead_of

        told = ahead_of(time.time_ns() // 1000, recorded_us)
        if told is not None:
            session.printer.message(told)
