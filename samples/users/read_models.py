"""Who has an account, and the rule that no two have the same e-mail."""

from datetime import datetime
from uuid import UUID

from cqrs_cli import DELETE, Delete, Page, Projection, Query, Read, Recorded, Where, evolve

from .user import AccountClosed, EmailChanged, UserRegistered


class Account(Projection, key="user_id", version=1, inline=True, unique="email", indexes="registered_at"):
    """One row an open account.

    It changes in the transaction of the command's events: a command that would give two rows the same
    e-mail is rejected, and of two that are sent at once one is. A closed account has no row, so its
    e-mail is free.
    """

    user_id: UUID
    email: str | None = None
    name: str = ""
    registered_at: datetime | None = None

    @evolve
    def registered(self, event: UserRegistered, recorded: Recorded) -> None:
        self.email = event.email
        self.name = event.name
        self.registered_at = recorded.recorded_at

    @evolve
    def email_changed(self, event: EmailChanged) -> None:
        self.email = event.email

    @evolve
    def closed(self, event: AccountClosed) -> Delete:
        return DELETE


class UserByEmail(Query[Account]):
    """The account that is reachable under an e-mail now."""

    email: str

    def run(self, read: Read) -> Account | None:
        return next(read.rows(Account, email=self.email.strip().lower()), None)


class UsersSince(Query[Account]):
    """Open accounts, the youngest first; all of them without a time."""

    since: datetime | None = None

    def run(self, read: Read) -> Page[Account]:
        where = [] if self.since is None else [Where("registered_at", ">=", self.since)]
        return read.page(Account, where=where, order="-registered_at")
