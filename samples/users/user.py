"""A user: registered, reachable under one e-mail, and gone some day.

Whether an e-mail is free is no business of one user: see `read_models.Account`, which is unique in it.
"""

from typing import Annotated, Any
from uuid import UUID

from pydantic import StringConstraints

from cqrs_cli import Aggregate, Command, Event, Rejected, decide, evolve

Email = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

# ── commands ──────────────────────────────────────────────────────────────────────────────────


class RegisterUser(Command):
    """Open an account; it gets its id here. The e-mail must be free."""

    email: Email
    name: Name


class ChangeEmail(Command):
    """Be reachable under another e-mail, which must be free; the old one becomes free."""

    user_id: UUID
    email: Email


class CloseAccount(Command):
    """Leave; the e-mail becomes free."""

    user_id: UUID


# ── events ────────────────────────────────────────────────────────────────────────────────────


def as_written_before_2(event: dict[str, Any]) -> dict[str, Any]:
    """Version 1 called the e-mail `mail` and kept it as it was typed, capitals and all."""
    mail = event.pop("mail")
    return {**event, "email": mail.strip().lower()}


class UserRegistered(Event, version=2, upcasters={1: as_written_before_2}):
    email: str
    name: str


class EmailChanged(Event):
    email: str


class AccountClosed(Event):
    pass


# ── state and rules ───────────────────────────────────────────────────────────────────────────


class User(Aggregate):
    """Somebody with an account."""

    user_id: UUID
    email: str = ""
    name: str = ""
    closed: bool = False

    @decide(creates=True)
    def register(self, command: RegisterUser) -> UserRegistered:
        return UserRegistered(email=command.email, name=command.name)

    @decide
    def change_email(self, command: ChangeEmail) -> EmailChanged | None:
        if self.closed:
            raise Rejected("the account is closed", code="account-closed")
        return None if command.email == self.email else EmailChanged(email=command.email)

    @decide
    def close(self, command: CloseAccount) -> AccountClosed | None:
        return None if self.closed else AccountClosed()

    @evolve
    def registered(self, event: UserRegistered) -> None:
        self.email = event.email
        self.name = event.name

    @evolve
    def email_changed(self, event: EmailChanged) -> None:
        self.email = event.email

    @evolve
    def account_closed(self, event: AccountClosed) -> None:
        self.closed = True
