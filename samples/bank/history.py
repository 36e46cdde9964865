"""Two days at the counter, the same whenever they are made: the log that the corpus in `histories/` is of.

python -m samples.bank.history STORE
cqrs --app samples.bank:domain corpus refresh --from STORE --sample 3 -o samples/bank/histories

A second run adds nothing.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cqrs_cli import Command, Rejected, Workbench
from cqrs_cli.errors import CqrsError

from . import domain
from .account import AgreeOnOverdraft, CloseAccount, Deposit, OpenAccount, Withdraw

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
OWNERS = ("Ada Quill", "Bob Harrow", "Cleo Marsh", "Ada Quill", "Dan Wick", "Eve Sorrel")


def commands() -> Iterator[Command]:
    """What was asked at the counter, in order; some of it was refused."""
    for number, owner in enumerate(OWNERS, 1):
        yield OpenAccount(account_id=f"a{number}", owner=owner)
        yield Deposit(account_id=f"a{number}", amount=Decimal("100.50") * number)
    for number in range(1, len(OWNERS) + 1):
        yield Withdraw(account_id=f"a{number}", amount=Decimal("20.25"), payee="rent")
    yield OpenAccount(account_id="a1", owner="Ada Quill")
    yield Withdraw(account_id="a1", amount=Decimal("500.00"))
    yield AgreeOnOverdraft(account_id="a1", overdraft=Decimal("50.00"))
    yield Withdraw(account_id="a1", amount=Decimal("130.25"), payee="garage")
    yield Withdraw(account_id="a1", amount=Decimal("0.01"))
    yield AgreeOnOverdraft(account_id="a1", overdraft=Decimal("10.00"))
    yield CloseAccount(account_id="a1")
    yield Deposit(account_id="a1", amount=Decimal("50.00"))
    yield CloseAccount(account_id="a1")
    yield Deposit(account_id="a1", amount=Decimal("1.00"))
    yield Withdraw(account_id="a2", amount=Decimal("180.76"), payee="tax")
    yield Withdraw(account_id="a2", amount=Decimal("180.75"), payee="tax")
    yield CloseAccount(account_id="a2")


def write(store: str) -> None:
    """Send all of them, minutes apart."""
    clock = NINE
    with Workbench.open(store, domain, create=True, clock=lambda: clock) as bench:
        for number, command in enumerate(commands(), 1):
            clock = NINE + number * timedelta(minutes=17)
            with suppress(Rejected):  # it is on record
                bench.send(command.with_meta(command_id=f"bank-{number:03}", timestamp=clock, user_id="teller"))


def main(words: list[str]) -> int:
    if len(words) != 1 or words[0].startswith("-"):
        print("usage: python -m samples.bank.history STORE", file=sys.stderr)
        return 2
    try:
        write(words[0])
    except CqrsError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
