"""`cqrs migrate`: make the store, or bring it to the format of this program."""

from typing import Annotated

import typer

from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Single, Text
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse, StoreNotFound
from cqrs_cli.stores.registry import SERVERS


def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL that would be run, and run none.")] = False,
    roles: Annotated[
        bool, typer.Option("--roles", help="Print the SQL of two roles: one that sends and projects, one that reads.")
    ] = False,
) -> None:
    """Make the store, or bring it to the format of this program: before anything is sent to a server.

    A store in a file is made and brought forward by the first command that writes to it, or by this one. On a server
    only this makes one, in the schema that the URL names, under a lock: who comes second finds it made. --dry-run and
    --roles are for servers; what they print is for psql. JSON: {"store", "from", "to"}: formats, null for no store.
    """
    session = current()
    if dry_run or roles:
        session.printer.print(Text(_printed(session, dry_run, roles).rstrip()))
        return
    before = _format(session)
    session.printer.ready(Single)
    store = session.store(write=True, create=True)
    with store.transaction():  # by which a file of an older format gets the newest
        pass
    record = {"store": session.store_shown, "from": before, "to": store.describe()["format"]}
    session.printer.print(Single(record, text=_told))


def _format(session: Session) -> int | None:
    """The format of the store that is there."""
    from cqrs_cli.stores.registry import open_store

    try:
        with open_store(session.settings.store, read_only=True) as store:
            return int(store.describe()["format"])
    except StoreNotFound:
        return None


def _printed(session: Session, dry_run: bool, roles: bool) -> str:
    url = session.settings.store
    if dry_run and roles:
        raise Misuse("--dry-run and --roles print one thing each", hint="one of them")
    if url.partition(":")[0] not in SERVERS:
        hint = "--store postgresql://… ; a file is made by the first command that writes to it, and has no roles"
        option = "--dry-run" if dry_run else "--roles"
        raise Misuse(f"{option} is for a store on a server, and {session.store_shown} is none", hint=hint)
    from cqrs_cli.stores.postgres.driver import check_installed

    check_installed()
    from cqrs_cli.stores.postgres.address import address_of
    from cqrs_cli.stores.postgres.roles import roles as sql_of_roles
    from cqrs_cli.stores.postgres.schema import script

    schema = address_of(url).schema
    if roles:
        return sql_of_roles(schema)
    before = _format(session)
    if before is not None:
        return f"-- {session.store_shown} is up to date, format {before}\n"
    return script(schema, session.settings.durability or "full")


def _told(record: dict[str, object]) -> str:
    store, before, after = record["store"], record["from"], record["to"]
    if before is None:
        return visible(f"made {store}, format {after}")
    if before == after:
        return visible(f"{store} is up to date, format {after}")
    return visible(f"{store}: from format {before} to {after}")
