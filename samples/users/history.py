"""Writes a few old commits into a store, as version 1 of the users domain would have left them.

python -m samples.users.history STORE

Three people registered when `UserRegistered` was at version 1 (`mail` as it was typed); one has given
her e-mail up since, and another took it. Today's code reads all of it through the upcaster. The commits
go in through the store's contract, as an import does, with ids of their own: a second run adds nothing.
"""

import json
import sys
from uuid import UUID

from cqrs_cli.errors import CqrsError
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.registry import open_store

ADA = UUID("a0000000-0000-4000-8000-000000000001")
BOB = UUID("b0000000-0000-4000-8000-000000000002")
EVE = UUID("e0000000-0000-4000-8000-000000000003")

HISTORY = (
    (ADA, "UserRegistered", {"mail": "Team@Example.org", "name": "Ada"}),
    (BOB, "UserRegistered", {"mail": " bob@example.org", "name": "Bob"}),
    (ADA, "EmailChanged", {"email": "ada@example.org"}),
    (BOB, "EmailChanged", {"email": "team@example.org"}),
    (EVE, "UserRegistered", {"mail": "EVE@example.org", "name": "Eve"}),
)


def commits() -> list[Commit]:
    """The old commits, an event each; `UserRegistered` and `EmailChanged` were both at version 1."""
    return [
        Commit(f"users-history-{number}", (NewEvent(f"user-{user}", kind, 1, json.dumps(fields).encode()),))
        for number, (user, kind, fields) in enumerate(HISTORY, 1)
    ]


def main(words: list[str]) -> int:
    if len(words) != 1 or words[0].startswith("-"):
        print("usage: python -m samples.users.history STORE", file=sys.stderr)
        return 2
    try:
        with open_store(words[0], create=True) as store:
            receipts = store.append_many([Append(commit) for commit in commits()])
    except CqrsError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    failed = [receipt for receipt in receipts if isinstance(receipt, CqrsError)]
    for each in failed:
        print(f"error: {each.message}", file=sys.stderr)
    written = sum(not isinstance(receipt, CqrsError) and not receipt.duplicate for receipt in receipts)
    print(f"{written} of {len(receipts)} old commits written", file=sys.stderr)
    return failed[0].exit_code if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
