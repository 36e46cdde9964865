"""The user's own function that says who asks: `authenticate = "shop.auth:who"`."""

from __future__ import annotations

import os
from typing import Any, cast

from cqrs_cli.errors import ConfigurationError
from cqrs_cli.http.identity import Authenticate
from cqrs_cli.loading import load_module


def load_plug(spec: str, folder: str | os.PathLike[str]) -> Authenticate:
    """The function that `module:function` names. Raises `ConfigurationError`, and `DomainNotLoaded` as domains do."""
    name, colon, attribute = spec.partition(":")
    if not colon or not attribute:
        raise ConfigurationError(f"authenticate is MODULE:FUNCTION, not {spec!r}", hint="shop.auth:who")
    found: Any = getattr(load_module(name, folder), attribute, None)
    if not callable(found):
        hint = "def who(headers: Mapping[str, str]) -> Identity | None: …"
        raise ConfigurationError(f"{spec} names no function", hint=hint)
    return cast("Authenticate", found)
