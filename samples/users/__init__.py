"""Users with an e-mail that nobody else has: `cqrs --app samples.users:domain send register-user …`."""

from cqrs_cli import Domain

from .read_models import Account, UserByEmail, UsersSince
from .user import User

domain = Domain("users", User, Account, UserByEmail, UsersSince)
