"""The lock: whether today's classes read what was promised when they were locked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from itertools import groupby
from pathlib import Path
from typing import Any

from cqrs_cli.checking.changes import Change, changes
from cqrs_cli.checking.differences import COMPATIBLE, FAILS, UPCASTER
from cqrs_cli.checking.git import file_at
from cqrs_cli.checking.lock_file import NAME, Lock, lock_of, parse, read
from cqrs_cli.checking.material import Material
from cqrs_cli.checking.trial import refused
from cqrs_cli.checking.upcasters import upcaster
from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Message
from cqrs_cli.errors import Misuse
from cqrs_cli.finding import Checked, Finding

_GIT = "git:"


def check(material: Material) -> Checked:
    """Each change since the lock, and the upcasters that are missing. Raises `Misuse` for what is no lock."""
    lock, where = locked(material.folder, material.against)
    if lock is None:
        return Checked("lock", nothing=f"there is no {NAME} in {material.folder}")
    return compared(material.domain, lock, where, is_own=material.against is None)


def locked(folder: Path, against: str | None) -> tuple[Lock | None, str]:
    """The lock to compare with, and what it is called. against: `git:REF`, a file; None: the folder's lock file."""
    if against is None:
        return read(folder / NAME), NAME
    if against.startswith(_GIT):
        ref = against.removeprefix(_GIT)
        return parse(file_at(folder, NAME, ref), f"{NAME} at {ref}"), f"{NAME} at {ref}"
    found = read(Path(against))
    if found is None:
        raise Misuse(f"there is no file {against}", code="unreadable-file", hint="--against git:main, or a lock file")
    return found, against


def compared(domain: Domain, lock: Lock, where: str, is_own: bool) -> Checked:
    """What became of a lock. is_own: it is that of the code, which goes with it: then it has to know all of it."""
    today = lock_of(domain)
    found = changes(lock, today)
    found += list(_tried(domain, lock, {(one.kind, one.name) for one in found if one.fails}))
    classes = _classes(domain)
    findings = [*_findings(found)]
    paste = dict(_missing(found, classes))
    if is_own and found and not findings:
        told = f"{where} is not of the classes of today: {_counted(len(found))} since it was written"
        findings.append(Finding("lock-behind", "warning", where, told))
    count = sum(len(lock[kind]) for kind in ("events", "commands", "read_models"))
    rows = [
        {"kind": one.kind, "name": one.name, "path": one.path, "change": one.verdict, "what": one.what} for one in found
    ]
    looked = f"{_counted(len(found))} since {where}, which has {count} classes" if count else ""
    subjects = {name: cls for (_, name), cls in classes.items()}
    nothing = "" if looked else f"{where} has no classes"
    return Checked("lock", findings, looked, nothing, subjects, rows, paste)


def _counted(count: int) -> str:
    return f"{count} change{'' if count == 1 else 's'}" if count else "no change"


def _classes(domain: Domain) -> Mapping[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {("event", name): cls for name, cls in domain.events.items()}
    found |= {("command", name): cls for name, cls in domain.commands.items()}
    found |= {("read model", rows.name): rows.cls for rows in domain.row_types()}
    return found | {("aggregate", one.category): one.cls for one in domain.aggregates.values()}


def _findings(found: Sequence[Change]) -> Iterator[Finding]:
    for one in found:
        if one.verdict == COMPATIBLE:
            continue
        place = f"{one.path}: " if one.path else ""
        if one.verdict == UPCASTER:
            hint = "raise version= and add the upcaster"
        elif one.verdict == FAILS:
            hint = "the upcaster must give what the class takes today"
        elif one.kind == "read model":
            hint = "raise version= if whoever reads the rows knows of it"
        else:
            hint = "aliases= keeps older names; if nothing was ever stored so, lock it anew"
        yield Finding(one.verdict, "error", one.today, f"{one.kind} {one.name}: {place}{one.what}", hint)


def _missing(found: Sequence[Change], classes: Mapping[tuple[str, str], Any]) -> Iterator[tuple[str, str]]:
    wanted = [one for one in found if one.verdict == UPCASTER and one.difference is not None]
    for (kind, today), some in groupby(wanted, key=lambda one: (one.kind, one.today)):
        cls = classes.get((kind, today))
        if cls is not None:
            yield today, upcaster(cls, some)


def _tried(domain: Domain, lock: Lock, known_to_fail: Set[tuple[str, str]]) -> Iterator[Change]:
    """Messages whose changes are all said to be compatible, and an example of which can't be read all the same."""
    codec = Codec(domain.events, domain.commands)

    def reader(kind: str, name: str, version: int) -> Callable[[bytes], Any]:
        if kind == "event":
            return codec.decoder(name, version)
        return lambda data: codec.command(name, version, data)

    for kind, messages, known in (("event", "events", domain.events), ("command", "commands", domain.commands)):
        for name, old in sorted(lock[messages].items()):
            cls: type[Message] | None = known.get(name)
            if cls is None or (kind, name) in known_to_fail:
                continue
            by_step = old["version"] < cls.stored.version
            why = refused(old["schema"], reader(kind, name, old["version"]), by_step)
            if why is None:
                continue
            if by_step:
                told = f"by its upcaster an example of version {old['version']} can't be read: {why[0]} ({why[1]})"
                yield Change(kind, name, cls.stored.name, "", FAILS, told)
            else:
                told = f"an example of what was locked can't be read: {why[0]} ({why[1]})"
                yield Change(kind, name, cls.stored.name, "", UPCASTER, told)
