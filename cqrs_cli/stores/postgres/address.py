"""The URL of a store: what libpq understands of it, and what is ours: `schema` and `timeout`."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from cqrs_cli.errors import ConfigurationError, Misuse
from cqrs_cli.stores.addresses import shown, without_secrets
from cqrs_cli.stores.timeouts import seconds

SCHEMA, TIMEOUT = "cqrs", 60.0
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,39}")
_DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "cqrs",
}
"""A server that is gone is found out: for each, the URL may say something else."""


class Address(NamedTuple):
    """shown: the URL as people may see it. libpq: what to connect with. timeout: seconds that a server may be away."""

    url: str
    shown: str
    schema: str
    timeout: float
    libpq: dict[str, Any]

    def redacted(self, text: str) -> str:
        """A text of libpq or the server, in which the password may be quoted."""
        return without_secrets(text, self.url)


def address_of(url: str) -> Address:
    """What a URL says. Raises `ConfigurationError`."""
    base, _, query = url.partition("?")
    ours: dict[str, str] = {}
    rest = []
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        if name in ("schema", "timeout"):
            ours[name] = unquote(value)
        else:
            rest.append(pair)
    try:
        libpq = conninfo_to_dict("postgresql:" + base.partition(":")[2] + ("?" + "&".join(rest) if rest else ""))
    except psycopg.Error as error:
        told = without_secrets(str(error).strip(), url)
        raise _unusable(url, told, "postgresql://USER@HOST/DATABASE?schema=NAME") from None
    return Address(url, shown(url), _schema(url, ours), _timeout(url, ours), _DEFAULTS | libpq)


def _schema(url: str, ours: dict[str, str]) -> str:
    schema = ours.get("schema", SCHEMA)
    if not _NAME.fullmatch(schema) or schema.startswith("pg_"):
        hint = "from 1 to 40 small letters, digits and _, such as ?schema=shop"
        raise _unusable(url, f"{schema!r} is no schema of a store", hint)
    return schema


def _timeout(url: str, ours: dict[str, str]) -> float:
    try:
        return seconds("timeout=", ours["timeout"]) if "timeout" in ours else TIMEOUT
    except Misuse as error:
        raise _unusable(url, error.message, error.hint) from None


def _unusable(url: str, what: str, hint: str | None) -> ConfigurationError:
    return ConfigurationError(f"{shown(url)}: {what}", hint=hint, store=shown(url))
