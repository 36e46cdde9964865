"""Who signed in on a page: a cookie that is signed with a key made of the token, and holds for half a day."""

from __future__ import annotations

import hashlib
import hmac
import time
from http.cookies import CookieError, SimpleCookie

COOKIE = "cqrs_session"
LASTS = 12 * 3600
"""Seconds."""


class Sessions:
    """Sessions of the people who know a token. Several processes with one token take each other's."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._key = hmac.new(self._token, b"cqrs session", hashlib.sha256).digest()

    def begun(self, given: str) -> str | None:
        """The value of the cookie for who gave the token; None if it is another."""
        if not hmac.compare_digest(given.encode(errors="replace"), self._token):
            return None
        end = str(int(time.time()) + LASTS)
        return f"{end}.{self._signed(end)}"

    def hold(self, header: str) -> bool:
        """Whether a header `Cookie` holds a session that goes on."""
        try:
            found = SimpleCookie(header).get(COOKIE)
        except CookieError:
            return False
        end, _, signature = ("" if found is None else found.value).partition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self._signed(end).encode()):
            return False
        return time.time() < int(end)

    def _signed(self, end: str) -> str:
        return hmac.new(self._key, end.encode(errors="replace"), hashlib.sha256).hexdigest()
