"""A corpus: streams of a log, chosen so that few have all that the log has, as files that are kept beside the code.

A folder with an interchange file for each category, and in it the rejected commands that were for streams of it. What
reads a store reads a corpus: it is put into one for the time.
"""

from __future__ import annotations

import contextlib
import heapq
import os
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain

from cqrs_cli.errors import CqrsError, Misuse, NotFound
from cqrs_cli.log.rejections import Rejection, commit_of, keep
from cqrs_cli.passing import passed, passing, passing_folder
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.streams import category_of
from cqrs_cli.transfer.copy import AS_IT_IS, Between, copy
from cqrs_cli.transfer.interchange_file import InterchangeFile
from cqrs_cli.transfer.interchange_lines import Head
from cqrs_cli.transfer.interchange_sink import InterchangeSink
from cqrs_cli.transfer.parcel import Parcel
from cqrs_cli.transfer.sink import Reached
from cqrs_cli.transfer.store_sink import StoreSink
from cqrs_cli.transfer.store_source import StoreSource

ENDING = ".jsonl"


def write(
    store: Store,
    folder: str,
    streams: Collection[str],
    between: Between = AS_IT_IS,
    rejected: Sequence[Rejection] = (),
) -> list[str]:
    """Write these streams into a folder, a file for each category, and take away what the last time left there.

    between: what becomes of the commits on their way. rejected: commands that were, by position; each stands after what
    the log had then. Each file is there when it is whole. Gives their names. Raises `Misuse` (`output`) for a folder
    that can't be made or written to.
    """
    try:
        return _write(store, folder, streams, between, rejected)
    except OSError as error:
        message = f"{folder} can't be written to: {error.strerror}"
        raise Misuse(message, code="output", hint="a folder that you may make, or write to") from None


def _write(
    store: Store, folder: str, streams: Collection[str], between: Between, rejected: Sequence[Rejection]
) -> list[str]:
    os.makedirs(folder, exist_ok=True)
    source, wanted = StoreSource(store, store.head()), frozenset(streams)
    name = "&".join(filter(None, (between.name, "corpus")))
    head = Head(os.path.basename(source.name), name)
    between.begin(_WithRejections(source, rejected), 0)
    with contextlib.ExitStack() as opened:
        files: dict[str, _CorpusFile] = {}

        def file_of(stream: str) -> _CorpusFile:
            category = category_of(stream)
            if category not in files:
                path = os.path.join(folder, category + ENDING)
                files[category] = opened.enter_context(_CorpusFile(path, head))
            return files[category]

        waiting = deque(rejected)
        for parcel in chain(source.parcels(0), (None,)):
            while waiting and (parcel is None or waiting[0].position < parcel.position):
                one = between.rejection(waiting.popleft())
                file_of(one.stream).take_rejection(one)
            if parcel is None or wanted.isdisjoint([event.stream for event in parcel.commit.events]):
                continue
            kept = between(parcel)
            if kept is not None:
                file_of(kept.commit.events[0].stream).take(kept)
        for file in files.values():
            file.end()
    for left in files_of(folder):
        if left.removesuffix(ENDING) not in files:
            os.unlink(os.path.join(folder, left))
    return [category + ENDING for category in sorted(files)]


class _WithRejections:
    """A source and the commands that were rejected: what is to be hidden may stand in them alone."""

    def __init__(self, source: StoreSource, rejected: Sequence[Rejection]) -> None:
        self._source, self._rejected = source, rejected
        self.name, self.has_chain, self.begins = source.name, source.has_chain, source.begins
        self.mark, self.wait = source.mark, source.wait

    def parcels(self, after: int) -> Iterator[Parcel]:
        """Those of the source, then those that the rejected commands would have been."""
        yield from self._source.parcels(after)
        yield from (Parcel(commit_of(one), one.position) for one in self._rejected)


class _CorpusFile:
    """A file that is there when it is whole."""

    def __init__(self, path: str, head: Head) -> None:
        self._path, self._beside = path, f"{path}.{os.getpid()}.part"
        self._file = open(self._beside, "w", encoding="utf-8", newline="\n")  # noqa: SIM115
        passing(self._beside)
        self._sink = InterchangeSink(self._file.write, head, is_whole=False)

    def __enter__(self) -> _CorpusFile:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self._file.close()
        if kind is None:
            os.replace(self._beside, self._path)
        else:
            os.unlink(self._beside)
        passed(self._beside)

    def take(self, parcel: Parcel) -> None:
        """Write a line."""
        self._sink.take("", [parcel], Reached(parcel.position, None))

    def take_rejection(self, one: Rejection) -> None:
        """Write the line of a command that was rejected."""
        self._sink.take_rejection(one)

    def end(self) -> None:
        """Write the last line."""
        self._sink.end()


def files_of(folder: str) -> list[str]:
    """The files of a corpus, by name. Raises `NotFound` for a folder that is not there."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        hint = "cqrs corpus refresh makes one"
        raise NotFound(f"no corpus at {folder}: {error.strerror}", hint=hint, code="store-not-found") from None
    return [name for name in names if name.endswith(ENDING) and _is_ours(os.path.join(folder, name))]


def _is_ours(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(20).startswith(b'{"cqrs_interchange"')


class CorpusSource:
    """The files of a folder as one source, in the order of the log that they are of."""

    has_chain, begins = False, 0

    def __init__(self, folder: str) -> None:
        self.name = "corpus:" + os.path.realpath(folder)
        self._files = [InterchangeFile(os.path.join(folder, name)) for name in files_of(folder)]
        if not self._files:
            hint = "cqrs corpus refresh --from STORE makes one"
            raise NotFound(f"{folder} is a folder without a corpus", hint=hint, code="store-not-found")

    def check(self) -> None:
        """See that the files are whole. Raises as `InterchangeFile.check`, the first line that can't be taken."""
        for file in self._files:
            file.check(_first_complaint(file.shown))

    def parcels(self, after: int) -> Iterator[Parcel]:
        """What comes after a position."""
        return heapq.merge(*[file.parcels(after) for file in self._files], key=lambda parcel: parcel.position)

    def rejections(self) -> Iterator[Rejection]:
        """The commands that were rejected, at the positions that the log has once it is copied into an empty store."""
        found = list(heapq.merge(*[file.rejections() for file in self._files], key=lambda one: one.position))
        position, parcels = 0, deque(self.parcels(0) if found else ())
        for one in found:
            while parcels and parcels[0].position <= one.position:
                position += len(parcels.popleft().commit.events)
            yield one._replace(position=position)

    def mark(self, position: int) -> str | None:
        """Nothing: it is read once."""
        return None

    def wait(self, after: int, seconds: float) -> bool:
        """Nothing ever comes."""
        return False


def _first_complaint(shown: str) -> Callable[[int, CqrsError], None]:
    def complain(number: int, error: CqrsError) -> None:
        raise error.retold(f"{shown}:{number}: {error.message}")

    return complain


@contextlib.contextmanager
def unpacked(folder: str) -> Iterator[str]:
    """The path of a store that has what a corpus has, for the time. Raises `NotFound`, and what its files raise."""
    source = CorpusSource(folder)
    source.check()
    with passing_folder("cqrs-corpus-") as place:
        path = os.path.join(place, "corpus.db")
        with open_store(path, create=True, durability="relaxed") as store:
            copy(source, StoreSink(store))
            rejected = list(source.rejections())
            keep(store, rejected, len(rejected))
        yield path
