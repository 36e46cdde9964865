"""The journal of rejected commands, for domains that keep one: what was asked, of which state, and why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import CqrsError, Rejected, StoreFailed
from cqrs_cli.log import rejections
from cqrs_cli.log.rejections import Rejection
from cqrs_cli.stores.moments import micros
from cqrs_cli.workbench.engine import Engine


def keep(engine: Engine, rejected: Sequence[tuple[Command, Rejected]]) -> None:
    """Put them on record. A store that can't take them loses them: the answer to the command is what counts."""
    try:
        if rejected and engine.store.head():  # no store is made for a command that was rejected
            rejections.keep(engine.store, list(_records(engine, rejected)), engine.limits.kept_rejections)
    except StoreFailed:
        pass


def _records(engine: Engine, rejected: Sequence[tuple[Command, Rejected]]) -> Iterator[Rejection]:
    head, now_us = engine.store.head(), micros(engine.clock())
    for command, error in rejected:
        if error.judged_on is None:  # by a rule over rows
            continue
        try:
            sent = engine.codec.sent(command)
        except CqrsError:
            continue
        meta, (stream, version, metadata) = command.meta, error.judged_on
        yield Rejection(
            meta.command_id,
            sent.type,
            sent.schema_version,
            (sent.data or b"{}").decode(),
            sent.issued_at,
            meta.user_id,
            meta.correlation_id or meta.command_id,
            meta.causation_id,
            metadata,
            stream,
            version,
            head,
            error.code,
            error.message,
            now_us,
        )
