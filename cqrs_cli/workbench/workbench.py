"""The workbench: a domain and a store, and what can be done with both. The command line is a shell around it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar, cast, overload

from pydantic import BaseModel

from cqrs_cli.domain.aggregate import Aggregate
from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.decision import Services
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.fold import A, State, Watch
from cqrs_cli.domain.messages import Command, give_time
from cqrs_cli.domain.process_manager import CommandRejected
from cqrs_cli.domain.query import Page, Read, Where
from cqrs_cli.domain.row_model import RowModel, RowType, row_maker
from cqrs_cli.errors import CqrsError, Rejected
from cqrs_cli.failure import domain_failed
from cqrs_cli.finding import Finding
from cqrs_cli.jsonable import jsonable
from cqrs_cli.stores import rows
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.moments import micros
from cqrs_cli.stores.registry import open_store
from cqrs_cli.workbench.aggregates import Aggregates
from cqrs_cli.workbench.engine import Clock, Engine, Limits, now
from cqrs_cli.workbench.outcome import Expect, Outcome, Request, RowChange
from cqrs_cli.workbench.processors.begun_names import as_begun, renamed
from cqrs_cli.workbench.processors.inline import InlineProjections
from cqrs_cli.workbench.processors.loop import Progress
from cqrs_cli.workbench.processors.projections import Plan, Projector
from cqrs_cli.workbench.processors.status import ProcessorStatus
from cqrs_cli.workbench.sender import Sender

if TYPE_CHECKING:
    from cqrs_cli.log.outbox import DeadLetter
    from cqrs_cli.log.pairing import Names
    from cqrs_cli.workbench.explanation import Explanation
    from cqrs_cli.workbench.processors.delivery import Courier, Delivery
    from cqrs_cli.workbench.processors.reactions import Reactor
    from cqrs_cli.workbench.processors.refold import Check
    from cqrs_cli.workbench.processors.rewind import Rewind
    from cqrs_cli.workbench.processors.runner import Runner
    from cqrs_cli.workbench.query_reader import QueryReader

__all__ = ["Outcome", "Request", "RowChange", "State", "Workbench"]


Row = TypeVar("Row", bound=RowModel)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Asks(Protocol[T_co]):
    """A query, as far as the workbench needs it: what its `run` answers is what `Workbench.query` gives."""

    def run(self, read: Read, /) -> T_co:
        """Answer, with what `read` gives."""
        ...


class Workbench:
    """A domain on a store. Open one with `Workbench.open("shop.db", domain)`, as a context manager.

    services: replacements for what the domain provides, by type (for tests). rehearsing: what commands ask for are the
    domain's stand-ins (`Domain.rehearse_with`), and nothing live is called. limits: see `Limits`. clock: gives aware
    moments, the time of deadlines, of commands without an envelope, and of what is recorded (for tests: it becomes the
    store's).

    It may be used from several threads, if its store may. No call holds anything of the workbench while a decide runs,
    or the caller works: a slow service holds up nobody, and a decide whose service sends commands, even on this very
    workbench or from other threads, is answered. Two threads are to each other as two processes are: an append in
    between is seen by its condition, and the command is decided again. Services are shared, and made one at a time.
    """

    def __init__(
        self,
        store: Store,
        domain: Domain,
        *,
        read_only: bool = False,
        services: Mapping[type, Any] | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        rehearsing: bool = False,
    ) -> None:
        self.store, self.read_only = store, read_only
        self.domain = as_begun(domain, store.rows)
        self.renamed = renamed(domain, self.domain)
        """By today's names of reactions: the older ones under which these go on here."""
        domain = self.domain
        self.codec = Codec(domain.events, domain.commands)
        self._clock = clock
        self._past: tuple[Engine, Callable[[RowType], None]] | None = None  # of read models as they were
        if clock is not None:
            store.clock = lambda: micros(clock()) * 1000
        made = Services(domain, services, rehearsing=rehearsing)
        self.engine = Engine(store, domain, self.codec, made, clock or now, limits or Limits())
        self._projector = Projector(self.engine)
        self.aggregates = Aggregates(self.engine)
        self.snapshots = self.aggregates.snapshots
        self._sender = Sender(self.engine, self.aggregates, InlineProjections(self._projector))

    @classmethod
    def open(
        cls,
        url: str | os.PathLike[str],
        domain: Domain,
        *,
        create: bool | Literal["lazily"] = True,
        read_only: bool = False,
        durability: str | None = None,
        services: Mapping[type, Any] | None = None,
        clock: Clock | None = None,
    ) -> Self:
        """A workbench on a store, as `open_store` gives it. Raises `NotFound`, `Unavailable`, `Damaged`."""
        store = open_store(url, create=create, read_only=read_only, durability=durability)
        return cls(store, domain, read_only=read_only, services=services, clock=clock)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ── writing ───────────────────────────────────────────────────────────────────────────────

    def send(
        self,
        command: Command,
        *,
        expect: Expect = None,
        dry_run: bool = False,
        explanation: Explanation | None = None,
    ) -> Outcome:
        """Decide the command and append its events, durably.

        expect: the version its aggregate must be at (`"new"`: not there yet). dry_run: write nothing;
        the outcome has the events as they would be and the changes of rows. explanation: is told how it came to that,
        also where something is raised.
        Raises `Rejected`, `NotFound`, `Conflict`, `CommandReused`, `InvalidInput`, `LimitExceeded`, `DomainFailed` …
        """
        if self._clock is not None:
            give_time(command, self._clock)
        sender = self._sender
        if explanation is not None:
            from cqrs_cli.workbench.explanation import ExplainedSender

            sender = ExplainedSender(sender, explanation)
        if not dry_run:
            try:
                return sender.send(command, expect)
            except Rejected as error:
                if self.domain.journal_rejections:
                    self._keep_rejections([(command, error)])
                raise
        from cqrs_cli.workbench import dry_run as dry

        return dry.dry_run(sender, command, expect)

    def send_batch(self, requests: Iterable[Request | None], *, fail_fast: bool = False) -> Iterator[Outcome]:
        """Send many commands in grouped durable writes. Outcomes come in order, once durable; errors are outcomes.

        Outcomes and log are those of sending them one by one. fail_fast: only up to the first without success.
        None among the requests: nothing more is at hand now, so what waits is written. One that is to be rejected is
        never written: it is decided as in a dry run, once what is before it is in the log.
        """
        from cqrs_cli.workbench.batch import send_batch

        outcomes = send_batch(self._sender, requests if self._clock is None else map(self._timed, requests), fail_fast)
        return self._journaled(outcomes) if self.domain.journal_rejections else outcomes

    def _journaled(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        """The same outcomes; those that were rejected are put on record, many at once."""
        waiting: list[tuple[Command, Rejected]] = []
        try:
            for outcome in outcomes:
                command = None if outcome.request is None else outcome.request.command
                if outcome.status == "rejected" and command is not None and isinstance(outcome.error, Rejected):
                    waiting.append((command, outcome.error))
                yield outcome
                if len(waiting) >= self.engine.limits.written_together:
                    self._keep_rejections(waiting)
                    waiting = []
        finally:
            self._keep_rejections(waiting)

    def _keep_rejections(self, rejected: Sequence[tuple[Command, Rejected]]) -> None:
        """Put rejected commands on record. They are rejected, whatever becomes of that."""
        from cqrs_cli.workbench.journal import keep

        keep(self.engine, rejected)

    def _timed(self, request: Request | None) -> Request | None:
        if self._clock is not None and request is not None and request.command is not None:
            give_time(request.command, self._clock)
        return request

    # ── aggregates ────────────────────────────────────────────────────────────────────────────

    @overload
    def load(
        self, aggregate: type[A], *key: Any, at: int | None = None, at_position: int | None = None
    ) -> State[A]: ...
    @overload
    def load(self, aggregate: str, *, at: int | None = None, at_position: int | None = None) -> State[Aggregate]: ...
    def load(
        self, aggregate: type[Aggregate] | str, *key: Any, at: int | None = None, at_position: int | None = None
    ) -> State[Any]:
        """The aggregate with this key: `load(Account, "ada")`, a value for each part; or of a stream, by its name.

        at: as it was at this version; at_position: of the log. Raises `NotFound` if it (or the version) is not there,
        `InvalidInput` for another key, `Undecodable`, `DomainFailed`.
        """
        return self.aggregates.load(aggregate, *key, at=at, at_position=at_position)

    def replay(self, stream: str, *, at: int | None = None, at_position: int | None = None) -> State[Aggregate]:
        """The aggregate of a stream: `load` by the stream's name."""
        return self.load(stream, at=at, at_position=at_position)

    @overload
    def steps(
        self, aggregate: type[A], *key: Any, at: int | None = None, at_position: int | None = None
    ) -> Iterator[tuple[Recorded, State[A]]]: ...
    @overload
    def steps(
        self, aggregate: str, *, at: int | None = None, at_position: int | None = None
    ) -> Iterator[tuple[Recorded, State[Aggregate]]]: ...
    def steps(
        self, aggregate: type[Aggregate] | str, *key: Any, at: int | None = None, at_position: int | None = None
    ) -> Iterator[tuple[Recorded, State[Any]]]:
        """Each event with the state after it, which is the caller's own to keep. Raises at once what `load` does."""
        return self.aggregates.steps(aggregate, *key, at=at, at_position=at_position)

    def replay_all(self, category: str | None = None, *, at_position: int | None = None) -> Iterator[State[Aggregate]]:
        """Every aggregate of the domain (or of one category), stream by stream; at_position: as the log was then."""
        return self.aggregates.all(category, at_position=at_position)

    def log(self, selection: Selection = Selection()) -> Iterator[Recorded]:
        """The selected events with their envelopes, in the order of the log. Holds nothing while the caller works."""
        return map(self.domain.envelope, self.store.read(selection))

    # ── the read side ─────────────────────────────────────────────────────────────────────────

    def project(self, *names: str, progress: Progress | None = None) -> list[ProcessorStatus]:
        """Catch projections up (all without names); where they stand. All are tried, the first error is raised."""
        errors = self.try_project(names, progress)
        if errors:
            raise errors[0]
        return self._projector.statuses(self._chosen(names))

    def try_project(self, names: Sequence[str] = (), progress: Progress | None = None) -> list[CqrsError]:
        """Catch projections up, each for itself, and give the errors of those that could not be."""
        # The rows of process managers move with their reactions, when these run.
        chosen = [projection for projection in self._chosen(names) if projection.name not in self.domain.reactions]
        errors = self._projector.catch_up(chosen, progress)
        return [errors[projection.name] for projection in chosen if projection.name in errors]

    def rebuild(self, *names: str, progress: Progress | None = None, restart: bool = False) -> list[ProcessorStatus]:
        """Fold projections anew beside the live rows and swap them in, all or none."""
        chosen = self._chosen(names)
        from cqrs_cli.workbench.processors.rebuild import Rebuild

        Rebuild(self._projector, chosen).run(progress, restart)
        return self._projector.statuses(chosen)

    def statuses(self, *names: str, counted: bool = True) -> list[ProcessorStatus]:
        """Where projections stand (all without names), without moving them. counted: with the number of their rows."""
        return self._projector.statuses(self._chosen(names), counted)

    def plans(self, *names: str) -> list[Plan]:
        """What a rebuild of these projections would have to do."""
        return [self._projector.plan(projection) for projection in self._chosen(names)]

    def skip(self, name: str, position: int, *, by: str, reason: str) -> None:
        """Let a projection pass over an event that it can't take: on record, for ever."""
        self._projector.skip(self.domain.projection(name).name, position, by, reason)

    @overload
    def rows(self, projection: type[Row], *, where: Sequence[Where] = (), order: str = "") -> Iterator[Row]: ...
    @overload
    def rows(self, projection: str, *, where: Sequence[Where] = (), order: str = "") -> Iterator[RowModel]: ...
    def rows(
        self, projection: type[RowModel] | str, *, where: Sequence[Where] = (), order: str = ""
    ) -> Iterator[RowModel]:
        """The live rows of a projection (or of a process manager) by its class or name, as they stand.

        They come in the order of their keys, or as `Read.rows` says. Raises `Misuse` for a column that is not there.
        """
        known = self.domain
        kind = known.rows_of(projection) if isinstance(projection, str) else known.row_type_of(projection)
        yield from map(row_maker(kind), self.store.rows.select(kind.table, *_selection(kind, where, order)))

    def check(self, name: str, *, sample: int | None = None, progress: Progress | None = None) -> Check:
        """Compare a projection's live rows with what the log folds to. Writes nothing to the store."""
        from cqrs_cli.workbench.processors.refold import check

        return check(self._projector, self.domain.rows_of(name), sample, progress)

    def rows_at(
        self,
        name: str,
        position: int,
        progress: Progress | None = None,
        *,
        where: Sequence[Where] = (),
        order: str = "",
    ) -> Iterator[RowModel]:
        """The rows of a projection as they were, as `rows`. What can't be folded is an error before the first row."""
        from cqrs_cli.workbench.processors.refold import rows_at

        kind = self.domain.rows_of(name)
        selection = _selection(kind, where, order)
        rows = rows_at(self._projector, kind, min(position, self.store.head()), progress, selection)
        return chain(list(islice(rows, 1)), rows)

    def watch_rows(
        self, name: str, watch: Watch, *, position: int | None = None, wanted: Callable[[Any], bool] | None = None
    ) -> int:
        """Fold a read model anew beside the live one, up to a position, while a watch looks on; how many rows it has.

        wanted: asked with the stored key of a row: fold only those.
        """
        from cqrs_cli.workbench.processors.refold import watched

        head = self.store.head()
        end = head if position is None else min(position, head)
        return watched(self._projector, self.domain.rows_of(name), watch, end, wanted)

    def query(
        self,
        query: Asks[T],
        *,
        limit: int | None = None,
        cursor: str | None = None,
        reads: Callable[[str], object] = lambda _: None,
    ) -> T:
        """Answer a query. The projections it looks at are caught up first, unless the workbench is read-only.

        limit, cursor: for queries that answer with a `Page`. reads: told of each read model that it looks at.
        """
        return self._answer(query, self._reader(limit, cursor, reads))

    def pages(
        self, query: Asks[T], *, cursor: str | None = None, reads: Callable[[str], object] = lambda _: None
    ) -> Iterator[T]:
        """What a query answers, page by page from the cursor to the last one; an answer without pages comes alone.

        The projections are caught up before the first page, and all pages are of the rows as they were then.
        """
        reader = self._reader(self.engine.limits.streamed_rows, cursor, reads, reads_on=True)
        while True:
            found = self._answer(query, reader)
            yield found
            if not isinstance(found, Page) or found.cursor is None:
                return
            if found.cursor == reader.cursor:
                raise domain_failed(ValueError("it gives the same cursor again"), f"{type(query).__name__}.run")
            reader.go_on(found.cursor)

    def _answer(self, query: Asks[T], reader: QueryReader) -> T:
        from cqrs_cli.workbench.query_reader import Unanswerable

        where = f"{type(query).__name__}.run"
        try:
            found: Any = query.run(reader)
            if isinstance(found, Page) and not isinstance(found.cursor, str | None):
                raise TypeError(f"the cursor of its page is {found.cursor!r}, not one that it was given")
            # What yields its rows reads when it is asked: now, while errors are its own.
            return cast(T, list(found)) if isinstance(found, Iterator) or type(found) is tuple else cast(T, found)
        except Unanswerable as error:
            failed = domain_failed(error, where)
            raise failed.retold(f"{where} asks for what is not there: {error.message}", hint=error.hint) from error
        except CqrsError:
            raise
        except BaseException as error:
            raise domain_failed(error, where) from error

    def page(
        self,
        name: str,
        *,
        where: Sequence[Where] = (),
        matches: Callable[[Any], bool] | None = None,
        order: str = "",
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Any]:
        """A page of the rows of a projection or process manager, without a query class: see `Read.page`.

        matches: of the rows that `where` selects, those of which this is true.
        """
        cls = self.domain.rows_of(name).cls
        return self._reader(limit, cursor).matching(cls, matches, where=where, order=order)

    def every(
        self,
        name: str,
        *,
        where: Sequence[Where] = (),
        matches: Callable[[Any], bool] | None = None,
        order: str = "",
        cursor: str | None = None,
    ) -> Iterator[Any]:
        """The rows that `page` would give, all of them, one by one. The projection is caught up before the first."""
        return self._reader(None, cursor).every(self.domain.rows_of(name).cls, matches, where=where, order=order)

    @contextmanager
    def past(self, position: int) -> Iterator[Workbench]:
        """This workbench with its read models as they were at a position, for queries and pages.

        Each is folded afresh, beside the live one, when it is first read; nothing is written to the store.
        """
        from cqrs_cli.workbench.processors.refold import past_rows

        with past_rows(self._projector, min(position, self.store.head())) as (store, fold):
            then = copy(self)
            then._past = self.engine._replace(store=store), fold
            yield then

    def _reader(
        self,
        limit: int | None,
        cursor: str | None,
        reads: Callable[[str], object] = lambda _: None,
        reads_on: bool = False,
    ) -> QueryReader:
        from cqrs_cli.workbench.query_reader import QueryReader

        engine, fold = self._past or (self.engine, None)

        def ready(rows: RowType) -> None:
            reads(rows.name)
            if fold is not None:
                fold(rows)
            else:
                self._projector.ready_to_read(rows, self.read_only)

        return QueryReader(engine, ready, limit, cursor, reads_on)

    def jsonable(self, model: BaseModel) -> dict[str, Any]:
        """The model as plain JSON values: decimals, ids and times as texts, enums as their values, sets sorted."""
        plain: dict[str, Any] = jsonable(model)
        return plain

    def _chosen(self, names: Sequence[str]) -> list[RowType]:
        return [self.domain.rows_of(name) for name in names or sorted(self.domain.projections)]

    def orphans(self) -> list[Finding]:
        """What the store has of classes that the domain has not: streams, checkpoints, commands that wait."""
        from cqrs_cli.log.orphans import orphans

        return orphans(self.store, self.names)

    def orphaned_streams(self) -> list[Finding]:
        """Of that, the streams: what a new one may have been meant to go on with."""
        from cqrs_cli.log.orphans import orphaned_streams

        return list(orphaned_streams(self.store, self.names))

    def findings(self) -> list[Finding]:
        """What is wrong with the domain, and with the store as today's code sees it. It looks at every event's type."""
        from cqrs_cli.workbench.health import findings

        statuses = [*self.statuses(counted=False), *self.reactions()]
        return [*findings(self.engine, self.names, statuses), *self.orphans()]

    @cached_property
    def names(self) -> Names:
        """What the domain has, by name, to be compared with what the store has."""
        from cqrs_cli.log.pairing import Names

        domain = self.domain
        types = {
            name
            for aggregate in domain.aggregates.values()
            for event in aggregate.events
            for name in (event.stored.name, *event.stored.aliases)
        }
        processors = {*domain.projections, *domain.reactions}
        versions = {name: event.stored.version for name, event in domain.events.items()}
        aggregates = frozenset(domain.categories)
        categories, everyones = aggregates | domain.reactions.keys(), {CommandRejected.stored.name}
        return Names(domain.name, categories, types, processors, versions, everyones, aggregates)

    # ── reactions ─────────────────────────────────────────────────────────────────────────────

    def runner(
        self,
        *,
        clock: Clock | None = None,
        start: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        ticks: Callable[[], float] = time.monotonic,
        live: bool = False,
    ) -> Runner:
        """What keeps projections and reactions up to date: `.drain()` once, `.run()` on and on.

        clock: what deadlines are compared with, that of the workbench without. start: the position after which
        reactions that never ran begin; None: the head, and `drain` raises `Misuse` (`new-reaction`) if the log has
        events for them. stop: asked after each batch of work. ticks: seconds, by which reports are due.
        live: on a fork too, where else it is `Misuse`: what is sent there the original may send too.
        """
        from cqrs_cli.log.origins import refuse_fork
        from cqrs_cli.workbench.processors.reactions import Reactor
        from cqrs_cli.workbench.processors.runner import Runner

        if not live:
            refuse_fork(self.store.rows)
        clock = clock or self.engine.clock
        reactor = Reactor(self._projector, clock)
        return Runner(self.engine, reactor, self._courier(clock), start=start, stop=stop, ticks=ticks)

    def reactions(self, *names: str, counted: bool = True) -> list[ProcessorStatus]:
        """Where reactions stand (all without names), without moving them. counted: with the number of their rows."""
        reactor, known = self._reactor, self.domain
        return [reactor.status(known.reaction(name), counted) for name in names or sorted(known.reactions)]

    def beginning(self) -> list[str]:
        """The reactions to which a start means something: they never ran, or ask what to do with what they missed."""
        from cqrs_cli.workbench.processors.status import look

        known = look(self.store.rows, self.domain.reactions)
        return [
            name
            for name in sorted(known)
            if known[name].checkpoint is None or self._reactor.asks_first(name, known[name])
        ]

    def rewind(self, name: str, position: int) -> Rewind:
        """Starting a reaction again after a position: what it comes to, and `apply` to do it."""
        from cqrs_cli.workbench.processors.rewind import Rewind

        return Rewind(self._projector, self._reactor, self.domain.reaction(name), position)

    def skip_in_reaction(self, name: str, position: int, *, by: str, reason: str) -> None:
        """Let a reaction pass over an event that it can't take: on record, for ever."""
        self._projector.skip(self.domain.reaction(name).name, position, by, reason, "reaction")

    def failed(self, *, dropped: bool = False) -> list[DeadLetter]:
        """The commands of reactions that were given up, or those of them that were dropped since."""
        from cqrs_cli.log.letters import letters

        return letters(self.store.rows, dropped=dropped)

    def retry(self, command_id: str, *, live: bool = False) -> Delivery:
        """Send a dead letter once more. Raises `NotFound`; what becomes of the command is in the answer.

        live: on a fork too, as of `runner`.
        """
        from cqrs_cli.log.origins import refuse_fork

        if not live:
            refuse_fork(self.store.rows)
        return self._courier().retry(command_id)

    def drop(self, command_id: str, *, by: str, reason: str) -> None:
        """Put a dead letter away for good, on record. Raises `NotFound`."""
        self._courier().drop(command_id, by, reason)

    @cached_property
    def _reactor(self) -> Reactor:
        from cqrs_cli.workbench.processors.reactions import Reactor

        return Reactor(self._projector, self.engine.clock)

    def _courier(self, clock: Clock | None = None) -> Courier:
        from cqrs_cli.workbench.processors.delivery import Courier

        return Courier(self.engine, self._sender, clock or self.engine.clock)


def _selection(kind: RowType, where: Sequence[Where], order: str) -> tuple[list[rows.Where], list[rows.Order]]:
    """Conditions and an order for a store; most rows are read without."""
    if not where and not order:
        return [], []
    from cqrs_cli.workbench.query_reader import selection

    return selection(kind, where, order)
