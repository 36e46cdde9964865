"""Accounts of a bank: `cqrs --app samples.bank:domain send open-account …`.

`histories/` is a corpus of it: accounts that show all that can happen, and what was refused. A change of a rule is
tried on them by `cqrs --app samples.bank:domain --store samples/bank/histories rehearse`.
"""

from cqrs_cli import Domain

from .account import Account
from .read_models import AccountBalance, Owners

domain = Domain("bank", Account, AccountBalance, Owners, journal_rejections=True)
