"""What is wrong with a store on PostgreSQL: missing parts, what the role may not, and what the server tells."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cqrs_cli.finding import Finding
from cqrs_cli.stores.postgres import rights, server
from cqrs_cli.stores.postgres.link import Link
from cqrs_cli.stores.postgres.schema import statements

_PARTS = re.compile(r'^CREATE (TABLE|VIEW|FUNCTION|INDEX) (?:"\w+"\.)?(\w+)', re.MULTILINE)
_TRIGGERS = re.compile(r'^CREATE TRIGGER (\w+) .* ON "\w+"\.(\w+)', re.MULTILINE)
_RESTORE = "another program dropped it: restore a backup"
_IN = "n ON n.oid = {} WHERE n.nspname = %b"
_THERE = (
    "SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'i' THEN 'index' ELSE 'table' END || ' ' || c.relname "
    f"FROM pg_class c JOIN pg_namespace {_IN.format('c.relnamespace')} "
    f"UNION ALL SELECT 'function ' || p.proname FROM pg_proc p JOIN pg_namespace {_IN.format('p.pronamespace')} "
    "UNION ALL SELECT 'trigger ' || t.tgname || ' of ' || c.relname FROM pg_trigger t "
    f"JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace {_IN.format('c.relnamespace')} AND t.tgenabled = 'A'"
)


def missing(link: Link) -> list[str]:
    """The store's own parts that are not there, by kind: `table commits`, `trigger append_only of events`."""
    there = {name for (name,) in link.query(_THERE, (link.schema,) * 3)}
    return [part for part in _parts(link.schema) if part not in there]


_HOOKS = (
    "SELECT 'trigger ' || t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
    f"JOIN pg_namespace {_IN.format('c.relnamespace')} AND NOT t.tgisinternal AND t.tgenabled <> 'D' "
    "UNION ALL SELECT 'rule ' || r.rulename, c.relname FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class "
    f"JOIN pg_namespace {_IN.format('c.relnamespace')} AND c.relkind IN ('r', 'p')"
)


def strange(link: Link) -> list[str]:
    """What others hung onto the store's own tables: it may change, or drop, what is acknowledged."""
    own = set(_parts(link.schema))
    found = [(f"{what} of {table}", table) for what, table in link.query(_HOOKS, (link.schema,) * 2)]
    return sorted(what for what, table in found if what not in own and f"table {table}" in own)


def _parts(schema: str) -> list[str]:
    """What a store is made of, as its SQL says."""
    sql = statements(schema)
    triggers = [f"trigger {name} of {table}" for name, table in _TRIGGERS.findall(sql)]
    return [f"{kind.lower()} {name}" for kind, name in _PARTS.findall(sql)] + triggers


def findings(link: Link) -> list[Finding]:
    """All that is soon said; nothing of it looks at an event."""
    return [*_missing(link), *_strange(link), *rights.findings(link), *server.findings(link)]


def _missing(link: Link) -> Iterator[Finding]:
    for part in missing(link):
        kind = part.split()[0]
        severity = "warning" if kind in ("view", "index") else "error"
        told = f"the {part} is missing"
        if kind == "trigger":
            told = f"the {part} is missing or switched off: nothing refuses a program's change of what is only appended"
        yield Finding(f"missing-{kind}", severity, link.name, told, _RESTORE)


def _strange(link: Link) -> Iterator[Finding]:
    for what in strange(link):
        said = f"the {what} was not made by cqrs: it may change, or leave out, what is said to be stored"
        yield Finding(
            "foreign-trigger", "error", link.name, said, "drop it, and look whether all is there: cqrs verify"
        )
