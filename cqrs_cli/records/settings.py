"""The records of settings, projects and pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from cqrs_cli.records.shape import Record, named

if TYPE_CHECKING:
    from cqrs_cli.config import Setting

SETTING = ("name", "value", "source")
setting: Callable[[Setting], Record] = partial(named, SETTING)


def project(folder: str, created: Sequence[str], kept: Sequence[str], following: Sequence[str]) -> Record:
    """A project that was made: its files, those that were there already, and what to type next."""
    return {"directory": folder, "created": created, "kept": kept, "next": following}


def topic(name: str, title: str, text: str) -> Record:
    """A page of the documentation; its text is Markdown."""
    return {"topic": name, "title": title, "text": text}
