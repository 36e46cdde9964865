"""The one place where errors become exit codes: nothing else in the shell catches what it does not understand.

    CqrsError           its own exit code; `error[code]: message` and `hint: …`
    usage, of Typer     2, the same way
    anything else       70, one line; the traceback with --debug
    Ctrl-C              130, silent; a batch says how far it came
    a broken pipe       141, silent

Under --json and --jsonl (as words, or from CQRS_FORMAT or the config file) an error is one JSON object on
standard error: `{"error": {"code", "message", "hint", …}}`.
"""

import contextlib
import errno
import os
import re
import sys
from collections.abc import Collection, Sequence
from typing import Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing.control_characters import visible, visible_lines
from cqrs_cli.cli.printing.output import UNWRITABLE, unwritable, wants_color
from cqrs_cli.cli.printing.standard_streams import let_go, stand_in, tell
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.cli.shell.session import Session, last_value
from cqrs_cli.cli.shell.typer_fast import usage
from cqrs_cli.errors import CqrsError, Misuse
from cqrs_cli.json_text import json_text

BUG = 70
INTERRUPTED = 130
BROKEN_PIPE = 141
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
COMPLETE = "_CQRS_COMPLETE"  # how a shell asks: see completion.py, which is imported for that alone


def run(words: Sequence[str]) -> int:
    """Run the command line (without the program's name) and return the exit code. Raises nothing."""
    if os.environ.get(COMPLETE):
        from cqrs_cli.cli.shell.app import root
        from cqrs_cli.cli.shell.completion import answer

        return answer(root)
    stand_in()
    session = Session(words)
    try:
        return _answered(session)
    finally:
        session.end()
        try:
            sys.stderr.flush()
        except (AttributeError, OSError, ValueError):  # nobody reads it, and Python would end with 120 for that
            let_go(sys.__stderr__)


def _answered(session: Session) -> int:
    try:
        return _run(session)
    except BrokenPipeError:
        let_go(sys.__stdout__)
        return BROKEN_PIPE
    except SystemExit as stop:
        # Typer turns a broken pipe into exit 1; anything else is the user's own code leaving.
        if isinstance(stop.__context__, BrokenPipeError):
            let_go(sys.__stdout__)
            return BROKEN_PIPE
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else BUG
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except CqrsError as error:
        return _report(error, session)
    except typer.TyperException as error:
        return _report(_usage(error, session), session)
    except UnicodeEncodeError as error:
        if any(error.object[error.start : error.end] in word for word in session.words):
            return _report(_no_text(error), session)
        return _bug(error, session)
    except OSError as error:
        if error.errno in _UNWRITABLE and error.filename is None:  # help and version are printed without the printer
            return _report(unwritable("standard output", error), session)
        return _bug(error, session)
    except BaseException as error:  # what is no Exception too, such as the CancelledError of a coroutine
        return _bug(error, session)


def _run(session: Session) -> int:
    from cqrs_cli.cli.shell.app import root

    with session:
        code = root().main(list(session.words), prog_name="cqrs", standalone_mode=False, obj=session)
        if code == INTERRUPTED:
            raise KeyboardInterrupt  # Typer swallowed it; what was being written must not be kept
    sys.stdout.flush()
    return code if isinstance(code, int) and not isinstance(code, bool) else 0


def _usage(error: typer.TyperException, session: Session) -> Misuse:
    """An error of Typer's in our words."""
    from difflib import get_close_matches

    from cqrs_cli.cli.shell.other_words import OPTIONS

    path, option, options, given = usage(error)
    message = error.format_message().strip().rstrip(".")
    hint = f"{path} --help shows what it takes"
    if option is not None:
        message = f"no such option: {option}"
        here = next((one for one in OPTIONS.get(option, ()) if one in options), None)
        # A word of another tool has a meaning, and if that is not to be had here, what looks like it is not meant.
        known = [] if option in OPTIONS else [one for one in options if one != "--help"]
        near = [here] if here else get_close_matches(option, known, 2, 0.75)
        of_rows = {option, *OPTIONS.get(option, ())} & {"--where", "--order"}
        hint = f"did you mean {' or '.join(near)}?" if near else _of_read_models(path, of_rows, session) or hint
    if given:
        message = f"{message.partition(', unable to')[0]} (got {given[0]!r})"
    return Misuse(message[:1].lower() + message[1:], hint=hint)


