"""Words that stand in links for texts nobody may read: who has the key opens them, and nothing has to be kept.

A word is the text, encrypted and authenticated by AES-SIV (RFC 5297): the same for the same text, and of no use when a
letter of it is changed. So links go on after a restart, and in each of several processes, if their key is the same.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX = "m-"
_BLOCK = 32


class Seals:
    """Seals texts under a key, which is any bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(HKDF(SHA256(), length=64, salt=None, info=b"cqrs links").derive(key))

    def word(self, text: str) -> str:
        """What means the text: `m-` and letters, digits, `-` and `_`. It tells the length, in steps of 32 bytes."""
        plain = text.encode("utf-8", "surrogatepass") + b"\x80"
        plain += bytes(-len(plain) % _BLOCK)
        return PREFIX + urlsafe_b64encode(self._cipher.encrypt(plain, None)).rstrip(b"=").decode()

    def text(self, word: str) -> str | None:
        """What a word means; None for one that was not made with this key."""
        if not word.startswith(PREFIX):
            return None
        try:
            plain = self._cipher.decrypt(urlsafe_b64decode(word[len(PREFIX) :].encode() + b"=="), None)
        except (ValueError, InvalidTag):
            return None
        return plain.rstrip(b"\0")[:-1].decode("utf-8", "surrogatepass")
