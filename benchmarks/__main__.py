"""`python -m benchmarks [--quick] [--markdown] [--folder DIR] [commands|replaying|rebuilding|startup …]`."""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import commands, rebuilding, replaying, startup
from benchmarks.contest import Result
from benchmarks.folders import Folders
from benchmarks.report import circumstances, line, markdown
from benchmarks.sizes import FULL, QUICK, Sizes

PARTS: dict[str, Callable[[Folders, Sizes], Iterator[Result]]] = {
    "commands": commands.measure,
    "replaying": replaying.measure,
    "rebuilding": rebuilding.measure,
    "startup": startup.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures; promises nothing.")
    parser.add_argument("parts", nargs="*", metavar="part", choices=[*PARTS, []], help=f"{', '.join(PARTS)} (all)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, under a minute")
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/performance.md at the end")
    parser.add_argument("--folder", type=Path, help="where the stores are made: on the disk that is meant")
    given = parser.parse_args()
    sizes = QUICK if given.quick else FULL
    print(circumstances(), flush=True)
    results = []
    for name in given.parts or PARTS:
        with tempfile.TemporaryDirectory(dir=given.folder, prefix="cqrs-bench-") as folder:
            for result in PARTS[name](Folders(Path(folder)), sizes):
                print(line(result), flush=True)
                results.append(result)
    if given.markdown:
        print(f"\n{markdown(results)}")


if __name__ == "__main__":
    main()
