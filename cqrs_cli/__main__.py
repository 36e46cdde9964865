"""`cqrs` and `python -m cqrs_cli`."""

import contextlib
import gc
import os
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
        else:
            _end_data()


def _end_data() -> None:
    """What the user's code prints from now on, at exit or in a thread, is no data: it goes to standard error."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        sys.stdout.flush()
        os.dup2(2, 1)


if __name__ == "__main__":
    if not sys.flags.safe_path:  # `-m` puts the working directory first, where anybody's modules may lie
        del sys.path[0]
    sys.exit(main())