def _of_read_models(path: str, options: Collection[str], session: Session) -> str | None:
    """What to type instead of a query class with options that only a read model takes."""
    words = path.split()
    if not options or words[:2] != ["cqrs", "query"] or len(words) != 3:
        return None
    option = min(options)
    names = sorted(rows.name.replace("_", "-") for rows in session.domain().row_types())
    instead = f": cqrs query {names[0]} {option} …" if names else ""
    return f"{path} --help shows its parameters; {option} is for read models{instead}"


def _no_text(error: UnicodeEncodeError) -> Misuse:
    """What a store was asked for was typed in bytes that stand for no letter."""
    return Misuse(f"{error.object!r} is no text in UTF-8", hint="names and values are texts, in UTF-8")


def _report(error: CqrsError, session: Session) -> int:
    if error.code == UNWRITABLE:
        let_go(sys.__stdout__)
    hint = say(error)
    hint = None if hint is None else _as_typed(hint, session)
    if wants_json(session):
        _say(json_text(records.error(error, hint)), session)
    else:
        if error.traceback:
            _say(visible_lines(error.traceback), session)
        _say(f"{_red(visible(f'error[{error.code}]:'), session)} {visible(error.message)}", session)
        for complaint in error.complaints:
            _say(f"  {visible(complaint)}", session)
        if hint is not None:
            _say(f"hint: {visible(hint)}", session)
    if _wants_debug(session):
        _trace(error, session)
    return error.exit_code


def _as_typed(hint: str, session: Session) -> str:
    """The hint with the store and domain that were named on the command line, so that its commands can be copied."""
    import shlex

    given = [
        f"{name} {shlex.quote(value)}"
        for name in ("--app", "--store")
        if (value := last_value(session.words, name)) is not None
    ]
    if not given:
        return hint
    from cqrs_cli.cli.shell.app import COMMANDS

    names = "|".join(entry.name for entry in COMMANDS)
    return re.sub(rf"\bcqrs (?=(?:{names})\b)", lambda _: f"cqrs {' '.join(given)} ", hint)


def _bug(error: BaseException, session: Session) -> int:
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint = "this is a bug in cqrs; --debug prints the traceback"
    if wants_json(session):
        _say(json_text({"error": {"code": "bug", "message": message, "hint": hint}}), session)
    else:
        _say(f"{_red('error[bug]:', session)} {visible(message)} ({hint})", session)
    if _wants_debug(session):
        _trace(error, session)
    return BUG


def wants_json(session: Session) -> bool:
    """Whether errors are to be JSON. The raw words decide, since the command line may be what is wrong."""
    asked: str | None = None
    for index, word in enumerate(session.words):
        if word == "--":
            break
        if word in ("--json", "--jsonl", "--csv", "--spreadsheet"):
            asked = word[2:]
        elif word == "--format":
            asked = session.words[index + 1] if index + 1 < len(session.words) else None
        elif word.startswith("--format="):
            asked = word.partition("=")[2]
    if asked is None:
        asked = _setting(session, "format", os.environ.get("CQRS_FORMAT"))
    return asked in ("json", "jsonl")


def _setting(session: Session, name: str, otherwise: Any) -> Any:
    """A setting; or what holds where the settings themselves are what is wrong."""
    try:
        return getattr(session.settings, name)
    except CqrsError:
        return otherwise


def _wants_debug(session: Session) -> bool:
    return "--debug" in session.words or _setting(session, "debug", False)


def _red(text: str, session: Session) -> str:
    choice = last_value(session.words, "--color")  # as a word, too, if the command line was not understood
    if choice is None:
        choice = _setting(session, "color", os.environ.get("CQRS_COLOR", "auto"))
    return f"\x1b[1;31m{text}\x1b[0m" if wants_color(choice, sys.stderr, os.environ) else text


def _trace(error: BaseException, session: Session) -> None:
    import traceback

    _say(visible_lines("".join(traceback.format_exception(error)).rstrip("\n")), session)


def _say(text: str, session: Session) -> None:
    """To standard error, without the passwords of stores: whoever raised an error may have quoted them."""
    session.hide_from_errors()
    stores = (word for word in session.words if "://" in word)
    named = (*stores, os.environ.get("CQRS_STORE"), _setting(session, "store", None))
    for url in named:
        if url is not None and (":" in url or "=" in url):
            from cqrs_cli.stores.addresses import without_secrets

            text = without_secrets(text, url)
    _tell(text)


def _tell(text: str) -> None:
    """To standard error, below what was printed; if that is closed too, the exit code has to do."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # it may be closed, and then be None
        sys.stdout.flush()
    tell(text)
