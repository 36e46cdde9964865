"""What a check found."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cqrs_cli.errors import CqrsError


class Finding(NamedTuple):
    """Something a check found. code: stable. where: what it is about.

    severity: `error` and `warning` fail the check, `note` is worth knowing.
    """

    code: str
    severity: str
    where: str
    message: str
    hint: str | None = None

    @property
    def fails(self) -> bool:
        """Whether the answer is no because of it."""
        return self.severity != "note"


class Spot(NamedTuple):
    """A line of a file, where something stands that is no class and no function."""

    file: str
    line: int


class Checked(NamedTuple):
    """What came of one part of a check.

    looked_at: what there was, counted, in words; empty if there was nothing, and `nothing` says why.
    subjects: all that was looked at, found or not, by the names that findings have in `where`: a class or a function
    where there is one, or a `Spot`. rows: what was counted or compared, a record each, JSON-ready; all of one part have
    the same members. paste: code to be pasted into the domain, by the name of what it is for.
    """

    part: str
    findings: Sequence[Finding] = ()
    looked_at: str = ""
    nothing: str = ""
    subjects: Mapping[str, Any] = {}
    rows: Sequence[Mapping[str, Any]] = ()
    paste: Mapping[str, str] = {}

    @property
    def ok(self) -> bool:
        """Whether nothing that fails was found; also where there was nothing to look at."""
        return not any(one.fails for one in self.findings)


class Verdict(NamedTuple):
    """What came of one check of several. part: which of them it belongs to. error: why it could not be made."""

    part: str
    checked: Checked
    seconds: float
    error: CqrsError | None = None

    @property
    def name(self) -> str:
        """What was checked: `check lock`."""
        return self.checked.part

    @property
    def word(self) -> str:
        """The verdict: `passed`, `failed`, `nothing` (there was nothing to look at), or `error`."""
        if self.error is not None:
            return "error"
        if not self.checked.ok:
            return "failed"
        return "passed" if self.checked.looked_at else "nothing"

    @property
    def why(self) -> str | None:
        """Why nothing was looked at; None if something was."""
        if self.error is not None:
            return self.error.message
        return None if self.checked.looked_at else self.checked.nothing
