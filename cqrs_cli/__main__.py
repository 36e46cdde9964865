"""`cqrs` and `python -m cqrs_cli`."""

import gc
import sys

GC_THRESHOLDS = (400_000, 20, 50)
"""Garbage is looked for less often than usual: what batches and folds make is many small objects without cycles.

A fifth of the time of a batch, a quarter of that of a rebuild. For this process only: not for a library to decide.
"""


def main() -> int:
    """Run the command line of this process; returns the exit code. Ctrl-C is silent, even during imports."""
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        from cqrs_cli.cli.shell import plugin_search
        from cqrs_cli.cli.shell.boundary import run

        plugin_search.shorten()
        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130
    finally:
        if "cqrs_cli.loading" not in sys.modules:  # no code of the user's ran that leaves something to be tidied up
            gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
