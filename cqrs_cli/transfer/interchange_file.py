"""An interchange file as a source: one that an export made, or lines that others made."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from hashlib import sha256

from cqrs_cli.errors import CqrsError, Damaged, InvalidInput
from cqrs_cli.log.rejections import Rejection, commit_of
from cqrs_cli.stores import chain
from cqrs_cli.stores.checks import check_append, check_recorded
from cqrs_cli.stores.contract import ChainLink
from cqrs_cli.transfer.cloudevents import CloudEventReader, is_cloud_event
from cqrs_cli.transfer.exported_line import ExportedLine
from cqrs_cli.transfer.interchange_lines import End, Head, LineReader, refused
from cqrs_cli.transfer.line_file import cut, lines
from cqrs_cli.transfer.looked_at import LookedAt
from cqrs_cli.transfer.parcel import Parcel

Complain = Callable[[int, CqrsError], None]
"""Takes the number of a line and what is wrong with it."""
_Item = Head | Parcel | Rejection | End
_Holds = Callable[[Parcel], bool]
"""Whether the payloads are the bytes that stand in a line."""


class InterchangeFile:
    """A file of lines, which is read as often as needed: once, if there is room to put down what was made of it.

    `check` reads all of it before anything is taken from it. name: what the log is called; None: what the file says
    itself, else its path. shown: what the file is called in errors.
    """

    def __init__(self, path: str, name: str | None = None, shown: str | None = None) -> None:
        self._path, self._given, self.shown = path, name, shown or path
        self.name = name or (shown or "file:" + os.path.realpath(path))
        self.head: Head | None = None
        self.has_chain = False
        self.begins = self.events = self.rejected = 0
        self._holds: _Holds | None = None  # `check` has seen that they are
        self._looked_at: LookedAt | None = None

    def close(self) -> None:
        """Give back what was put down."""
        if self._looked_at is not None:
            self._looked_at.close()

    def parcels(self, after: int) -> Iterator[Parcel]:
        """What comes after a position."""
        if self._looked_at is not None:
            yield from self._looked_at.parcels(after)
            return
        for _, item in self._items(_raise, self._holds):
            if isinstance(item, Parcel) and item.position > after:
                yield item

    def rejections(self) -> Iterator[Rejection]:
        """The commands that were rejected."""
        return (item for _, item in self._items(_raise, self._holds) if isinstance(item, Rejection))

    def mark(self, position: int) -> str | None:
        """The mark of the commit that ends at the position; what the head says of the one that is before all."""
        if self._looked_at is not None:
            if self.head is not None and self.head.after == position:
                return self.head.previous
            found = next(self._looked_at.parcels(position - 1), None)
            return found.mark if found is not None and found.position == position else None
        for _, item in self._items(_raise, self._holds):
            if isinstance(item, Head) and item.after == position:
                return item.previous
            if isinstance(item, Parcel) and item.position >= position:
                return item.mark if item.position == position else None
        return None

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """What is in it, with the numbers of lines, whatever is wrong with it. Raises as `line_file.lines` does."""
        return lines(self._path, self.shown)

    def wait(self, after: int, seconds: float) -> bool:
        """Nothing ever comes."""
        return False

    def check(self, complain: Complain) -> None:
        """Read all of it, and see that every line can be taken, that its hashes hold and that its end is there.

        complain: is told of each line that can't be taken. Raises `InvalidInput` in the end if there was one, and
        `Damaged` for a file that is cut (`cut`) or was changed (`file-damaged`).
        """
        check, looked_at = _Check(complain), LookedAt()
        for number, item in self._items(check.refuse, check.holds):
            check.take(number, item)
            if looked_at.is_whole and not check.wrong and isinstance(item, Parcel):
                looked_at.add(item, check.link)
        check.finish(self.shown)
        self._looked_at = looked_at if looked_at.end() else None
        self._holds = None if check.is_written_anew else lambda parcel: True
        self.head, self.events, self.rejected = check.head, check.events, check.rejected
        if check.head is not None:
            between, self.begins = check.head.between, check.head.after
            self.name = self._given or check.head.source + (f"?{between}" if between else "")
            self.has_chain = check.has_hashes

    def _items(self, complain: Complain, holds: _Holds | None) -> Iterator[tuple[int, _Item]]:
        """What the lines say, with their numbers. A line that can't be read is told to `complain` and left out.

        holds: is asked of each line that stands as an export writes it; without, and where it says no, the line is read
        as any other.
        """
        reader, digest, position, has_head = LineReader(), sha256(self.name.encode()), 0, False
        cloud, exported = CloudEventReader(reader.json), ExportedLine(reader.json)
        number = 0
        for number, line in lines(self._path, self.shown):
            if holds is not None and has_head and not cloud.has_begun:
                found = exported.parcel(line, position)
                if found is not None and holds(found):
                    digest.update(line)
                    position = found.position
                    yield number, found
                    continue
            try:
                record = reader.record(line)
                if "cqrs_interchange" in record:
                    if number > 1:
                        raise refused("a file has one head, in its first line")
                    head = reader.head(record)
                    position, has_head, digest = head.after, True, sha256()
                    yield number, head
                    continue
                if "end" in record:
                    yield number, reader.end(record)
                    continue
                if "rejected" in record:
                    yield number, reader.rejection(record)
                    continue
                digest.update(line.strip() + b"\n")
                made = digest.hexdigest()
                if is_cloud_event(record):
                    parcel = cloud.take(record, position)
                    if parcel is None:
                        continue
                else:
                    cloud.check_whole()
                    parcel = reader.parcel(record, made[:32], position)
                if parcel.mark is None or not has_head:  # without a head nobody vouches for all hashes
                    parcel = parcel._replace(mark=made)
                position = parcel.position
            except CqrsError as error:
                complain(number, error)
                continue
            yield number, parcel
        try:
            cloud.check_whole()
        except CqrsError as error:
            complain(number, error)


def _raise(number: int, error: CqrsError) -> None:
    raise error.retold(f"line {number}: {error.message}")


class _Check:
    """What is known of a file while it is read for the first time."""

    def __init__(self, complain: Complain) -> None:
        self._complain = complain
        self._now_us, self._newest_us = time.time_ns() // 1000, -(2**63)
        self.head: Head | None = None
        self._end: End | None = None
        self._previous: bytes | None = None
        self.position = self.commits = self.events = self.rejected = self.wrong = self._line = 0
        self._changed = self.has_hashes = self.is_written_anew = False
        self._proved: Parcel | None = None
        self.link: ChainLink | None = None  # of the commit that was looked at last

    def holds(self, parcel: Parcel) -> bool:
        """Whether the commit has the hash that stands in its line."""
        commit, previous = parcel.commit, self._previous
        if self.has_hashes and previous is not None and self._end is None and commit.recorded_us is not None:
            hash = chain.link_of(previous, commit, commit.recorded_us, parcel.versions)
            if hash.hex() == parcel.mark:
                self._proved, self._previous, self.link = parcel, hash, ChainLink(previous, hash, parcel.versions)
                return True
        self.is_written_anew = True
        return False

    def refuse(self, number: int, error: CqrsError) -> None:
        """Tell of a line that can't be taken."""
        self.wrong += 1
        self._line = number
        self._complain(number, error)

    def take(self, number: int, item: _Item) -> None:
        """Look at what a line says."""
        if self._end is not None:
            self.refuse(number, refused("it comes after the last line, which says that all was before it"))
        elif isinstance(item, Head):
            self.head = item
            before = chain.GENESIS.hex() if not item.after else item.previous
            self._previous = None if before is None else bytes.fromhex(before)
            self.has_hashes = item.chain == chain.VERSION and not item.between
        elif isinstance(item, End):
            self._end = item
        else:
            try:
                self._take_rejection(item) if isinstance(item, Rejection) else self._take(item)
            except CqrsError as error:
                self.refuse(number, error)
        self._line = number

    def _take_rejection(self, one: Rejection) -> None:
        """It is no part of the log; but what it says must be what a store takes."""
        self.rejected += 1
        check_append(commit_of(one), ())

    def _take(self, parcel: Parcel) -> None:
        commit = parcel.commit
        self.position, self.commits, self.events = parcel.position, self.commits + 1, self.events + len(commit.events)
        if parcel is not self._proved:
            self.link = self._checked_link(parcel) if self.has_hashes else None
        check_append(commit, ())
        if commit.recorded_us is not None:
            if not self._newest_us <= commit.recorded_us <= self._now_us:
                check_recorded(commit, self._newest_us, self._now_us)
            self._newest_us = commit.recorded_us

    def _checked_link(self, parcel: Parcel) -> ChainLink | None:
        """The link of a commit after the one before it; None where that is not known. Raises if it is another one."""
        commit, mark, previous = parcel.commit, parcel.mark, self._previous
        self._previous = None if mark is None else bytes.fromhex(mark)
        if previous is None:
            return None
        if commit.recorded_us is None or not parcel.versions:
            self._changed = True
            raise refused(f"the commit {commit.id!r} has lost its time, or its versions")
        hash = chain.link_of(previous, commit, commit.recorded_us, parcel.versions)
        if hash != self._previous:
            self._changed = True
            raise refused(f"the commit {commit.id!r} does not have the hash {str(mark)[:12]}…")
        return ChainLink(previous, hash, parcel.versions)

    def finish(self, shown: str) -> None:
        """Raise what all of it comes to."""
        if self.wrong:
            wrong = "1 line can't be taken" if self.wrong == 1 else f"{self.wrong:,} lines can't be taken"
            message = f"{shown}: {wrong}; nothing was"
            if self._changed:
                raise Damaged(message, hint="export it again", code="file-damaged", lines=self.wrong)
            raise InvalidInput(message, hint="mend them, and import it again", code="lines", lines=self.wrong)
        if self.head is not None and self._end is None:
            raise cut(shown, self._line)
        if self._end is not None and self.head is None:
            raise Damaged(f"{shown} has no first line", hint="copy the file again, or export again", code="cut")
        end, there = self._end, (self.commits, self.events, self.rejected)
        said = there if end is None else (end.commits, end.events, end.rejections or 0)
        if said != there:
            told, rejected = "{:,} commits with {:,} events", " and {:,} rejected commands" * (said[2] != there[2])
            raise Damaged(
                f"{shown} has {(told + rejected).format(*there)}; its last line says {(told + rejected).format(*said)}",
                hint="copy the file again, or export again; nothing was taken from it",
                code="cut",
            )
        last = None if self._previous is None else self._previous.hex()
        if self._end is not None and self._end.hash is not None and self.commits and self._end.hash != last:
            raise Damaged(
                f"{shown} does not end with the hash that its last line says",
                hint="copy the file again, or export again; nothing was taken from it",
                code="file-damaged",
            )
