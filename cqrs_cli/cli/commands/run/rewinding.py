"""`cqrs run --rewind`: what a reaction would send again, and its new start."""

from collections import Counter
from collections.abc import Iterator

from cqrs_cli import records
from cqrs_cli.cli.options.foreign import check_pair
from cqrs_cli.cli.printing.documents import Table
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import Misuse
from cqrs_cli.log.points import parse_position

_AGAIN = ["position", "command", "data", "due_at", "becomes"]
_TOLD = {
    "new": "to be sent",
    "sent": "in the log already, not sent a second time",
    "refused": "refused, as the log has another command under the id",
    "waits": "waiting already",
    "failed": "to be tried again",
    "dropped": "dropped before, to be tried again",
}


def rewind(session: Session, name: str, to: str | None, by: str, reason: str | None, foreign: bool) -> None:
    """Show what it comes to; with somebody who stands for it (by), do it. Raises `Misuse` without."""
    position = parse_position(to or "")
    bench = session.workbench(write=bool(by), create=False)
    check_pair(session, bench, foreign)
    again = bench.rewind(name, position)
    reaction = bench.domain.reaction(name).name
    counts: Counter[str] = Counter()

    def told() -> Iterator[records.Record]:
        for one in again.commands():
            counts[one.becomes] += 1
            yield records.sent_again(one)

    session.printer.print(Table(told(), _AGAIN, members=records.SENT_AGAIN, empty="it would want nothing sent"))
    back = f"from @{again.stands} back to @{position}"
    parts = [f"{counted(counts[what], 'command')} {words}" for what, words in _TOLD.items() if counts[what]]
    session.printer.message(f"{reaction} {back}: {'; '.join(parts) or 'nothing to be sent'}")
    if not by:
        raise Misuse(
            f"nothing was changed: {reaction} stays at @{again.stands}",
            code="not-confirmed",
            reaction=reaction,
            to=position,
        )
    again.apply(by, reason)
    session.printer.message(f"{reaction} was started again {back}; the next cqrs run answers")
