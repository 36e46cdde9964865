"""Words that stand in links for texts nobody may read: who has the key opens them, and nothing has to be kept.

A word holds the text, encrypted under the key (a synthetic IV, as in RFC 5297, of HMAC-SHA-256 and SHAKE256): the same
for the same text, and of no use when a letter of it is changed. So links go on after a restart, and in each of several
processes, if their key is the same.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import shake_256

PREFIX = "m-"
_IV, _BLOCK = 16, 32


class Seals:
    """Seals texts under a key, which is any bytes."""

    def __init__(self, key: bytes) -> None:
        self._iv_key, self._text_key = (hmac.digest(key, name, "sha256") for name in (b"seal iv", b"seal text"))

    def word(self, text: str) -> str:
        """What means the text: `m-` and letters, digits, `-` and `_`. It tells the length, in steps of 32 bytes."""
        plain = text.encode("utf-8", "surrogatepass") + b"\x80"
        plain += bytes(-len(plain) % _BLOCK)
        iv = self._iv(plain)
        return PREFIX + urlsafe_b64encode(iv + self._turned(iv, plain)).rstrip(b"=").decode()

    def text(self, word: str) -> str | None:
        """What a word means; None for one that was not made with this key."""
        if not word.startswith(PREFIX):
            return None
        try:
            found = urlsafe_b64decode(word[len(PREFIX) :].encode() + b"==")
        except ValueError:
            return None
        plain = self._turned(found[:_IV], found[_IV:])
        if not hmac.compare_digest(self._iv(plain), found[:_IV]):
            return None
        return plain.rstrip(b"\0")[:-1].decode("utf-8", "surrogatepass")

    def _iv(self, plain: bytes) -> bytes:
        return hmac.digest(self._iv_key, plain, "sha256")[:_IV]

    def _turned(self, iv: bytes, text: bytes) -> bytes:
        """Encrypted what is plain, plain what is encrypted."""
        stream = shake_256(self._text_key + iv).digest(len(text))
        return bytes(one ^ other for one, other in zip(text, stream, strict=True))
