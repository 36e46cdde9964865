"""`cqrs` and `python -m cqrs_cli`."""

import gc
import sys


def main() -> int:
    """Run the command line of this process; returns the exit code. Ctrl-C is silent, even during imports."""
    # Collected less often: what a batch or a fold makes is many small tuples without cycles (a fifth of its time).
    gc.set_threshold(50_000, 20, 50)
    try:
        from cqrs_cli.cli.boundary import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
