"""Which names may have been meant by one that there is not."""

from collections.abc import Sequence


def did_you_mean(name: str, known: Sequence[str], count: int = 3) -> str | None:
    """`did you mean 'log'?` or None if nothing is near."""
    import difflib  # only a mistake needs it

    near = difflib.get_close_matches(name, known, count, 0.6)
    return f"did you mean {' or '.join(repr(match) for match in near)}?" if near else None
