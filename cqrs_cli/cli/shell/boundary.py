"""The one place where errors become exit codes: nothing else in the shell catches what it does not understand.

    CqrsError           its own exit code; `error[code]: message` and `hint: …`
    usage, of Typer     2, the same way
    anything else       70, one line; the traceback with --debug
    Ctrl-C              130, silent
    a broken pipe       141, silent

Under --json and --jsonl (as words, or from CQRS_FORMAT or the config file) an error is one JSON object on
standard error: `{"error": {"code", "message", "hint", …}}`.
"""

import contextlib
import errno
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing.control_characters import visible, visible_lines
from cqrs_cli.cli.printing.output import UNWRITABLE, unwritable, wants_color
from cqrs_cli.cli.printing.standard_streams import stand_in, tell
from cqrs_cli.cli.printing.values import json_text
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.cli.shell.session import Session, last_value
from cqrs_cli.cli.shell.typer_fast import usage
from cqrs_cli.errors import CqrsError, Misuse

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
        return _run(session)
    except BrokenPipeError:
        _let_go()
        return BROKEN_PIPE
    except SystemExit as stop:
        # Typer turns a broken pipe into exit 1; anything else is the user's own code leaving.
        if isinstance(stop.__context__, BrokenPipeError):
            _let_go()
            return BROKEN_PIPE
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else BUG
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except CqrsError as error:
        return _report(error, session)
    except typer.TyperException as error:
        return _report(_usage(error), session)
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


def _let_go() -> None:
    """Standard output can't be written: drop what is buffered, or Python complains when it exits."""
    if sys.__stdout__ is None:  # nothing is buffered, and its descriptor may be that of a file of ours
        return
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.__stdout__.fileno())
        os.close(descriptor)
    except (OSError, ValueError):
        pass


def _usage(error: typer.TyperException) -> Misuse:
    """An error of Typer's in our words."""
    from difflib import get_close_matches

    from cqrs_cli.cli.shell.other_words import OPTIONS

    path, option, options, given = usage(error)
    message = error.format_message().strip().rstrip(".")
    hint = f"{path} --help shows what it takes"
    if option is not None:
        message = f"no such option: {option}"
        here = next((one for one in OPTIONS.get(option, ()) if one in options), None)
        near = [here] if here else get_close_matches(option, [one for one in options if one != "--help"], 2, 0.75)
        hint = f"did you mean {' or '.join(near)}?" if near else hint
    if given:
        message = f"{message.partition(', unable to')[0]} (got {given[0]!r})"
    return Misuse(message[:1].lower() + message[1:], hint=hint)


def _no_text(error: UnicodeEncodeError) -> Misuse:
    """What a store was asked for was typed in bytes that stand for no letter."""
    return Misuse(f"{error.object!r} is no text in UTF-8", hint="names and values are texts, in UTF-8")


def _report(error: CqrsError, session: Session) -> int:
    if error.code == UNWRITABLE:
        _let_go()
    hint = say(error)
    hint = None if hint is None else _as_typed(hint, session)
    if wants_json(session):
        _tell(json_text(records.error(error, hint)))
    else:
        if error.traceback:
            _tell(visible_lines(error.traceback))
        _tell(f"{_red(visible(f'error[{error.code}]:'), session)} {visible(error.message)}")
        for complaint in error.complaints:
            _tell(f"  {visible(complaint)}")
        if hint is not None:
            _tell(f"hint: {visible(hint)}")
    if _wants_debug(session):
        _trace(error)
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
        _tell(json_text({"error": {"code": "bug", "message": message, "hint": hint}}))
    else:
        _tell(f"{_red('error[bug]:', session)} {visible(message)} ({hint})")
    if _wants_debug(session):
        _trace(error)
    return BUG


def wants_json(session: Session) -> bool:
    """Whether errors are to be JSON. The raw words decide, since the command line may be what is wrong."""
    asked: str | None = None
    for index, word in enumerate(session.words):
        if word == "--":
            break
        if word in ("--json", "--jsonl", "--csv"):
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


def _trace(error: BaseException) -> None:
    import traceback

    _tell(visible_lines("".join(traceback.format_exception(error)).rstrip("\n")))


def _tell(text: str) -> None:
    """To standard error, below what was printed; if that is closed too, the exit code has to do."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # it may be closed, and then be None
        sys.stdout.flush()
    tell(text)
