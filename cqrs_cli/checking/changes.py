"""What changed between a lock and the classes of today, and what each change asks for.

*compatible*: all that was stored under the lock is read. *needs-upcaster*: some of it is not, and a new version with a
step makes it so. *breaking*: no step can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cqrs_cli.checking.differences import BREAKING, COMPATIBLE, Difference, differences
from cqrs_cli.checking.lock_file import Lock


class Change(NamedTuple):
    """A change of one class. kind: event, command, read model or aggregate. name: in the lock. today: the name now.

    path: as it is written, `items[].price`; empty for the class as a whole.
    """

    kind: str
    name: str
    today: str
    path: str
    verdict: str
    what: str
    difference: Difference | None = None

    @property
    def fails(self) -> bool:
        """Whether something that was promised is not kept."""
        return self.verdict != COMPATIBLE


def changes(lock: Lock, today: Lock) -> list[Change]:
    """All changes, events first."""
    return [
        *_of_messages("event", lock["events"], today["events"]),
        *_of_messages("command", lock["commands"], today["commands"]),
        *_of_aggregates(lock["aggregates"], today["aggregates"]),
        *_of_read_models(lock["read_models"], today["read_models"]),
    ]


def _of_messages(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    by_alias = {alias: name for name, one in after.items() for alias in one["aliases"]}
    met = set()
    for name, old in sorted(before.items()):
        today = name if name in after else by_alias.get(name)
        if today is None:
            gone = f"no class is stored as {name} any more, nor has it among its aliases"
            yield Change(kind, name, name, "", BREAKING, gone)
            continue
        met.add(today)
        if today != name:
            yield Change(kind, name, today, "", COMPATIBLE, f"is {today} now, and read by its alias")
        for alias in old["aliases"]:
            if alias not in (today, *after[today]["aliases"]):
                told = f"{alias} is no alias any more: what was stored under it is not read"
                yield Change(kind, name, today, "", BREAKING, told)
        yield from _of_message(kind, name, today, old, after[today])
    for name in sorted(after.keys() - met):
        yield Change(kind, name, name, "", COMPATIBLE, "is new")


def _of_message(kind: str, name: str, today: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    was, now = old["version"], new["version"]
    if now < was:
        told = f"version {was} was locked, and this is version {now}, which can't read it"
        yield Change(kind, name, today, "", BREAKING, told)
        return
    if now > was:  # there is a step from each version to the next, or the class could not be made
        told = f"is version {now}, and reads version {was} by its upcaster"
        yield Change(kind, name, today, "", COMPATIBLE, told)
        return
    for one in differences(old["schema"], new["schema"]):
        yield Change(kind, name, today, written(one.path), one.verdict, one.what, one)


def _of_aggregates(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    by_alias = {alias: name for name, one in after.items() for alias in one["aliases"]}
    met = set()
    for name, old in sorted(before.items()):
        today = name if name in after else by_alias.get(name)
        if today is None:
            told = f"no aggregate has the category {name} any more, nor has it among its aliases"
            yield Change("aggregate", name, name, "", BREAKING, told)
            continue
        met.add(today)
        if today != name:
            yield Change("aggregate", name, today, "", COMPATIBLE, f"is {today} now, and has its streams by its alias")
        for alias in old["aliases"]:
            if alias not in (today, *after[today]["aliases"]):
                yield Change("aggregate", name, today, "", BREAKING, f"{alias} is no alias any more: whose streams?")
        if list(old["key"].values()) != list(after[today]["key"].values()):
            told = f"the key was {_key(old)}, is {_key(after[today])}: the names of its streams don't fit"
            yield Change("aggregate", name, today, "", BREAKING, told)
        elif list(old["key"]) != list(after[today]["key"]):
            told = f"the key was {_key(old)}, is {_key(after[today])}: commands and rows with its name change, too"
            yield Change("aggregate", name, today, "", COMPATIBLE, told)
    for name in sorted(after.keys() - met):
        yield Change("aggregate", name, name, "", COMPATIBLE, "is new")


def _of_read_models(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Rows can be made anew: what breaks are the queries and programs that read them, unless `version=` says so."""
    for name, old in sorted(before.items()):
        new = after.get(name)
        if new is None:
            yield Change("read model", name, name, "", BREAKING, "is gone, with its table")
            continue
        is_meant = new["version"] > old["version"]
        if is_meant:
            told = f"is version {new['version']}, was {old['version']}: its rows want a rebuild"
            yield Change("read model", name, name, "", COMPATIBLE, told)
        if old["key"] != new["key"]:
            told = f"the key was {_key(old)}, is {_key(new)}"
            yield Change("read model", name, name, "", COMPATIBLE if is_meant else BREAKING, told)
        for one in _of_columns(old["schema"], new["schema"]):
            verdict = COMPATIBLE if is_meant or one.verdict == COMPATIBLE else BREAKING
            yield Change("read model", name, name, written(one.path), verdict, one.what)
    for name in sorted(after.keys() - before.keys()):
        yield Change("read model", name, name, "", COMPATIBLE, "is new")


def _of_columns(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """As whoever reads rows sees it: a column that is there no more is missed, whatever the class does without it."""
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in sorted(before.keys() - after.keys()):
        yield Difference((name,), BREAKING, "is gone")
    for name in sorted(after.keys() - before.keys()):
        yield Difference((name,), COMPATIBLE, "is new")
    shared = before.keys() & after.keys()
    for one in differences(_narrowed(new, shared), _narrowed(old, shared)):  # is what is written still what was read?
        verdict = COMPATIBLE if one.verdict == COMPATIBLE else BREAKING
        yield Difference(one.path, verdict, "holds what it did not hold before" if verdict == BREAKING else "changed")


def _narrowed(schema: Mapping[str, Any], names: Any) -> Mapping[str, Any]:
    # Defaults and what may be left out are nothing that a reader of rows sees.
    kept = {name: one for name, one in schema.get("properties", {}).items() if name in names}
    plain = {name: {key: one for key, one in value.items() if key != "default"} for name, value in kept.items()}
    return {**schema, "properties": plain, "required": sorted(kept)}


def written(path: tuple[str, ...]) -> str:
    """`items[].price`: a path as it is read."""
    return ".".join(path).replace(".[]", "[]").replace(".{}", "{}")


def _key(one: Mapping[str, Any]) -> str:
    return "(" + ", ".join(f"{name}: {kind}" for name, kind in one["key"].items()) + ")"
