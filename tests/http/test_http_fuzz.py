"""Requests made of the OpenAPI document by schemathesis: no answer may be a failure of ours, or not as it is told.

It comes with the extra `fuzz` (`make fuzz`), as it wants a newer pytest than the tests do. All of its checks are on but
one, whose place `what_fits_is_taken` in `fuzz_hooks` has: it would take a rule's 400 for a fault.
"""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.http.programs import program

HERE = find_spec("schemathesis") is not None
CASES = int(os.environ.get("FUZZ_CASES", "25"))
"""Of each operation."""
SETTINGS = f"""
hooks = "{Path(__file__).with_name("fuzz_hooks.py")}"

# What waits for a position that never comes, or for one of two jobs to end, is answered 503, as it is told.
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503]

[checks.positive_data_acceptance]
enabled = false

# Only the links of the document are walked, no guessed ones.
[phases.stateful.inference]
algorithms = []

# A batch is answered with a line for each of its lines: what one means nothing by is told there, with 200.
[[operations]]
include-operation-id = "commands-batch"
[operations.checks.negative_data_rejection]
enabled = false
"""
ALL = ["--phases", "coverage,fuzzing,stateful"]
# From the key of what was opened to all that takes it. Alone, for schemathesis thinks that who has a key can't begin.
WALK = [
    "--phases",
    "stateful",
    "--mode",
    "positive",
    "--include-path-regex",
    "^/(commands/|aggregates/|trace/|events/)",
]
DOMAINS = ["samples.orders.fulfilment:domain", "samples.retail:domain", "samples.users:domain", "tests.zoo:domain"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not HERE, reason="schemathesis is not here: pip install -e '.[fuzz]'")
@pytest.mark.parametrize("words", [ALL, WALK], ids=["all", "walk"])
@pytest.mark.parametrize("app", DOMAINS)
def test_no_request_breaks_it(tmp_path: Path, app: str, words: list[str]) -> None:
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    with program(tmp_path, app=app, module="tests.http.fuzz_server") as server:
        # U+0000 is in no text here, which a schema could only say with a pattern for each.
        given = ["run", f"{server.url}/openapi.json", "--url", server.url, "--max-examples", str(CASES), *words,
                 "--generation-deterministic", "--generation-allow-x00", "false", "--no-color"]  # fmt: skip
        command = [sys.executable, "-m", "schemathesis.cli", *given]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=580)
        assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
        assert int(re.findall(r"(\d+) generated", ran.stdout)[0]) > CASES, "nothing was asked"
        code, said = server.end()
    assert (code, "Traceback" in said) == (0, False), said[-3000:]
