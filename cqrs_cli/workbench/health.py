"""What is wrong with a domain, and with a store as today's code sees it: for whoever diagnoses, not for who works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cqrs_cli.finding import Finding
from cqrs_cli.log.pairing import Names, foreign_types, listed, newer_versions, unknown_types
from cqrs_cli.stores.contract import Store
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.processors.status import ProcessorStatus

_UNKNOWN = "if a class was renamed: aliases=; if it was removed, the code that wrote them reads them"


def findings(engine: Engine, names: Names, statuses: Sequence[ProcessorStatus]) -> list[Finding]:
    """The domain's own mistakes, events that it can't read, and processors that stand still."""
    found = [*engine.domain.check(), *_events(engine.store, names)]
    return [*found, *(one for status in statuses for one in _processor(status))]


def _events(store: Store, names: Names) -> Iterator[Finding]:
    foreign = foreign_types(store, names)
    if foreign:
        some = ", ".join(sorted(foreign)[:5])
        said = f"the log has not one event of a type that {names.domain} knows; it has {some}"
        yield Finding("foreign-log", "error", names.domain, said, "is it the right store, and the right domain?")
        return
    unknown = unknown_types(store, names)
    if unknown:
        said = f"the streams of {names.domain} hold events of types that it does not know: {listed(unknown)}"
        yield Finding("unknown-type", "error", names.domain, said, _UNKNOWN)
    for (type, version), count in newer_versions(store, names).items():
        events = f"{count:,} event{'' if count == 1 else 's'}"
        said = f"{events} of {type} in version {version}, and today's class reads up to {names.versions[type]}"
        yield Finding("newer-version", "error", type, said, "run it with the code that wrote them, or newer")


def _processor(one: ProcessorStatus) -> Iterator[Finding]:
    if one.is_beyond:  # the log says so itself
        return
    if one.status == "stopped" and one.stop is None:
        yield Finding("asks", "error", one.name, str(one.reason))
    elif one.status == "stopped":
        yield Finding("stopped", "error", one.name, f"{one.name} stopped {one.reason}")
    elif one.status == "needs-rebuild":
        yield Finding("needs-rebuild", "error", one.name, f"{one.name} needs a rebuild: {one.reason}")
    elif one.source == "code":
        said = f"{one.name}: its code is not the one that its rows were made with"
        yield Finding("other-code", "note", one.name, said)
    elif one.source == "python":
        said = f"{one.name}: its rows were made by another version of Python"
        yield Finding("other-python", "note", one.name, f"{said}, so whether its code is the same can't be told")
    if one.contained:
        skipped = ", ".join(f"@{at}" for at in sorted(one.contained))
        yield Finding("skipped-in-rows", "note", one.name, f"{one.name}: its rows hold {skipped}, skipped since")
    if one.rebuilding is not None:
        said = f"a rebuild of {one.name} runs or was interrupted at @{one.rebuilding}"
        yield Finding("rebuilding", "note", one.name, said)
