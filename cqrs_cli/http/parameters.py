"""What a request asks in its URL and headers, read strictly: what means nothing is refused, with where it stands."""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.requests import Request

from cqrs_cli.errors import InvalidInput, Misuse
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.workbench.outcome import Expect

MOST_ROWS = 1_000
AT = "at="
"""How a point in the past is written here."""
MOST_VERSIONS = 10**8
_POSITION = re.compile("@?(0|[1-9][0-9]{0,12})")
_VERSION = re.compile('(?:W/)?"?(0|[1-9][0-9]{0,9})"?')
_TRACE_PARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]*)?")
_TEXT = re.compile("[!-~]([ -~]*[!-~])?")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_LONGEST = 200


class Parameters:
    """The parameters of a request's URL. Raises `InvalidInput` for one that is none of `known`; None takes all."""

    def __init__(self, request: Request, known: Collection[str] | None) -> None:
        self._given = request.query_params
        for name in self._given if known is not None else ():
            if name not in (known or ()):
                near = did_you_mean(name, sorted(known or ()), 1)
                takes = f"known are {', '.join(sorted(known or ()))}" if known else "it takes none"
                raise invalid(name, f"there is no parameter {name[:40]!r} here", near or takes)

    def one(self, name: str) -> str | None:
        """The text of a parameter that may stand once; an empty one is refused."""
        found = self._given.getlist(name)
        if len(found) > 1:
            raise invalid(name, f"{name} is given {len(found)} times", "give it once")
        if found and not found[0]:
            raise invalid(name, f"{name} is empty", "leave it out")
        if found and "\0" in found[0]:
            raise invalid(name, f"{name} holds U+0000")
        return found[0] if found else None

    def text(self, name: str) -> str | None:
        """A text of any letters, line breaks too."""
        return self._given.get(name)

    def many(self, name: str) -> list[str]:
        """The texts of a parameter that may be repeated."""
        found = self._given.getlist(name)
        if not all(text and "\0" not in text for text in found):
            raise invalid(name, f"{name} is empty, or holds U+0000", "leave it out")
        return found

    def flag(self, name: str) -> bool:
        """True or false; false if it is not given."""
        text = self.one(name) or "false"
        if text not in _FLAGS:
            raise invalid(name, f"{name} is true or false, not {text[:40]!r}")
        return _FLAGS[text]

    def position(self, name: str) -> int | None:
        """A position, `@1200` or `1200`."""
        text = self.one(name)
        return None if text is None else position(name, text)

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 1."""
        text = self.one(name)
        if text is None:
            return default
        if not re.fullmatch("[1-9][0-9]{0,17}", text) or int(text) > most:
            raise invalid(name, f"{name} is a number from 1 to {most}, not {text[:40]!r}")
        return int(text)


def invalid(name: str, message: str, hint: str | None = None) -> InvalidInput:
    """The error of a parameter or a header, which says which it is."""
    return InvalidInput(message, hint=hint, errors=[{"parameter": name[:_LONGEST], "detail": message}])


def position(name: str, text: str) -> int:
    """The position that a text is. Raises `InvalidInput`."""
    found = _POSITION.fullmatch(text)
    if found is None:
        raise invalid(name, f"{name} is a position, as @1200, not {text[:40]!r}")
    return int(found[1])


def expectation(request: Request) -> Expect:
    """The version that a command's stream must have: `If-Match: "5"`, or `If-None-Match: *` for none yet."""
    match, none = (_all_of(request, name) for name in ("if-match", "if-none-match"))
    if match is not None and none is not None:
        raise Misuse("If-Match and If-None-Match exclude each other", hint="give one of them")
    if none is not None:
        if none.strip() != "*":
            raise Misuse("If-None-Match of a command is *: its stream is not there yet", hint="If-None-Match: *")
        return "new"
    if match is None:
        return None
    found = _VERSION.fullmatch(match.strip())
    if found is None:
        raise Misuse(f"If-Match is one version in quotes, not {match[:40]!r}", hint='If-Match: "5"')
    return int(found[1])


def _all_of(request: Request, name: str) -> str | None:
    """A header; one that comes twice is a list, as HTTP has it."""
    return ", ".join(request.headers.getlist(name)) if name in request.headers else None


def header_text(request: Request, name: str) -> str | None:
    """A header that becomes a part of the envelope. Raises `InvalidInput`.

    A header is bytes, and who sends other letters than ASCII means UTF-8 or Latin-1: nobody knows which.
    """
    given = request.headers.getlist(name)
    if len(given) > 1:
        raise invalid(name, f"{name} is given {len(given)} times", "give it once")
    if given and (len(given[0]) > _LONGEST or not _TEXT.fullmatch(given[0])):
        raise invalid(name, f"{name} wants 1 to {_LONGEST} printable characters of ASCII")
    return given[0] if given else None


def trace_parent(request: Request) -> str | None:
    """The header of W3C Trace Context. One that is none says nothing, as that asks for."""
    given = request.headers.get("traceparent")
    return given if given is not None and _TRACE_PARENT.fullmatch(given) else None
