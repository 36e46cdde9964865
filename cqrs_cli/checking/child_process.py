"""Another Python that is given a task and tells what came of it, line by line; it never outlives this one."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from cqrs_cli.errors import DomainFailed
from cqrs_cli.passing import passing_folder

END = ["end"]
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)


@contextmanager
def told_by(
    module: str, task: Mapping[str, Any], environ: Mapping[str, str], what: str, hint: str
) -> Iterator[Iterator[Any]]:
    """The lines of JSON that the `main` of a module tells in another process, up to `END`.

    task: what it is to do, see `task`; `place`: a folder for what is made for the time, else the system's. environ:
    its variables. what: what it is called if it ends before it is done, which raises `DomainFailed` with the hint. What
    it puts into folders for temporary files goes with it.
    """
    words = [sys.executable, "-P", "-c", _CHILD, json.dumps(sys.path), module]
    with passing_folder("cqrs-child-", task.get("place")) as scratch, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            words,
            env={**environ, "TMPDIR": scratch},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # why it ended is told where its answer is missed
                # Not among the words: others see those, and the address of a store may have a password. It stays open:
                # its end says that this process is gone.
                process.stdin.write(json.dumps({**task, "scratch": scratch}).encode() + b"\n")
                process.stdin.flush()
            yield _told(process, errors, what, hint)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()  # not read to its end, which a program that the user's code started may hold open


def _told(process: subprocess.Popen[bytes], errors: IO[bytes], what: str, hint: str) -> Iterator[Any]:
    assert process.stdout is not None
    for text in process.stdout:
        line = json.loads(text)
        if line == END:
            return
        yield line
    code = process.wait()
    errors.seek(0)
    last = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
    raise DomainFailed(f"{what} ended with {code}: {last}", hint=hint)
