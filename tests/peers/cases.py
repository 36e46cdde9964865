"""What other stores' suites expect, as cases: each says whether it holds here, and a page is made of what they say.

holds: as the other suite wants it. differs: offered, with another meaning that was chosen. not offered: there is no
such thing. A case is written down where its test is, so the page can't say what no test has seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar

Verdict = Literal["holds", "differs", "not offered"]
F = TypeVar("F", bound=Callable[..., Any])


class Case(NamedTuple):
    """One expectation. note: how it differs, or what there is in its place; empty if it holds."""

    title: str
    verdict: Verdict
    note: str = ""

    def __str__(self) -> str:
        return self.title


class Peer:
    """Another store, with the cases of its suite in their order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cases: list[Case] = []

    @property
    def missing(self) -> list[Case]:
        """The cases without a test: what is not offered."""
        return [case for case in self.cases if case.verdict == "not offered"]

    def holds(self, title: str) -> Callable[[F], F]:
        """The test shows that it is so here, too."""
        return self._with_test(Case(title, "holds"))

    def differs(self, title: str, note: str) -> Callable[[F], F]:
        """The test shows what is so instead."""
        return self._with_test(Case(title, "differs", note))

    def not_offered(self, note: str, *titles: str) -> None:
        """There is no such thing; `note` says why, or what serves instead."""
        self.cases += [Case(title, "not offered", note) for title in titles]

    def _with_test(self, case: Case) -> Callable[[F], F]:
        self.cases.append(case)
        return lambda test: test
