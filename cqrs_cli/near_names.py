"""Which names may have been meant by one that there is not."""

from collections.abc import Sequence

_AS_NEAR = 0.1
"""How much farther than the nearest another may be and still be meant."""


def did_you_mean(name: str, known: Sequence[str], count: int = 3) -> str | None:
    """`did you mean 'log'?` or None if nothing is near. One or two letters are near to too much."""
    if len(name) < 3:
        return None
    import difflib  # only a mistake needs it

    near = difflib.get_close_matches(name, known, count, 0.6)
    nearness = [difflib.SequenceMatcher(None, match, name).ratio() for match in near]
    near = [match for match, ratio in zip(near, nearness, strict=True) if ratio > nearness[0] - _AS_NEAR]
    return f"did you mean {' or '.join(repr(match) for match in near)}?" if near else None
