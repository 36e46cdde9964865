"""Signals in the middle of whatever copies: a few moments of each; tests/faults has many."""

import signal
from collections.abc import Iterator

import pytest

from tests.faults import signals

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[signals.Bench]:
    with signals.Bench(tmp_path_factory.mktemp("signals")) as opened:
        yield opened


@pytest.mark.parametrize("work", signals.WORKS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_what_a_signal_ends_leaves_nothing_half(bench: signals.Bench, work: str, number: signal.Signals) -> None:
    assert signals.at_points(bench, work, number, 6) >= 5


@pytest.mark.parametrize("work", signals.WORKS)
def test_a_signal_of_a_pipe_ends_nothing(bench: signals.Bench, work: str) -> None:
    """Whoever goes away ends what writes to them: nothing that is written elsewhere."""
    bench.clean()
    calm = bench.run(work)
    bench.clean()
    ran = bench.run(work, signal.SIGPIPE, calm.calls // 2)
    assert (ran.code, list(bench.wrong(work)), bench.is_done(work)) == (0, [], True)


@pytest.mark.parametrize("work", signals.WORKS)
def test_nobody_who_reads_what_is_said(bench: signals.Bench, work: str) -> None:
    """The work is done all the same, and is known to be when it is asked for again."""
    bench.clean()
    ran = bench.run(work, reader=False)
    assert ran.code in (0, 141)
    assert (list(bench.wrong(work)), ran.err.count("Traceback")) == ([], 0)
    assert bench.run(work).code == 0
    assert bench.is_done(work)


def test_an_export_to_a_reader_who_goes(bench: signals.Bench) -> None:
    assert bench.run("export", reader=False).code == 0  # into a file
    assert bench.run("--store shop.db export", reader=False).code == 141
    assert bench.run("--store shop.db export --format cloudevents", reader=False).code == 141
