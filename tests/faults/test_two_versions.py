"""Runners of two versions of the code on one store, killed at random: a deployment that goes back and forth.

The versions disagree about one read model. Whoever reads it gets rows of its own code or none; what reactions answer is
answered once, whoever was up.
"""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_deployments import MODULE, Deployment

pytestmark = pytest.mark.faults

LARGE = 1_000
_SUMS = 'class Sums(Projection, key="box_id", version={}):\n    box_id: str\n    total: int = 0\n\n'
_SUMS += "    @evolve\n    def was(self, event: Was) -> None:\n        self.total += {}\n"
CHANGE = (_SUMS.format(1, 1), _SUMS.format(2, LARGE))


@pytest.mark.parametrize("seed", range(1))
def test_rows_are_of_one_code_and_answers_come_once(tmp_path: Path, seed: int) -> None:
    assert CHANGE[0] in MODULE
    chance, boxes = random.Random(seed), Deployment(tmp_path)
    boxes.write("old")
    boxes.write("new", CHANGE)
    boxes.cqrs("old", "run --once", code=3)
    boxes.cqrs("old", "send put --box-id b0")
    boxes.cqrs("old", "run --once --from @0")
    puts, runners = Counter({"b0": 1}), dict[str, subprocess.Popen[str]]()
    refused = Counter[str]()
    for _ in range(30):
        name = chance.choice(("old", "new"))
        if name in runners and (chance.random() < 0.6 or runners[name].poll() is not None):
            runners[name].send_signal(chance.choice((signal.SIGKILL, signal.SIGTERM)))
            runners.pop(name).communicate(timeout=60)
        elif name not in runners:
            runners[name] = boxes.start(name, "run", "--jsonl")
        for _ in range(chance.randint(1, 3)):
            box = f"b{chance.randrange(3)}"
            boxes.cqrs(chance.choice(("old", "new")), f"send put --box-id {box}")
            puts[box] += 1
        if chance.random() < 0.3:
            _rebuild(boxes, chance.choice(("old", "new")))
        for reader in ("old", "new"):
            refused[reader] += not _reads_its_own(boxes, reader, puts)
        time.sleep(chance.random() * 0.2)
    for process in runners.values():
        process.kill()
        process.communicate(timeout=60)
    assert refused["old"] + refused["new"] > 5, "nothing was in dispute"
    _rebuild(boxes, "new")
    boxes.cqrs("new", "run --once")
    boxes.cqrs("new", "project --check")
    rows = {row["box_id"]: row["total"] for row in _rows(boxes, "new", "sums")}
    assert rows == {box: LARGE * count for box, count in puts.items()}
    assert {row["box_id"]: row["total"] for row in _rows(boxes, "new", "counts")} == dict(puts)
    total = sum(puts.values())
    assert _count(boxes, "note-nag") == total, "each put is answered once"
    told = Counter(number for count in puts.values() for number in range(1, count + 1))
    assert {f"note-was-{number}": _count(boxes, f"note-was-{number}") for number in told} == {
        f"note-was-{number}": times for number, times in told.items()
    }
    boxes.cqrs("new", "verify")


def _rebuild(boxes: Deployment, name: str) -> None:
    """Others may rebuild or run at the same time: who loses says so."""
    process = boxes.start(name, "project", "sums", "--rebuild", "--jsonl")
    _, err = process.communicate(timeout=100)
    assert process.returncode in (0, 4), err


def _reads_its_own(boxes: Deployment, name: str, puts: Counter[str]) -> bool:
    """Whether the rows could be read, which then are those of that code; else it says that it wants a rebuild."""
    process = boxes.start(name, "query", "sums", "--jsonl")
    out, err = process.communicate(timeout=100)
    if process.returncode:
        assert "rebuild" in err, err
        return False
    for row in _lines(out):
        step = LARGE if name == "new" else 1
        assert row["total"] in range(0, (puts[row["box_id"]] + 1) * step, step), (name, row)
    return True


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def _rows(boxes: Deployment, name: str, model: str) -> list[dict[str, Any]]:
    return _lines(boxes.cqrs(name, f"query {model} --jsonl")[0])


def _count(boxes: Deployment, stream: str) -> int:
    return len(_lines(boxes.cqrs("new", f"log {stream} --jsonl")[0]))
