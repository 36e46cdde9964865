"""How much is measured."""

from typing import NamedTuple


class Sizes(NamedTuple):
    """turns: of each contestant. streams: of 10 to 100 events each. accounts: in the large log, three events each."""

    turns: int
    single_commands: int
    batch_commands: int
    streams: int
    accounts: int
    new_events: int
    starts: int


FULL = Sizes(turns=7, single_commands=2_000, batch_commands=20_000, streams=2_000, accounts=1_000_000, new_events=1_000, starts=15)
QUICK = Sizes(turns=3, single_commands=500, batch_commands=5_000, streams=200, accounts=20_000, new_events=200, starts=4)
