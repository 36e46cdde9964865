"""An interchange file as a sink: lines, written as they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cqrs_cli.log.rejections import Rejection
from cqrs_cli.transfer.interchange_lines import End, Head, LineWriter
from cqrs_cli.transfer.parcel import Parcel
from cqrs_cli.transfer.sink import Reached


class InterchangeSink:
    """Writes an interchange file with `write`, which takes text. is_whole: nothing was left out or changed.

    Call `end` when all is there: a file without its last line is known as cut.
    """

    def __init__(self, write: Callable[[str], object], head: Head, is_whole: bool) -> None:
        self._write, self._is_whole, self._lines = write, is_whole, LineWriter()
        self._begun = Reached(head.after, head.previous)
        self._end = End(max(head.after, head.position), 0, 0, head.previous)
        write(self._lines.head(head) + "\n")

    def reached(self, source: str) -> Reached | None:
        """Where it was told to begin."""
        return self._begun

    def has(self, position: int, mark: str | None) -> bool:
        """It is told where it begins."""
        return True

    def take(self, source: str, parcels: Sequence[Parcel], reached: Reached) -> int:
        """Write them."""
        line = self._lines.commit
        self._write("".join([line(one, self._is_whole) + "\n" for one in parcels]))
        events = sum([len(one.commit.events) for one in parcels])
        before = self._end
        self._end = End(
            reached.position,
            before.commits + len(parcels),
            before.events + events,
            reached.mark if self._is_whole else None,
            before.rejections,
        )
        return 0

    def take_rejection(self, one: Rejection) -> None:
        """Write a command that was rejected."""
        self._write(self._lines.rejection(one) + "\n")
        self._end = self._end._replace(rejections=(self._end.rejections or 0) + 1)

    def end(self) -> End:
        """Write the last line."""
        self._write(self._lines.end(self._end) + "\n")
        return self._end
