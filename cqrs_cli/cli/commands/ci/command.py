"""`cqrs ci`: check, test, rehearse and impact on what is there, and a verdict for each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from cqrs_cli.cli.commands.ci.logs import logs
from cqrs_cli.cli.commands.ci.part import Check, Ground, judged
from cqrs_cli.cli.commands.ci.reports import Reports
from cqrs_cli.cli.commands.ci.settings import Wanted, wanted
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import Misuse, NothingMatched
from cqrs_cli.finding import Checked, Verdict


def _parts(incomplete: str) -> list[str]:
    from cqrs_cli.cli.commands.ci.parts import PARTS

    return [name for name in PARTS if name.startswith(incomplete)]


def ci(
    parts: Annotated[
        list[str] | None,
        typer.Option(
            "--part",
            metavar="NAME",
            help="Only this part; may be repeated: check, test, rehearse, impact.",
            autocompletion=completion.asked(_parts),
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="REF", help="The commit to compare with; else that of the pipeline."),
    ] = None,
    reports: Annotated[
        list[str] | None,
        typer.Option("--report", metavar="FORMAT=FILE", help="Write the same in another format; may be repeated."),
    ] = None,
) -> int:
    """Whether a change may be merged: check, test, rehearse and impact on what is there, and a verdict for each.

    check: all parts of cqrs check. test: the scenarios beside the settings. rehearse: the recorded commands of a log.
    impact: what old and new code make of it, if there is something to compare with.

    The log is that of --store, else the corpora of the settings, else histories/ beside them, else the store of the
    settings if it is there. What a change is compared with is --against, else the settings, else what GitHub and GitLab
    say of a pull or merge request. [tool.cqrs.ci] chooses: parts, corpus, against, accept, ignore,
    impact.

    A verdict is passed, failed, nothing (there was nothing to look at, and why) or error (it could not be made).
    Exit 0; 1 if a check failed; the code of the error if one could not be made; 5 if a part that was asked for by name
    had nothing to look at, or all. --format github, junit, sarif, gitlab and md are for pipelines.
    cqrs help checks says what each looks at. JSON: {"ok", "against", "logs", "checks": [{"check", "part", "verdict",
    "seconds", "looked_at", "nothing", "findings", "rows", "paste", "error"}], "findings": [{"part", "code", "severity",
    "where", "message", "hint"}]}.
    """
    from cqrs_cli.cli.commands.ci.parts import PARTS

    session = current()
    chosen = wanted(session.settings, list(PARTS), parts or [], against, os.environ)
    written = Reports(session, reports or [])
    session.domain()
    ground = Ground(session, chosen, logs(session, chosen.corpora))
    verdicts = list(_verdicts(ground))
    from cqrs_cli.cli.commands.ci.document import document

    written.print(document(ground, verdicts))
    _say(ground, verdicts)
    return _exit_code(chosen, verdicts)


def _verdicts(ground: Ground) -> Iterator[Verdict]:
    from cqrs_cli.cli.commands.ci.parts import PARTS

    names = [name for name in PARTS if ground.wanted.parts is None or name in ground.wanted.parts]
    missing = _missing_base(ground)
    if missing is not None:
        yield missing
        ground = ground._replace(wanted=ground.wanted._replace(base=None))
    for name in names:
        for check in PARTS[name].checks(ground):
            yield judged(name, check)


def _missing_base(ground: Ground) -> Verdict | None:
    """The verdict if the commit to compare with is not there; then nothing is compared with it."""
    base = ground.wanted.base
    if base is None:
        return None

    def find() -> Checked:
        from cqrs_cli.checking.git import commit_of

        try:
            return Checked("", looked_at=commit_of(ground.session.settings.folder, base.ref))
        except Misuse as error:
            raise error.retold(f"{error.message} ({base.source} names it)") from None

    found = judged("against", Check(f"against {base.ref}", find))
    return found if found.error is not None else None


def _say(ground: Ground, verdicts: Sequence[Verdict]) -> None:
    """On standard error: in a pipeline's own format each verdict, and for people what was compared and how it ended."""
    from cqrs_cli.cli.commands.ci.document import line, summary

    printer, base = ground.session.printer, ground.wanted.base
    if printer.format.for_programs:
        return
    if printer.format.has_findings:
        for one in verdicts:
            printer.message(line(one))
    on = f"on {', '.join(log.name for log in ground.logs)}"
    printer.message(on if base is None else f"{on}, against {base.ref} ({base.source})")
    printer.message(summary(verdicts))


def _exit_code(chosen: Wanted, verdicts: Sequence[Verdict]) -> int:
    """Raises `NothingMatched` if a part that was named had nothing to look at, or all had nothing."""
    error = next((one.error for one in verdicts if one.error is not None), None)
    if error is not None:
        return error.exit_code
    if any(one.word == "failed" for one in verdicts):
        return 1
    empty = [
        name
        for name in dict.fromkeys(one.part for one in verdicts)
        if all(one.word == "nothing" for one in verdicts if one.part == name)
    ]
    if empty and (chosen.parts is not None or len(empty) == len({one.part for one in verdicts})):
        why = "; ".join(f"{one.name}: {one.why}" for one in verdicts if one.part in empty)
        hint = f"cqrs ci, without {', '.join(empty)} among the parts, passes over what has nothing to look at"
        raise NothingMatched(f"there was nothing to look at: {why}", code="nothing-checked", hint=hint)
    return 0
