"""A command as a form: what it would do is seen before it is sent, and sent twice it is done once."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.domain.messages import Command
from cqrs_cli.errors import CommandReused, CqrsError, InvalidInput, Misuse
from cqrs_cli.http.bodies import form_of
from cqrs_cli.http.commands import outcome_of
from cqrs_cli.http.face import identity
from cqrs_cli.http.hints import say
from cqrs_cli.http.pages.form_inputs import MOST_ITEMS, count_of, without
from cqrs_cli.http.pages.form_payload import FormPayload, place_errors
from cqrs_cli.http.pages.forms import Field, Form
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.pages.suggestions import stream_shown, suggested
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.http.problems import kind_of, log_failure
from cqrs_cli.http.readers import Readers
from cqrs_cli.json_text import json_text
from cqrs_cli.jsonable import jsonable
from cqrs_cli.payloads.lines import parse_expect
from cqrs_cli.payloads.model_reader import ModelReader
from cqrs_cli.payloads.shapes import holds_secret
from cqrs_cli.payloads.words import by_word, line_of
from cqrs_cli.workbench.outcome import Expect, Outcome
from cqrs_cli.workbench.workbench import Workbench

DONE = "done"
FIELD = "field."
"""Before the name of a field that is called like a parameter of ours, in a link that fills it in."""
_ID = re.compile("[!-~]{1,200}")
_EDITS = re.compile("(add|remove):(/[^#?]*)")


@dataclass
class Asked:
    """A form as it came in. typed: by the names of inputs; do: the button. errors: of the form as a whole."""

    typed: dict[str, str]
    do: str = ""
    command_id: str = ""
    expect: str = ""
    wrong_expect: str = ""
    errors: list[str] = field(default_factory=list)
    problem: CqrsError | None = None
    outcome: Outcome | None = None
    line: str | None = None

    @property
    def status(self) -> int:
        """Of the page that answers."""
        if self.problem is not None:
            return kind_of(self.problem).status
        return 422 if self.errors or self.wrong_expect else 200


class CommandPage:
    """The pages of single commands."""

    def __init__(self, site: Site) -> None:
        self._site, domain = site, site.face.domain
        self._readers = Readers[Command]("command", by_word(dict.fromkeys(domain.commands.values())))
        self._keys = {one.key[0]: one.category for one in domain.aggregates.values() if len(one.key) == 1}
        self._forms: dict[str, Form] = {}

    def routes(self) -> list[Route]:
        """What is served."""
        site, path = self._site, "/ui/commands/{name}"
        return [
            site.route("GET", path, self.show, "read", "command"),
            site.route("POST", path, self.act, "send", "command"),
        ]

    async def show(self, request: Request) -> Response:
        """The form, filled in as the URL says; with `done`, what came of the command of that id."""
        name, reader = self._of(request)
        names = {FIELD + one.name if one.name == DONE else one.name: one.name for one in reader.record.members}
        given = Parameters(request, {DONE, *names})
        typed = {f"/{names[key]}": text for key in names if (text := given.text(key)) is not None}
        asked = Asked(typed, command_id=str(uuid.uuid4()))
        done = given.one(DONE)
        return await self._page(request, name, self._fields(name, reader, asked), asked, done)

    async def act(self, request: Request) -> Response:
        """Do what the button says: one more element, one less, a preview, or send."""
        Parameters(request, ())
        name, reader = self._of(request)
        asked = _asked(await form_of(request))
        edit = _EDITS.fullmatch(asked.do)
        if edit is not None:
            asked.typed = _edited(asked.typed, edit[1], edit[2])
        elif asked.do not in ("preview", "send", "choose"):
            raise Misuse(f"there is no button {asked.do[:40]!r}", hint="preview, send, add:…, remove:…")
        fields = self._fields(name, reader, asked)
        if asked.do in ("preview", "send"):
            _refuse_strangers(fields, asked.typed)
            await self._try(request, name, reader, asked, fields)
        sent = asked.outcome if asked.do == "send" else None
        if sent is not None:
            root = request.scope.get("root_path", "")
            return RedirectResponse(f"{root}/ui/commands/{name}?{DONE}={quote(asked.command_id)}", 303)
        return await self._page(request, name, fields, asked)

    async def _try(
        self, request: Request, name: str, reader: ModelReader[Command], asked: Asked, fields: Sequence[Field]
    ) -> None:
        payload, site = FormPayload(fields), self._site
        hiding = site.face.hiding
        if hiding is not None:
            hiding.learn_given(jsonable(payload.values))
        expect: Expect = None
        try:
            expect = parse_expect(asked.expect.strip() or None)
        except InvalidInput as error:
            asked.wrong_expect = error.message
        try:
            command = payload.model(reader)
            if command is None:
                told = [(path, site.prose(message)) for path, message in payload.complaints]
                rest, wrong = place_errors(fields, told), len(payload.complaints)
                asked.errors = [f"{wrong} field{'s' if wrong > 1 else ''} to mend", *rest]
            elif not asked.wrong_expect:
                asked.line = self._line(name, command, asked)
                sent = command.with_meta(command_id=asked.command_id, user_id=identity(request).user)
                asked.outcome = await outcome_of(site.face, sent, expect, dry_run=asked.do == "preview")
        except CqrsError as error:
            log_failure(error, kind_of(error).status)
            asked.problem = error
            if isinstance(error, CommandReused):  # whoever sends this all the same means another command
                asked.command_id = str(uuid.uuid4())

    def _line(self, name: str, command: Command, asked: Asked) -> str:
        """The line of the shell that sends the same, without what is secret or hidden."""
        hiding, given = self._site.face.hiding, dict[str, Any]()
        for field_, info in type(command).model_fields.items():
            if field_ not in command.model_fields_set or holds_secret(info.annotation):
                continue
            one = {field_: jsonable(getattr(command, field_))}
            if hiding is None or jsonable(hiding.record(one)) == one:
                given |= one
        words = ["send", name, "-d", json_text(given)]
        words += ["--expect", asked.expect.strip()] if asked.expect.strip() else []
        return shell(*words, *(["--dry-run"] if asked.do == "preview" else []))

    async def _page(
        self, request: Request, name: str, fields: list[Field], asked: Asked, done: str | None = None
    ) -> Response:
        site, cls = self._site, self._readers.of(name).cls
        decider = site.face.domain.decider(cls)
        wanted = {one.category for top in fields for one in top.all() if one.category}
        if decider.clause.creates is True:
            wanted -= {decider.aggregate.category}

        def read(bench: Workbench) -> dict[str, Any]:
            commit = None if done is None else bench.store.commit(done)
            ours = commit is not None and commit.command is not None and commit.command.type == cls.stored.name
            outcome = None if asked.outcome is None else site.plain(bench, records.outcome(asked.outcome, say))
            return {
                "events": site.plains(bench, map(records.event, commit.events)) if commit is not None and ours else [],
                "preview": outcome,
                "before": None if asked.outcome is None else asked.outcome.version_before,
                "stream": None if asked.outcome is None else stream_shown(site, bench, asked.outcome.stream),
                "suggestions": {one: list(suggested(site, bench, one)) for one in sorted(wanted)},
            }

        found = await site.face.benches.read(read)
        problem = asked.problem
        return site.render(
            request, "command.html", asked.status, title=name, name=name, doc=line_of(cls), decider=decider,
            fields=fields, form=asked, done=done, most_items=MOST_ITEMS,
            hides=any(one.is_hidden for top in fields for one in top.all()),
            problem=None if problem is None else {
                "code": problem.code, "message": site.prose(problem.message), "hint": site.prose(say(problem) or ""),
                "title": kind_of(problem).title,
            },
            shell=asked.line or shell("send", name, "--help"), **found,
        )  # fmt: skip

    def _of(self, request: Request) -> tuple[str, ModelReader[Command]]:
        name = request.path_params["name"]
        return name, self._readers.of(name)

    def _fields(self, name: str, reader: ModelReader[Command], asked: Asked) -> list[Field]:
        if name not in self._forms:
            self._forms[name] = Form(reader.record, self._keys)
        return self._forms[name].filled(asked.typed)


def _refuse_strangers(fields: Sequence[Field], typed: Mapping[str, str]) -> None:
    """Raise `InvalidInput` for what the form has no input for: it was made of another domain than is served now.

    What belongs to a kind of a union that was chosen before, or to an element of a list that went, is no stranger.
    """
    every = [one for top in fields for one in top.all()]
    known = {name for one in every for name in (one.name, f"{one.name}#", f"{one.name}?")}
    gone = tuple(f"{one.name}/" for one in every if one.kind == "union")
    lists = {one.name: len(one.parts) for one in every if one.kind == "list"}

    def is_known(name: str) -> bool:
        return name in known or name.startswith(gone) or any(_is_beyond(name, *one) for one in lists.items())

    strange = [name for name in typed if not is_known(name)]
    strange += [f"{one.name}?" for one in every if one.kind == "union" and one.value not in ("", *one.options)]
    if strange:
        told = f"the form has no input {strange[0][1:41]!r}: the domain has changed since the page was loaded"
        raise InvalidInput(told, hint="load the page again")


def _is_beyond(name: str, within: str, count: int) -> bool:
    """Whether an input is of an element that a list has not, or has not any more."""
    number = name.removeprefix(f"{within}/").partition("/")[0]
    return name.startswith(f"{within}/") and number.isdecimal() and int(number[:9]) >= count


def _asked(pairs: Sequence[tuple[str, str]]) -> Asked:
    given = dict(pairs)
    if len(given) < len(pairs):
        raise InvalidInput("the form has an input twice", hint="load the page again")
    do, command_id, expect = (given.pop(name, "") for name in ("do", "command_id", "expect"))
    strange = next((name for name in given if not name.startswith("/")), None)
    if strange is not None:
        raise InvalidInput(f"the form has no input {strange[:40]!r}", hint="load the page again")
    if not _ID.fullmatch(command_id):
        raise InvalidInput("the form has no command_id that can be taken", hint="load the page again")
    # A browser sends line breaks as CR LF, whatever was typed.
    return Asked({name: text.replace("\r\n", "\n") for name, text in given.items()}, do, command_id, expect)


def _edited(typed: Mapping[str, str], what: str, place: str) -> dict[str, str]:
    if what == "remove":
        if not re.fullmatch("/.+/[0-9]{1,4}", place):
            raise Misuse(f"{place[:40]!r} is no element of a list", hint="load the page again")
        return without(typed, place)
    return {**typed, f"{place}#": str(count_of(typed, place) + 1)}
