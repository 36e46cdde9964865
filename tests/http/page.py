"""A page as a test reads it: its texts, links, forms and shell line; and what walks through pages."""

from __future__ import annotations

import html
import re
import shlex
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urlencode

import httpx

ELSEWHERE = ("/ui/static/", "/ui/sql")
"""Where no pages are, or none for everybody."""


class Page(HTMLParser):
    """A page. text: all that is read; links: where it leads; fields: of its forms, by their ids, each with its form."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer, self.status = answer, answer.status_code
        self.links: list[str] = []
        self.fields: dict[str, dict[str, str]] = {}
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._text: list[str] = []
        self._form = ""
        self._area: str | None = None
        self._select: str | None = None
        self.feed(answer.text)
        self.text = " ".join(" ".join(self._text).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a test asks for."""
        of = {name: value or "" for name, value in attrs}
        self.tags.append((tag, of))
        if "id" in of:
            self.ids.append(of["id"])
        if tag == "form":
            self._form = of.get("id", of.get("action", ""))
        if tag == "a" and "href" in of:
            self.links.append(of["href"])
        if tag in ("input", "textarea", "select") and "name" in of:
            self.fields[of.get("id", of["name"])] = of | {
                "value": of.get("value", ""),
                "tag": tag,
                "form": self._form,
            }
            self._area = of.get("id", of["name"]) if tag == "textarea" else None
            self._select = of.get("id", of["name"]) if tag == "select" else None
        if tag == "option" and self._select and "selected" in of:
            self.fields[self._select]["value"] = of.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """What ends."""
        self._area = None if tag == "textarea" else self._area
        self._select = None if tag == "select" else self._select

    def handle_data(self, data: str) -> None:
        """A text."""
        if self._area:
            before = self.fields[self._area]["value"]
            self.fields[self._area]["value"] += data if before else data.removeprefix("\n")
        self._text.append(data)

    @property
    def shell(self) -> list[str]:
        """The words of the line that shows the same, without `cqrs`."""
        [*_, line] = re.findall(r"<code tabindex=\"0\">(.*?)</code>", self.answer.text, re.DOTALL)
        found = shlex.split(html.unescape(line))
        assert found[0] == "cqrs"
        return found[1:]

    @property
    def form(self) -> dict[str, str]:
        """What a browser would send of the form `command`."""
        return {of["name"]: of["value"] for of in self.fields.values() if of["form"] == "command"}


def page(served: Any, path: str, **given: Any) -> Page:
    """A page that is there, as it is read."""
    return Page(served.get(path, **given))


def submit(served: Any, path: str, fields: dict[str, str], **given: Any) -> httpx.Response:
    """Send a form, as a browser does."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    found: httpx.Response = served.post(path, content=urlencode(fields), headers=headers, **given)
    return found


def walk(served: Any, *begin: str) -> dict[str, int]:
    """Every page that links lead to from these, with its status; those of other rooms are left out."""
    waiting, seen = list(begin), dict[str, int]()
    while waiting:
        path = urldefrag(waiting.pop())[0]
        if path in seen or not path.startswith("/ui/") or path.startswith(ELSEWHERE):
            continue
        found = Page(served.get(path))
        seen[path] = found.status
        waiting += found.links
    return seen
