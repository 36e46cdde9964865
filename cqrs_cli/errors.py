"""Every error that `cqrs` raises on purpose, with its stable code and its exit code.

    CqrsError
    ├── Rejected                1   the domain said no
    │   └── NotUnique               two rows would be equal in columns declared unique
    ├── Misuse                  2   a bad option, payload, configuration or definition
    │   ├── InvalidInput            fields that do not validate, all complaints at once
    │   ├── LimitExceeded           a payload, commit or name over a limit of the log
    │   ├── ConfigurationError      a setting that can't be read or used
    │   ├── DefinitionError         a mistake in the user's domain classes
    │   ├── NeedsRebuild            rows that were made with other code, or whose table changed
    │   └── DomainNotLoaded         the user's module can't be imported or holds no Domain
    ├── NotFound                3   stream, event, projection, query or command
    │   ├── AggregateNotFound       a command for an aggregate that is not there
    │   └── StoreNotFound           there is no store at that path or URL
    ├── Conflict                4   the expected version is not the actual one
    │   └── CommandReused           a command id used again with another body
    ├── NothingMatched          5   no row, under --fail-if-empty
    ├── StoreFailed                 what concerns the store as a whole, and every command on it
    │   ├── Damaged             6   the store is damaged or was changed
    │   └── Unavailable         7   store not reachable, locked, full, read-only, or of a newer format
    │       └── Passing             the server is away, or somebody has what is wanted: try again
    ├── Unfinished              1   of several things some could not be done
    ├── DomainFailed            8   the domain's own code raised
    └── Undecodable             8   a stored event that today's classes can't read

`code` is stable and printed as `error[code]: message`; `hint` says what helps; `details` are the
values a program would want (they end up in the JSON form of the error).
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Self


class CqrsError(Exception):
    """Base of all errors of this package: a message, a hint and a stable code.

    traceback: the part of it that is in the user's own code, if that raised. complaints: a line for each thing wrong.
    """

    code: str = "error"
    exit_code: ClassVar[int] = 70
    complaints: Sequence[str] = ()

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: str | None = None,
        traceback: str | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.message = str(message)  # a domain may raise with whatever it likes
        self.hint = hint
        self.traceback = traceback
        self.details = details
        if code is not None:
            self.code = code

    def retold(self, message: str, *, hint: str | None = None, **details: Any) -> Self:
        """The same error in other words: a copy, with its traceback and with what is known besides."""
        again = type(self).__new__(type(self))  # not by its own constructor, which may want other things
        again.__dict__.update(self.__dict__)
        again.args, again.message = (message,), message
        again.hint, again.details = hint or self.hint, self.details | details
        again.__cause__, again.__traceback__ = self.__cause__, self.__traceback__
        return again


class Rejected(CqrsError):
    """Raised by a `decide` method: a rule of the domain forbids the command. Nothing is written.

    `code` names the rule for programs (`"out-of-stock"`), the message is for people. judged_on: where a command was
    decided: the stream, its version, and the metadata that its commit would have had (JSON).
    """

    code = "rejected"
    exit_code = 1
    judged_on: tuple[str, int, str | None] | None = None


class NotUnique(Rejected):
    """Two rows of a read model would be equal in columns declared unique. An inline one rejects the command."""

    code = "not-unique"


class Misuse(CqrsError):
    """The caller asked for something that can't be: a bad option, value or combination."""

    code = "usage"
    exit_code = 2


class InvalidInput(Misuse):
    """A payload that does not validate; `complaints` holds one line for each thing wrong."""

    code = "invalid-input"

    def __init__(self, message: str, complaints: Sequence[str] = (), **details: Any) -> None:
        if complaints:
            details["complaints"] = list(complaints)
        super().__init__(message, **details)
        self.complaints = complaints


class LimitExceeded(Misuse):
    """Larger than the log takes: an event, a commit, a name, or nesting (limits: `stores.commits`, `streams`)."""

    code = "limit-exceeded"


class ConfigurationError(Misuse):
    """A setting from a flag, the environment or a file that can't be used."""

    code = "configuration"


class DefinitionError(Misuse):
    """A mistake in the user's classes; the message names class, method and remedy."""

    code = "definition"


class NeedsRebuild(Misuse):
    """Stored rows that today's code can't read or go on with: no event is to blame."""

    code = "needs-rebuild"


class DomainNotLoaded(Misuse):
    """The domain can't be imported; `traceback` is the user's own part of it, if code ran."""

    code = "domain-not-loaded"


class NotFound(CqrsError):
    """Nothing there by that name; `code` says what kind of thing was looked for."""

    code = "not-found"
    exit_code = 3


class AggregateNotFound(NotFound):
    """The command is for an aggregate that is not there, and it may not open one."""

    code = "aggregate-not-found"


class StoreNotFound(NotFound):
    """There is no store at that path or URL."""

    code = "store-not-found"


class Conflict(CqrsError):
    """The stream is not at the expected version. Read again and decide again, then retry."""

    code = "conflict"
    exit_code = 4


class CommandReused(Conflict):
    """The command id was honoured before with another type or other fields. No retry heals it."""

    code = "command-id-reused"


class NothingMatched(CqrsError):
    """No record was selected and the caller asked for that to be an error."""

    code = "nothing-matched"
    exit_code = 5


class StoreFailed(CqrsError):
    """The store as a whole, not one command or event: nothing that is tried on it goes well."""


class Damaged(StoreFailed):
    """The store is not what was written: damaged, changed by hand, or no store of ours."""

    code = "damaged"
    exit_code = 6


class Unavailable(StoreFailed):
    """The store can't be used now: locked, full, read-only, unreachable, or of a newer format.

    With code `outcome-unknown` the write may or may not have happened: send the same command id again.
    """

    code = "unavailable"
    exit_code = 7


class Passing(Unavailable):
    """What is over soon: the server is away, or somebody else has what is wanted. The same can be tried again."""


class Unfinished(CqrsError):
    """Of several things some could not be done: an answer, not a failure of the tool. It looks like the first error.

    errors: all of them. complaints: a sentence for each of the others.
    """

    exit_code = 1

    def __init__(self, errors: Sequence[CqrsError], complaints: Sequence[str] = ()) -> None:
        first = errors[0]
        details = {**first.details, "complaints": list(complaints)} if complaints else first.details
        super().__init__(first.message, hint=first.hint, code=first.code, traceback=first.traceback, **details)
        self.errors, self.complaints = tuple(errors), list(complaints)


class DomainFailed(CqrsError):
    """The user's own code raised something other than `Rejected`; `traceback` is shortened to it."""

    code = "domain-failed"
    exit_code = 8


class Undecodable(CqrsError):
    """A stored event of an unknown type, of a newer version, or that no longer fits its class."""

    code = "undecodable"
    exit_code = 8
