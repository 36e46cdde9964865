"""`python -m benchmarks.shell_child FILE WORD…`: what `cqrs WORD…` does; then seconds and memory, as JSON, in FILE."""

import gc
import json
import sys
import time
from pathlib import Path

from benchmarks.rebuild_child import peak_mib
from cqrs_cli.__main__ import GC_THRESHOLDS
from cqrs_cli.cli.shell import boundary, plugin_search


def main(file: str, words: list[str]) -> int:
    gc.set_threshold(*GC_THRESHOLDS)  # as in the process of `cqrs`
    plugin_search.shorten()
    code = boundary.run(words)
    Path(file).write_text(json.dumps({"seconds": time.process_time(), "peak_mib": peak_mib()}))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
