"""`cqrs verify`: whether the store is what was written, and whether its log only grew."""

from collections.abc import Sequence
from typing import Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.commands.verify.notes import checkpoint_in, print_checkpoint
from cqrs_cli.cli.printing.documents import Findings, Table
from cqrs_cli.cli.printing.places import place_of
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Damaged, Misuse
from cqrs_cli.finding import Finding
from cqrs_cli.log import checkpoint as checkpoints
from cqrs_cli.log import verification
from cqrs_cli.log.checkpoint import Checkpoint
from cqrs_cli.log.verification import Verified
from cqrs_cli.stores.audit import Flaw
from cqrs_cli.stores.contract import Store

SHOWN = 100
_HINT = "keep the file as it is and restore a backup beside it"
_UNSEEN = (
    "a tail that was cut off, or a chain that was computed anew, is seen only with a checkpoint that is kept elsewhere"
)


def verify(
    deep: Annotated[bool, typer.Option("--deep", help="Also compare snapshots with folds from the start.")] = False,
    rows: Annotated[bool, typer.Option("--rows", help="Also compare read models, as project --check.")] = False,
    checkpoint: Annotated[
        bool, typer.Option("--checkpoint", help="Print how far the log is, to be kept elsewhere.")
    ] = False,
    key: Annotated[
        str | None, typer.Option("--key", metavar="FILE", help="With --checkpoint: an Ed25519 key that signs it (PEM).")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="FILE", help="Prove that the log only grew since a checkpoint.")
    ] = None,
    public_key: Annotated[
        str | None,
        typer.Option("--public-key", metavar="FILE|KEY", help="With --against: whose signature it must have."),
    ] = None,
) -> int:
    """Look at all of the store: is it what was written?

    The database's own check, the hash chain over the stored bytes, positions, versions and commits, the triggers,
    checkpoints and what waits to be sent; with a domain, whether it knows the types. Nothing is changed. A chain shows
    that something was changed, not that its end was cut off, nor that all of it was computed anew: that shows a
    checkpoint that is kept elsewhere. Exit 6 with findings.
    JSON: {"ok", "commits", "events", "head", "hash", "findings": [{"position", "what"}]}; of a checkpoint {"origin",
    "position", "hash", "note"}.
    """
    for name, is_given, base, has_base in (
        ("--key", key is not None, "--checkpoint", checkpoint),
        ("--public-key", public_key is not None, "--against", against is not None),
    ):
        if is_given and not has_base:
            raise Misuse(f"{name} goes with {base}", hint=f"add {base}, or leave {name} out")
    session = current()
    then = None if against is None else checkpoint_in(against, public_key)
    found = _looked_at(session, then, deep, rows)
    if checkpoint and not found.ok and session.settings.output is not None:  # what is there may be the only proof
        for flaw in found.flaws[:SHOWN]:
            session.printer.message(f"{verification.at(flaw)}{flaw.what}")
        raise Damaged(f"no checkpoint was made: {_summary(found, against, then)}", code="not-verified", hint=_HINT)
    if checkpoint and found.ok:
        print_checkpoint(session, found, key)
    else:
        session.printer.print(_document(session, found))
    if not session.printer.format.has_findings:
        session.printer.message(_summary(found, against, then))
    return 0 if found.ok else Damaged.exit_code


def _looked_at(session: Session, then: Checkpoint | None, deep: bool, rows: bool) -> Verified:
    """All that was asked for."""
    try:
        store = session.store()
    except Damaged as error:
        if error.code != "damaged":  # no store of ours, of which nothing can be said
            raise
        return Verified(0, 0, 0, None, {}, [Flaw(None, "unreadable", error.message)])
    with session.printer.progress("verified", _head(store)) as done:
        found = verification.verify(store, () if then is None else (then.position,), done)
    if then is not None:
        grown = checkpoints.compare(found, then, checkpoints.origin_if_any(store))
        found.flaws.extend([] if grown is None else [grown])
    if deep or rows or session.settings.app is not None:
        from cqrs_cli.cli.commands.verify.domain import flaws_by_domain

        found.flaws.extend(flaws_by_domain(session, deep, rows, is_sound=found.ok))
    return found


def _head(store: Store) -> int | None:
    try:
        return store.head()
    except Damaged:  # what is wrong with it is found on the way
        return None


def _summary(found: Verified, against: str | None, then: Checkpoint | None) -> str:
    looked = f"{counted(found.events, 'event')} in {counted(found.commits, 'commit')} up to @{found.head}"
    if not found.ok:
        return f"{counted(len(found.flaws), 'finding')} in {looked}: {_HINT}"
    told = f"{looked} are as they were written"
    if then is not None:
        return f"{told}, and the log only grew since @{then.position}, the checkpoint in {against}"
    return f"{told}; {_UNSEEN}: cqrs verify --checkpoint -o FILE, later --against FILE"


def _document(session: Session, found: Verified) -> Findings:
    store = session.store_file
    findings = [Finding(one.code, "error", _where(one, store), one.what, _HINT) for one in found.flaws]
    flaws: Sequence[Flaw] = found.flaws
    table = Table(
        map(records.flaw, flaws),
        records.FLAW,
        whole=records.verified(found),
        most=SHOWN,
        more=lambda hidden: f"{counted(hidden, 'finding')} more: --json shows them all",
        members=records.FLAW,
    )
    return Findings("verify", [store], findings, table, lambda _: place_of(None, store))


def _where(one: Flaw, store: str) -> str:
    return store if one.position is None else f"@{one.position}"
