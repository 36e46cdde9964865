"""A domain that is changed: its text, a history of it, and the folder of a repository that has both."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Domain, Rejected, Workbench
from cqrs_cli.checking.impact import impact
from cqrs_cli.checking.material import Material
from cqrs_cli.history.impact import Impact
from cqrs_cli.loading import load_domain
from tests.checking.materials import silent

MODULE = "changing_till"
TEXT = """
from datetime import UTC, datetime
from decimal import Decimal
from cqrs_cli import *

class Open(Command):
    till_id: str
    words: list[str] = []

class Pay(Command):
    till_id: str
    amount: Decimal

class Opened(Event):
    words: list[str] = []

class Paid(Event):
    amount: Decimal

class Till(Aggregate, key="till_id"):
    till_id: str
    total: Decimal = Decimal(0)
    first: str = ""

    @decide(creates=True)
    def open(self, command: Open) -> Opened:
        return Opened(words=command.words)

    @decide
    def pay(self, command: Pay) -> Paid:
        if command.amount > 100:
            raise Rejected("too much", code="limit")
        return Paid(amount=command.amount)

    @evolve
    def opened(self, event: Opened) -> None:
        self.first = event.words[0]

    @evolve
    def paid(self, event: Paid) -> None:
        self.total += event.amount

class Takings(Projection, key="till_id"):
    till_id: str
    payments: int = 0

    @evolve
    def paid(self, event: Paid) -> None:
        self.payments += 1

domain = Domain("tills", Till, Takings, journal_rejections=True)
"""
WORDS = [f"word-{number}" for number in range(50)]


class Repository:
    """A folder with a store and its domain, which is committed."""

    def __init__(self, top: Path, monkeypatch: pytest.MonkeyPatch, below: str = "") -> None:
        self.top, self.folder, self._monkeypatch = top, top / below, monkeypatch
        self.folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        self.store = top.parent / f"{top.name}.db"
        self.write(TEXT)
        self.git("init", "-q", "-b", "main")
        self.commit()
        with Workbench.open(self.store, self.domain()) as bench:
            self.fill(bench)

    def git(self, *words: str, at: Path | None = None) -> str:
        who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
        ran = subprocess.run(
            ["git", "-C", str(at or self.top), *who, *words], check=True, capture_output=True, text=True
        )
        return ran.stdout

    def commit(self) -> None:
        """Commit the folder as it is now."""
        self.git("add", "-A", ".")
        self.git("commit", "-qm", "as it is", "--allow-empty")

    def write(self, text: str, name: str = MODULE) -> None:
        (self.folder / f"{name}.py").write_text(text)

    def read(self) -> str:
        return (self.folder / f"{MODULE}.py").read_text()

    def change(self, *pairs: tuple[str, str]) -> None:
        """Change the text of the domain."""
        text = TEXT
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        self.write(text)

    def domain(self) -> Domain:
        """The domain as it stands in the folder now."""
        self._monkeypatch.setattr(sys, "dont_write_bytecode", True)
        self._monkeypatch.setattr(sys, "path", list(sys.path))
        self._monkeypatch.delitem(sys.modules, MODULE, raising=False)
        found = load_domain(f"{MODULE}:domain", self.folder)
        self._monkeypatch.delitem(sys.modules, MODULE, raising=False)
        return found

    @staticmethod
    def fill(bench: Workbench) -> None:
        """Two tills with three payments, and one that was refused."""
        commands: dict[str, Any] = {**bench.domain.commands}
        for till in ("a", "b"):
            bench.send(commands["Open"](till_id=till, words=WORDS))
        for till, amount in (("a", 10), ("b", 60), ("a", 5)):
            bench.send(commands["Pay"](till_id=till, amount=Decimal(amount)))
        with pytest.raises(Rejected):
            bench.send(commands["Pay"](till_id="a", amount=Decimal(500)))

    def impact(self, against: str = "git:main", **more: Any) -> Impact:
        """What the folder's code comes to, beside other code."""
        with Workbench.open(self.store, self.domain(), read_only=True) as bench:
            material = Material(bench.domain, f"{MODULE}:domain", self.folder, bench, "", silent)
            material = material._replace(store=str(self.store))
            return impact(material, bench, against, **more)

    def effects(self, *pairs: tuple[str, str], **more: Any) -> set[tuple[str, str, str, int]]:
        """What a change of the text comes to: kind, name, verdict and number of each."""
        self.change(*pairs)
        return {(one.kind, one.name, one.verdict, one.number) for one in self.impact(**more).effects}
