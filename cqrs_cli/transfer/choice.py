"""Which streams of a log show all that it has: as few as can be, with commands that were rejected on them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple

from cqrs_cli.log.rejections import Rejection, judged_on, rejections
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.streams import category_of
from cqrs_cli.transfer.cover import cover

MOST_ALIKE = 10
"""Rejections of one command with one code that are taken of a stream; and of those that were to open a stream."""
_REJECTED = "command-rejected"


class Choice(NamedTuple):
    """Which streams are taken. covered: what they show, each with how many of the log's streams show it.

    streams: how many the log has. events: how many the chosen ones have. rejections: those that go with them, by the
    position at which they were judged.
    """

    chosen: list[str]
    covered: dict[str, int]
    streams: int
    events: int
    rejections: list[Rejection]


def choose(
    store: Store, sample: int = 0, kept: Collection[str] = (), concerns: Callable[[str], bool] = lambda stream: True
) -> Choice:
    """Few streams that show all that the log has: types and versions of events by category, commands, reactions,
    codes of rejections, of the journal too.

    sample: so many streams at least, the others chosen by chance, but always the same. kept: those of the last time,
    which stay where others would be as good. concerns: says of a stream whether it is looked at. Streams that share a
    commit are taken together, and with a process those on which its commands were rejected.
    """
    journal = [one for one in rejections(store.rows) if concerns(one.stream)]
    shown, together, judges = _looked_at(store, concerns, journal)
    items: dict[str, int] = {}
    counts = Counter(item for one in shown.values() for item in one.items)
    sets: dict[str, frozenset[int]] = {}
    groups = _with_judges(_grouped(shown, together), judges)
    for name in sorted(groups, key=lambda one: (one not in kept, sum(shown[s].events for s in groups[one]), one)):
        found = {item for stream in groups[name] for item in shown[stream].items}
        sets[name] = frozenset(items.setdefault(item, len(items)) for item in sorted(found))
    taken = {stream for name in cover(sets) for stream in groups[name]}
    for name in sorted(groups, key=lambda one: (one not in kept, sha256(one.encode()).digest())):
        if len(taken) >= sample:
            break
        taken.update(groups[name])
    events = sum(shown[stream].events for stream in taken)
    counts.update({_item(one) for one in journal if not one.version} - counts.keys())
    return Choice(sorted(taken), dict(sorted(counts.items())), len(shown), events, _taken(journal, taken))


def _item(one: Rejection) -> str:
    return f"rejection {one.command} {one.code}"


def _taken(journal: Iterable[Rejection], streams: Collection[str]) -> list[Rejection]:
    """The first rejections that were judged on these streams, and those that were to open one, which need none."""
    counts: Counter[tuple[str, str, str]] = Counter()
    found = []
    for one in journal:
        if one.version and one.stream not in streams:
            continue
        alike = (one.stream if one.version else "", one.command, one.code)
        counts[alike] += 1
        if counts[alike] <= MOST_ALIKE:
            found.append(one)
    return found


def _with_judges(groups: Mapping[str, list[str]], judges: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """The groups, each with those that its streams can't be judged without."""
    group_of = {stream: name for name, streams in groups.items() for stream in streams}

    def whole(name: str) -> list[str]:
        names, waiting = {name}, [name]
        while waiting:
            wanted = {judge for stream in groups[waiting.pop()] for judge in judges.get(stream, ())}
            new = {group_of[judge] for judge in wanted if judge in group_of} - names
            names |= new
            waiting += sorted(new)
        return [stream for one in sorted(names) for stream in groups[one]]

    return {name: whole(name) for name in groups} if judges else dict(groups)


class _Shown(NamedTuple):
    items: frozenset[str]
    events: int


def _looked_at(
    store: Store, concerns: Callable[[str], bool], journal: Iterable[Rejection]
) -> tuple[dict[str, _Shown], list[frozenset[str]], dict[str, set[str]]]:
    """What each stream shows; which share a commit; and on which the commands of a process were rejected.

    Of many that show the same, sets are shared.
    """
    items: dict[str, set[str]] = {}
    events: Counter[str] = Counter()
    commit, within = "", set[str]()
    together: set[frozenset[str]] = set()
    judges: dict[str, set[str]] = {}
    for event in store.read(Selection(as_found=True)):
        stream, category = event.stream, category_of(event.stream)
        if not concerns(stream):
            continue
        if event.commit_id != commit:
            if len(within) > 1:
                together.add(frozenset(within))
            commit, within = event.commit_id, set()
        within.add(stream)
        mine = items.setdefault(stream, set())
        mine.add(f"event {category} {event.type} v{event.schema_version}")
        events[stream] += 1
        if event.command_type is not None:
            mine.add(f"command {event.command_type}")
        if event.type == _REJECTED:
            data = json.loads(event.data)
            mine.add(f"rejection {data.get('command')} {data.get('code')}")
            judged = judged_on(event.metadata)
            if judged is not None:
                judges.setdefault(stream, set()).add(judged[0])
        if event.metadata_json and '"reaction"' in event.metadata_json:
            mine.add(f"reaction {json.loads(event.metadata_json).get('reaction')}")
    if len(within) > 1:
        together.add(frozenset(within))
    for one in journal:
        if one.version and one.stream in items:
            items[one.stream].add(_item(one))
    known: dict[frozenset[str], frozenset[str]] = {}
    shown = {}
    for stream, mine in items.items():
        found = frozenset(mine)
        shown[stream] = _Shown(known.setdefault(found, found), events[stream])
    return shown, list(together), judges


def _grouped(streams: Mapping[str, object], together: Collection[frozenset[str]]) -> dict[str, list[str]]:
    """The streams that are taken or left together, by the first of them."""
    first = {stream: stream for stream in streams}

    def root(stream: str) -> str:
        while first[stream] != stream:
            first[stream] = first[first[stream]]
            stream = first[stream]
        return stream

    for those in together:
        one, *others = sorted(those)
        for other in others:
            low, high = sorted((root(one), root(other)))
            first[high] = low
    groups: dict[str, list[str]] = {}
    for stream in sorted(streams):
        groups.setdefault(root(stream), []).append(stream)
    return groups
