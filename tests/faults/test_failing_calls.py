"""Each system call of a command on its store fails once, or from there on: a typed error, and nothing is lost.

A sample by a fixed seed; `FAULTS=all make faults` tries every call, which takes half an hour.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import calls, power

pytestmark = pytest.mark.faults

SAMPLE = 50


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[calls.Bench]:
    reason = power.why_not()
    if reason is not None:
        pytest.skip(reason)
    with calls.Bench(tmp_path) as opened:
        yield opened


@pytest.mark.timeout(7200 if os.environ.get("FAULTS") == "all" else 900)
@pytest.mark.parametrize("command", calls.COMMANDS)
def test_a_call_that_fails(bench: calls.Bench, command: str) -> None:
    every = calls.all_calls(bench, command)
    chosen = every if os.environ.get("FAULTS") == "all" else calls.some_of(every, SAMPLE, seed=1)
    missed, wrong = list[str](), list[str]()
    for call in chosen:
        ran, found = bench.fail(call)
        missed += [] if ran.injected else [str(call)]
        wrong += [f"{call}: {one}" for one in found]
    assert not wrong, "\n".join(wrong)
    assert len(missed) < len(chosen) * 0.1, f"calls that were not made, so none failed: {missed}"
