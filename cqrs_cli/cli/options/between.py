"""The options of whatever copies events: which of them, and what becomes of them on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cqrs_cli.cli.shell import completion
from cqrs_cli.errors import DomainNotLoaded

if TYPE_CHECKING:
    from cqrs_cli.cli.shell.session import Session
    from cqrs_cli.transfer.copy import Between
    from cqrs_cli.transfer.mapping import Mapping
    from cqrs_cli.transfer.narrowing import Narrowing, Wanted
    from cqrs_cli.transfer.redaction import Redaction

Streams = Annotated[
    list[str] | None,
    typer.Option("--stream", metavar="NAMES", help="Of these streams: A,B.", autocompletion=completion.streams),
]
Categories = Annotated[
    list[str] | None,
    typer.Option("--category", metavar="NAMES", help="Of these categories.", autocompletion=completion.categories),
]
Map = Annotated[
    str | None,
    typer.Option("--map", metavar="MODULE:FUNCTION", help="Give each commit's events to a function first."),
]


class Steps(NamedTuple):
    """What stands between, and its parts, where they are."""

    between: Between
    narrowing: Narrowing | None
    mapping: Mapping | None
    redaction: Redaction | None = None


def steps(session: Session, wanted: Wanted, function: str | None) -> Steps:
    """What was asked for, understood. Raises `Misuse`, and `DomainNotLoaded` for a function that is not there."""
    from cqrs_cli.transfer.copy import Between
    from cqrs_cli.transfer.narrowing import Narrowing

    narrowing: Narrowing | None = Narrowing(wanted)
    if narrowing is not None and not narrowing.name:
        narrowing = None
    mapping = None if function is None else _mapping(session, function)
    parts: list[Any] = [one for one in (narrowing, mapping) if one is not None]
    names, hiding = [one.name for one in parts], session.hiding
    redacted = redaction(session)
    if redacted is not None and hiding is not None:
        if narrowing is not None:  # its words may be what is to be hidden
            names[0] = f"narrowed={hiding.mask.sealed(narrowing.name)[:16]}"
        parts.append(redacted)  # the last: what stands before sees what there is
        names.append(redacted.name)
    return Steps(Between(tuple(parts), "&".join(names)), narrowing, mapping, redacted)


def redaction(session: Session) -> Redaction | None:
    """What is to be hidden in a copy, if anything; with a domain, so that it can still read what was copied."""
    hiding = session.hiding
    if hiding is None:
        return None
    from cqrs_cli.transfer.redaction import Hidden, Redaction

    fits = None
    if session.settings.app is not None:
        from cqrs_cli.workbench.fitting import Fitting

        domain = session.domain()
        hiding.name_keys({name: one.key for name, one in domain.categories.items()})
        fits = Fitting(domain)
    return Redaction(Hidden(hiding.fields, hiding.mask, hiding.typed), fits)


def _mapping(session: Session, text: str) -> Mapping:
    """The function, by its name and by what the file it stands in is today: another code is another copy."""
    import inspect
    from hashlib import sha256

    from cqrs_cli.loading import load_module
    from cqrs_cli.transfer.mapping import Mapping

    name, _, attribute = text.partition(":")
    if not name or not attribute:
        raise DomainNotLoaded(f"--map wants MODULE:FUNCTION, not {text!r}", hint="--map tidy:tidy, or tidy.py:tidy")
    session.stand_apart()
    module = load_module(name, session.settings.folder)
    function = getattr(module, attribute, None)
    if not callable(function):
        raise DomainNotLoaded(f"{name} has no function {attribute!r}", hint=f"def {attribute}(events): … in it")
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        source = ""
    called: Any = function
    return Mapping(called, f"map={text}@{sha256(source.encode()).hexdigest()[:12]}")
