"""The workbench: a domain and a store, and what can be done with both. The command line is a shell around it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar, cast, overload

from pydantic import BaseModel

from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.fold import State
from cqrs_cli.domain.messages import Command
from cqrs_cli.domain.query import Page, Read, Where
from cqrs_cli.domain.row_model import RowModel, RowType, row_maker
from cqrs_cli.errors import CqrsError, Damaged, NotFound, Unavailable
from cqrs_cli.failure import domain_failed
from cqrs_cli.jsonable import jsonable
from cqrs_cli.stores.checks import check_append
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.moments import micros
from cqrs_cli.stores.names import no_stream
from cqrs_cli.stores.registry import open_store
from cqrs_cli.workbench.outcome import Expect, Outcome, Request, RowChange
from cqrs_cli.workbench.processors.inline import InlineProjections
from cqrs_cli.workbench.processors.processor import Progress
from cqrs_cli.workbench.processors.projections import Plan, Projector, Status
from cqrs_cli.workbench.sender import Sender

if TYPE_CHECKING:
    from cqrs_cli.log.outbox import DeadLetter
    from cqrs_cli.workbench.processors.delivery import Courier, Delivery
    from cqrs_cli.workbench.processors.reactions import ReactionStatus, Reactor
    from cqrs_cli.workbench.processors.refold import Check
    from cqrs_cli.workbench.processors.runner import Clock, Runner
    from cqrs_cli.workbench.query_reader import Reader

__all__ = ["Outcome", "Request", "RowChange", "State", "Status", "Workbench"]


Row = TypeVar("Row", bound=RowModel)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Asks(Protocol[T_co]):
    """A query, as far as the workbench needs it: what its `run` answers is what `Workbench.query` gives."""

    def run(self, read: Read, /) -> T_co:
        """Answer, with what `read` gives."""


class Workbench:
    """A domain on a store. Open one with `Workbench.open("shop.db", domain)`, as a context manager.

    services: replacements for what the domain provides, by type (for tests).
    """

    def __init__(
        self, store: Store, domain: Domain, *, read_only: bool = False, services: Mapping[type, Any] | None = None
    ) -> None:
        self.store, self.domain, self.read_only = store, domain, read_only
        self.codec = Codec(domain.events, domain.commands)
        self._projector = Projector(store, domain, self.codec)
        inline = InlineProjections(
            store, self._projector, [rows for rows in domain.projections.values() if rows.inline]
        )
        self._sender = Sender(store, domain, self.codec, dict(services or {}), inline)
        self.snapshots = self._sender.snapshots

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
    ) -> Self:
        """A workbench on the store behind a path or URL. Raises `NotFound`, `Unavailable`, `Damaged` as stores do.

        create: as for `open_store`.
        """
        store = open_store(url, create=create, read_only=read_only, durability=durability)
        return cls(store, domain, read_only=read_only, services=services)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ── writing ───────────────────────────────────────────────────────────────────────────────

    def send(self, command: Command, *, expect: Expect = None, dry_run: bool = False) -> Outcome:
        """Decide the command and append its events, durably.

        expect: the version its aggregate must be at (`"new"`: not there yet). dry_run: write nothing;
        the outcome has the events as they would be and the changes of rows.
        Raises `Rejected`, `NotFound`, `Conflict`, `CommandReused`, `InvalidInput`, `LimitExceeded`, `DomainFailed` …
        """
        if not dry_run:
            return self._sender.send(command, expect)
        sent = self.codec.sent(command)
        known = self._sender.honoured(command, sent)
        if known is not None:
            return known
        decision = self._sender.decide(command, sent, self._sender.target(command), expect)
        if decision.commit is not None:
            check_append(decision.commit, (decision.condition,))  # what no store would take
        from cqrs_cli.workbench.dry_run import DryRun

        dry = DryRun(self.store, self.domain, self._projector)
        events = dry.events(command, decision)
        return Outcome(
            "dry-run",
            sent.type,
            command.meta.command_id,
            events,
            decision.stream,
            decision.before,
            changes=dry.changes(events),
        )

    def send_batch(self, requests: Iterable[Request | None], *, fail_fast: bool = False) -> Iterator[Outcome]:
        """Send many commands in grouped durable writes. Outcomes come in order, once durable; errors are outcomes.

        None among the requests: nothing more is at hand now, so what waits is written.
        """
        from cqrs_cli.workbench.batch import send_batch

        return send_batch(self._sender, self.store, requests, fail_fast)

    # ── aggregates ────────────────────────────────────────────────────────────────────────────

    def replay(self, stream: str, *, at: int | None = None, at_position: int | None = None) -> State:
        """The aggregate of a stream, folded from its events. at: up to this version; at_position: of the log.

        Raises `NotFound` for a stream (or version) that is not there, `Undecodable`, `DomainFailed`.
        """
        self._refuse_category(stream)
        before = None if at_position is None else at_position + 1
        fold = self._sender.fold_of(self.domain.aggregate_of(stream))
        state = self.snapshots.load(fold, stream, at=at, before=before)
        self._check_found(stream, state.version, at)
        return state

    def steps(
        self, stream: str, *, at: int | None = None, at_position: int | None = None
    ) -> Iterator[tuple[Recorded, State]]:
        """Each event of a stream with the state after it: one and the same object, changed from step to step.

        Raises, before the first, `NotFound` as `replay` does.
        """
        self._refuse_category(stream)
        wanted = Selection(stream=stream, before=None if at_position is None else at_position + 1)
        fold = self._sender.fold_of(self.domain.aggregate_of(stream))
        last = next(iter(self.store.read(wanted._replace(backwards=True, limit=1))), None)
        self._check_found(stream, 0 if last is None else last.version, at)

        def steps() -> Iterator[tuple[Recorded, State]]:
            state = fold.empty(stream)
            for event in self.store.read(wanted._replace(limit=at)):
                state = fold.over(state, (event,))
                yield event, state

        return steps()

    def _refuse_category(self, stream: str) -> None:
        """Raise `NotFound` for a name without a key: no aggregate has such a stream."""
        if "-" not in stream and self.domain.aggregate_of(stream):
            raise no_stream(self.store, stream)

    def _check_found(self, stream: str, version: int, at: int | None) -> None:
        """Raise `NotFound` for a version of a stream (0: there is no event) that is not what was asked for."""
        if at is not None and 0 < version < at:
            raise NotFound(
                f"{stream} has no version {at}, it is at {version}",
                code="version-not-found",
                hint=f"cqrs log {stream} lists its events",
                stream=stream,
            )
        if version == 0:
            if not self.store.version(stream):
                raise no_stream(self.store, stream)
            raise NotFound(
                f"no stream {stream} at that point",
                code="stream-not-found",
                hint=f"cqrs log {stream} shows when it began",
                stream=stream,
            )

    def replay_all(self, category: str | None = None, *, at_position: int | None = None) -> Iterator[State]:
        """Every aggregate of the domain (or of one category), stream by stream; at_position: as the log was then."""
        before = None if at_position is None else at_position + 1
        for name in [category] if category is not None else sorted(self.domain.aggregates):
            fold = self._sender.fold_of(self.domain.aggregate_of(name))
            events = self.store.scan(Selection(category=name, before=before, by_stream=True))
            for stream, of_stream in groupby(events, key=itemgetter(1)):
                yield fold.over(fold.empty(stream), of_stream)

    # ── the read side ─────────────────────────────────────────────────────────────────────────

    def project(self, *names: str, progress: Progress | None = None) -> list[Status]:
        """Catch projections up with the log (all of the domain without names) and say where they stand.

        Every one is tried; then the first error is raised.
        """
        errors = self.try_project(names, progress)
        if errors:
            raise errors[0]
        return [self._projector.status(projection) for projection in self._chosen(names)]

    def try_project(self, names: Sequence[str] = (), progress: Progress | None = None) -> list[CqrsError]:
        """Catch projections up, each for itself, and give the errors of those that could not be."""
        errors: list[CqrsError] = []
        for projection in self._chosen(names):
            if projection.name in self.domain.reactions:
                continue  # its rows move with its reactions, when it runs
            try:
                self._projector.catch_up(projection, progress)
            except (Unavailable, Damaged):
                raise
            except CqrsError as error:
                errors.append(error)
        return errors

    def rebuild(self, *names: str, progress: Progress | None = None, restart: bool = False) -> list[Status]:
        """Fold projections anew beside the live rows and swap them in, all or none."""
        from cqrs_cli.workbench.processors.rebuild import Rebuild

        chosen = self._chosen(names)
        Rebuild(self.store, self.domain, self._projector, chosen).run(progress, restart)
        return [self._projector.status(projection) for projection in chosen]

    def statuses(self, *names: str) -> list[Status]:
        """Where projections stand (all without names), without moving them."""
        return [self._projector.status(projection) for projection in self._chosen(names)]

    def plans(self, *names: str) -> list[Plan]:
        """What a rebuild of these projections would have to do."""
        return [self._projector.plan(projection) for projection in self._chosen(names)]

    def skip(self, name: str, position: int, *, by: str, reason: str) -> None:
        """Let a projection pass over an event that it can't take: on record, for ever."""
        self._projector.skip(self.domain.projection(name), position, by, reason)

    @overload
    def rows(self, projection: type[Row]) -> Iterator[Row]: ...
    @overload
    def rows(self, projection: str) -> Iterator[RowModel]: ...
    def rows(self, projection: type[RowModel] | str) -> Iterator[RowModel]:
        """The live rows of a projection (or of a process manager) by its class or name, in the order of their keys."""
        kind = self.domain.rows_of(projection if isinstance(projection, str) else projection.keywords.table)
        yield from map(row_maker(kind), self.store.rows.select(kind.table))

    def check(self, name: str, *, sample: int | None = None, progress: Progress | None = None) -> Check:
        """Compare a projection's live rows with a fresh fold of the log. Writes nothing to the store."""
        from cqrs_cli.workbench.processors.refold import check

        return check(self.store, self._projector, self.domain.rows_of(name), sample, progress)

    def rows_at(self, name: str, position: int, progress: Progress | None = None) -> Iterator[RowModel]:
        """The rows of a projection as they were at a log position, from a fold beside the live ones.

        They are folded by the time it returns, so what can't be folded is an error before the first row is used.
        """
        rows = self._folded_up_to(self.domain.rows_of(name), position, progress)
        first = list(islice(rows, 1))
        return chain(first, rows)

    def _folded_up_to(self, projection: RowType, position: int, progress: Progress | None) -> Iterator[RowModel]:
        from cqrs_cli.workbench.processors.refold import Fresh

        with Fresh(self.store, self._projector, projection) as fresh:
            fresh.advance(min(position, self.store.head()), progress)
            yield from map(row_maker(projection), fresh.rows.select(fresh.table))

    def query(self, query: Asks[T], *, limit: int | None = None, cursor: str | None = None) -> T:
        """Answer a query. The projections it looks at are caught up first, unless the workbench is read-only.

        limit, cursor: for queries that answer with a `Page`.
        """
        try:
            found = query.run(self._reader(limit, cursor))
            # A run that yields its rows gives a generator, which reads when it is asked: now, while errors are its own.
            return cast(T, list(found)) if isinstance(found, Generator) else found
        except CqrsError:
            raise
        except BaseException as error:
            raise domain_failed(error, f"{type(query).__name__}.run") from error

    def page(
        self,
        name: str,
        *,
        where: Sequence[Where] = (),
        order: str = "",
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Any]:
        """A page of the rows of a projection or process manager, without a query class: see `Read.page`."""
        return self._reader(limit, cursor).page(self.domain.rows_of(name).cls, where=where, order=order)

    def _reader(self, limit: int | None, cursor: str | None) -> Reader:
        from cqrs_cli.workbench.query_reader import Reader

        def fresh(rows: RowType) -> None:
            if rows.name in self.domain.reactions:  # their rows move when they run
                self._projector.refuse_outdated(rows)
            elif self.read_only:
                self._projector.refuse_gone(rows)
            else:
                self._projector.catch_up(rows)

        return Reader(self.store, self.domain, fresh, limit, cursor)

    def jsonable(self, model: BaseModel) -> dict[str, Any]:
        """The model as plain JSON values: decimals, ids and times as texts, enums as their values, sets sorted."""
        plain: dict[str, Any] = jsonable(model)
        return plain

    def _chosen(self, names: Sequence[str]) -> list[RowType]:
        return [self.domain.rows_of(name) for name in names or sorted(self.domain.projections)]

    # ── reactions ─────────────────────────────────────────────────────────────────────────────

    def runner(
        self,
        *,
        clock: Clock | None = None,
        start: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        ticks: Callable[[], float] = time.monotonic,
    ) -> Runner:
        """What keeps projections and reactions up to date: `.drain()` once, `.run()` on and on.

        clock: what deadlines are compared with. start: the position after which reactions that never
        ran begin; None: the head. stop: asked after each batch of work. ticks: seconds, by which reports are due.
        """
        from cqrs_cli.workbench.processors.runner import Runner, now

        return Runner(
            self.store,
            self.domain,
            self._projector,
            self._reactor,
            self._courier(clock),
            clock=clock or now,
            start=start,
            stop=stop,
            ticks=ticks,
        )

    def reactions(self, *names: str) -> list[ReactionStatus]:
        """Where reactions stand (all without names), without moving them."""
        return [self._reactor.status(self.domain.reaction(name)) for name in names or sorted(self.domain.reactions)]

    def skip_in_reaction(self, name: str, position: int, *, by: str, reason: str) -> None:
        """Let a reaction pass over an event that it can't take: on record, for ever."""
        self._reactor.skip(self.domain.reaction(name), position, by, reason)

    def failed(self, *, dropped: bool = False) -> list[DeadLetter]:
        """The commands of reactions that were given up, or those of them that were dropped since."""
        from cqrs_cli.log.outbox import letters

        return letters(self.store.rows, dropped=dropped)

    def retry(self, command_id: str) -> Delivery:
        """Send a dead letter once more. Raises `NotFound`; what becomes of the command is in the answer."""
        return self._courier().retry(command_id)

    def drop(self, command_id: str, *, by: str, reason: str) -> None:
        """Put a dead letter away for good, on record. Raises `NotFound`."""
        self._courier().drop(command_id, by, reason)

    @cached_property
    def _reactor(self) -> Reactor:
        from cqrs_cli.workbench.processors.reactions import Reactor

        return Reactor(self.store, self.domain, self.codec, self._projector, self._sender.service)

    def _courier(self, clock: Clock | None = None) -> Courier:
        from cqrs_cli.workbench.processors.delivery import Courier
        from cqrs_cli.workbench.processors.runner import now

        told = clock or now
        return Courier(self.store, self.domain, self.codec, self._sender, lambda: micros(told()))
