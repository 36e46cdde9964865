"""The log of accounts with a history: what it promises to who looks back in it."""

from pathlib import Path

from benchmarks.bank import domain
from benchmarks.history import LEAST_EVENTS, MOST_EVENTS, lengths_of, write_lived
from cqrs_cli import Workbench
from cqrs_cli.stores.registry import open_store


def test_lengths_are_within_their_bounds_and_sum_up() -> None:
    counts = lengths_of(2_000, 100_000)
    assert (len(counts), sum(counts)) == (2_000, 100_000)
    assert LEAST_EVENTS <= min(counts) < 25
    assert 95 < max(counts) <= MOST_EVENTS


def test_accounts_live_side_by_side_over_a_year(tmp_path: Path) -> None:
    for name in ("a.db", "b.db"):
        with open_store(str(tmp_path / name), create=True) as store:
            write_lived(store, 20, 1_000)
    with Workbench.open(tmp_path / "a.db", domain) as bench, open_store(str(tmp_path / "b.db")) as again:
        events = list(bench.log())
        assert [event.data for event in events] == [event.data for event in again.scan()]
        assert (len(events), len({event.stream for event in events})) == (1_000, 20)
        assert events[0].recorded_at.year == events[-1].recorded_at.year == 2026
        assert len({event.user_id for event in events}) == 7
        assert len({event.stream for event in events[:20]}) > 5
        assert all(state.version >= LEAST_EVENTS for state in bench.replay_all())
