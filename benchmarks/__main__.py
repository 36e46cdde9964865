"""`python -m benchmarks [--quick] [--markdown] [--folder DIR] [PART …]`: measure, and print what was measured."""

import argparse
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchmarks import (
    commands,
    copying,
    fulfilling,
    http,
    judging,
    looking_back,
    mirroring,
    on_a_server,
    pipeline,
    rebuilding,
    replaying,
    snapshots,
    startup,
)
from benchmarks.contest import Result
from benchmarks.folders import Folders
from benchmarks.report import circumstances, line, markdown
from benchmarks.sizes import FULL, QUICK, Sizes

PARTS: dict[str, Callable[[Folders, Sizes], Iterator[Result]]] = {
    "commands": commands.measure,
    "replaying": replaying.measure,
    "rebuilding": rebuilding.measure,
    "startup": startup.measure,
    "server": on_a_server.measure,
}
FIGURES: dict[str, Callable[[Path, Sizes], Iterable[tuple[str, str]]]] = {
    "http": http.measure,
    "fulfilling": lambda folder, sizes: fulfilling.measure(folder, sizes.orders),
    "copying": lambda folder, sizes: copying.measure(folder, sizes.long_stream),
    "mirroring": lambda folder, sizes: mirroring.measure(folder, sizes.long_stream),
    "snapshots": lambda folder, sizes: snapshots.measure(folder, sizes.long_stream),
    "judging": lambda folder, sizes: judging.measure(folder, sizes.long_stream // 2),
    "looking-back": lambda folder, sizes: looking_back.measure(folder, sizes.long_stream // 10),
    "pipeline": lambda folder, sizes: pipeline.measure(folder, sizes.long_stream // 10),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures; promises nothing.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join([*PARTS, *FIGURES])} (all)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, about a minute")
    parser.add_argument("--markdown", action="store_true", help="print the tables of docs/performance.md at the end")
    parser.add_argument("--folder", type=Path, help="where the stores are made: on the disk that is meant")
    given = parser.parse_args()
    parts: list[str] = given.parts or [*PARTS, *FIGURES]
    if unknown := set(parts) - {*PARTS, *FIGURES}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    sizes = QUICK if given.quick else FULL
    results: list[Result] = []
    kept: list[tuple[str, str]] = []
    print(circumstances(), flush=True)
    for name in parts:
        with tempfile.TemporaryDirectory(dir=given.folder, prefix="cqrs-bench-") as folder:
            if name in FIGURES:
                for what, figure in FIGURES[name](Path(folder), sizes):
                    print(f"{what:<66} {figure:>22}", flush=True)
                    kept.append((what, figure))
                continue
            for result in PARTS[name](Folders(Path(folder)), sizes):
                print(line(result), flush=True)
                results.append(result)
    if given.markdown:
        print(f"\n{markdown(results, kept)}")


if __name__ == "__main__":
    main()
