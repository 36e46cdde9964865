"""`cqrs test --from`: a scenario out of a real stream, or out of the few events of it that break a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cqrs_cli.cli.options.addresses import address_of
from cqrs_cli.cli.printing.documents import Text
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import Misuse, NothingMatched
from cqrs_cli.stores.commits import Commit, NewEvent

if TYPE_CHECKING:
    from cqrs_cli.scenario.from_stream import Hide
    from cqrs_cli.workbench.workbench import Workbench


def write_scenario(session: Session, address: str, condition: str | None) -> None:
    """Print the scenario of a stream at a version; condition: of the fewest events of it after which that fails."""
    from cqrs_cli.history.folds import folds_of
    from cqrs_cli.scenario.from_stream import of_stream

    bench = session.workbench()
    one = address_of(folds_of(bench), address, None)
    stream = one.stream or ""
    hide = _hide(session)
    text = of_stream(bench, stream, one.version, hide) if condition is None else ""
    if condition is not None:
        text = _minimised(session, bench, stream, one.version, condition, hide)
    session.printer.print(Text(text.removesuffix("\n")))
    if condition is None:
        _tell_whether_it_holds(session, bench, text)


def _minimised(session: Session, bench: Workbench, stream: str, version: int | None, text: str, hide: Hide) -> str:
    from cqrs_cli.history.rules import STATE, condition, function, is_function
    from cqrs_cli.scenario.from_stream import of_break

    bench.load(stream, at=version)  # says what is not there
    cls = bench.domain.aggregate_of(stream).cls
    rule = function(text, session.rule(text), STATE) if is_function(text) else condition(text, text, STATE, cls)
    if rule.needs - {STATE}:
        others = ", ".join(sorted(rule.needs - {STATE}))
        hint = f"cqrs bisect {stream} finds where it fails"
        raise Misuse(f"{text} looks at {others}, and a scenario asks of the state alone", code="rule", hint=hint)
    found = of_break(bench, rule, stream, version, hide)
    if found is None:
        raise NothingMatched(f"{text} holds after every event of {stream}", hint="there is nothing to shrink")
    scenario, events = found
    session.printer.message(f"{counted(events, 'event')} of {stream} break {text}")
    return scenario


def _hide(session: Session) -> Hide:
    """Where the values pass: what this run hides is hidden before it is written."""
    from cqrs_cli.scenario.from_stream import Hide

    hiding = session.hiding
    if hiding is None:
        return Hide()
    hiding.learn_again()
    mask = hiding.mask
    return Hide(
        mask.json_text,
        lambda stream: mask.commit(Commit("", (NewEvent(stream, "", 1, b"{}"),)))[0].events[0].stream,
        lambda user: str(mask.record({"user_id": user})["user_id"]),
        mask.prose,
    )


def _tell_whether_it_holds(session: Session, bench: Workbench, text: str) -> None:
    """A scenario that fails at once is worth a word: today's code decides otherwise, or asks a service."""
    from cqrs_cli.scenario.described import described_as
    from cqrs_cli.scenario.trial import tried
    from cqrs_cli.scenario.vocabulary import Vocabulary

    (one,) = described_as(text, "scenario")
    found = tried(Vocabulary(bench.domain, session.rule), one)
    if not found.ok:
        session.printer.message(f"with today's code and the domain's stand-ins it fails: {found.message}")
