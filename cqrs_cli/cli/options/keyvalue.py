r"""The K=V grammar: `name='Pen, red',quantity=2,note=a\,b`.

    pairs = pair *( "," pair )
    pair  = key "=" value           split at the first `=`; the rest of the value may hold more of them
    key   = text                    spaces around it don't count
    value = quoted / text           text ends at the next comma that is not escaped

A value (or key) that begins with `"` or `'` ends at the next such quote; elsewhere quotes are letters
(`O'Brien`). A backslash makes the next `,` `=` `\` `"` `'` a plain letter, and is itself one before
anything else (`C:\temp`). Values stay texts: `007` keeps its zeros.
"""

_QUOTES = "\"'"
COMMA = """a comma begins the next pair; one inside of a value is \\, or in quotes that the shell leaves: 'k="a, b"'"""
_ESCAPABLE = ",=\\" + _QUOTES


class KeyValueError(ValueError):
    """The text is no K=V list. what: says why; the message says also what was found, which may be a secret."""

    def __init__(self, what: str, found: str | None = None, hint: str = "") -> None:
        super().__init__(what + ("" if found is None else f", found {found!r}") + hint)
        self.what = what + hint


def parse_pairs(text: str) -> list[tuple[str, str]]:
    """The pairs in order, repeated keys included. Raises `KeyValueError`."""
    pairs, position = [], 0
    while True:
        key, position = _key(text, position)
        value, position = _value(text, position)
        pairs.append((key, value))
        if position == len(text):
            return pairs
        position += 1


def _key(text: str, start: int) -> tuple[str, int]:
    while start < len(text) and text[start] == " ":
        start += 1
    if text[start : start + 1] in (*_QUOTES,):
        key, end = _quoted(text, start)
    else:
        key, end = _plain(text, start, ",=")
        key = key.strip(" ")
    if end == len(text) or text[end] != "=":
        shown = text[start:end] or text[start:]
        missing = "a key=value is missing after a comma" if text.strip() else "expected key=value, found an empty text"
        comma = f"; {COMMA}" if text[:start].strip(" ") else ""
        raise KeyValueError("expected key=value", shown, comma) if shown else KeyValueError(missing + comma)
    if not key:
        raise KeyValueError("a key is missing before a value", text[end : end + 20])
    return key, end + 1


def _value(text: str, start: int) -> tuple[str, int]:
    if text[start : start + 1] not in (*_QUOTES,):
        return _plain(text, start, ",")
    value, end = _quoted(text, start)
    if end < len(text) and text[end] != ",":
        raise KeyValueError("expected a comma after the closing quote", text[end : end + 20])
    return value, end


def _plain(text: str, start: int, stops: str) -> tuple[str, int]:
    letters = []
    while start < len(text) and text[start] not in stops:
        if text[start] == "\\" and start + 1 < len(text) and text[start + 1] in _ESCAPABLE:
            start += 1
        letters.append(text[start])
        start += 1
    return "".join(letters), start


def _quoted(text: str, start: int) -> tuple[str, int]:
    quote = text[start]
    content, end = _plain(text, start + 1, quote)
    if end == len(text):
        raise KeyValueError(f"the quote {quote} is never closed", text[start : start + 20])
    return content, end + 1
