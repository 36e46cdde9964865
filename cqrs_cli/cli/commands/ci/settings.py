"""`[tool.cqrs.ci]`: what `cqrs ci` runs, and on what."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cqrs_cli.cli.commands.ci.base import Base, base_of
from cqrs_cli.config import Settings
from cqrs_cli.errors import ConfigurationError, Misuse
from cqrs_cli.near_names import did_you_mean

_KEYS = ("parts", "corpus", "against", "accept", "ignore", "impact")
_IMPACT = ("fail", "tell")


class Wanted(NamedTuple):
    """What is to be run. parts: by name, None for all that find something to look at.

    corpora: folders that the settings name. accept: a file of accepted differences of a rehearsal. ignore: fields that
    may differ, `NAME.FIELD` of an event, a state or a row. impact_fails: what old and new code make another of a log
    is no pass, or else a note. Paths are as this process finds them.
    """

    parts: Sequence[str] | None
    corpora: Sequence[str]
    base: Base | None
    accept: Path | None
    ignore: Sequence[str]
    impact_fails: bool


def wanted(
    settings: Settings, known: Sequence[str], parts: Sequence[str], against: str | None, environ: Mapping[str, str]
) -> Wanted:
    """What the options say, else the settings. known: the parts that there are.

    Raises `ConfigurationError` for a setting that can't be, `Misuse` for an option.
    """
    table = settings.ci
    for key in table:
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS, 1) or f"there are: {', '.join(_KEYS)}"
            raise ConfigurationError(f"{settings.file}: [tool.cqrs.ci] has no {key!r}", hint=hint)
    chosen: Sequence[str] | None = parts or None
    if chosen is None and "parts" in table:
        chosen = _texts(settings, "parts", table["parts"])
        if not chosen:
            raise _wrong(settings, "parts is empty", 'leave it out for all, or parts = ["check", "test"]')
    for name in chosen or ():
        if name not in known:
            hint = did_you_mean(name, known) or f"there are: {', '.join(known)}"
            told = f"no part of cqrs ci is called {name!r}"
            raise Misuse(told, hint=hint) if parts else _wrong(settings, told, hint)
    accept = table.get("accept")
    return Wanted(
        chosen,
        [_beside(settings, path) for path in _texts(settings, "corpus", table.get("corpus", []))],
        base_of(against, table.get("against"), environ),
        None if accept is None else Path(_beside(settings, _text(settings, "accept", accept))),
        _texts(settings, "ignore", table.get("ignore", [])),
        _chosen_impact(settings, table.get("impact", "fail")) == "fail",
    )


def _chosen_impact(settings: Settings, value: Any) -> str:
    if value not in _IMPACT:
        raise _wrong(settings, f"impact is {value!r}", 'impact = "fail", or "tell": then differences do not fail')
    return str(value)


def _texts(settings: Settings, key: str, value: Any) -> list[str]:
    return [_text(settings, key, one) for one in (value if isinstance(value, list) else [value])]


def _text(settings: Settings, key: str, value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        hint = f'{key} = "…"' if key == "accept" else f'{key} = ["…"]'
        raise _wrong(settings, f"{key} must be text, not {value!r}", hint)
    return value


def _beside(settings: Settings, path: str) -> str:
    """A path of the settings file, which is relative to it."""
    whole = os.path.join(settings.folder, os.path.expanduser(path))
    relative = os.path.relpath(whole, settings.cwd)
    return whole if relative.startswith(os.pardir) else relative


def _wrong(settings: Settings, what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"{settings.file}: [tool.cqrs.ci]: {what}", hint=hint)
