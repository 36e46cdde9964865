"""The page of one stream: its versions, the state at each, two of them compared, another stream beside it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.errors import CqrsError, NotFound
from cqrs_cli.history.addresses import address_of
from cqrs_cli.history.changes import placed_changes
from cqrs_cli.history.comparison import compare
from cqrs_cli.history.diff import version_at
from cqrs_cli.history.folds import Folds
from cqrs_cli.http.pages.json_lines import json_lines
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.pages.states import States, folds_for
from cqrs_cli.http.pages.version import View, marked
from cqrs_cli.http.parameters import AT, Parameters, invalid
from cqrs_cli.stores.names import no_stream
from cqrs_cli.workbench.workbench import Workbench

MOST_CHANGES = 500
"""Differences of two states that are listed."""


class At(NamedTuple):
    """A stream at a version, and what folds it. last: the newest version."""

    folds: Folds
    stream: str
    version: int
    last: int

    @property
    def text(self) -> str:
        """As the shell has it."""
        return f"{self.stream}@{self.version}"

    @property
    def generic(self) -> str | None:
        """The shell's option, where no domain folds it."""
        return None if self.folds.name is None else f"--{self.folds.name}"


class StreamPage:
    """The page of a stream."""

    def __init__(self, site: Site, states: States) -> None:
        self._site, self._states = site, states

    def routes(self) -> list[Route]:
        """What is served."""
        return [self._site.route("GET", "/ui/streams/{stream}", self.show, "read", "stream")]

    async def show(self, request: Request) -> Response:
        """A stream at a version (`at=5`), a position (`at=@1200`) or a time; `fragment=1` gives what moves with it."""
        asked, given = Parameters(request, {"at", "with", "beside", "fragment"}), request.query_params
        texts = {name: asked.one(name) if given.get(name) else None for name in ("at", "with", "beside")}
        stream, is_fragment = self._site.face.meant(request.path_params["stream"]), asked.flag("fragment")

        def read(bench: Workbench) -> dict[str, Any]:
            one = self._at(bench, stream, texts["at"])
            view = View(self._site, self._states, one.folds, one.stream, one.version, one.last)
            return {
                "stream": self._site.plain(bench, {"stream": one.stream})["stream"],
                **view.told(bench),
                "snapshot": self._snapshot(bench, one),
                "compared": self._compared(bench, one, texts["with"]),
                "beside": self._beside(bench, one, texts["beside"]),
                "shells": [self._site.prose(shell(*words)) for words in _shells(one)],
            }

        found = await self._site.face.benches.read(read)
        template = "version.html" if is_fragment else "stream.html"
        return self._site.render(request, template, title=found["stream"], asked_for=texts, **found)

    def _at(self, bench: Workbench, text: str, at: str | None) -> At:
        """Raises `NotFound`, `Misuse`."""
        folds = folds_for(bench, text, self._site.face.options.fold)
        one = address_of(folds, text, at, AT)
        stream = one.stream or ""
        last = bench.store.version(stream)
        version = last if one.version is None else one.version
        if one.position is not None:
            version = version_at(folds, stream, one.position)
        if last == 0:
            raise no_stream(bench.store, stream)
        if version == 0:
            raise NotFound(f"no stream {stream} at that point", code="stream-not-found", stream=stream, later=True)
        if version > last:
            message = f"{stream} has no version {version}, it is at {last}"
            raise NotFound(message, code="version-not-found", stream=stream)
        return At(folds, stream, version, last)

    # ── what is beside the state ──────────────────────────────────────────────────────────────

    def _snapshot(self, bench: Workbench, one: At) -> Mapping[str, Any] | None:
        if one.generic is not None:
            return None
        found = bench.snapshots.of(one.stream)
        return None if found is None else self._site.plain(bench, records.snapshot(found))

    def _compared(self, bench: Workbench, one: At, other: str | None) -> dict[str, Any] | None:
        """What differs from another version: from that one to this."""
        if other is None:
            return None
        if not (other.isascii() and other.isdigit() and int(other[:12]) <= one.last):
            raise invalid("with", f"with is a version from 0 to {one.last}, not {other[:40]!r}")
        start = int(other)
        line = shell("diff", f"{one.stream}@{start}..{one.version}", one.generic)
        return {"with": start, "shell": line, **self._differing(bench, one._replace(version=start), one)}

    def _beside(self, bench: Workbench, one: At, text: str | None) -> dict[str, Any] | None:
        """Another stream, with what differs in it if it is of the same category."""
        if text is None:
            return None
        other = self._at(bench, text, None)
        named = self._site.plain(bench, {"stream": other.stream})["stream"]
        found: dict[str, Any] = {"stream": named, "version": other.version, "last": other.last}
        if one.folds.kind_of(one.stream).category == other.folds.kind_of(other.stream).category:
            line = shell("diff", one.text, other.text, one.generic)
            return found | {"shell": line, "is_alike": True, **self._differing(bench, one, other)}
        line = shell("replay", other.text, other.generic)
        return found | {"shell": line, "is_alike": False, **self._differing(bench, other, other)}

    def _differing(self, bench: Workbench, old: At, new: At) -> dict[str, Any]:
        """The second state, marked, and the changes that lead to it."""
        try:
            states = [self._states.towards(side.folds, side.stream, side.version) for side in (old, new)]
        except CqrsError as error:
            return {"trouble": self._site.prose(error.message)}
        for side, state in zip((old, new), states, strict=True):
            if state.version < side.version:
                return {"trouble": f"the state of {self._site.prose(side.text)} is folded to version {state.version}"}
        before, after = (side.folds.plain(state.state) for side, state in zip((old, new), states, strict=True))
        placed = list(placed_changes(compare(before, after, new.folds.kind_of(new.stream).shape)))
        listed = list(islice(placed, MOST_CHANGES))
        shown = self._site.plains(bench, (records.change(change.told) for change in listed))
        record = {"stream": new.stream, "version": new.version, "state": after}
        lines = json_lines(self._site.plain(bench, record)["state"], marked(listed, shown))
        return {"lines": lines, "changes": shown, "count": len(placed), "trouble": None}


def _shells(one: At) -> list[list[str | None]]:
    """The lines that show the state, which event each field is from, and what the last one did."""
    last = str(one.version)
    return [
        ["replay", one.stream, "--at", last, one.generic],
        ["blame", one.text, one.generic],
        ["replay", one.stream, "--at", last, "--steps", "--reverse", "-n", "1", one.generic],
    ]
