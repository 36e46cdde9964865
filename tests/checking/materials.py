"""What the parts of a check are given in their tests."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cqrs_cli import Domain, Workbench
from cqrs_cli.checking import parts
from cqrs_cli.checking.material import Material
from cqrs_cli.finding import Checked


@contextlib.contextmanager
def silent(*_: Any) -> Iterator[Callable[[int], object]]:
    """Shows nothing."""
    yield lambda _: None


def checked(part: str, domain: Domain, bench: Workbench | None = None, **more: Any) -> Checked:
    """What a part says of a domain."""
    given = {"app": "", "folder": Path(), "no_store": "there is no store", "progress": silent, **more}
    return parts.check(part, Material(domain=domain, bench=bench, **given))


def told(part: str, domain: Domain, bench: Workbench | None = None, **more: Any) -> set[tuple[str, str]]:
    """The codes of what it finds, each with what it is about."""
    return {(one.code, one.where) for one in checked(part, domain, bench, **more).findings}
