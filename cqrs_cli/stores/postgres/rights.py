"""What the role may do in a store: the rights that `roles` gives, as far as they are there."""

from __future__ import annotations

from collections.abc import Iterator

from cqrs_cli.finding import Finding
from cqrs_cli.stores.postgres.link import Link
from cqrs_cli.stores.postgres.roles import CALLED, WRITTEN

_SCHEMA = "SELECT has_schema_privilege(%b, 'USAGE'), has_schema_privilege(%b, 'CREATE')"
_UNREAD = (
    "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = %b AND c.relkind IN ('r', 'v') AND NOT has_table_privilege(c.oid, 'SELECT') ORDER BY 1"
)
_UNWRITTEN = (
    "SELECT c.relname::text || ': ' || r FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, "
    "unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) r WHERE n.nspname = %b AND c.relname = ANY(%b::text[]) "
    "AND NOT has_table_privilege(c.oid, r) ORDER BY 1"
)
_UNCALLED = (
    "SELECT DISTINCT p.proname::text || ': EXECUTE' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
    "WHERE n.nspname = %b AND p.proname = ANY(%b::text[]) AND NOT has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1"
)
_OTHERS = (
    "SELECT m.name, pg_get_userbyid(c.relowner)::text FROM {s}.cqrs_read_models m "
    "JOIN pg_class c ON c.relname = m.relation JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = %b "
    "WHERE NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1"
)
_GIVE = "the SQL of the two roles that there are has them: GRANT what is missing as the owner of the schema"


def may(link: Link) -> str:
    """`writer`, `reader`, or `part` of what a writer may."""
    unwritten, unread = unwritten_of(link), unread_of(link)
    if not unwritten and not unread:
        return "writer"
    return "reader" if not unread and len(unwritten) == _ALL else "part"


_ALL = 1 + len(CALLED) + 3 * len(WRITTEN)
"""Rights of a writer that a reader has none of: CREATE, the functions, and three of each table."""


def unread_of(link: Link) -> list[str]:
    """Tables and views that it may not read."""
    return [name for (name,) in link.query(_UNREAD, (link.schema,))]


def unwritten_of(link: Link) -> list[str]:
    """What a writer may and it may not, as `table: RIGHT`."""
    [(_, create)] = link.query(_SCHEMA, (link.schema, link.schema))
    called = link.query(_UNCALLED, (link.schema, list(CALLED)))
    written = link.query(_UNWRITTEN, (link.schema, list(WRITTEN)))
    return [*([] if create else [f"{link.schema}: CREATE"]), *(name for (name,) in (*called, *written))]


def findings(link: Link) -> Iterator[Finding]:
    """Rights that are missing, and read models that it can't write."""
    unread, unwritten = unread_of(link), unwritten_of(link)
    if unread:
        told = f"the role may not read {_some(unread)}"
        yield Finding("no-permission", "warning", link.name, told, _GIVE)
    if len(unwritten) == _ALL:
        told = "the role only reads: it may not append, nor bring read models up to date"
        yield Finding("only-reads", "note", link.name, told)
        return
    if unwritten:
        told = f"the role has a part of what a writer has; missing: {_some(unwritten)}"
        yield Finding("no-permission", "warning", link.name, told, _GIVE)
    for name, owner in link.query(_OTHERS.format(s=link.s), (link.schema,)):
        told = f"the read model {name} belongs to the role {owner}: this one can't rebuild it"
        yield Finding("not-owner", "warning", name, told, "rebuild it as that role, or GRANT that role to this one")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
