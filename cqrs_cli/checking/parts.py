"""The parts of a check: each is one file with one function, from what there is to what was found."""

from __future__ import annotations

import importlib
from typing import NamedTuple

from cqrs_cli.checking.material import Material
from cqrs_cli.finding import Checked


class Part(NamedTuple):
    """A part: its module in this room, whose `check` takes the material. line: what it asks, in a line."""

    module: str
    line: str
    wants_store: bool = False


PARTS = {
    "model": Part("model", "are the classes complete, and do they fit each other"),
    "lock": Part("lock", "do they read what was promised when they were locked (cqrs.lock.json)"),
    "log": Part("log", "is every stored event read", wants_store=True),
    "determinism": Part("determinism", "do two folds come to the same", wants_store=True),
    "rules": Part("rules", "do the rules of the settings hold after every event", wants_store=True),
}
"""By name, in the order in which they are looked at."""


def check(name: str, material: Material) -> Checked:
    """Look at one part. Raises `Misuse` for settings that can't be, and what concerns the store as a whole."""
    found: Checked = importlib.import_module(f"cqrs_cli.checking.{PARTS[name].module}").check(material)
    return found
