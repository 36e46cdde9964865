"""`cqrs` and `python -m cqrs_cli`."""

import sys


def main() -> int:
    """Run the command line of this process; returns the exit code. Ctrl-C is silent, even during imports."""
    try:
        from cqrs_cli.cli.boundary import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
