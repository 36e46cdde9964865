"""Requests made of the OpenAPI document by schemathesis: no answer may be a failure of ours, or not as it is told.

It comes with the extra `fuzz` (`make fuzz`), as it wants a newer pytest than the tests do.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.http.programs import program

HERE = find_spec("schemathesis") is not None
CASES = int(os.environ.get("FUZZ_CASES", "25"))
"""Of each operation."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not HERE, reason="schemathesis is not here: pip install -e '.[fuzz]'")
@pytest.mark.parametrize("app", ["samples.orders:domain", "samples.retail:domain", "samples.users:domain"])
def test_no_request_breaks_it(tmp_path: Path, app: str) -> None:
    # Texts in a URL are read leniently, as options are: a number may be a time.
    # What waits for a position that never comes is answered 503, as it is told; lines of JSON are no body that it makes.
    (tmp_path / "schemathesis.toml").write_text(
        '[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx", 503]\n'
    )
    with program(tmp_path, app=app) as server:
        words = ["run", f"{server.url}/openapi.json", "--url", server.url, "--max-examples", str(CASES),
                 "--phases", "coverage,fuzzing", "--generation-deterministic", "--no-color",
                 "--exclude-checks", "positive_data_acceptance,negative_data_rejection,unsupported_method,missing_required_header",
                 "--exclude-operation-id", "commands-batch"]  # fmt: skip
        command = [sys.executable, "-m", "schemathesis.cli", *words]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=580)
        assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
        code, said = server.end()
    assert (code, "Traceback" in said) == (0, False), said[-3000:]
