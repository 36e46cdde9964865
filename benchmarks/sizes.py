"""How much is measured."""

from typing import NamedTuple


class Sizes(NamedTuple):
    """turns: of each contestant; single commits have more, for the disk is moody.

    streams: of 10 to 100 events. accounts: of the large log, with three events each. served_seconds: of a turn of
    requests; served_events: of the log that is looked at over HTTP.
    """

    turns: int
    single_turns: int
    single_commands: int
    batch_commands: int
    streams: int
    accounts: int
    fewer_accounts: int
    new_events: int
    starts: int
    long_stream: int
    orders: int
    server_commits: int
    served_seconds: float
    served_events: int


FULL = Sizes(
    turns=5,
    single_turns=15,
    single_commands=2_000,
    batch_commands=60_000,
    streams=2_000,
    accounts=1_000_000,
    fewer_accounts=250_000,
    new_events=1_000,
    starts=15,
    long_stream=100_000,
    orders=1_000,
    server_commits=300,
    served_seconds=5,
    served_events=1_000_000,
)
QUICK = Sizes(
    turns=3,
    single_turns=5,
    single_commands=500,
    batch_commands=5_000,
    streams=200,
    accounts=160_000,
    fewer_accounts=120_000,
    new_events=200,
    starts=4,
    long_stream=10_000,
    orders=200,
    server_commits=100,
    served_seconds=1,
    served_events=50_000,
)
