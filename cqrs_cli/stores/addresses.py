"""Where a store is, as it may be shown: without the password that its URL may hold."""

from __future__ import annotations

import re

MASK = "***"
_SHORTEST = 4
"""Letters of a secret that is looked for in other texts: a shorter one would be found everywhere."""
# Compiled when they are wanted, which for the path of a file they are not.
_USER = r"(?s)^([^:/]+://[^:@/]*:)(.*)(?=@)"
_PAIRS = r"(?:^|[\s/])(?:(?:host|hostaddr|port|dbname|user|passfile|service)\s*=\s*\S+\s+\w+\s*=|password\s*=)"
_PARAMETER = r"(?i)((?:pass|pwd|secret|token|key)\w*\s*=\s*)('[^']*'|[^&;#\s]+)"


def is_pairs(text: str) -> bool:
    """Whether it is what other programs of PostgreSQL take for an address: `host=db user=ada password=…`."""
    return "=" in text and "://" not in text and re.search(_PAIRS, text) is not None


def shown(url: str) -> str:
    """The URL with its password as `***`, and so the value of a parameter that is called like one; a path as it is."""
    scheme = url.partition(":")[0]
    if "@" not in url and "=" not in url:
        return url
    if (scheme in ("sqlite", "file", url) or "/" in scheme) and not is_pairs(url):
        return url
    return re.sub(_PARAMETER, rf"\1{MASK}", re.sub(_USER, rf"\1{MASK}", url))


def without_secrets(text: str, url: str) -> str:
    """A text in which somebody may have quoted the URL, or the password alone."""
    if shown(url) == url:
        return text
    text = text.replace(url, shown(url))
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _secrets(url: str) -> set[str]:
    from urllib.parse import unquote

    matches = (re.search(_USER, url), *re.finditer(_PARAMETER, url))
    found = [match.group(2) for match in matches if match is not None]
    either = {each for one in found for each in (one, unquote(one), one.strip("'"))}
    return {one for one in either if len(one) >= _SHORTEST}
