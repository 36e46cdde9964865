"""`--generic`, and what folds streams where nothing names a domain; shared by the commands that look back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import ConfigurationError, DefinitionError, DomainNotLoaded, Misuse

if TYPE_CHECKING:
    from cqrs_cli.history.folds import Folds
    from cqrs_cli.workbench.workbench import Workbench

NAME_IT = '--app MODULE:ATTR, CQRS_APP, or app = "module:attr" under [tool.cqrs] in pyproject.toml'
Generic = Annotated[
    bool,
    typer.Option(
        "--generic",
        help="Without the domain: fields of the payloads overwrite each other, or as [tool.cqrs.fold] says. "
        "So it is anyway where nothing names a domain.",
    ),
]


def folds(session: Session, generic: bool) -> Folds:
    """What makes states: the domain, or with a note that says so the generic fold. Raises what both raise."""
    from cqrs_cli.history.folds import DomainFolds

    if generic or session.settings.app is None:
        return _without_domain(session)
    try:
        return DomainFolds(session.workbench())
    except (DomainNotLoaded, DefinitionError) as error:
        raise error.retold(error.message, folds_without=True) from error.__cause__


def _without_domain(session: Session) -> Folds:
    from cqrs_cli.history.generic import GenericFolds
    from cqrs_cli.near_names import did_you_mean

    found, printer = GenericFolds(session.store(), session.settings.fold), session.printer
    if not printer.format.for_programs:  # each record says so itself
        but = ", or as [tool.cqrs.fold] says" if found.rules else ""
        printer.message(f"generic fold, without a domain: fields of the payloads overwrite each other{but}")
    there = found.store.type_names() if found.rules else frozenset[str]()
    for name in sorted(found.rules.keys() - there):
        near = did_you_mean(name, sorted(there))
        printer.message(f"[tool.cqrs.fold]: the log has no {name}{'; ' + near if near else ''}")
    return found


def bench_of(folds: Folds, what: str) -> Workbench:
    """The workbench of a domain's folds. Raises `Misuse` (code `no-domain`) for what only a domain has."""
    from cqrs_cli.history.folds import DomainFolds

    if isinstance(folds, DomainFolds):
        return folds.bench
    hint = NAME_IT if current().settings.app is None else "leave --generic out"
    raise ConfigurationError(f"{what}: without a domain there is none", code="no-domain", hint=hint)


def of_domain_only(generic: bool, option: str, why: str) -> None:
    """Refuse `--generic` beside what only a domain has. Raises `Misuse`."""
    if generic:
        raise Misuse(f"--generic and {option} don't go together: {why}", hint=f"leave {option} out, or --generic")


def titled(folds: Folds, title: str | None = None) -> str | None:
    """The title of a table: that its states are made without a domain, if they are."""
    label = None if folds.name is None else f"{folds.name} fold"
    return title if label is None else label if title is None else f"{title} ({label})"


def labelled(folds: Folds, record: dict[str, Any]) -> dict[str, Any]:
    """The record, which says by which fold it is if that is no domain's."""
    return record if folds.name is None else {**record, "fold": folds.name}


def members(folds: Folds, names: tuple[str, ...]) -> tuple[str, ...]:
    """The members of records that `labelled` gives."""
    return names if folds.name is None else (*names, "fold")
