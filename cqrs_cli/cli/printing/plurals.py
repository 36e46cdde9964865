"""Counts as people write them: `1 row`, `2,000 rows`."""


def counted(count: int, noun: str) -> str:
    """The number with its noun, in the plural where it must be; for nouns that take an s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
