"""The lessons: what goes wrong elsewhere, or in a careless hour, and what it comes to here."""

from importlib import import_module

from cqrs_cli.cli.commands.demo.lesson import Lesson

NAMES = (
    "stale-read",
    "lost-update",
    "double-click",
    "not-idempotent",
    "poison-event",
    "rebuild",
    "compensation",
    "upcasting",
)
"""In the order in which they are best taken; each is a file of this folder."""


def lesson(name: str) -> Lesson:
    """The lesson of that name, which is one of `NAMES`."""
    found: Lesson = import_module(f"{__name__}.{name.replace('-', '_')}").LESSON
    return found
