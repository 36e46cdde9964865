"""Pairs as the K=V grammar writes them."""


def format_pairs(pairs: list[tuple[str, str]]) -> str:
    """A text that `parse_pairs` reads back as these pairs."""
    return ",".join(f"{_quote(key)}={_quote(value)}" for key, value in pairs)


def _quote(text: str) -> str:
    plain = not text.startswith(('"', "'", " ")) and not text.endswith(" ")
    if text and plain and not any(letter in ",=\\" for letter in text):
        return text
    escaped = "".join("\\" + letter if letter in '\\"' else letter for letter in text)
    return f'"{escaped}"'
