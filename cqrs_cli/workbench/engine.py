"""What every part of a workbench works with, in one object instead of four to six parameters."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.decision import Services
from cqrs_cli.domain.domain import Domain
from cqrs_cli.stores.contract import Store

Clock = Callable[[], datetime]


def now() -> datetime:
    """The moment now, aware, in UTC."""
    return datetime.now(UTC)


class Limits(NamedTuple):
    """How much a workbench takes on at a time: for its memory and its patience, never for what comes out.

    Commands. written_together, written_bytes: in one durable write of a batch, payloads of commands and of events each
    by themselves. cached_states, cached_bytes: streams whose states are kept, unless a command added more bytes of
    events than that. tries, outrun_seconds: how often a command is decided anew when others append in between, and for
    how long after that, with pauses. outbox_page: commands of reactions that are sent together.
    Reading. page_rows: of a query, if nobody says how many. streamed_rows: of one that is read page by page to its
    end. batch_events, batch_bytes: read from the log between two looks at whether to stop. idle_events: how far a
    processor goes without events of its own before its checkpoint is moved for it alone. inline_lag: events that a
    commit may have to fold besides its own.
    Folding. waiting_events, waiting_bytes: gathered before rows are written. answered_events: of a reaction, whose
    commands wait to be written. loaded_rows: by one query. cached_rows, cached_keys: of each projection.
    rebuild_rounds: how often a rebuild goes after new events to have no more than swapped_events left for the swap,
    while nobody can append. swap_patience: seconds for which the swap is tried while others read. compared_rows: at one
    position, compare_tries: how often, of rows that move meanwhile.
    Running. look_again: seconds after which a runner that waits looks at its clock and at whether to stop.
    report_every: seconds between two reports of a drain.
    kept_rejections: the newest rejected commands, where the domain keeps a journal of them.
    """

    written_together: int = 2_000
    written_bytes: int = 8 * 1024 * 1024
    cached_states: int = 10_000
    cached_bytes: int = 16 * 1024
    tries: int = 20
    outrun_seconds: float = 10.0
    outbox_page: int = 1_000
    page_rows: int = 100
    streamed_rows: int = 1_000
    batch_events: int = 5_000
    batch_bytes: int = 4 * 1024 * 1024
    idle_events: int = 10_000
    inline_lag: int = 10_000
    waiting_events: int = 50_000
    waiting_bytes: int = 16 * 1024 * 1024
    answered_events: int = 500
    loaded_rows: int = 500
    cached_rows: int = 100_000
    cached_keys: int = 50_000
    rebuild_rounds: int = 10
    swapped_events: int = 1_000
    swap_patience: float = 60.0
    compared_rows: int = 100
    compare_tries: int = 200
    look_again: float = 0.2
    report_every: float = 0.5
    kept_rejections: int = 10_000


class Engine(NamedTuple):
    """A domain on a store, with the services its clauses ask for, a clock and the limits."""

    store: Store
    domain: Domain
    codec: Codec
    services: Services
    clock: Clock = now
    limits: Limits = Limits()
