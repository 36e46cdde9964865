"""What a page says to who reads it."""

from __future__ import annotations

import html
import re

from tests.http.served import Served

OTHERS = ("/ui/models", "/ui/processes", "/ui/commands", "/ui/domain", "/ui/sql", "/ui/static")
"""Pages of other rooms, each with tests of its own."""


def text_of(page: str) -> str:
    """The main part of a page, or a fragment, without its markup."""
    main = re.search(r"<main.*?</main>", page, re.DOTALL)
    told = re.sub(r"</?(span|i|b|a|code|small|time)\b[^>]*>", "", main[0] if main is not None else page)
    return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", told)))


def links_of(page: str, at: str) -> list[str]:
    """The addresses that a page at an address leads to, of its own room."""
    found = [html.unescape(link) for link in re.findall(r'(?:href|data-href)="([^"]+)"', page)]
    path = at.partition("?")[0]
    links = dict.fromkeys(path + link if link.startswith("?") else link for link in found)
    return [link for link in links if link.startswith("/ui/") and not link.startswith(OTHERS)]


def walk(served: Served, *starts: str, most: int = 150) -> list[str]:
    """The pages that are reached from some, at most so many, each asked for. Raises AssertionError for one that fails."""
    seen = dict.fromkeys(starts)
    waiting = list(starts)
    for at in waiting:  # which grows
        answer = served.get(at)
        assert answer.status_code == 200, f"{at}: {answer.status_code} {text_of(answer.text)[:300]}"
        new = [link for link in links_of(answer.text, at) if link not in seen][: most - len(waiting)]
        seen |= dict.fromkeys(new)
        waiting += new
    return waiting
